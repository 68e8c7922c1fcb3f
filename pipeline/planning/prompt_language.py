"""Says which language a prompt is in, if it is surely not English: by its letters, or by py3langid.

A prompt is short and full of names, so doubt counts as English.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

# Languages in Latin letters that many people write, beside English: more would only add mistakes.
LANGUAGES = {
    "cs": "Czech", "da": "Danish", "de": "German", "es": "Spanish", "fi": "Finnish",
    "fr": "French", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "sv": "Swedish",
    "tr": "Turkish", "vi": "Vietnamese",
}  # fmt: skip
SCRIPTS = {
    "CYRILLIC": "Russian or a language in its letters", "CJK": "Chinese or Japanese",
    "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean", "ARABIC": "Arabic",
    "HEBREW": "Hebrew", "DEVANAGARI": "Hindi", "GREEK": "Greek", "THAI": "Thai",
}  # fmt: skip
_LEAST_WORDS = 3  # fewer are too few to tell Latin languages apart
_SURE = 0.98


def foreign_language(prompt: str) -> str | None:
    """Return the name of a prompt's language, or None for English and in doubt."""
    letters = [character for character in prompt if character.isalpha()]
    scripts = [unicodedata.name(x, "").split(" ")[0].split("-")[0] for x in letters]
    for script in dict.fromkeys(scripts):
        if script in SCRIPTS and scripts.count(script) > len(letters) / 2:
            has_kana = {"HIRAGANA", "KATAKANA"} & {*scripts}
            return SCRIPTS["HIRAGANA" if has_kana else script]
    if len(prompt.split()) < _LEAST_WORDS:
        return None
    language, sureness = _identifier().classify(prompt.lower())
    return LANGUAGES.get(language) if sureness >= _SURE else None


@functools.cache
def _identifier() -> LanguageIdentifier:
    """Load the identifier: a fifth of a second, and 15 MB."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(["en", *LANGUAGES])
    return identifier

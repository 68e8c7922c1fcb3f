"""Other languages: says prompts in the English words that the text encoder knows.

`languages.tsv` has the words of eight languages for subjects, colours, places, times and numbers.
Other words are left out. An English prompt stays as it is.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

_TABLE = Path(__file__).with_suffix(".tsv")
# Words that tell the languages of one script apart.
_FUNCTION_WORDS = {
    "en": "a an the in on at with of and is are by to from into over through her his its while",
    "de": "ein eine einen einem einer der die das den dem im in am auf mit und ist vor durch bei "
    "uber unter von zum zur sich",
    "fr": "un une le la les des du dans sur avec et est au aux sous devant par de en d l pendant",
    "es": "un una el la los las en con y es por sobre de del al que bajo mientras hacia",
    "pt": "um uma o a os as em no na nos nas com e por sobre de do da ao que sob num numa",
    "it": "un una uno il lo la i gli le in nel nella sul sulla con e per di del della al alla che "
    "sotto",
}  # fmt: skip
_ENDINGS = re.compile("(?:en|er|es|em|as|os|n|m|s|x|e|a|o|i|ियों|ियाँ|ियां|[ािीुूेैोौंँ]+)$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_MIN_STEM = 3
_ADJECTIVES_FOLLOW = ("fr", "es", "pt", "it")
_COLOURS = frozenset(
    ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black")
)
_BEFORE_NOUNS = _COLOURS | {"two", "three"}


def to_english(prompt: str) -> str:
    """Return a prompt in known English words if it is in another language, else as it is."""
    if re.search("[぀-ヿ]", prompt):
        return _say(_find_all(prompt, "ja"))
    if re.search("[一-鿿]", prompt):
        return _say(_find_all(prompt, "zh"))
    if re.search("[ऀ-ॿ]", prompt):
        return _say(_read_words(re.findall(r"[ऀ-ॿ-]+", prompt), "hi"))
    words = _WORD.findall(prompt.lower())
    language = detect_language(words)
    if language == "en":
        return prompt
    said = list(_read_words(words, language))
    if language in _ADJECTIVES_FOLLOW:
        said = _put_adjectives_first(said)
    return _say(said)


def detect_language(words: list[str]) -> str:
    """Return the language of lower-case words: that of most of them, English if in doubt."""
    plain = [_without_accents(word) for word in words]
    english = _english_words()
    scores = {"en": 0.5 + sum(word in english or word.rstrip("s") in english for word in plain)}
    num_accents = sum(a != b for a, b in zip(words, plain, strict=True))
    for language, function_words in _FUNCTION_WORDS.items():
        if language == "en":
            continue
        says = [word in function_words.split() for word in plain]
        known = sum(one or _look_up(word, language) is not None
                    for one, word in zip(says, plain, strict=True))  # fmt: skip
        if any(says) or num_accents or known > 1:
            as_written = sum(word in _entries(language) for word in words)  # not by its stem
            scores[language] = known + 0.5 * num_accents + 0.1 * as_written
    return max(scores, key=lambda language: scores[language])


@cache
def _english_words() -> frozenset[str]:
    with _TABLE.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        words = {word for row in rows for word in row["english"].split()}
    return frozenset(words) | frozenset(_FUNCTION_WORDS["en"].split())


def _read_words(words: list[str], language: str) -> Iterator[str]:
    """Yield what is known of words, the longest ones first that belong together."""
    together = _together(language)

    def look_up(part: Sequence[str]) -> str | None:
        return together.get(tuple(part)) if part[1:] else _look_up(part[0], language)

    plain = [_plain(word, language) for word in words]
    return _find_longest(plain, look_up, max(map(len, together), default=1))


def _look_up(word: str, language: str) -> str | None:
    """Return what a word is in English, whatever its ending."""
    stems = _stems(language)
    return next((stems[form] for form in _forms(word) if form in stems), None)


def _forms(word: str) -> list[str]:
    """Return a word, without its ending, and without two: plurals, cases and genders."""
    forms = [word]
    for _ in range(2):
        short = _ENDINGS.sub("", forms[-1])
        if len(short) >= _MIN_STEM:
            forms.append(short)
    return forms


def _say(words: Iterable[str]) -> str:
    """Return words as a text; between two things were others, so that they are not one."""
    text = ""
    for word in words:
        is_named = bool(text) and text.split()[-1] not in _BEFORE_NOUNS and " " not in word
        text += (", " if is_named else " ") + word
    return text.strip()


def _find_all(text: str, language: str) -> Iterator[str]:
    """Yield the longest known words in a text without spaces, from its start."""
    entries = _entries(language)
    return _find_longest(text, entries.get, max(map(len, entries)))


def _find_longest(
    units: Sequence[str], look_up: Callable[[Any], str | None], longest: int
) -> Iterator[str]:
    """Yield what the longest known parts of words or letters are in English, from the start."""
    start = 0
    while start < len(units):
        for end in range(min(len(units), start + longest), start, -1):
            if english := look_up(units[start:end]):
                yield english
                start = end
                break
        else:
            start += 1


def _put_adjectives_first(said: list[str]) -> list[str]:
    """Move colours before the noun that they follow."""
    for index in range(1, len(said)):
        if said[index] in _COLOURS and said[index - 1] not in _COLOURS:
            said[index - 1], said[index] = said[index], said[index - 1]
    return said


@cache
def _entries(language: str) -> dict[str, str]:
    """Return a language's words and what they are in English."""
    with _TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    # The first row that has a word counts: subjects come before colours and places.
    return {word: row["english"] for row in reversed(rows) for word in row[language].split()}


@cache
def _together(language: str) -> dict[tuple[str, ...], str]:
    """Return the words that the table joins, "auf-dem-mond", and what they are in English."""
    entries = _entries(language).items()
    return {
        tuple(_plain(word, language).split("-")): english
        for word, english in entries
        if "-" in word
    }


@cache
def _stems(language: str) -> dict[str, str]:
    """Return a language's words and their stems, and what they are in English."""
    entries = {_plain(word, language): english for word, english in _entries(language).items()}
    stems = {form: english for word, english in entries.items() for form in _forms(word)[:2]}
    return stems | entries


def _plain(word: str, language: str) -> str:
    return word if language == "hi" else _without_accents(word)


def _without_accents(word: str) -> str:
    spelt = word.replace("ß", "ss")
    return "".join(c for c in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(c))

"""Normalizes text to plain lower-case words, and undoes common ways to evade a filter.

What needs the words of the rules, such as putting a cut word together, is left to cut_words.py.
"""

from __future__ import annotations

import functools
import html
import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

_LOOK_ALIKES = Path(__file__).with_name("look_alikes.json")
_LEET = str.maketrans("013456789@$!|+€£", "oieasgtbgasiitel")
# Latin letters that Unicode normalization misses: in squares and circles.
_SHAPES = {
    start + number: chr(ord("a") + number)
    for start in (0x1F130, 0x1F150, 0x1F170)
    for number in range(26)
}
_FIRST_FLAG_LETTER = 0x1F1E6
_FLAG_LETTERS = re.compile("[\U0001f1e6-\U0001f1ff]{3,}")  # two are a country's flag
# Invisible characters other than controls and unassigned ones; text encoders drop most of them.
_INVISIBLE = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0\ufffc\ufffd]"
)
_CONTROLS = ("Cc", "Cf", "Cn", "Co", "Cs")
# Accents and strokes, and what Arabic and Hebrew write over and between letters. Not kana's.
_MARKS = re.compile(
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0640\u064b-\u065f\u0670"
    r"\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_NO_WORD = re.compile(r"[^\w\s]|_")
_WITHIN_WORDS = re.compile(r"(?<=[^\W\d_])(?:[^\w\s]|_)+(?=[^\W\d_])")
_STRETCHED = re.compile(r"(\w)\1{2,}")
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)
# Scripts without letters that look Latin: their words are never read as Latin ones.
_OTHER_SCRIPTS = re.compile(r"[\u0590-\u109f]")
# Among letters. After a word only @ and $, because formats such as "mp4" and "h264" end in digits.
_DIGITS = re.compile(r"(?<=[a-z])[0-9@$!|+€£]+(?=[a-z])|^[0-9@$€£]+(?=[a-z]{2})|(?<=[a-z])[@$€£]+$")
_WORD = re.compile(r"\S+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|u\{([0-9a-f]{1,6})\}|x([0-9a-f]{2}))", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]{0,60}>", re.IGNORECASE)
_MAX_DECODED = 3  # times: what is encoded twice is "%2561"
_SCRIPTS_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def readings_of(text: str) -> tuple[str, ...]:
    """Return the text, and what it may hide, each as plain lower-case words."""
    plain = _plain(_see(text).casefold())
    seen = _see(_decode(text))
    revealed = _WORD.sub(lambda match: _reveal(match[0]), _MARKS.sub("", _decompose(seen)))
    hidden = _STRETCHED.sub(r"\1", _plain(revealed))
    joined = _STRETCHED.sub(r"\1", _plain(_WITHIN_WORDS.sub("", revealed)))
    return tuple(dict.fromkeys((plain, hidden, joined)))


def plain_words(text: str) -> str:
    """Return lower-case words without accents and punctuation."""
    return _plain(text.casefold())


def compile_terms(terms: Sequence[str]) -> re.Pattern[str]:
    """Compile terms to one pattern for plain words; a final `*` matches any ending.

    In scripts without spaces between words, a term matches anywhere.
    """
    patterns = [_pattern(term) for term in terms if has_spaces(term)]
    unspaced = [_plain(term) for term in terms if not has_spaces(term)]
    return re.compile("|".join([rf"\b(?:{'|'.join(patterns)})", *map(re.escape, unspaced)]))


def has_spaces(term: str) -> bool:
    """Say whether a term is of a script with spaces between words."""
    return not _SCRIPTS_WITHOUT_SPACES.search(term)


def _decode(text: str) -> str:
    """Undo HTML entities, percent signs and escapes, and remove tags."""
    for _ in range(_MAX_DECODED):
        decoded = _ESCAPE.sub(_unescape, unquote(html.unescape(text)))
        if decoded == text:
            break
        text = decoded
    return _TAG.sub("", text)


def _unescape(match: re.Match[str]) -> str:
    assert match.lastindex is not None  # every form of `_ESCAPE` has a group
    number = int(match[match.lastindex], 16)
    return chr(number) if number <= 0x10FFFF else match[0]


def _see(text: str) -> str:
    """Remove invisible characters, and replace letters in shapes with plain letters."""
    seen = (x for x in text if x.isspace() or unicodedata.category(x) not in _CONTROLS)
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", "".join(seen)).translate(_SHAPES))
    return _FLAG_LETTERS.sub(_read_flags, plain)


def _read_flags(match: re.Match[str]) -> str:
    return "".join(chr(ord(x) - _FIRST_FLAG_LETTER + ord("a")) for x in match[0])


def _decompose(text: str) -> str:
    return unicodedata.normalize("NFKD", text)


def _plain(text: str) -> str:
    """Remove accents and punctuation."""
    return " ".join(_NO_WORD.sub(" ", _MARKS.sub("", _decompose(text))).split())


def _reveal(word: str) -> str:
    """Replace look-alike letters and digits in a word, in lower case.

    A word without any Latin letter is only replaced if every letter of it looks Latin.
    """
    latin = word.translate(_look_alikes())
    is_mixed = _LATIN.search(word) is not None
    if not is_mixed and (not latin.isascii() or _OTHER_SCRIPTS.search(word)):
        return word.casefold()
    return _DIGITS.sub(lambda match: match[0].translate(_LEET), latin.casefold())


@functools.cache
def _look_alikes() -> dict[int, str]:
    """Read which letters of other alphabets look like Latin letters, capitals apart."""
    letters = json.loads(_LOOK_ALIKES.read_text(encoding="utf-8"))["letters"]
    return {ord(sign): latin for latin, signs in letters.items() for sign in signs}


def _pattern(term: str) -> str:
    words = re.escape(plain_words(term.rstrip("*"))).replace(r"\ ", r"\s+")
    return words + (r"\w*" if term.endswith("*") else r"\b")

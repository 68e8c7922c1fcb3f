"""Normalizes text to plain lower-case words, and undoes common ways to evade a filter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Letters of other alphabets that look like Latin letters.
_LOOK_ALIKES = str.maketrans("аеорсухіјѕԁӏһтмкнвαεορτυινκηχ", "aeopcyxijsdlhtmkhbaeoptuivknx")
_LEET = str.maketrans("013456789@$!|+", "oieasgtbgasiit")
# Latin letters that Unicode normalization misses: in squares and circles, and small capitals.
_SHAPES = {
    start + number: chr(ord("a") + number)
    for start in (0x1F130, 0x1F150, 0x1F170)
    for number in range(26)
} | str.maketrans("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz")
# Invisible characters other than controls and unassigned ones; text encoders drop most of them.
_INVISIBLE = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0\ufffc\ufffd]"
)
_CONTROLS = ("Cc", "Cf", "Cn", "Co", "Cs")
_MARKS = re.compile(r"[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]")
_NO_WORD = re.compile(r"[^\w\s]|_")
_WITHIN_WORDS = re.compile(r"(?<=[^\W\d_])(?:[^\w\s]|_)+(?=[^\W\d_])")
_SPELLED_OUT = re.compile(r"(?<!\w)\w(?:[\W_]\w(?!\w)){2,}")
_STRETCHED = re.compile(r"(\w)\1{2,}")
_LATIN = re.compile(r"[a-z]")
# Among letters. After a word only @ and $, because formats such as "mp4" and "h264" end in digits.
_DIGITS = re.compile(r"(?<=[a-z])[0-9@$!|+]+(?=[a-z])|^[0-9@$]+(?=[a-z]{2})|(?<=[a-z])[@$]+$")
_WORD = re.compile(r"\S+")
_SCRIPTS_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def readings_of(text: str) -> tuple[str, ...]:
    """Return the text, and what it may hide, each as plain lower-case words."""
    shown = unicodedata.normalize("NFKC", _see(text)).casefold()
    plain = _plain(shown)
    hidden = _WORD.sub(lambda match: _reveal(match[0]), shown)
    hidden = _SPELLED_OUT.sub(lambda match: re.sub(r"[\W_]+", "", match[0]), hidden)
    hidden = _STRETCHED.sub(r"\1", _plain(hidden))
    joined = _plain(_WITHIN_WORDS.sub("", shown))
    return tuple(dict.fromkeys((plain, hidden, joined)))


def compile_terms(terms: Sequence[str]) -> re.Pattern[str]:
    """Compile terms to one pattern for plain words; a final `*` matches any ending.

    In scripts without spaces between words, a term matches anywhere.
    """
    patterns = [_pattern(term) for term in terms if not _SCRIPTS_WITHOUT_SPACES.search(term)]
    unspaced = [_plain(term) for term in terms if _SCRIPTS_WITHOUT_SPACES.search(term)]
    return re.compile("|".join([rf"\b(?:{'|'.join(patterns)})", *map(re.escape, unspaced)]))


def _see(text: str) -> str:
    """Remove invisible characters, and replace letters in shapes with plain letters."""
    seen = (x for x in text if x.isspace() or unicodedata.category(x) not in _CONTROLS)
    return _INVISIBLE.sub("", "".join(seen)).translate(_SHAPES)


def _plain(text: str) -> str:
    """Remove accents and punctuation."""
    text = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    return " ".join(_NO_WORD.sub(" ", text).split())


def _reveal(word: str) -> str:
    """Replace look-alike letters and digits in a word, if it has any Latin letter."""
    if not _LATIN.search(word):
        return word
    return _DIGITS.sub(lambda match: match[0].translate(_LEET), word.translate(_LOOK_ALIKES))


def _pattern(term: str) -> str:
    words = re.escape(_plain(term.rstrip("*").casefold())).replace(r"\ ", r"\s+")
    return words + (r"\w*" if term.endswith("*") else r"\b")

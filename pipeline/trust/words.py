"""Words as people write them, and as they write them to get past a filter, into plain ones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Letters of other alphabets that look like Latin ones.
_LOOK_ALIKES = str.maketrans("аеорсухіјѕԁӏһтмкнвαεορτυινκηχ", "aeopcyxijsdlhtmkhbaeoptuivknx")
_LEET = str.maketrans("013456789@$!|+", "oieasgtbgasiit")
# Latin letters that no normal form knows: in squares and circles, and small capitals.
_SHAPES = {
    start + number: chr(ord("a") + number)
    for start in (0x1F130, 0x1F150, 0x1F170)
    for number in range(26)
} | str.maketrans("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz")
# What nobody sees, besides controls and unassigned ones; text encoders leave most of it out.
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
# Among letters; behind them only those that no format is named with, as "mp4" and "h264" are.
_DIGITS = re.compile(r"(?<=[a-z])[0-9@$!|+]+(?=[a-z])|^[0-9@$]+(?=[a-z]{2})|(?<=[a-z])[@$]+$")
_WORD = re.compile(r"\S+")
_SCRIPTS_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def readings_of(text: str) -> tuple[str, ...]:
    """Return a text as it stands, and what it may hide, both in plain lower-case words."""
    shown = unicodedata.normalize("NFKC", _see(text)).casefold()
    plain = _plain(shown)
    hidden = _WORD.sub(lambda match: _reveal(match[0]), shown)
    hidden = _SPELLED_OUT.sub(lambda match: re.sub(r"[\W_]+", "", match[0]), hidden)
    hidden = _STRETCHED.sub(r"\1", _plain(hidden))
    joined = _plain(_WITHIN_WORDS.sub("", shown))
    return tuple(dict.fromkeys((plain, hidden, joined)))


def compile_terms(terms: Sequence[str]) -> re.Pattern[str]:
    """Return what finds any of some terms in plain words; `*` at the end stands for any ending.

    Scripts that put no spaces between words are searched as they are.
    """
    patterns = [_pattern(term) for term in terms if not _SCRIPTS_WITHOUT_SPACES.search(term)]
    unspaced = [_plain(term) for term in terms if _SCRIPTS_WITHOUT_SPACES.search(term)]
    return re.compile("|".join([rf"\b(?:{'|'.join(patterns)})", *map(re.escape, unspaced)]))


def _see(text: str) -> str:
    """Leave out what is not seen, and write letters in shapes as letters."""
    seen = (x for x in text if x.isspace() or unicodedata.category(x) not in _CONTROLS)
    return _INVISIBLE.sub("", "".join(seen)).translate(_SHAPES)


def _plain(text: str) -> str:
    """Take accents and punctuation away."""
    text = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    return " ".join(_NO_WORD.sub(" ", text).split())


def _reveal(word: str) -> str:
    """Return a word without look-alike letters and digits for letters, if it has letters at all."""
    if not _LATIN.search(word):
        return word
    return _DIGITS.sub(lambda match: match[0].translate(_LEET), word.translate(_LOOK_ALIKES))


def _pattern(term: str) -> str:
    words = re.escape(_plain(term.rstrip("*").casefold())).replace(r"\ ", r"\s+")
    return words + (r"\w*" if term.endswith("*") else r"\b")

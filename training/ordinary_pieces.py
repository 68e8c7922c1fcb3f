"""Writes which pieces of the moderation rules' words are ordinary words; see cut_words.py.

Run it after a change of rules.json: python -m training.ordinary_pieces
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from wordfreq import zipf_frequency

from pipeline.trust.moderation.cut_words import PIECES, heading_of
from pipeline.trust.moderation.rules import read_rules

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "ar")
# How frequent (Zipf) an ordinary word is: nearly all pairs of letters stand for something.
MIN_ZIPF = {2: 5.0, 3: 4.0}
MIN_ZIPF_OF_LONG = 3.0


def main() -> None:
    """Write the file, one line for each language."""
    words = read_rules().words
    lines = [" ".join(sorted(pieces)) for pieces in find_ordinary(words)]
    PIECES.write_text("\n".join([heading_of(words), *lines, ""]), encoding="utf-8")


def find_ordinary(words: Iterable[str]) -> list[set[str]]:
    """Return the pieces of some words that are ordinary words, for each language."""
    pieces = {
        word[start:end]
        for word in (word.rstrip("*") for word in words)
        for start, end in itertools.combinations(range(len(word) + 1), 2)
        if 1 < end - start < len(word)
    }
    return [
        {
            piece
            for piece in pieces
            if zipf_frequency(piece, language) >= MIN_ZIPF.get(len(piece), MIN_ZIPF_OF_LONG)
        }
        for language in LANGUAGES
    ]


if __name__ == "__main__":
    main()

"""Puts together words of the rules that are cut by blanks or spelled out: "nak ed", "n a k e d".

Words that meet by chance stay apart: there must be no language in which all pieces are ordinary
words. ordinary_pieces.txt has those of each; after a change of the rules' words write it anew:

    pip install -r training/requirements.txt && python -m training.ordinary_pieces
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256
from pathlib import Path

PIECES = Path(__file__).with_name("ordinary_pieces.txt")
MIN_LETTERS = 4  # shorter words are put together only if nothing else is spelled out beside them
_MIN_SPELLED = 3
_WORDS_OF_ONE_LETTER = frozenset("aeiouy")


class CutWords:
    """The words of the rules, and which pieces of them are words of their own."""

    def __init__(self, words: Iterable[str], ordinary: Collection[Collection[str]]) -> None:
        """Take plain words, a final `*` for any ending, and each language's ordinary pieces."""
        words = {word for word in words if len(word.rstrip("*")) >= _MIN_SPELLED}
        self._ordinary = ordinary
        self._words = frozenset(word for word in words if not word.endswith("*"))
        self._stems = frozenset(word.rstrip("*") for word in words if word.endswith("*"))
        self._beginnings = frozenset(
            word[:length] for word in self._words | self._stems for length in range(1, len(word))
        )

    def join(self, text: str) -> str:
        """Put cut words of a plain text together."""
        tokens, joined, place = text.split(), [], 0
        while place < len(tokens):
            count = self._count_pieces(tokens, place)
            joined.append("".join(tokens[place : place + count]))
            place += count
        return " ".join(joined)

    def _count_pieces(self, tokens: Sequence[str], start: int) -> int:
        """Return how many tokens from `start` on are pieces of one word; 1 if it is not cut."""
        found, begun = 1, ""
        for end in range(start, len(tokens)):
            begun += tokens[end]
            if end > start and self._is_word(begun, tokens, start, end + 1):
                found = end + 1 - start
            if begun not in self._beginnings:
                break
        return found

    def _is_word(self, word: str, tokens: Sequence[str], start: int, end: int) -> bool:
        pieces = tokens[start:end]
        if word not in self._words:
            stem_length = next((n for n in range(len(word), 2, -1) if word[:n] in self._stems), 0)
            if stem_length <= len(word) - len(pieces[-1]):
                return False
            if stem_length < len(word):
                pieces = pieces[:-1]  # the last goes on beyond the stem, and may be any word
        is_spelled = len(pieces) >= _MIN_SPELLED and all(len(piece) == 1 for piece in pieces)
        if len(word) < MIN_LETTERS:
            return is_spelled and _stands_alone(tokens, start, end)
        return is_spelled or not any(
            all(len(piece) == 1 or piece in language for piece in pieces)
            for language in self._ordinary
        )


def _stands_alone(tokens: Sequence[str], start: int, end: int) -> bool:
    """Return whether no letter beside these tokens is spelled out too, as in "e s s e x"."""
    beside = [*tokens[max(0, start - 1) : start], *tokens[end : end + 1]]
    return all(len(token) > 1 or token in _WORDS_OF_ONE_LETTER for token in beside)


def read_ordinary() -> list[frozenset[str]]:
    """Read which pieces of the rules' words are ordinary words, for each language."""
    _, *lines = PIECES.read_text(encoding="utf-8").splitlines()
    return [frozenset(line.split()) for line in lines]


def heading_of(words: Iterable[str]) -> str:
    """Return the file's first line, which names the words that it was made for."""
    return "# for the words " + sha256(" ".join(sorted(words)).encode()).hexdigest()[:16]

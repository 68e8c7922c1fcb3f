"""Says words that the text encoder never learned in those that it did: "a poodle" in "a dog".

`synonyms.tsv` has words and the known ones that mean the same or what they are a kind of, found in
WordNet (Princeton University; its licence is in `wordnet-licence.txt`) by `training/synonyms.py`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.mini.words import FUNCTION_WORDS

TABLE = Path(__file__).with_suffix(".tsv")
_PEOPLE = frozenset(("person", "man", "woman", "boy", "girl", "people", "men", "women"))
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Replaced:
    """Characters of a text that stand for another word, which was typed."""

    start: int
    end: int
    original: str


def say_in_known_words(prompt: str) -> tuple[str, list[Replaced]]:
    """Return an English prompt with known words in the place of others, and which those are."""
    things, colours = _tables()
    parts: list[str] = []
    replaced: list[Replaced] = []
    position = last = 0  # in the new text, and in the prompt
    for match in _WORD.finditer(prompt):
        word = match[0].lower()
        known = things.get(word)
        if known is None and word in colours and _is_before_noun(prompt, match.end()):
            known = colours[word]
        is_owner = prompt[match.end() : match.end() + 2].lower() in ("'s", "\u2019s")
        if known is None or (is_owner and known in _PEOPLE):  # "my sister's cat" shows no sister
            continue
        parts += [prompt[last : match.start()], known]
        start = position + match.start() - last
        position, last = start + len(known), match.end()
        replaced.append(Replaced(start, position, match[0]))
    return "".join([*parts, prompt[last:]]), replaced


def original_of(start: int, replaced: Sequence[Replaced]) -> str | None:
    """Return the word that was typed in the place of the one that starts there, if another was."""
    return next((x.original for x in replaced if x.start <= start < x.end), None)


def _is_before_noun(text: str, start: int) -> bool:
    """Say whether a word that names something may follow at once."""
    following = _WORD.match(text, start + 1) if text[start : start + 1] == " " else None
    return following is not None and following[0].lower() not in FUNCTION_WORDS


@cache
def _tables() -> tuple[dict[str, str], dict[str, str]]:
    """Return the words for things, places, times and weather, and those for colours."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    things = {word: known for word, known, kind in rows if not kind}
    return things, {word: known for word, known, kind in rows if kind}

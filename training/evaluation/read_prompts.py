"""Measures how prompts are read that people write, in English and in eight other languages.

`written_prompts.tsv` was written before any phrase of the larger world: a prompt, then its subject,
place and time; "?" is a subject that the world does not have, "-" what is not said.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.mini.languages import to_english
from pipeline.mini.tables import ATTRIBUTES, PEOPLE, SOMEBODY

_FOLDER = Path(__file__).parent
_NAMES = list(ATTRIBUTES)
UNKNOWN, UNSAID = "?", "-"
Read = Callable[[str], list[int]]


def evaluate_reading(read: Read) -> dict[str, dict[str, float]]:
    """Return the shares of prompts that are read rightly; `read` gives a label for each slot."""
    return {"as people write": _read_written(read), "other languages": _read_others(read)}


def _read_written(read: Read) -> dict[str, float]:
    right: dict[str, list[bool]] = defaultdict(list)
    for prompt, subject, place, time in written_prompts():
        seen = _values(read(prompt))
        is_right = _is_same_subject(seen["subject"], subject)
        right["subject drawn or left open"].append(is_right)
        if subject not in (UNKNOWN, UNSAID):
            right["known subjects"].append(is_right)
        if subject == UNKNOWN:
            right["unknown subjects that are left open"].append(seen["subject"] is None)
        for name, value in (("place", place), ("time", time)):
            if value != UNSAID:
                right[name].append(seen[name] == value)
    return _shares(right)


def _read_others(read: Read) -> dict[str, float]:
    right: dict[str, list[bool]] = defaultdict(list)
    for language, prompt, subject, place in _rows("other_languages.tsv"):
        seen = _values(read(to_english(prompt)))
        is_right = _is_same_subject(seen["subject"], subject) and seen["place"] == place
        right[language].append(is_right)
        right["all"].append(is_right)
    return _shares(right)


def written_prompts() -> Iterator[list[str]]:
    """Read the prompts in English, each with its subject, place and time."""
    return _rows("written_prompts.tsv")


def _rows(name: str) -> Iterator[list[str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


def _values(labels: list[int]) -> dict[str, str | None]:
    pairs = zip(_NAMES, labels, strict=False)  # older weights have fewer slots
    return {name: ATTRIBUTES[name][label - 1] if label else None for name, label in pairs}


def _is_same_subject(seen: str | None, wanted: str) -> bool:
    """Say whether a subject is right: a person may be any, and no subject none or unknown."""
    if wanted in (UNKNOWN, UNSAID):
        return seen is None
    if wanted in PEOPLE[:2]:
        return seen in (wanted, SOMEBODY)
    return seen == wanted


def _shares(right: dict[str, list[bool]]) -> dict[str, float]:
    return {name: round(sum(answers) / len(answers), 3) for name, answers in right.items()}

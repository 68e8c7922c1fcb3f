"""Reads the lines of a storyboard: `1. [5s, zoom in] a red car` into a shot's values.

Every step is linear in the length of the text: users send it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import get_args

from pipeline.errors import InvalidRequestError
from pipeline.models.spec import Camera
from pipeline.planning.request import MAX_PROMPT_CHARACTERS, Transition

MAX_NOTES_CHARACTERS = 300
CAMERA_MOVES: tuple[Camera, ...] = tuple(move for move in get_args(Camera) if move)

# Synonyms of the camera moves.
_CAMERA_SYNONYMS: dict[str, Camera] = {
    "still": "static",
    "fixed": "static",
    "left": "pan left",
    "right": "pan right",
    "up": "tilt up",
    "down": "tilt down",
    "push in": "zoom in",
    "pull back": "zoom out",
    "tracking shot": "follow",
    "hand-held": "handheld",
}
CAMERA_WORDS: dict[str, Camera] = {move: move for move in CAMERA_MOVES} | _CAMERA_SYNONYMS
_PLURALS = {
    "duration": "durations",
    "camera": "camera moves",
    "transition": "transitions",
    "picture": "pictures",
}
# What stands before a shot in a list: "- ", "1. ", "2) ", "Shot 3: ".
_BULLET = re.compile(
    r"(?:[-*+\u2022\u2013\u2014]|(?:(?:shot|scene) ?)?\d{1,3} ?[.):])", re.IGNORECASE
)
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,17})?|\.\d{1,17}) ?(?:s|secs?|seconds?)?")
_PICTURE = re.compile(r"picture ?(\d{1,9})")
_WHOLE, _FRACTION = re.compile(r"\d{1,3}"), re.compile(r"\d{1,2} ?(?:s|secs?|seconds?)?")


def read_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number of each line that is not empty, and the line without its bullet.

    A bullet is not part of the prompt if it is before a bracket, or if every line has one.
    """
    lines = [(number, line.strip("\ufeff \t")) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line.strip()]
    bullets = [_BULLET.match(line) for _, line in lines]
    is_list = all(
        bullet and line[bullet.end() :][:1].isspace()
        for bullet, (_, line) in zip(bullets, lines, strict=True)
    )
    for bullet, (number, line) in zip(bullets, lines, strict=True):
        rest = line[bullet.end() :].strip() if bullet else ""
        yield number, rest if rest and (is_list or rest.startswith("[")) else line.strip()


def read_line(line: str) -> dict[str, object]:
    """Return the values that a line sets: the prompt, and those in its bracket.

    Raises InvalidRequestError if the bracket is not understood or sets a value twice.
    """
    if not line.startswith("["):
        _refuse_bracket_behind(line)
        return {"prompt": line}
    notes, bracket, prompt = line[1:].partition("]")
    if not bracket:
        raise InvalidRequestError("The bracket is not closed; write [5s, zoom in] and the prompt.")
    if len(notes) > MAX_NOTES_CHARACTERS:
        raise InvalidRequestError(
            f"The bracket has {len(notes):,} characters, but the limit is {MAX_NOTES_CHARACTERS}; "
            "write the prompt after it."
        )
    return _read_notes(notes) | {"prompt": prompt.strip()}


def _read_notes(notes: str) -> dict[str, object]:
    values: dict[str, object] = {}
    for note in _split(notes):
        name, value = _read_note(note)
        if name in values:
            raise InvalidRequestError(
                f"[{' '.join(notes.split())[:60]}] gives two {_PLURALS[name]}; write one for each "
                "shot."
            )
        values[name] = value
    return values


def _split(notes: str) -> Iterator[str]:
    """Yield the notes of a bracket; `0,5s` is one note: half a second, with a decimal comma."""
    parts = deque(notes.split(","))
    while parts:
        part = parts.popleft()
        is_decimal = (
            parts
            and _WHOLE.fullmatch(part.lstrip())
            and _FRACTION.fullmatch(" ".join(parts[0].lower().split()))
            and parts[0][:1].isdigit()
        )
        if is_decimal:
            part = f"{part}.{parts.popleft()}"
        if part.strip():
            yield " ".join(part.lower().split())


def _read_note(note: str) -> tuple[str, object]:
    """Return which value of a shot a note in brackets sets, and to what."""
    if match := _SECONDS.fullmatch(note):
        return "duration", float(match[1])
    if match := _PICTURE.fullmatch(note):
        return "picture", int(match[1])
    if note in CAMERA_WORDS:
        return "camera", note
    if note in get_args(Transition):
        return "transition", note
    raise InvalidRequestError(
        f"[{note[:60]}] is not understood; write seconds (5s), a camera move "
        f"({', '.join(CAMERA_MOVES)}), a transition ({', '.join(get_args(Transition))}) or a "
        "picture (picture 1)."
    )


def _refuse_bracket_behind(line: str) -> None:
    """Raise InvalidRequestError if a valid bracket is not at the start of the line."""
    for part in line[:MAX_PROMPT_CHARACTERS].split("]")[:-1]:
        _, bracket, notes = part.rpartition("[")
        try:
            is_meant = bool(bracket and len(notes) <= MAX_NOTES_CHARACTERS and _read_notes(notes))
        except InvalidRequestError:
            is_meant = False
        if is_meant:
            raise InvalidRequestError(
                f"[{notes[:60]}] comes after other words; write it at the start of the line."
            )

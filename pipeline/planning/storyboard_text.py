"""Reads the lines of a storyboard: `1. [5s, zoom in] a red car` into a shot's values.

Every step is linear in the length of the text: users send it.
"""

from __future__ import annotations

import re
import unicodedata
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
    "take": "takes",
}
# What stands before a shot in a list: "- ", "1. ", "2) ", "Shot 3: ".
_BULLET = re.compile(
    r"(?:[-*+\u2022\u2013\u2014]|(?:(?:shot|scene) ?)?\d{1,3} ?[.):])", re.IGNORECASE
)
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,17})?|\.\d{1,17}) ?(?:s|secs?|seconds?)?")
_PICTURE, _TAKE = re.compile(r"picture ?(\d{1,9})"), re.compile(r"take ?(\d{1,9})")
# Brackets of Chinese and Japanese keyboards, and their comma.
_PLAIN = str.maketrans("\uff3b\uff3d\u3010\u3011\uff08\uff09\u3001", "[][](),")
_OPENING = ("[", "\uff3b", "\u3010")
_BRACKET = re.compile(r"[\[\uff3b\u3010](.*?)[\]\uff3d\u3011](.*)", re.DOTALL)
# A bracket that could hold notes; other brackets are common in prompts, and are passed over fast.
_WORDS = [*CAMERA_WORDS, *get_args(Transition), "picture", "take"]
_FIRST = "".join(sorted({word[0] for word in _WORDS}))
_PHRASES = "|".join(r"\s+".join(word.split()) for word in _WORDS)
_NOTES_BEGIN = re.compile(rf"\[(?=[\s,\d.{_FIRST}])[\s,]*(?:[\d.]|(?:{_PHRASES})\s*[\d,\]])")
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
        yield number, rest if rest and (is_list or rest.startswith(_OPENING)) else line.strip()


def read_line(line: str) -> dict[str, object]:
    """Return the values that a line sets: the prompt, and those in its bracket.

    Raises InvalidRequestError if the bracket is not understood or sets a value twice.
    """
    if not line.startswith(_OPENING):
        _refuse_notes_in(line)
        return {"prompt": line}
    bracket = _BRACKET.fullmatch(line)
    if bracket is None:
        raise InvalidRequestError("The bracket is not closed; write [5s, zoom in] and the prompt.")
    notes, prompt = bracket.groups()
    if len(notes) > MAX_NOTES_CHARACTERS:
        raise InvalidRequestError(
            f"The bracket has {len(notes):,} characters, but the limit is {MAX_NOTES_CHARACTERS}; "
            "write the prompt after it."
        )
    return _read_notes(_plain(notes)) | {"prompt": _read_prompt(prompt.strip())}


def write_prompt(prompt: str) -> str:
    """Write a prompt that follows a bracket; `[]` separates words that could be misread."""
    try:
        is_plain = _read_prompt(prompt) == prompt
    except InvalidRequestError:
        is_plain = False
    return prompt if is_plain else f"[] {prompt}"


def _read_prompt(text: str) -> str:
    """Read what follows a bracket: a prompt, which `[]` takes as it is."""
    if text.startswith("[]"):
        return text.removeprefix("[]").strip()
    if text.translate(_PLAIN).startswith("]"):
        raise InvalidRequestError("The bracket is closed twice; write [5s, zoom in] once.")
    _refuse_notes_in(text)
    return text


def _plain(notes: str) -> str:
    """Return notes with the digits and commas of ASCII for those of full width."""
    return unicodedata.normalize("NFKC", notes.translate(_PLAIN))


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
    if match := _TAKE.fullmatch(note):
        return "take", int(match[1])
    if note in CAMERA_WORDS:
        return "camera", note
    if note in get_args(Transition):
        return "transition", note
    raise InvalidRequestError(
        f"[{note[:60]}] is not understood; write seconds (5s), a camera move "
        f"({', '.join(CAMERA_MOVES)}), a transition ({', '.join(get_args(Transition))}), a "
        "picture (picture 1) or a take (take 2)."
    )


def _refuse_notes_in(prompt: str) -> None:
    """Raise InvalidRequestError if a prompt has a valid bracket, or starts with a round one."""
    text = prompt[:MAX_PROMPT_CHARACTERS].lower().translate(_PLAIN)
    for start in _NOTES_BEGIN.finditer(text):
        notes, bracket, _ = text[start.start() + 1 :][: MAX_NOTES_CHARACTERS + 1].partition("]")
        if bracket and _is_notes(notes):
            raise InvalidRequestError(
                f"[{notes[:60]}] comes after other words; write all notes in one bracket at the "
                "start of the line: [5s, zoom in]."
            )
    notes, bracket, _ = text[1:].partition(")")
    if text.startswith("(") and bracket and _is_notes(notes):
        raise InvalidRequestError(
            f"({notes[:60]}) has round brackets; write [{notes[:60]}] at the start of the line."
        )


def _is_notes(text: str) -> bool:
    try:
        return len(text) <= MAX_NOTES_CHARACTERS and bool(_read_notes(_plain(text)))
    except InvalidRequestError:
        return False

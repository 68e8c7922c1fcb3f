"""A storyboard, as people write it or as JSON, into shots; and camera words into moves.

One line is one shot: `[5s, zoom in] a red car in a city`. `request.py` checks the values.
"""

from __future__ import annotations

import json
import re
from typing import get_args

from pipeline.errors import InvalidRequestError
from pipeline.request import Camera, Shot, Transition, check_shot, read_shot

DEFAULT_SHOT_SECONDS = 5.0
MAX_STORYBOARD_CHARACTERS = 100_000

# Each move, and how a prompt says it.
CAMERA_MOVES: dict[Camera, str] = {
    "static": "the camera stays still",
    "pan left": "the camera pans left",
    "pan right": "the camera pans right",
    "tilt up": "the camera tilts up",
    "tilt down": "the camera tilts down",
    "zoom in": "the camera zooms in",
    "zoom out": "the camera zooms out",
    "follow": "the camera follows",
}
# Other words for the same moves.
_CAMERA_SYNONYMS: dict[str, Camera] = {
    "still": "static",
    "fixed": "static",
    "left": "pan left",
    "right": "pan right",
    "up": "tilt up",
    "down": "tilt down",
    "dolly in": "zoom in",
    "push in": "zoom in",
    "dolly out": "zoom out",
    "pull back": "zoom out",
    "tracking shot": "follow",
}
_CAMERA_WORDS: dict[str, Camera] = {move: move for move in CAMERA_MOVES} | _CAMERA_SYNONYMS
_LINE = re.compile(r"(?:\[(?P<notes>[^\]]*)\])?(?P<prompt>.*)", re.DOTALL)
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(?:s|sec|seconds?)?")
# `[5s] words` is text; `[` or `[{` and `{` can only be JSON.
_STARTS_LIKE_JSON = re.compile(r"\s*(?:\{|\[\s*(?:[\[{\"]|\]?\s*$))")


def parse_storyboard(storyboard: str | list[object]) -> tuple[Shot, ...]:
    """Read a storyboard: lines of text, JSON text, or a list of shots as JSON has them.

    Raises InvalidRequestError that names the line (of text) or the shot (of JSON).
    """
    if isinstance(storyboard, str):
        if len(storyboard) > MAX_STORYBOARD_CHARACTERS:
            raise InvalidRequestError(
                f"The storyboard has {len(storyboard):,} characters, but at most "
                f"{MAX_STORYBOARD_CHARACTERS:,} are read; shorten it."
            )
        is_json = _STARTS_LIKE_JSON.match(storyboard)
        shots = _read_shots(_load_json(storyboard)) if is_json else _read_lines(storyboard)
    else:
        shots = _read_shots(storyboard)
    if not shots:
        raise InvalidRequestError("The storyboard is empty; write one line for each shot.")
    return shots


def describe_shot(shot: Shot) -> str:
    """Return the shot's prompt with its camera move in words, as a model reads it."""
    return f"{shot.prompt}, {CAMERA_MOVES[shot.camera]}" if shot.camera else shot.prompt


def _read_lines(text: str) -> tuple[Shot, ...]:
    shots = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            shots.append(_read_line(line.strip()))
        except InvalidRequestError as exc:
            raise InvalidRequestError(f"Line {number}: {exc}") from exc
    return tuple(shots)


def _read_line(line: str) -> Shot:
    notes, prompt = _LINE.fullmatch(line).group("notes", "prompt")
    if prompt.startswith("["):
        raise InvalidRequestError("The bracket is not closed; write [5s, zoom in] and the prompt.")
    values: dict[str, object] = {"duration": DEFAULT_SHOT_SECONDS}
    for note in (notes or "").split(","):
        if note.strip():
            name, value = _read_note(" ".join(note.lower().split()))
            values[name] = value
    return check_shot(Shot(prompt=prompt, **values))


def _read_note(note: str) -> tuple[str, object]:
    """Say which of a shot's fields a note in brackets sets, and to what."""
    if match := _SECONDS.fullmatch(note):
        return "duration", float(match[1])
    if note in _CAMERA_WORDS:
        return "camera", _CAMERA_WORDS[note]
    if note in get_args(Transition):
        return "transition", note
    raise InvalidRequestError(
        f"[{note[:60]}] is not understood; write seconds (5s), a camera move "
        f"({', '.join(CAMERA_MOVES)}) or a transition ({', '.join(get_args(Transition))})."
    )


def _load_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as exc:
        raise InvalidRequestError(
            f"Line {exc.lineno}: the storyboard is not valid JSON there ({exc.msg})."
        ) from exc
    except (RecursionError, ValueError) as exc:
        raise InvalidRequestError(
            "The storyboard's JSON cannot be read; write a list of shots."
        ) from exc


def _read_shots(values: object) -> tuple[Shot, ...]:
    if not isinstance(values, list):
        raise InvalidRequestError("The storyboard has to be a list of shots or lines of text.")
    shots = []
    for number, shot in enumerate(values, 1):
        try:
            shots.append(read_shot(_with_camera_word(shot), default_duration=DEFAULT_SHOT_SECONDS))
        except InvalidRequestError as exc:
            raise InvalidRequestError(f"Shot {number}: {exc}") from exc
    return tuple(shots)


def _with_camera_word(shot: object) -> object:
    """Replace a synonym of a camera move by the move, and leave everything else as it is."""
    camera = shot.get("camera") if isinstance(shot, dict) else None
    if not isinstance(camera, str):
        return shot
    return shot | {"camera": _CAMERA_WORDS.get(" ".join(camera.lower().split()), camera)}

"""A storyboard, as people write it or as JSON, into shots, and shots into text that says the same.

One line is one shot: `[5s, zoom in] a red car in a city`. `request.py` checks the values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from pipeline.errors import InvalidRequestError
from pipeline.models.spec import Camera
from pipeline.planning.request import Shot, Transition
from pipeline.planning.validation import check_shot

DEFAULT_SHOT_SECONDS = 5.0
MAX_STORYBOARD_CHARACTERS = 300_000  # a minute of the shortest shots with the longest prompts
CAMERA_MOVES: tuple[Camera, ...] = tuple(move for move in get_args(Camera) if move)

# Other words for the same moves.
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
_CAMERA_WORDS: dict[str, Camera] = {move: move for move in CAMERA_MOVES} | _CAMERA_SYNONYMS
# What JSON may say of a shot. A picture is a number: paths are nothing for a visitor to name.
_JSON_NAMES = ("prompt", "duration", "camera", "transition", "picture")
_LINE = re.compile(r"(?:\[(?P<notes>[^\]]*)\])?(?P<prompt>.*)", re.DOTALL)
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,17})?)\s*(?:s|sec|seconds?)?")
_PICTURE = re.compile(r"picture\s*(\d{1,9})")
# `[5s] words` is text; `[` or `[{` and `{` can only be JSON.
_STARTS_LIKE_JSON = re.compile(r"\s*(?:\{|\[\s*(?:[\[{\"]|\]?\s*$))")


def parse_storyboard(
    storyboard: str | list[object], pictures: Sequence[Path] = ()
) -> tuple[Shot, ...]:
    """Read a storyboard: lines of text, JSON text, or a list of shots as JSON has them.

    A shot begins with one of the `pictures` if it names it by its number, counted from 1:
    `[picture 1]` or `"picture": 1`. Raises InvalidRequestError that names the line (of text) or
    the shot (of JSON).
    """
    if isinstance(storyboard, str):
        if len(storyboard) > MAX_STORYBOARD_CHARACTERS:
            raise InvalidRequestError(
                f"The storyboard has {len(storyboard):,} characters, but at most "
                f"{MAX_STORYBOARD_CHARACTERS:,} are read; shorten it."
            )
        if not _STARTS_LIKE_JSON.match(storyboard):
            return _not_empty(_read_lines(storyboard, pictures))
        storyboard = _load_json(storyboard)
    return _not_empty(_read_shots(storyboard, pictures))


def format_storyboard(shots: Sequence[Shot]) -> str:
    """Write shots as text, a line for each, that `parse_storyboard` reads back as the same shots.

    A line cannot carry two things. The line breaks of a prompt become spaces, which no model tells
    apart. A picture becomes its number among `list_pictures`, which has to be given with the text.
    """
    pictures = list_pictures(shots)
    return "\n".join(_write_line(shot, pictures) for shot in shots)


def list_pictures(shots: Sequence[Shot]) -> tuple[Path, ...]:
    """Return the pictures that the shots begin with, each once, in the order of the shots."""
    return tuple(dict.fromkeys(shot.image for shot in shots if shot.image is not None))


def describe_shot(shot: Shot, camera_words: Mapping[Camera, str]) -> str:
    """Return the shot's prompt and its camera move in a model's own words, as that model reads it.

    A move that is a sentence follows the prompt as one, another one follows it after a comma.
    """
    if not shot.camera:
        return shot.prompt
    words = camera_words[shot.camera]
    if shot.prompt.endswith((".", "!", "?")):
        return f"{shot.prompt} {words}"
    return f"{shot.prompt}{'.' if words[0].isupper() else ','} {words}"


def _not_empty(shots: tuple[Shot, ...]) -> tuple[Shot, ...]:
    if not shots:
        raise InvalidRequestError("The storyboard is empty; write one line for each shot.")
    return shots


def _write_line(shot: Shot, pictures: Sequence[Path]) -> str:
    notes = [f"{str(float(shot.duration)).removesuffix('.0')}s"]
    if shot.camera:
        notes.append(shot.camera)
    if shot.transition != "cut":
        notes.append(shot.transition)
    if shot.image is not None:
        notes.append(f"picture {pictures.index(shot.image) + 1}")
    return f"[{', '.join(notes)}] {' '.join(shot.prompt.splitlines())}"


def _read_lines(text: str, pictures: Sequence[Path]) -> tuple[Shot, ...]:
    shots = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            shots.append(_read_line(line.strip(), pictures))
        except InvalidRequestError as exc:
            raise InvalidRequestError(f"Line {number}: {exc}") from exc
    return tuple(shots)


def _read_line(line: str, pictures: Sequence[Path]) -> Shot:
    notes, prompt = _LINE.fullmatch(line).group("notes", "prompt")
    if notes is None and prompt.startswith("["):
        raise InvalidRequestError("The bracket is not closed; write [5s, zoom in] and the prompt.")
    values: dict[str, object] = {"prompt": prompt.strip()}
    for note in (notes or "").split(","):
        if note.strip():
            name, value = _read_note(" ".join(note.lower().split()))
            values[name] = value
    return _read_shot(values, pictures)


def _read_note(note: str) -> tuple[str, object]:
    """Say which of a shot's values a note in brackets sets, and to what."""
    if match := _SECONDS.fullmatch(note):
        return "duration", float(match[1])
    if match := _PICTURE.fullmatch(note):
        return "picture", int(match[1])
    if note in _CAMERA_WORDS:
        return "camera", note
    if note in get_args(Transition):
        return "transition", note
    raise InvalidRequestError(
        f"[{note[:60]}] is not understood; write seconds (5s), a camera move "
        f"({', '.join(CAMERA_MOVES)}), a transition ({', '.join(get_args(Transition))}) or a "
        "picture (picture 1)."
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


def _read_shots(values: object, pictures: Sequence[Path]) -> tuple[Shot, ...]:
    if not isinstance(values, list):
        raise InvalidRequestError("The storyboard has to be a list of shots or lines of text.")
    shots = []
    for number, shot in enumerate(values, 1):
        try:
            shots.append(_read_shot(shot, pictures))
        except InvalidRequestError as exc:
            raise InvalidRequestError(f"Shot {number}: {exc}") from exc
    return tuple(shots)


def _read_shot(values: object, pictures: Sequence[Path]) -> Shot:
    """Read a shot as JSON has it: of its values only the prompt is needed."""
    if not isinstance(values, Mapping) or not set(values) <= set(_JSON_NAMES):
        raise InvalidRequestError(
            f"A shot has to be a JSON object with {', '.join(_JSON_NAMES)} and nothing else."
        )
    values = {"prompt": "", "duration": DEFAULT_SHOT_SECONDS, **values}
    image = _find_picture(values.pop("picture", None), pictures)
    if isinstance(camera := values.get("camera"), str):
        values["camera"] = _CAMERA_WORDS.get(" ".join(camera.lower().split()), camera)
    return check_shot(Shot(**values, image=image))


def _find_picture(number: object, pictures: Sequence[Path]) -> Path | None:
    """Return the picture of a number, counted from 1, or none for none."""
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int):
        raise InvalidRequestError(
            f"The picture is {str(number)[:60]!r}, but it has to be the number of a picture, from "
            "1 on."
        )
    if not 1 <= number <= len(pictures):
        raise InvalidRequestError(
            f"There is no picture {number}, since {len(pictures) or 'none'} came with the "
            "storyboard; add it, or leave its number out."
        )
    return pictures[number - 1]

"""Parses storyboards, as text or JSON, into shots, and formats shots as text.

One line is one shot: `[5s, zoom in] a red car in a city`. `validation.py` checks the values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.errors import InvalidRequestError, shown
from pipeline.models.spec import Camera
from pipeline.planning.request import DEFAULT_SHOT_SECONDS, MAX_CLIP_SECONDS, MIN_SHOT_SECONDS, Shot
from pipeline.planning.storyboard_text import CAMERA_WORDS, read_line, read_lines, write_prompt
from pipeline.planning.validation import check_shot

MAX_STORYBOARD_CHARACTERS = 300_000  # a minute of the shortest shots with the longest prompts
MAX_SHOTS = int(MAX_CLIP_SECONDS / MIN_SHOT_SECONDS)
# The JSON keys of a shot. A picture is a number: visitors must not name paths.
_JSON_NAMES = ("prompt", "duration", "camera", "transition", "picture", "take")


def parse_storyboard(
    storyboard: str | list[object], pictures: Sequence[Path] = ()
) -> tuple[Shot, ...]:
    """Parse a storyboard: lines of text, JSON text, or a list of shots in JSON form.

    A shot can begin with one of the `pictures`, named by its number from 1: `[picture 1]` or
    `"picture": 1`. Raises InvalidRequestError, which names the line (of text) or the shot (of
    JSON).
    """
    if isinstance(storyboard, str):
        if len(storyboard) > MAX_STORYBOARD_CHARACTERS:
            raise InvalidRequestError(
                f"The storyboard has {len(storyboard):,} characters, but the limit is "
                f"{MAX_STORYBOARD_CHARACTERS:,}; shorten it."
            )
        text = _unwrap(storyboard)
        if not _starts_like_json(text):
            return _not_empty(_read_lines(text, pictures))
        return _not_empty(_read_shots(_load_json(text), pictures))
    return _not_empty(_read_shots(storyboard, pictures))


def format_storyboard(shots: Sequence[Shot]) -> str:
    """Write shots as text, one line each, which `parse_storyboard` reads back as the same shots.

    Two things change: line breaks in a prompt become spaces, which makes no difference to models,
    and a picture becomes its number in `list_pictures`, which must be passed with the text.
    """
    pictures = list_pictures(shots)
    return "\n".join(_write_line(shot, pictures) for shot in shots)


def list_pictures(shots: Sequence[Shot]) -> tuple[Path, ...]:
    """Return the pictures of the shots, each once, in the order of the shots."""
    return tuple(dict.fromkeys(shot.image for shot in shots if shot.image is not None))


def describe_shot(shot: Shot, camera_words: Mapping[Camera, str]) -> str:
    """Return a shot's prompt with its camera move in the words of a model.

    A move that is a sentence is added as a sentence, any other after a comma.
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
    if shot.take > 1:
        notes.append(f"take {shot.take}")
    return f"[{', '.join(notes)}] {write_prompt(' '.join(shot.prompt.splitlines()))}"


def _unwrap(text: str) -> str:
    """Return a text without a byte order mark and without a Markdown code fence around it."""
    text = text.removeprefix("\ufeff").strip()
    if not text.startswith("```"):
        return text
    # The first line names a language; the lines below keep their numbers.
    return "\n" + text.partition("\n")[2].removesuffix("```")


def _starts_like_json(text: str) -> bool:
    """Return whether a text is JSON: `[5s] prompt` is not; `[` alone, `[{` and `{` can only be."""
    text = text.strip()
    inside = text[1:].lstrip()
    is_list = text.startswith("[") and (inside in ("", "]") or inside[0] in '[{"')
    return is_list or text.startswith("{")


def _read_lines(text: str, pictures: Sequence[Path]) -> tuple[Shot, ...]:
    _refuse_many(sum(bool(line.strip()) for line in text.splitlines()))
    shots = []
    for number, line in read_lines(text):
        try:
            shots.append(_read_shot(read_line(line), pictures))
        except InvalidRequestError as exc:
            raise InvalidRequestError(f"Line {number}: {exc}") from exc
    return tuple(shots)


def _refuse_many(num_shots: int) -> None:
    if num_shots > MAX_SHOTS:
        raise InvalidRequestError(
            f"The storyboard has {num_shots:,} shots, but the limit is {MAX_SHOTS}; remove some."
        )


def _load_json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_read_object)
    except json.JSONDecodeError as exc:
        raise InvalidRequestError(
            f"Line {exc.lineno}: this is not valid JSON ({exc.msg}); correct it there."
        ) from exc
    except (RecursionError, ValueError) as exc:
        raise InvalidRequestError(
            "The storyboard is not valid JSON; write a list of shots."
        ) from exc


def _read_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object; refuse duplicate keys, of which Python silently keeps the last."""
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in values if keys.count(key) > 1)
        raise InvalidRequestError(f"A shot has the key {shown(twice)} twice; write it once.")
    return values


def _read_shots(values: object, pictures: Sequence[Path]) -> tuple[Shot, ...]:
    if not isinstance(values, list):
        raise InvalidRequestError("The storyboard must be a list of shots, or lines of text.")
    _refuse_many(len(values))
    shots = []
    for number, shot in enumerate(values, 1):
        try:
            shots.append(_read_shot(shot, pictures))
        except InvalidRequestError as exc:
            raise InvalidRequestError(f"Shot {number}: {exc}") from exc
    return tuple(shots)


def _read_shot(values: object, pictures: Sequence[Path]) -> Shot:
    """Read a shot in JSON form; only the prompt is required."""
    if not isinstance(values, Mapping) or not set(values) <= set(_JSON_NAMES):
        raise InvalidRequestError(
            f"A shot must be a JSON object with no other keys than {', '.join(_JSON_NAMES)}."
        )
    values = {"prompt": "", "duration": DEFAULT_SHOT_SECONDS, **values}
    image = _find_picture(values.pop("picture", None), pictures)
    if isinstance(camera := values.get("camera"), str):
        values["camera"] = CAMERA_WORDS.get(" ".join(camera.lower().split()), camera)
    return check_shot(Shot(**values, image=image))


def _find_picture(number: object, pictures: Sequence[Path]) -> Path | None:
    """Return the picture with a number, counted from 1; None for None."""
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int):
        raise InvalidRequestError(
            f"The picture is {str(number)[:60]!r}, but it must be the number of a picture, 1 or "
            "higher."
        )
    if not 1 <= number <= len(pictures):
        raise InvalidRequestError(
            f"There is no picture {number}, because {len(pictures) or 'none'} came with the "
            "storyboard; add the picture, or remove its number."
        )
    return pictures[number - 1]

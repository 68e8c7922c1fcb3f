"""The pieces of given clips that a clip is cut from, in order: reads and checks them.

A piece is a `Shot` with a `video`. Whether it lies inside its clip is checked when that is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from pipeline.errors import InvalidRequestError
from pipeline.media.video_reader import MAX_SOURCE_SECONDS
from pipeline.planning.field_checks import check_choice, check_file, check_number, show
from pipeline.planning.request import Shot, Transition

MAX_PIECES = 120  # as many as the shots of a film
_TRANSITIONS: tuple[Transition, ...] = ("cut", "dissolve")
_KEYS = ("clip", "start", "end", "transition")


def parse_pieces(values: object, clips: Sequence[Path]) -> tuple[Shot, ...]:
    """Read pieces in JSON form: `[{"clip": 1, "start": 0, "end": 2.5, "transition": "dissolve"}]`.

    All keys may be left out: the clip is then the first one, the piece all of it, and the
    transition a cut. With no pieces at all, the clips follow one another whole. Raises
    InvalidRequestError, which names the piece.
    """
    if values is None or values == []:
        return tuple(Shot("", 0.0, video=clip) for clip in clips)
    if not isinstance(values, list):
        raise InvalidRequestError("The pieces must be a list, one for each piece of a clip.")
    shots = []
    for number, piece in enumerate(values, 1):
        try:
            shots.append(_read_piece(piece, clips))
        except InvalidRequestError as exc:
            raise InvalidRequestError(f"Piece {number}: {exc}") from exc
    _refuse_unused(clips, shots)
    return tuple(shots)


def check_pieces(shots: Sequence[Shot] | None) -> tuple[Shot, ...]:
    """Return pieces with checked values. Raises InvalidRequestError for the first wrong one."""
    if not shots:
        raise InvalidRequestError("There is no clip to cut; add at least one.")
    if len(shots) > MAX_PIECES:
        raise InvalidRequestError(
            f"There are {len(shots):,} pieces, but the limit is {MAX_PIECES}; join some first."
        )
    return tuple(_check_piece(shot) for shot in shots)


def span_of(shot: Shot, fps: Fraction) -> tuple[int, int]:
    """Return the first frame of a shot's span of a clip, and how many it has, one at least.

    With a duration of 0 it has none: how long the clip is, is not known here.
    """
    first = round(shot.start * fps)
    if not shot.duration:
        return first, 0
    return first, max(1, round((shot.start + shot.duration) * fps) - first)


def _check_piece(shot: Shot) -> Shot:
    if shot.prompt or shot.camera or shot.image is not None:
        raise InvalidRequestError(
            "A piece of a clip has no prompt, camera move or picture; leave them out."
        )
    return replace(
        shot,
        video=check_file("clip", shot.video),
        start=check_number("start", shot.start, 0, MAX_SOURCE_SECONDS),
        duration=check_number("duration", shot.duration, 0, MAX_SOURCE_SECONDS),
        transition=check_choice("transition", shot.transition, _TRANSITIONS),
    )


def _read_piece(values: object, clips: Sequence[Path]) -> Shot:
    if not isinstance(values, Mapping) or not set(values) <= set(_KEYS):
        raise InvalidRequestError(
            f"A piece must be a JSON object with no other keys than {', '.join(_KEYS)}."
        )
    number = values.get("clip", 1)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= len(clips):
        raise InvalidRequestError(
            f"The clip is {show(number)}, but it must be the number of a clip, from 1 to "
            f"{len(clips)}."
        )
    start = check_number("start", values.get("start", 0), 0, MAX_SOURCE_SECONDS)
    duration, end = 0.0, values.get("end")
    if end is not None:
        duration = check_number("end", end, 0, MAX_SOURCE_SECONDS) - start
        if duration <= 0:
            raise InvalidRequestError(
                f"The end is {end:g} s, but it must be after the start, {start:g} s."
            )
    transition = values.get("transition", "cut")
    return Shot("", duration, transition=transition, video=clips[number - 1], start=start)


def _refuse_unused(clips: Sequence[Path], shots: Sequence[Shot]) -> None:
    used = {shot.video for shot in shots}
    for number, clip in enumerate(clips, 1):
        if clip not in used:
            raise InvalidRequestError(f"No piece is of clip {number}; add one, or leave it out.")

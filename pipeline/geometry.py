"""Aspect ratios, picture sizes and frame counts: pure arithmetic.

Knows no model: a model's pixels, multiples and frame rate are arguments.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

ASPECT_RATIOS: dict[str, tuple[int, int]] = {
    "16:9": (16, 9),
    "9:16": (9, 16),
    "1:1": (1, 1),
    "4:3": (4, 3),
    "3:4": (3, 4),
    "21:9": (21, 9),
}
# A wrong shape is easier to notice than a slightly smaller picture, so ratio errors count twice.
_RATIO_WEIGHT = 2.0


class Size(NamedTuple):
    """A picture's width and height in pixels."""

    width: int
    height: int


def snap_size(aspect_ratio: float, *, num_pixels: int, multiple: int) -> Size:
    """Return the size nearest to an aspect ratio (width / height) and a number of pixels.

    Both sides are multiples of `multiple`. The nearest size has the least squares of the relative
    errors of the ratio (counted twice) and of the number of pixels.
    """
    ideal_width = math.sqrt(num_pixels * aspect_ratio)
    ideal_height = math.sqrt(num_pixels / aspect_ratio)

    def error(size: Size) -> float:
        ratio_error = math.log(size.width / size.height / aspect_ratio)
        pixel_error = math.log(size.width * size.height / num_pixels)
        return math.hypot(_RATIO_WEIGHT * ratio_error, pixel_error)

    return min(
        (
            Size(width, height)
            for width in _multiples_near(ideal_width, multiple)
            for height in _multiples_near(ideal_height, multiple)
        ),
        key=error,
    )


def _multiples_near(length: float, multiple: int) -> range:
    """List the two multiples on each side of a length; the smallest is one `multiple`."""
    below = math.floor(length / multiple)
    return range(max(1, below - 1) * multiple, (below + 2) * multiple + 1, multiple)


def nearest_aspect_ratio(width: int, height: int, names: Iterable[str] = ASPECT_RATIOS) -> str:
    """Return the name in `ASPECT_RATIOS`, of those in `names`, nearest to a picture's shape."""

    def error(name: str) -> float:
        columns, rows = ASPECT_RATIOS[name]
        return abs(math.log((width / height) / (columns / rows)))

    return min(names, key=error)


def snap_num_frames(duration: float, *, fps: float, temporal: int, chunk: int | None = None) -> int:
    """Return the smallest frame count `temporal` * k + 1 (k >= 1) that lasts `duration` seconds.

    With `chunk`, whole chunks of `chunk` latents may come before it; see `frames_for_latents`.
    """
    # Round away float error: 121 / 24 * 24 is slightly more than 121.
    num_frames = math.ceil(round(duration * fps, 6))
    num_whole = 0
    if chunk:
        whole = frames_for_latents(chunk, temporal=temporal)
        num_whole = (num_frames - 1) // whole * whole
    num_groups = math.ceil((num_frames - num_whole - 1) / temporal)
    return num_whole + max(0 if num_whole else 1, num_groups) * temporal + 1


def latents_for_frames(num_frames: int, *, temporal: int, chunk: int | None = None) -> int:
    """Count the latents of `temporal` * k + 1 frames: the first latent holds one frame.

    With `chunk`, whole chunks of `chunk` latents may come before them; see `frames_for_latents`.
    """
    num_chunks, num_frames_left = 0, num_frames
    if chunk and num_frames > 0:
        whole = frames_for_latents(chunk, temporal=temporal)
        num_chunks = (num_frames - 1) // whole
        num_frames_left -= num_chunks * whole
    num_groups, rest = divmod(num_frames_left - 1, temporal)
    if num_frames < 1 or rest:
        raise ValueError(f"{num_frames} frames are not {temporal} * k + 1")
    return num_chunks * (chunk or 0) + num_groups + 1


def frames_for_latents(
    num_latents: int, *, temporal: int, follows_others: bool = False, chunk: int | None = None
) -> int:
    """Count the frames of some latents; latents that follow others hold `temporal` frames each.

    With `chunk`, every `chunk` latents are encoded separately, so the first latent of each chunk
    holds one frame.
    """
    num_single = math.ceil(num_latents / chunk) if chunk else int(not follows_others)
    return num_latents * temporal - num_single * (temporal - 1)


def crop_box(width: int, height: int, aspect_ratio: float) -> tuple[int, int, int, int]:
    """Return the largest centred box (left, top, right, bottom) of an aspect ratio in a picture."""
    crop_width = max(1, min(width, round(height * aspect_ratio)))
    crop_height = max(1, min(height, round(width / aspect_ratio)))
    left = (width - crop_width) // 2
    top = (height - crop_height) // 2
    return left, top, left + crop_width, top + crop_height

"""What the model lacks of a given frame, laid over the new frames next to it so that no join shows.

The model gives back a given frame almost, not exactly. What is lacking (the residual) is added to
the new frames next to the join and fades out, so that neither sharpness nor colour jumps. Over what
moves it would stay behind and hold the picture: there it gives way, as far as makes the step into
the join as large as those round it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from math import ceil

import numpy as np
from PIL import Image, ImageFilter

FADE_SECONDS = 0.4
NUM_LOOKED_AT = 4  # steps from frame to frame on either side of a join
# How much may have changed, as a share of what is lacking, for the residual to stay.
_TOLERANCES = (np.inf, *(2 ** np.arange(3, -3.5, -0.5)).tolist())
_SPARSE = 2  # pixels: every so many, across and down, are looked at to choose one
_REACH = 5  # pixels round what changes that count as changing


@dataclass(frozen=True)
class Join:
    """A given frame (H, W, 3) uint8 next to new ones, and as the model gives it back.

    `step` is how much the given frames beside it change, in grey levels, in the time from one new
    frame to the next that is another; None if there is one only.
    """

    given: np.ndarray
    decoded: np.ndarray
    step: float | None = None

    @property
    def lacking(self) -> np.ndarray:
        """What the model lacks: (H, W, 3) int16."""
        return self.given.astype(np.int16) - self.decoded.astype(np.int16)


def mean_step(frames: Sequence[np.ndarray]) -> float | None:
    """Return how much frames change from one to the next, in grey levels; None if there is one."""
    steps = [_difference(a, b).mean() for a, b in pairwise(frames)]
    return float(np.mean(steps)) if steps else None


def fade_weights(num_frames: int, fps: float) -> np.ndarray:
    """Return each new frame's share of the residual: 1 at the join, 0 after FADE_SECONDS.

    A cosine: where it starts it hardly changes, so that the join is no larger a step than others.
    """
    distance = np.arange(1, num_frames + 1) / (FADE_SECONDS * fps + 1)
    return (1 + np.cos(np.pi * distance.clip(0, 1))) / 2


def go_on_from(join: Join, frames: Iterable[np.ndarray], fps: float) -> Iterator[np.ndarray]:
    """Add what is lacking to a stream of frames (H, W, 3) that follow a join.

    A frame that is shown again is best the same array: few of them are held.
    """
    frames = iter(frames)
    near = list(islice(frames, _num_near(fps)))
    yield from _add_lacking(join, near, fps, range(len(near)))
    del near
    yield from frames


def lead_up_to(join: Join, frames: Iterable[np.ndarray], fps: float) -> Iterator[np.ndarray]:
    """Add what is lacking to a stream of frames (H, W, 3) that a join follows."""
    near: deque[np.ndarray] = deque()
    for frame in frames:
        near.append(frame)
        if len(near) > _num_near(fps):
            yield near.popleft()
    yield from _add_lacking(join, list(reversed(near)), fps, range(len(near) - 1, -1, -1))


def _num_near(fps: float) -> int:
    return max(ceil(FADE_SECONDS * fps), NUM_LOOKED_AT + 1)


def _add_lacking(
    join: Join, near: Sequence[np.ndarray], fps: float, order: Iterable[int]
) -> Iterator[np.ndarray]:
    """Yield, in an order, the frames next to a join, the nearest first, with its residual added."""
    weights, lacking = fade_weights(len(near), fps), join.lacking
    changes = list(_changes(join.decoded, near))
    much = 1 + _widen(_difference(join.given, join.decoded)).astype(np.float32)

    def add(index: int, tolerance: float, every: int = 1) -> np.ndarray:
        if not weights[index]:
            return near[index][::every, ::every]
        frame, change, lack, scale = (
            x[::every, ::every] for x in (near[index], changes[index], lacking, much)
        )
        share = np.float32(weights[index]) * np.exp(-np.square(change / (tolerance * scale)))
        return (frame + share[..., None] * lack).round().clip(0, 255).astype(np.uint8)

    # A frame that is shown again is no step.
    fresh = [i for i, frame in enumerate(near) if not i or (frame != near[i - 1]).any()]
    fresh, given = fresh[: NUM_LOOKED_AT + 1], join.given[::_SPARSE, ::_SPARSE]

    def unevenness(tolerance: float) -> float:
        first, *later = (add(index, tolerance, _SPARSE) for index in fresh)
        around = [mean_step([first, *later]), join.step]
        others = np.mean([step for step in around if step is not None] or [0.0])
        return abs(mean_step([given, first]) - others)

    if near:
        tolerance = min(_TOLERANCES, key=unevenness)
    for index in order:
        yield add(index, tolerance)


def _changes(decoded: np.ndarray, near: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield how much each place has changed at most since the join, (H, W) in grey levels."""
    most = None
    for before, frame in pairwise((decoded, *near)):
        if frame is not before:
            change = _widen(_difference(before, frame))
            most = change if most is None else np.maximum(most, change)
        elif most is None:
            most = np.zeros(frame.shape[:2], np.uint8)
        yield most


def _widen(difference: np.ndarray) -> np.ndarray:
    """Return how much frames differ (H, W, 3) in each place or near it: (H, W) uint8."""
    most = Image.fromarray(difference.max(-1)).filter(ImageFilter.MaxFilter(_REACH))
    return np.asarray(most.filter(ImageFilter.BoxBlur(_REACH // 2)))


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return by how much two frames differ: (H, W, 3) uint8."""
    return np.maximum(a, b) - np.minimum(a, b)

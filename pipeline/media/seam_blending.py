"""Hides seams: blends the reconstruction error of a given frame into the new frames beside it.

The error (the residual) is added to the new frames next to the seam and fades out, so that neither
sharpness nor colour jumps. It is reduced where the picture moves, because it does not move along.
A small difference at the seam may be motion, or noise of a still area; noise counts as error too.
Which of the two, and how far the residual is reduced, is chosen so that the step into the seam is
as large as the steps around it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from math import ceil

import numpy as np
from PIL import Image, ImageFilter

FADE_SECONDS = 0.4
NUM_LOOKED_AT = 4  # steps from frame to frame on either side of a seam
# How much may have changed, as a share of what is lacking, for the residual to stay.
_TOLERANCES = (np.inf, *(2 ** np.arange(3, -3.5, -0.5)).tolist())
_SPARSE = 2  # pixels: every so many, across and down, are looked at to choose one
_REACH = 5  # pixels round what changes that count as changing


@dataclass(frozen=True)
class Seam:
    """A given frame (H, W, 3) uint8 next to new ones, and as the model gives it back.

    `step` is how much the given frames beside it change, in grey levels, in the time from one new
    frame to the next that is another; None if there is one only.
    """

    given: np.ndarray
    decoded: np.ndarray
    step: float | None = None


def mean_step(frames: Sequence[np.ndarray] | np.ndarray) -> float | None:
    """Return how much frames change from one to the next, in grey levels; None if there is one."""
    steps = [_difference(a, b).mean() for a, b in pairwise(frames)]
    return float(np.mean(steps)) if steps else None


def fade_weights(num_frames: int, fps: float | Fraction) -> np.ndarray:
    """Return each new frame's share of the residual: 1 at the seam, 0 after FADE_SECONDS.

    A cosine: where it starts it hardly changes, so that the seam is no larger a step than others.
    """
    distance = np.arange(1, num_frames + 1) / (FADE_SECONDS * fps + 1)
    return (1 + np.cos(np.pi * distance.clip(0, 1))) / 2


def blend_after(
    seam: Seam, frames: Iterable[np.ndarray], fps: float | Fraction
) -> Iterator[np.ndarray]:
    """Add what is lacking to a stream of frames (H, W, 3) that follow a seam.

    A frame that is shown again is best the same array: few of them are held.
    """
    frames = iter(frames)
    near = list(islice(frames, _num_near(fps)))
    yield from _blend(seam, near, fps, range(len(near)))
    del near
    yield from frames


def blend_before(
    seam: Seam, frames: Iterable[np.ndarray], fps: float | Fraction
) -> Iterator[np.ndarray]:
    """Add what is lacking to a stream of frames (H, W, 3) that a seam follows."""
    near: deque[np.ndarray] = deque()
    for frame in frames:
        near.append(frame)
        if len(near) > _num_near(fps):
            yield near.popleft()
    yield from _blend(seam, list(reversed(near)), fps, range(len(near) - 1, -1, -1))


def _num_near(fps: float | Fraction) -> int:
    return max(ceil(FADE_SECONDS * fps), NUM_LOOKED_AT + 1)


def _blend(
    seam: Seam, near: Sequence[np.ndarray], fps: float | Fraction, order: Iterable[int]
) -> Iterator[np.ndarray]:
    """Yield, in an order, the frames next to a seam, the nearest first, with its residual added."""
    if not near:
        return
    weights = fade_weights(len(near), fps).astype(np.float32)
    blends = [
        _Blend(residual, tolerance, near, weights)
        for residual in _residuals(seam, near)
        for tolerance in _TOLERANCES
    ]
    best = min(blends, key=lambda blend: _unevenness(blend, seam))
    for index in order:
        yield best.frame(index)


def _residuals(seam: Seam, near: Sequence[np.ndarray]) -> Iterator[_Residual]:
    """Yield the residual if the small differences at a seam are motion, and if they are not."""
    later = list(_changes(near))
    moved = _Residual.of(seam.given, seam.decoded, near[0], later)
    yield moved
    at_rest = _show_at_rest(seam.decoded, near[0], moved)
    yield _Residual.of(seam.given, at_rest, near[0], later)


def _unevenness(blend: _Blend, seam: Seam) -> float:
    """Return by how much the step into the seam differs from the steps around it."""
    near = blend.near
    # A frame that is shown again is no step.
    fresh = [i for i, frame in enumerate(near) if not i or (frame != near[i - 1]).any()]
    first, *later = (blend.frame(index, _SPARSE) for index in fresh[: NUM_LOOKED_AT + 1])
    around = [mean_step([first, *later]), seam.step]
    others = np.mean([step for step in around if step is not None] or [0.0])
    return abs(_difference(seam.given[::_SPARSE, ::_SPARSE], first).mean() - others)


@dataclass(frozen=True)
class _Residual:
    """What is lacking (H, W, 3) int16, how much that is around each pixel, and what changes there.

    `first` is how much the first new frame differs, `later` how much each has changed since: (H, W)
    in grey levels.
    """

    lacking: np.ndarray
    much: np.ndarray
    first: np.ndarray
    later: Sequence[np.ndarray]

    @classmethod
    def of(
        cls, given: np.ndarray, shown: np.ndarray, first: np.ndarray, later: Sequence[np.ndarray]
    ) -> _Residual:
        """Measure it where the model shows a given frame before the first new one."""
        lacking = given.astype(np.int16) - shown
        much = 1 + _widen(_difference(given, shown)).astype(np.float32)
        return cls(lacking, much, _widen(_difference(shown, first)), later)


@dataclass(frozen=True)
class _Blend:
    """One way to add a residual to frames: it gives way where more than `tolerance` changes."""

    residual: _Residual
    tolerance: float
    near: Sequence[np.ndarray]  # (H, W, 3) uint8, the nearest to the seam first
    weights: np.ndarray

    def frame(self, index: int, every: int = 1) -> np.ndarray:
        """Return every so many pixels of a frame, and what is lacking where little changes."""
        weight, residual = self.weights[index], self.residual
        if not weight:
            return self.near[index][::every, ::every]
        sources = (self.near[index], residual.lacking, residual.much, residual.first)
        frame, lacking, much, first = (x[::every, ::every] for x in sources)
        change = np.maximum(first, residual.later[index][::every, ::every])
        share = weight * np.exp(-np.square(change / (self.tolerance * much)))
        return (frame + share[..., None] * lacking).round().clip(0, 255).astype(np.uint8)


def _show_at_rest(decoded: np.ndarray, first: np.ndarray, residual: _Residual) -> np.ndarray:
    """Return how the model shows the given frame if what differs little in the first rests."""
    share = np.exp(-np.square(residual.first / residual.much))[..., None]
    return (decoded + share * (first - decoded.astype(np.int16))).round().astype(np.uint8)


def _changes(near: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield how much each place has changed at most since the first of the frames, (H, W)."""
    most = np.zeros(near[0].shape[:2], np.uint8)
    for before, frame in pairwise((near[0], *near)):
        if frame is not before:
            most = np.maximum(most, _widen(_difference(before, frame)))
        yield most


def _widen(difference: np.ndarray) -> np.ndarray:
    """Return how much frames differ (H, W, 3) in each place or near it: (H, W) uint8."""
    most = Image.fromarray(difference.max(-1)).filter(ImageFilter.MaxFilter(_REACH))
    return np.asarray(most.filter(ImageFilter.BoxBlur(_REACH // 2)))


def _difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return by how much two frames differ: (H, W, 3) uint8."""
    return np.maximum(a, b) - np.minimum(a, b)

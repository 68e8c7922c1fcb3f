"""Measures a long clip, and the shorter clips that it starts with.

A shot's windows, seeds and latents do not depend on how many windows follow: the first frames of a
long clip are the shorter clip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.models.spec import ModelSpec
from pipeline.planning.plan import Plan
from training.measures.drift import Looks, read_looks
from training.measures.joins import colour_jump, flow_jump, seam_ratio
from training.measures.motion import dynamic_degree

JOIN_MEASURES: dict[str, Callable[[np.ndarray, int], float]] = {
    "step ratio": seam_ratio,
    "colour jump": colour_jump,
    "flow jump": flow_jump,
}
# From a join to a border of two latent frames in the middle of its window, out of each other's
# reach: what is seen there too is not the join's doing.
_TO_MIDDLE = 16


@dataclass(frozen=True)
class Reading:
    """What was measured of a clip: by name at each join, and in the middle of the window after it.

    Then its looks, and its dynamic degree by count of windows.
    """

    joins: dict[str, list[float]]
    middles: dict[str, list[float]]
    looks: Looks
    degrees: dict[int, float]


def seconds_of(num_windows: int, spec: ModelSpec) -> float:
    """Return how long a shot of so many full windows lasts."""
    num_later = spec.window_latents - spec.overlap_latents
    num_latents = spec.window_latents + (num_windows - 1) * num_later
    return ((num_latents - 1) * spec.temporal + 1) / spec.fps


def window_joins(plan: Plan) -> list[int]:
    """Return the numbers of the first frames of all windows but the first."""
    windows = plan.shots[0].windows
    return [8 * window.start_latent - 7 for window in windows[1:]]


def read_long_clip(
    frames: np.ndarray, joins: Sequence[int], spec: ModelSpec, counts: Sequence[int]
) -> Reading:
    """Measure frames (F, H, W, 3) uint8, whose windows begin at `joins`, for counts of windows."""
    small = frames[:, ::2, ::2]
    ends = {count: round(seconds_of(count, spec) * spec.fps) for count in counts}
    return Reading(
        _read_at(frames, joins),
        _read_at(frames, [join + _TO_MIDDLE for join in joins]),
        read_looks(frames, spec.fps),
        {count: dynamic_degree(small[:end]) for count, end in ends.items()},
    )


def _read_at(frames: np.ndarray, positions: Sequence[int]) -> dict[str, list[float]]:
    return {name: [read(frames, x) for x in positions] for name, read in JOIN_MEASURES.items()}

"""What is read off a long clip and the shorter ones it begins with, and the tables made of it.

A shot's windows, seeds and latents do not depend on how many windows follow: the first frames of a
long clip are the shorter clip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.models import ModelSpec
from pipeline.plan import Plan
from training.measures.drift import LOOKS, Looks, read_looks
from training.measures.joins import colour_jump, flow_jump, seam_ratio
from training.measures.motion import dynamic_degree

MAX_DRIFT = 0.02
JOIN_MEASURES: dict[str, Callable[[np.ndarray, int], float]] = {
    "step ratio": seam_ratio,
    "colour jump": colour_jump,
    "flow jump": flow_jump,
}
# Inside which percentiles of the truth a join has to be: a ratio can be too small, a jump cannot.
_BANDS = {"step ratio": (5, 95), "colour jump": (0, 95), "flow jump": (0, 95)}
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


def bands_of(truths: Sequence[Reading]) -> dict[str, tuple[float, float]]:
    """Return between which values rendered clips lie, where joins would be and between them."""
    bands = {}
    for name, shares in _BANDS.items():
        values = [x for truth in truths for x in (*truth.joins[name], *truth.middles[name])]
        low, high = np.percentile(values, shares)
        bands[name] = (float(low) if shares[0] else -np.inf, float(high))
    return bands


def summarize_joins(
    readings: Sequence[Reading], num_windows: int, bands: dict[str, tuple[float, float]]
) -> dict[str, object]:
    """Return the shares inside the bands, and the medians, of the joins of so many windows.

    Beside them the shares inside in the middles of the windows, where nothing is joined.
    """
    num_joins = num_windows - 1
    figures: dict[str, object] = {"joins": num_joins * len(readings)}
    everywhere = []
    for name, (low, high) in bands.items():
        joins = np.array([reading.joins[name][:num_joins] for reading in readings])
        middles = np.array([reading.middles[name][:num_joins] for reading in readings])
        inside = (low <= joins) & (joins <= high)
        everywhere.append(inside)
        figures[name] = {
            "inside": _rounded(inside.mean()),
            "inside in mid-window": _rounded(((low <= middles) & (middles <= high)).mean()),
            "median": _rounded(np.median(joins)),
            "median in mid-window": _rounded(np.median(middles)),
        }
    figures["inside all"] = _rounded(np.all(everywhere, axis=0).mean())
    return figures


def summarize_drift(
    readings: Sequence[Reading], truths: Sequence[Reading], num_windows: int, spec: ModelSpec
) -> dict[str, object]:
    """Return medians of the drift over so many windows, alone and beyond that of the renders."""
    seconds = seconds_of(num_windows, spec)
    looks = [reading.looks.first(seconds) for reading in readings]
    pairs = list(zip(looks, (truth.looks.first(seconds) for truth in truths), strict=True))
    figures: dict[str, object] = {"clips": len(readings), "seconds": _rounded(seconds)}
    for name in LOOKS:
        figures[name] = {
            "drift": _median(look.drift(name) for look in looks),
            "beyond render": _median(look.drift(name, truth) for look, truth in pairs),
            "slope a minute": _median(abs(look.slope(name)) for look in looks),
        }
    figures["colour, Delta E"] = {
        "drift": _median(look.drift("colour") for look in looks),
        "beyond render": _median(look.drift("colour", truth) for look, truth in pairs),
    }
    small = [max(look.drift(name, truth) for name in LOOKS) <= MAX_DRIFT for look, truth in pairs]
    figures[f"clips with no drift above {MAX_DRIFT} beyond render"] = _rounded(np.mean(small))
    degrees = [reading.degrees[num_windows] for reading in readings]
    figures["dynamic degree"] = _median(degrees)
    return figures


def table_of(figures: dict[str, object]) -> str:
    """Return the figures as a table in Markdown, a row for each way and count of windows."""
    lines = [
        "| windows | handed over | joins in the band: step / colour / flow | mid-window | "
        "drift of saturation / contrast / sharpness | colour drift, ΔE | dynamic degree |",
        "|---|---|---|---|---|---|---|",
    ]
    for count, ways in figures["windows"].items():
        for way, row in ways.items():
            drift = row["drift"]
            cells = [
                *(count, way),
                _shares(row["joins"], "inside"),
                _shares(row["joins"], "inside in mid-window"),
                " / ".join(_told(drift[name]) for name in LOOKS),
                _told(drift["colour, Delta E"], digits=1),
                f"{drift['dynamic degree']:.1f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shares(joins: dict[str, dict[str, float]], name: str) -> str:
    return " / ".join(f"{100 * joins[measure][name]:.0f} %" for measure in JOIN_MEASURES)


def _told(drift: dict[str, float], digits: int = 3) -> str:
    """Tell the drift and, in brackets, what of it goes beyond the render's."""
    return f"{drift['drift']:.{digits}f} ({drift['beyond render']:.{digits}f})"


def _median(values: Sequence[float]) -> float:
    return _rounded(np.median(list(values)))


def _rounded(value: float) -> float:
    return round(float(value), 4)

"""Compares ways of making the same clips: their measurements, as figures and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.models.spec import ModelSpec
from training.evaluation.long_clips import JOIN_MEASURES, Reading, seconds_of
from training.measures.drift import LOOKS

MAX_DRIFT = 0.02
# Inside which percentiles of the truth a join has to be: a ratio can be too small, a jump cannot.
_BANDS = {"step ratio": (5, 95), "colour jump": (0, 95), "flow jump": (0, 95)}
_LEGEND = """\
`training.compare_handovers`, {clips} clips a row, medians. Drift is the last 15 % of a clip less
the first; in brackets, what of it the same scene does not do when it is rendered. The band has 5 to
95 % of the renders' steps, and of their jumps all but the largest 5 %. In mid-window nothing is
joined: what is seen there too is not a join's doing.
"""


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
    ways = next(iter(figures["windows"].values()))
    clips = next(iter(ways.values()))["drift"]["clips"]
    lines = [
        _LEGEND.format(clips=clips),
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


def _median(values: Iterable[float]) -> float:
    return _rounded(np.median(list(values)))


def _rounded(value: float) -> float:
    return round(float(value), 4)

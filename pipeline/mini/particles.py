"""Rain, snow, bubbles and falling leaves: where they are at a time, behind the bodies or before."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np

from pipeline.mini.light import WALLED, Colour
from pipeline.mini.scene import Scene
from pipeline.mini.tables import PERIOD_SECONDS

_LEAVES: tuple[Colour, ...] = ((232, 128, 40), (214, 84, 44), (240, 180, 60))
_PETALS: tuple[Colour, ...] = ((255, 196, 220), (255, 226, 236), (250, 170, 204))
_COUNT = 30  # of each of the two
_SCALES = (0.75, 1.0, 1.3)  # of three sizes that take turns


@dataclass(frozen=True)
class Particles:
    """Strokes with round ends of one width and colour, from (N, 2) to (N, 2) in pixels."""

    starts: np.ndarray
    ends: np.ndarray
    width: float
    colour: Colour
    cover: float


def particles_at(
    scene: Scene, width: int, height: int, time: float, *, is_behind: bool
) -> list[Particles]:
    """Return what falls or rises through a picture at a time; it wraps just outside of it."""
    if scene.place in (*WALLED, "space", "moonscape"):
        return []
    spots = np.random.default_rng((scene.seed, 2 + is_behind)).uniform(size=(_COUNT, 3))
    size, unit = (width, height), min(width, height) * (0.75 if is_behind else 1.15)
    if scene.place == "underwater":
        points = _pass(spots, time, (-1, -2), 0.01, size)[::2]
        return _dots(points, 0.018 * unit, ((220, 246, 255),), 0.6)
    if scene.weather == "rain":
        return [_rain(spots, time, unit, size)]
    if scene.weather == "snow":
        points = _pass(spots, time, (1, 2), 0.02, size)
        return _dots(points, 0.026 * unit, ((255, 255, 255),), 0.95)
    if scene.season in ("autumn", "spring"):
        colours = _LEAVES if scene.season == "autumn" else _PETALS
        return _dots(_pass(spots, time, (1, 1), 0.05, size)[::3], 0.024 * unit, colours, 1.0)
    return []


def _pass(
    spots: np.ndarray, time: float, falls: tuple[int, int], sway: float, size: tuple[int, int]
) -> np.ndarray:
    """Return where particles (N, 2) are: whole falls in a period, so that all repeats."""
    x, y, z = spots.T
    down = y + np.where(z < 0.5, *falls) * time / PERIOD_SECONDS
    across = x + sway * np.sin(2 * pi * (0.25 * time + x))
    return np.stack([(across % 1) * 1.1 - 0.05, (down % 1) * 1.24 - 0.12], 1) * size


def _rain(spots: np.ndarray, time: float, unit: float, size: tuple[int, int]) -> Particles:
    x, y, z = spots.T
    down = y + np.where(z < 0.5, 6, 7) * time / PERIOD_SECONDS
    across = x - time / PERIOD_SECONDS
    points = np.stack([(across % 1) * 1.1 - 0.05, (down % 1) * 1.24 - 0.12], 1) * size
    tails = points + np.array([0.024, -0.1]) * unit
    return Particles(points, tails, 0.011 * unit, (226, 236, 250), 0.55)


def _dots(
    points: np.ndarray, diameter: float, colours: tuple[Colour, ...], cover: float
) -> list[Particles]:
    return [
        Particles(some, some, diameter * scale, colours[index % len(colours)], cover)
        for index, scale in enumerate(_SCALES)
        for some in (points[index::3],)
    ]

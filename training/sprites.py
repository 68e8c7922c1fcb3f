"""Draws what the painter learns: bodies and props alone, in any look, at any time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import skia

from pipeline.mini.lands import ALIVE, COLOURS_OF, LANDS, Row
from pipeline.mini.painter import ABOVE, BODY_PIXELS, CELL, Canvas, canvas_of
from pipeline.mini.scene import Look
from pipeline.mini.tables import ATTRIBUTES, NATURAL, OF_PEOPLE, PEOPLE, PERIOD_SECONDS
from training.actors import cast_actor
from training.props import PROPS
from training.subjects import SUBJECTS
from training.subjects.palette import Palette
from training.world import prop_palette

_UNIT = 288  # pixels: a picture's shorter side
_SPARE = 1.25  # so much larger than they are seen are props painted, for zooms
_MIN_PIXELS, _MAX_PIXELS = 24, 176
_LENS = 0.8  # pixels: no finer than the grid can show; the picture's own lens comes on top
VALUE_NAMES = ("colour", "time", "style", "season", "emotion", *OF_PEOPLE)
_SEASONAL = ("round tree", "fir", "far fir", "bush", "grass", "hedge", "cottage")
_MOST_ABOVE = 1.0  # heights of a prop that it reaches above its own, as a lamp's cord does
_MARGIN = 14  # pixels beyond what a census has seen


@dataclass(frozen=True)
class Sight:
    """A kind in one look at one time; a look is a value for each of `VALUE_NAMES` or None."""

    kind: str
    look: tuple[tuple[str, str | None], ...]
    seconds: float


def all_kinds() -> list[str]:
    """List bodies, then props."""
    return [*SUBJECTS, *PROPS]


@lru_cache(maxsize=1024)
def _palette(kind: str, look: tuple[tuple[str, str | None], ...]) -> Palette:
    values = dict(look)
    if kind in PROPS:
        return prop_palette(
            kind, values["colour"], values["time"], values["style"], values["season"]
        )
    return cast_actor(Look(subject=kind, weather="clear", **values)).palette


def draw_sight(sight: Sight, canvas_size: Canvas) -> np.ndarray:
    """Draw a kind without background: (H, W, 4) uint8, premultiplied RGB and alpha."""
    height, width = canvas_size.size
    pixels = np.zeros((height, width, 4), np.uint8)
    surface = skia.Surface(pixels, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
    canvas = surface.getCanvas()
    blur = skia.ImageFilters.Blur(_LENS, _LENS, skia.TileMode.kDecal)
    canvas.saveLayer(None, skia.Paint(ImageFilter=blur))
    canvas.translate(*canvas_size.foot)
    canvas.scale(canvas_size.pixels, canvas_size.pixels)
    draw = PROPS[sight.kind].draw if sight.kind in PROPS else SUBJECTS[sight.kind].draw
    draw(canvas, _palette(sight.kind, sight.look), sight.seconds)
    canvas.restore()
    return pixels


def draw_look(kind: str, rng: np.random.Generator) -> Sight:
    """Draw a random look of a kind: only what can be seen on it varies."""
    values: dict[str, str | None] = dict.fromkeys(VALUE_NAMES)
    values["time"] = str(rng.choice(ATTRIBUTES["time"]))
    if kind in PROPS:
        values["colour"] = str(rng.choice(COLOURS_OF.get(kind, (NATURAL,))))
        values["style"] = "flat"  # props have no contours: styles are laid over them
        if kind in _SEASONAL:
            values["season"] = str(rng.choice(ATTRIBUTES["season"]))
        is_still = kind not in ALIVE and kind != "cloud"
        return Sight(kind, tuple(values.items()), 0.0 if is_still else _draw_clock(rng))
    values["colour"] = NATURAL if rng.random() < 0.3 else str(rng.choice(ATTRIBUTES["colour"]))
    # The pastel style leaves bodies as they are.
    values["style"] = str(rng.choice(["flat", "comic", "papercut"], p=[0.5, 0.25, 0.25]))
    if kind == "child" and rng.random() < 0.9:
        values["emotion"] = str(rng.choice(ATTRIBUTES["emotion"]))
    if kind in PEOPLE:
        values |= {name: str(rng.choice(ATTRIBUTES[name])) for name in OF_PEOPLE}
    return Sight(kind, tuple(values.items()), _draw_clock(rng))


def _draw_clock(rng: np.random.Generator) -> float:
    return float(rng.uniform(0, PERIOD_SECONDS))


def _pixels_of(kind: str) -> int:
    """Return how high a kind is painted, by how high it is seen."""
    if kind in SUBJECTS:
        return BODY_PIXELS
    rows = (item for land in LANDS.values() for item in land if isinstance(item, Row))
    tallest = max((row.height[1] for row in rows if kind in row.kinds), default=0.3)
    return round(min(max(_SPARE * tallest * _UNIT, _MIN_PIXELS), _MAX_PIXELS))


@dataclass(frozen=True)
class Census:
    """The canvas of a kind, the places of the cells it is seen in, and how much each varies."""

    canvas: Canvas
    places: np.ndarray  # (M,)
    variety: np.ndarray  # (M,), mean deviation of a pixel of the cell over sights and space


def take_census(kind: str, num_sights: int = 48) -> Census:
    """Look at a kind in many looks and times."""
    rng = np.random.default_rng(83)
    pixels = _pixels_of(kind)
    wide = canvas_of(pixels, 12.0, above=_MOST_ABOVE)
    sights = list(_census_sights(kind, rng, num_sights))
    reach, above = 0.0, ABOVE
    for sight in sights:
        is_seen = draw_sight(sight, wide)[..., 3] > 0
        columns, rows = np.flatnonzero(is_seen.any(0)), np.flatnonzero(is_seen.any(1))
        if len(columns):
            (x, y), margin = wide.foot, _MARGIN / pixels
            reach = max(reach, x - columns[0], columns[-1] - x)
            above = max(above, (y - rows[0]) / pixels - 1 + margin)
    above = ABOVE if kind in SUBJECTS else min(above, _MOST_ABOVE)
    canvas = canvas_of(pixels, 2 * (reach + _MARGIN) / pixels, above)
    cells = np.stack([cut_cells(draw_sight(sight, canvas)) for sight in sights]).astype(np.float32)
    is_used = cells[:, :, 3].max((0, 2, 3)) > 0
    variety = cells.std(0).mean((1, 2, 3)) + cells.std((3, 4)).mean((0, 2))
    return Census(canvas, np.flatnonzero(is_used), variety[is_used])


def _census_sights(kind: str, rng: np.random.Generator, count: int) -> Iterator[Sight]:
    """Draw looks at times that are spread evenly, the widest style among them."""
    for index in range(count * (4 if kind in PEOPLE else 1)):
        sight = draw_look(kind, rng)
        seconds = PERIOD_SECONDS * index / count % PERIOD_SECONDS if sight.seconds else 0.0
        values = dict(sight.look)
        if kind in SUBJECTS and index % 2:
            values["style"] = "papercut"
        yield Sight(kind, tuple(values.items()), seconds)


def cut_cells(sprite: np.ndarray) -> np.ndarray:
    """Cut a sprite (H, W, 4) into its cells (N, 4, 16, 16), row by row."""
    rows, columns = (side // CELL for side in sprite.shape[:2])
    cells = sprite.reshape(rows, CELL, columns, CELL, 4).transpose(0, 2, 4, 1, 3)
    return cells.reshape(-1, 4, CELL, CELL)

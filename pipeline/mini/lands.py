"""What stands where in a land: grounds, and rows of props, laid out anew for every seed.

A land has four layers that move apart under a pan: sky or wall, far, middle and near. Its lines are
closed form and its props are sprites, so that no two seeds look the same and every view is sharp.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import pi

import numpy as np

SKY, FAR, MIDDLE, NEAR = range(4)
_WAVES = (2, 3, 5)  # a ground's line is a sum of as many waves over its period
_ABOVE = -3.0  # a depth above any picture: what begins there is a wall


@dataclass(frozen=True)
class Ground:
    """Everything below a line; depth is 0 at the horizon and 1 at the picture's lower edge."""

    layer: int
    depth: float
    swell: float = 0.0  # height of its waves in units: a unit is the picture's shorter side
    lift: float = 0.0  # of the line, in units


@dataclass(frozen=True)
class Row:
    """Props of some kinds, about every `spacing` units, on the ground before it or at a depth."""

    layer: int
    kinds: tuple[str, ...]
    spacing: float
    height: tuple[float, float]  # in units
    depth: float | None = None
    lift: float = 0.0
    drop: float = 0.0  # how far below the line they may stand, in units
    share: float = 1.0  # of the places that are taken
    is_even: bool = False  # without gaps


Item = Ground | Row

_CLOUDS = Row(SKY, ("cloud",), 0.8, (0.1, 0.17), depth=-0.75, drop=0.16, share=0.75)
_WALL = Ground(NEAR, _ABOVE)
LANDS: dict[str, tuple[Item, ...]] = {
    "meadow": (
        _CLOUDS, Ground(FAR, 0, 0.1, 0.1), Ground(MIDDLE, 0, 0.07),
        Row(MIDDLE, ("round tree",), 0.6, (0.24, 0.36), drop=0.04),
        Ground(NEAR, 0.28, 0.05), Row(NEAR, ("small flower", "grass"), 0.2, (0.06, 0.1), drop=0.3),
    ),
    "forest": (
        _CLOUDS, Ground(FAR, 0, 0.04, 0.04), Row(FAR, ("far fir",), 0.13, (0.38, 0.52)),
        Ground(MIDDLE, 0.1, 0.03), Row(MIDDLE, ("fir", "fir", "round tree"), 0.26, (0.4, 0.58),
                                       drop=0.04),
        Ground(NEAR, 0.3, 0.03), Row(NEAR, ("bush", "small mushroom", "grass"), 0.4, (0.08, 0.15),
                                     drop=0.12),
    ),
    "beach": (
        _CLOUDS, Ground(FAR, 0), Row(FAR, ("islet",), 1.5, (0.06, 0.1), depth=0, share=0.6),
        Row(MIDDLE, ("ripple",), 0.3, (0.02, 0.03), depth=0.1, drop=0.12),
        Ground(NEAR, 0.4, 0.025), Ground(NEAR, 0.46, 0.025),
        Row(NEAR, ("palm",), 1.0, (0.45, 0.6), drop=0.04, share=0.7),
        Row(NEAR, ("shell", "pebble"), 0.5, (0.03, 0.05), drop=0.26),
    ),
    "desert": (
        _CLOUDS, Ground(FAR, 0, 0.14, 0.06), Ground(MIDDLE, 0.08, 0.1),
        Row(MIDDLE, ("cactus",), 0.75, (0.2, 0.28), drop=0.03), Ground(NEAR, 0.32, 0.05),
        Row(NEAR, ("cactus",), 1.1, (0.3, 0.42)),
        Row(NEAR, ("pebble",), 0.5, (0.04, 0.07), drop=0.2),
    ),
    "mountains": (
        _CLOUDS, Row(FAR, ("peak",), 0.34, (0.5, 0.85), depth=0.45), Ground(MIDDLE, 0.05, 0.09),
        Row(MIDDLE, ("fir",), 0.5, (0.16, 0.26), drop=0.05, share=0.6),
        Ground(NEAR, 0.3, 0.04), Row(NEAR, ("rock",), 0.45, (0.08, 0.16), drop=0.1),
    ),
    "city": (
        _CLOUDS, Row(FAR, ("far block",), 0.15, (0.36, 0.6), depth=0.12), Ground(FAR, 0.1),
        Row(MIDDLE, ("block", "tall block", "shop", "block", "block", "tall block"), 0.27,
            (0.36, 0.6), depth=0.2, is_even=True),
        Ground(MIDDLE, 0.2), Ground(NEAR, 0.24),
        Row(NEAR, ("street lamp", "round tree"), 0.8, (0.3, 0.4), depth=0.32, share=0.8),
        Ground(NEAR, 0.4), Row(NEAR, ("dash",), 0.5, (0.028, 0.028), depth=0.85, is_even=True),
    ),
    "village": (
        _CLOUDS, Ground(FAR, 0, 0.09, 0.09), Ground(MIDDLE, 0.1, 0.03),
        Row(MIDDLE, ("church",), 2.0, (0.52, 0.6), drop=0.02),
        Row(MIDDLE, ("cottage", "cottage", "round tree"), 0.42, (0.26, 0.34), drop=0.05),
        Ground(NEAR, 0.34, 0.03), Row(NEAR, ("bush", "small flower"), 0.5, (0.07, 0.14), drop=0.1),
    ),
    "lake": (
        _CLOUDS, Ground(FAR, 0, 0.14, 0.12), Ground(MIDDLE, 0, 0.03, 0.02),
        Row(MIDDLE, ("round tree", "fir"), 0.3, (0.18, 0.3)), Ground(MIDDLE, 0.08),
        Row(MIDDLE, ("ripple",), 0.3, (0.02, 0.03), depth=0.2, drop=0.18),
        Ground(NEAR, 0.82, 0.03), Row(NEAR, ("reed",), 0.4, (0.12, 0.18)),
    ),
    "snowfield": (
        _CLOUDS, Ground(FAR, 0, 0.13, 0.1), Ground(MIDDLE, 0.04, 0.07),
        Row(MIDDLE, ("snowy fir",), 0.4, (0.28, 0.42), drop=0.03), Ground(NEAR, 0.3, 0.04),
        Row(NEAR, ("drift",), 0.6, (0.05, 0.08), drop=0.2),
    ),
    "garden": (
        _CLOUDS, Ground(FAR, 0, 0.05, 0.02), Row(FAR, ("round tree",), 0.3, (0.34, 0.48)),
        Row(MIDDLE, ("hedge",), 0.3, (0.28, 0.28), depth=0.14, is_even=True), Ground(MIDDLE, 0.16),
        Row(NEAR, ("picket",), 0.11, (0.16, 0.16), depth=0.27, is_even=True), Ground(NEAR, 0.26),
        Row(NEAR, ("flower bed",), 0.46, (0.12, 0.15), lift=-0.05, drop=0.04),
    ),
    "room": (
        _WALL, Row(NEAR, ("window",), 1.1, (0.34, 0.38), depth=0, lift=0.2),
        Row(NEAR, ("picture",), 0.9, (0.14, 0.2), depth=0, lift=0.34, share=0.6),
        Ground(NEAR, 0.08), Row(NEAR, ("sofa", "bookshelf", "floor lamp", "plant"), 0.62,
                               (0.3, 0.46), depth=0.18),
        Row(NEAR, ("rug",), 1.4, (0.1, 0.12), depth=0.78),
    ),
    "kitchen": (
        _WALL, Row(NEAR, ("window", "shelf", "shelf"), 0.72, (0.24, 0.3), depth=0, lift=0.24),
        Ground(NEAR, 0.1),
        Row(NEAR, ("counter", "stove", "counter", "fridge", "counter"), 0.4, (0.3, 0.3),
                              depth=0.2, is_even=True),
        Row(NEAR, ("tile",), 0.3, (0.05, 0.05), depth=0.7, is_even=True),
        Row(NEAR, ("tile",), 0.3, (0.05, 0.05), depth=0.95, is_even=True),
    ),
    "cafe": (
        _WALL, Row(NEAR, ("window", "menu board"), 0.8, (0.3, 0.34), depth=0, lift=0.18),
        Row(NEAR, ("hanging lamp",), 0.5, (0.3, 0.36), depth=0, lift=0.42),
        Ground(NEAR, 0.08),
        Row(NEAR, ("cafe table", "plant", "bar"), 0.6, (0.26, 0.36), depth=0.24),
    ),
    "underwater": (
        Row(SKY, ("sunbeam",), 0.7, (0.5, 0.7), depth=0.1, drop=0.1),
        Ground(FAR, 0.1, 0.16, 0.02), Row(FAR, ("far coral",), 0.3, (0.14, 0.26)),
        Ground(MIDDLE, 0.3, 0.08), Row(MIDDLE, ("seaweed", "coral", "fan coral"), 0.3,
                                       (0.2, 0.38), drop=0.04),
        Ground(NEAR, 0.6, 0.04), Row(NEAR, ("coral", "seaweed"), 0.6, (0.14, 0.26)),
        Row(NEAR, ("shell", "starfish", "pebble"), 0.4, (0.04, 0.08), drop=0.14),
    ),
    "sky": (
        Row(SKY, ("cloud",), 0.5, (0.1, 0.2), depth=-0.7, drop=0.3),
        Row(FAR, ("cloud",), 0.5, (0.14, 0.22), depth=-0.1, drop=0.2),
        Row(MIDDLE, ("cloud",), 0.6, (0.2, 0.3), depth=0.3, drop=0.14, share=0.8),
        Row(NEAR, ("cloud",), 0.3, (0.2, 0.28), depth=1.1, drop=0.04),
    ),
    "space": (
        Row(SKY, ("far galaxy", "far planet", "far star", "far star"), 0.55, (0.05, 0.26),
            depth=-0.8, drop=0.6),
        Row(FAR, ("far star",), 0.3, (0.03, 0.07), depth=-0.6, drop=0.9),
        Row(MIDDLE, ("asteroid", "far planet"), 0.9, (0.08, 0.3), depth=0.4, drop=0.3, share=0.6),
        Row(NEAR, ("asteroid",), 0.7, (0.06, 0.14), depth=0.9, drop=0.1),
    ),
    "moonscape": (
        Row(SKY, ("far star",), 0.24, (0.03, 0.06), depth=-0.9, drop=0.5),
        Row(SKY, ("earth",), 2.0, (0.24, 0.32), depth=-0.5, drop=0.1),
        Ground(FAR, 0, 0.1, 0.06), Ground(MIDDLE, 0.08, 0.05),
        Row(MIDDLE, ("moon rock", "crater"), 0.5, (0.06, 0.12), drop=0.05),
        Ground(NEAR, 0.3, 0.03),
        Row(NEAR, ("crater", "crater", "moon rock"), 0.4, (0.05, 0.1), drop=0.22),
    ),
    "neon street": (
        Row(FAR, ("dark block",), 0.17, (0.5, 0.8), depth=0.12), Ground(FAR, 0.1),
        Row(MIDDLE, ("neon shop", "neon block"), 0.33, (0.56, 0.78), depth=0.26, is_even=True),
        Ground(NEAR, 0.26), Row(NEAR, ("lantern", "neon sign"), 0.5, (0.3, 0.42), depth=0.34),
        Ground(NEAR, 0.42), Row(NEAR, ("puddle",), 0.4, (0.04, 0.07), depth=0.7, drop=0.1),
    ),
    "road": (
        _CLOUDS, Ground(FAR, 0, 0.12, 0.1), Ground(MIDDLE, 0.04, 0.05),
        Row(MIDDLE, ("round tree", "fir", "power pole"), 0.5, (0.22, 0.36), drop=0.03),
        Ground(NEAR, 0.26), Row(NEAR, ("guard rail",), 0.3, (0.1, 0.1), depth=0.38, is_even=True),
        Ground(NEAR, 0.4), Row(NEAR, ("dash",), 0.5, (0.028, 0.028), depth=0.82, is_even=True),
    ),
    "castle grounds": (
        _CLOUDS, Ground(FAR, 0, 0.1, 0.1), Row(FAR, ("fir",), 0.4, (0.2, 0.3)),
        Ground(MIDDLE, 0.06, 0.04), Row(MIDDLE, ("great castle",), 1.5, (0.6, 0.74), drop=0.02),
        Row(MIDDLE, ("castle wall",), 0.34, (0.16, 0.16), depth=0.14, is_even=True),
        Ground(NEAR, 0.3, 0.02), Row(NEAR, ("torch", "banner"), 0.6, (0.24, 0.34)),
        Row(NEAR, ("bush",), 0.7, (0.08, 0.12), drop=0.1),
    ),
    "stage": (
        _WALL, Row(NEAR, ("curtain",), 0.26, (0.86, 0.86), depth=0.1, is_even=True),
        Row(NEAR, ("spotlight",), 0.8, (0.7, 0.8), depth=0.3), Ground(NEAR, 0.12),
        Row(NEAR, ("loudspeaker",), 1.0, (0.2, 0.28), depth=0.24, share=0.7), Ground(NEAR, 0.9),
        Row(NEAR, ("footlight",), 0.26, (0.05, 0.05), depth=0.96, is_even=True),
    ),
    "stadium": (
        _CLOUDS, Row(FAR, ("floodlight",), 0.9, (0.6, 0.7), depth=0.1), Ground(FAR, 0, 0, 0.16),
        Row(MIDDLE, ("crowd",), 0.3, (0.2, 0.2), depth=0.02, is_even=True),
        Row(MIDDLE, ("crowd",), 0.3, (0.2, 0.2), depth=0.16, is_even=True),
        Row(NEAR, ("advert",), 0.5, (0.08, 0.08), depth=0.24, is_even=True), Ground(NEAR, 0.24),
        Row(NEAR, ("goal",), 1.7, (0.24, 0.26), depth=0.34), Ground(NEAR, 0.52),
        Ground(NEAR, 0.78),
    ),
    "farm": (
        _CLOUDS, Ground(FAR, 0, 0.1, 0.08), Ground(MIDDLE, 0.04, 0.04),
        Row(MIDDLE, ("barn", "silo", "windmill", "round tree"), 0.5, (0.3, 0.46), drop=0.03),
        Row(NEAR, ("rail fence",), 0.24, (0.14, 0.14), depth=0.3, is_even=True), Ground(NEAR, 0.3),
        Row(NEAR, ("hay bale", "grass", "grass"), 0.4, (0.07, 0.16), drop=0.16),
    ),
    "waterfall": (
        _CLOUDS, Row(FAR, ("cliff",), 0.36, (0.56, 0.7), depth=0.2, is_even=True),
        Row(FAR, ("cascade",), 1.4, (0.66, 0.78), depth=0.22), Ground(MIDDLE, 0.14, 0.02),
        Row(MIDDLE, ("ripple",), 0.3, (0.02, 0.03), depth=0.26, drop=0.12),
        Row(MIDDLE, ("rock", "fern"), 0.6, (0.1, 0.2), depth=0.16),
        Row(MIDDLE, ("palm",), 1.2, (0.3, 0.42), depth=0.16), Ground(NEAR, 0.6, 0.03),
        Row(NEAR, ("fern", "rock", "bush"), 0.4, (0.1, 0.2), drop=0.05),
    ),
    "studio": (_WALL, Row(NEAR, ("halo",), 1.8, (0.6, 0.8), depth=0.3), Ground(NEAR, 0.3)),
}  # fmt: skip
_NEON = ("red", "blue", "green", "purple", "pink", "yellow")
_WALLS = ("natural", "brown", "white", "orange")
# Kinds of which each prop is drawn in one of some colours.
COLOURS_OF: dict[str, tuple[str, ...]] = {
    "small flower": ("white", "yellow", "pink", "purple"),
    "flower bed": ("red", "yellow", "purple", "pink", "orange"),
    "block": _WALLS, "shop": _WALLS, "tall block": ("natural", "white", "purple"),
    "cottage": ("natural", "white", "yellow"), "coral": ("natural", "orange", "purple", "pink"),
    "fan coral": ("natural", "purple", "yellow"), "neon block": _NEON, "neon shop": _NEON,
    "neon sign": _NEON, "banner": ("red", "blue", "yellow", "purple"),
    "advert": ("red", "blue", "yellow", "green"),
    "far planet": ("natural", "blue", "purple", "pink"),
    "sofa": ("natural", "red", "green", "purple"), "window": ("natural", "green", "yellow"),
    "rug": ("natural", "blue", "purple"), "shell": ("natural", "white"),
}  # fmt: skip
# Kinds that are seen to move: the others are painted once a shot.
ALIVE = frozenset(
    {"cascade", "ripple", "torch", "windmill", "cottage", "seaweed", "spotlight", "neon shop",
     "neon sign", "lantern", "crowd", "far galaxy", "asteroid", "banner", "palm", "sunbeam",
     "far star", "puddle", "cafe table", "footlight", "stove"}
)  # fmt: skip
CLOUD_SPEED = 8.0  # pixels a second by which the sky's props drift


@dataclass(frozen=True)
class GroundLine:
    """A ground of a land: which of its place, and its line, periodic in two widths."""

    layer: int
    index: int
    y: float
    scale: float  # of the waves, in pixels
    phases: tuple[float, ...]
    width: float

    def at(self, x: float | np.ndarray) -> float | np.ndarray:
        """Return the y of the line at x, in pixels."""
        if not self.scale:
            return self.y + 0 * x
        turn = 2 * pi * x / self.width
        waves = (2 / k * np.cos(k * turn + p) for k, p in zip(_WAVES, self.phases, strict=True))
        return self.y + self.scale * sum(waves)


@dataclass(frozen=True)
class Prop:
    """A prop of a land: its kind, the position of its foot and its height in pixels."""

    layer: int
    kind: str
    colour: str
    x: float
    y: float
    height: float
    is_flipped: bool


def lay_out(
    place: str, seed: int, *, width: int, height: int, horizon: float
) -> list[GroundLine | Prop]:
    """Lay out a land of a picture's size, two widths wide, in the order in which it is painted."""
    rng = np.random.default_rng((seed, 11))
    unit, span = min(width, height), 2 * width
    things: list[GroundLine | Prop] = []
    line: GroundLine | None = None
    index = 0
    for item in LANDS[place]:
        if isinstance(item, Ground):
            y = horizon + item.depth * (height - horizon) - item.lift * unit
            y += unit * float(rng.uniform(-0.015, 0.015))
            phases = tuple(rng.uniform(0, 2 * pi, len(_WAVES)).tolist())
            line = GroundLine(item.layer, index, y, item.swell * unit / 2, phases, span)
            things.append(line)
            index += 1
        else:
            level = line if item.depth is None else None
            y = horizon + (item.depth or 0.0) * (height - horizon) - item.lift * unit
            things += _stand(item, level or y, unit, span, rng)
    return things


def _stand(
    row: Row, line: GroundLine | float, unit: float, span: float, rng: np.random.Generator
) -> Iterator[Prop]:
    """Stand the props of a row along a line, the nearer ones last."""
    count = max(1, round(span / (row.spacing * unit)))
    steps = np.arange(count) + rng.uniform(0, 1)
    if not row.is_even:
        steps = steps + rng.uniform(-0.3, 0.3, count)
    xs = (steps / count) % 1 * span
    drops = np.zeros(count) if row.is_even else np.sort(rng.uniform(0, row.drop, count))
    order = np.arange(count) if row.is_even else rng.permutation(count)
    first = int(rng.integers(len(row.kinds)))
    for number, (x, below) in enumerate(zip(xs[order], drops, strict=True)):
        drawn = first + number if row.is_even else int(rng.integers(len(row.kinds)))
        kind = row.kinds[drawn % len(row.kinds)]
        colours = COLOURS_OF.get(kind, ("natural",))
        colour = colours[int(rng.integers(len(colours)))]
        tall = unit * float(rng.uniform(*row.height))
        is_flipped, is_there = rng.random() < 0.5, rng.random() < row.share
        foot = line if isinstance(line, float) else float(line.at(float(x)))
        if is_there:
            y = foot + below * unit
            yield Prop(row.layer, kind, colour, float(x), y, tall, bool(is_flipped))

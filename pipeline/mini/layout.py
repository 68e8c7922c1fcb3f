"""The layout of a scene: its horizon and ground, how large its characters are, where they start."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, inf

import numpy as np

from pipeline.mini.anchors import ATTACHED, grip_of
from pipeline.mini.scene import Scene
from pipeline.mini.tables import ATTRIBUTES, CAST, PATCH

# Heights in pixels; a character too wide for the picture gets the next height that fits.
SIZES = {"small": 64, "medium": 104, "large": 148}
LADDER = (24, 32, 40, 48, 56, 64, 80, 96, 104, 128, 148)
MAX_WIDTH_SHARE = 0.62
COMPANION_SCALE = 0.8
CIRCLE_PIXELS = (64, 32)  # across, down: of a motion in a circle
BOUNCE_PIXELS = 48
_NUM_HORIZONS = 4  # heights of the horizon in a place


@dataclass(frozen=True)
class Stage:
    """A scene at one picture size: the heights of horizon and ground in pixels."""

    scene: Scene
    width: int
    height: int
    horizon: float
    ground: float

    @property
    def floats(self) -> bool:
        """Say whether the subject floats on the water of its place."""
        subject, place = self.scene.subject, self.scene.place
        return subject is not None and CAST[subject][1] == "water" and place in ("lake", "beach")


@dataclass(frozen=True)
class Bodies:
    """The heights of a scene's subject and companion, and how far they are apart, in pixels."""

    size: float = 0.0
    companion_size: float = 0.0
    offset: tuple[float, float] = (0.0, 0.0)
    copies: tuple[tuple[float, float], ...] = ()  # of two or three of the same


def set_stage(scene: Scene, width: int, height: int) -> Stage:
    """Return the stage of a scene, which depends on its place and seed."""
    key = ATTRIBUTES["place"].index(scene.place), scene.seed % _NUM_HORIZONS
    rng = np.random.default_rng(key)
    horizon = height * rng.uniform(0.58, 0.66)
    share = 0.94 if scene.place == "lake" else 0.88
    ground = _snap(share * height, PATCH // 2 if scene.place == "lake" else PATCH)
    return Stage(scene, width, height, horizon, ground)


def is_aloft(subject: str | None, place: str) -> bool:
    """Say whether a subject flies or floats in a place."""
    return subject is not None and (CAST[subject][1] == "air" or place in ("sky", "space"))


def width_of(name: str | None) -> float:
    """Return the width of a character at height 1; 0 for None."""
    return CAST[name][0] if name else 0.0


def size_bodies(scene: Scene, width: int) -> Bodies:
    """Size the subject and place its companion, if it has one, so that both fit."""
    assert scene.size is not None  # every subject has one
    own_width = width_of(scene.subject)
    shrink = min(1.0, MAX_WIDTH_SHARE * width / (SIZES["large"] * own_width))
    if scene.camera.startswith("zoom"):
        shrink *= 0.8  # the zoom itself enlarges it up to 1.6 times
    size = _fit(SIZES[scene.size] * shrink)
    if scene.companion is None:
        return _with_copies(scene, size, width)
    assert scene.relation is not None  # every companion has one
    if scene.relation in ATTACHED:
        return _touching(scene, size, width)
    other_width = width_of(scene.companion)
    scaled = 0.85 * size
    # Both have to fit into the frame side by side, whatever their relation.
    beside = (own_width + COMPANION_SCALE * other_width) * scaled + 0.1 * width + PATCH
    size = _fit(scaled * min(1.0, 0.9 * width / beside))
    small = _fit(COMPANION_SCALE * size)
    gap = (own_width * size + other_width * small) / 2 + 8
    gap = ceil(gap / PATCH) * PATCH
    # The relation says where the subject is as seen from its companion.
    offset = {
        "left of": (gap, 0), "right of": (-gap, 0),
        "above": (0, ceil((small + 12) / 16) * 16), "below": (0, -ceil((size + 12) / 16) * 16),
        "chasing": (-(gap + PATCH) if scene.motion == "left" else gap + PATCH, 0),
    }[scene.relation]  # fmt: skip
    return Bodies(size, small, offset)


def _with_copies(scene: Scene, size: int, width: int) -> Bodies:
    """Place two or three of the same beside each other, each further one a little behind."""
    count = {"two": 2, "three": 3}.get(scene.count or "one", 1)
    if count == 1:
        return Bodies(size)
    own_width = width_of(scene.subject)
    size = _fit(size * min(1.0, 0.8 * width / (count * own_width * size)))
    step = 0.98 * own_width * size
    return Bodies(size, copies=((-step, -0.06 * size), (step, -0.1 * size))[: count - 1])


def _touching(scene: Scene, size: int, width: int) -> Bodies:
    """Size a subject and the companion that it rides, holds, wears or stands on."""
    assert scene.subject is not None
    assert scene.companion is not None
    assert scene.relation is not None
    grip = grip_of(scene.subject, scene.companion, scene.relation)
    reach = max(width_of(scene.subject), grip.scale * width_of(scene.companion))
    tall = 1.0 + max(0.0, grip.y)
    size = _fit(size * min(1.0, MAX_WIDTH_SHARE * width / (reach * size), 1.45 / tall))
    return Bodies(size, grip.scale * size, (grip.x * size, grip.y * size))


def draw_start(stage: Stage, bodies: Bodies, rng: np.random.Generator) -> tuple[float, float]:
    """Choose the start of the subject's feet so that all characters are inside the frame."""
    scene, width, height, size = stage.scene, stage.width, stage.height, bodies.size
    assert scene.subject is not None
    spans = {"right": (0.2, 0.36), "left": (0.64, 0.8)}
    if scene.camera == "follow":
        spans = {}
    x = width * rng.uniform(*spans.get(scene.motion or "", (0.38, 0.62)))
    centre = rng.uniform(0.4, 0.46) * height
    if scene.motion in ("rise", "fall"):
        share = rng.uniform(0.55, 0.62) if scene.motion == "rise" else rng.uniform(0.3, 0.38)
        y = share * height + size / 2
    elif scene.relation in ("riding", "on") and not is_aloft(scene.companion, scene.place):
        y = stage.ground - max(0.0, bodies.offset[1])
    elif is_aloft(scene.subject, scene.place) or scene.motion == "circle":
        y = centre + size / 2
        if scene.motion == "bounce":
            y += BOUNCE_PIXELS / 2
    elif stage.floats:
        share = 0.62 if scene.place == "lake" else 0.38
        y = stage.horizon + share * (height - stage.horizon)
    else:
        y = stage.ground
    left = right = 0.5 * width_of(scene.subject) * size + 8
    above, below = size + 8, 8.0
    if scene.motion == "circle":
        above, below = above + CIRCLE_PIXELS[1], below + CIRCLE_PIXELS[1]
    if scene.companion:
        small, (dx, dy) = bodies.companion_size, bodies.offset
        half = 0.5 * width_of(scene.companion) * small
        left, right = max(left, half - dx), max(right, half + dx)
        above, below = max(above, small - dy + 8), max(below, dy)
    x = _snap(x, PATCH, left, max(left, width - right))
    return x, _snap(y, PATCH // 2, above, max(above, height - below))


def _snap(value: float, grid: int, low: float = -inf, high: float = inf) -> float:
    """Round to the grid, within the bounds if a grid line lies between them."""
    snapped = round(value / grid) * grid
    if snapped < low:
        snapped = ceil(low / grid) * grid
    if snapped > high:
        snapped = floor(high / grid) * grid
    return float(snapped)


def _fit(height: float) -> int:
    """Return the largest height of `LADDER` that is not above `height`."""
    return max((step for step in LADDER if step <= height), default=LADDER[0])

"""The closed grammar of the embedded model's world: what a scene has, and how one is drawn.

Owns the tables and the `Scene`; `world.py` draws a scene, `captions.py` tells it in words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The order of the slots is the order of the text encoder's output tokens: append, never reorder.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "subject": (
        "car", "boat", "train", "rocket", "balloon", "robot",
        "cat", "rabbit", "bird", "fish", "butterfly", "turtle",
    ),
    "colour": (
        "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black",
    ),
    "place": (
        "meadow", "forest", "beach", "desert", "mountains",
        "city", "village", "lake", "snowfield", "garden",
    ),
    "time": ("morning", "day", "sunset", "night"),
    "weather": ("clear", "rain", "snow", "fog"),
    "motion": ("still", "right", "left", "rise", "fall", "bounce"),
    "camera": (
        "static", "pan left", "pan right", "tilt up", "tilt down", "zoom in", "zoom out",
    ),
    "size": ("small", "medium", "large"),
}  # fmt: skip

_WEIGHTS = {
    "weather": (0.7, 0.1, 0.1, 0.1),
    "camera": (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1),
    "size": (0.2, 0.4, 0.4),
}
HELD_OUT_SHARE = 0.04


@dataclass(frozen=True)
class Scene:
    """One scene: the value of every attribute and the seed of everything the words leave open."""

    subject: str
    colour: str
    place: str
    time: str
    weather: str
    motion: str
    camera: str
    size: str
    seed: int


def is_held_out(scene: Scene) -> bool:
    """Say whether (subject, colour, place) is one of the combinations no training stage may see."""
    key = tuple(
        ATTRIBUTES[name].index(getattr(scene, name)) for name in ("subject", "colour", "place")
    )
    draw = np.random.default_rng((20261122, *key)).random()
    return bool(draw < HELD_OUT_SHARE)


def draw_scene(rng: np.random.Generator, *, held_out: bool = False) -> Scene:
    """Draw a scene at random, from the held-out combinations or from all others."""
    while True:
        values = {
            name: str(rng.choice(options, p=_WEIGHTS.get(name)))
            for name, options in ATTRIBUTES.items()
        }
        scene = Scene(**values, seed=int(rng.integers(2**31)))
        if is_held_out(scene) == held_out:
            return scene

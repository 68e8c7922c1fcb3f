"""The closed grammar of the embedded model's world: what a scene has, and how one is drawn.

Owns the tables and the `Scene`; `world.py` draws a scene, `captions.py` tells it in words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SUBJECTS = (
    "car", "boat", "train", "rocket", "balloon", "robot",
    "cat", "rabbit", "bird", "fish", "butterfly", "turtle",
    "plane", "elephant", "dinosaur", "child",
)  # fmt: skip
_COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black",
)  # fmt: skip
# The order of the slots is the order of the text encoder's output tokens: append, never reorder.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "subject": _SUBJECTS,
    "colour": _COLOURS,
    "place": (
        "meadow", "forest", "beach", "desert", "mountains",
        "city", "village", "lake", "snowfield", "garden",
    ),
    "time": ("morning", "day", "sunset", "night"),
    "weather": ("clear", "rain", "snow", "fog"),
    "motion": ("still", "right", "left", "rise", "fall", "bounce", "circle", "pace"),
    "camera": (
        "static", "pan left", "pan right", "tilt up", "tilt down", "zoom in", "zoom out", "follow",
    ),
    "size": ("small", "medium", "large"),
    # What only some scenes have: a child's face, and somebody else beside the subject.
    "emotion": ("happy", "sad", "angry", "surprised", "sleepy"),
    "companion": _SUBJECTS,
    "companion_colour": _COLOURS,
    "relation": ("left of", "right of", "above", "below"),
    "style": ("flat", "pastel", "comic", "papercut"),
}  # fmt: skip

_WEIGHTS = {
    "subject": (*[1 / 17] * 15, 2 / 17),
    "weather": (0.7, 0.1, 0.1, 0.1),
    "camera": (0.3, *[0.1] * 7),
    "size": (0.2, 0.4, 0.4),
    "style": (0.55, 0.15, 0.15, 0.15),
}
COMPANION_SHARE = 0.2
HELD_OUT_SHARE = 0.04


@dataclass(frozen=True)
class Scene:
    """One scene: the value of every attribute and the seed of everything the words leave open.

    `emotion` is a child's; the three after it are None when the subject is alone.
    """

    subject: str
    colour: str
    place: str
    time: str
    weather: str
    motion: str
    camera: str
    size: str
    seed: int
    emotion: str | None = None
    companion: str | None = None
    companion_colour: str | None = None
    relation: str | None = None
    style: str = "flat"


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
        values: dict[str, str | None] = {
            name: str(rng.choice(options, p=_WEIGHTS.get(name)))
            for name, options in ATTRIBUTES.items()
        }
        if values["camera"] == "follow":  # there is nothing to follow in other motions
            values["motion"] = str(rng.choice(["right", "left"]))
        is_alone = (
            rng.random() >= COMPANION_SHARE
            or values["companion"] == values["subject"]
            or values["companion_colour"] == values["colour"]
        )
        if is_alone:
            values |= dict.fromkeys(("companion", "companion_colour", "relation"))
        elif values["size"] == "large":
            values["size"] = "medium"
        if values["subject"] != "child":
            values["emotion"] = None
        elif values["size"] == "small":  # a face has to be seen
            values["size"] = "medium"
        scene = Scene(**values, seed=int(rng.integers(2**31)))
        if is_held_out(scene) == held_out:
            return scene

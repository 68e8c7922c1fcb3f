"""Draws random scenes of the embedded model's world, and decides which are held out.

`pipeline.mini.scene` has the tables, `world.py` renders a scene, `captions.py` describes it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.mini.scene import ATTRIBUTES, NUM_VIEWS, OF_BODIES, Scene

_WEIGHTS = {
    "subject": (*[1 / 17] * 15, 2 / 17),
    "weather": (0.7, 0.1, 0.1, 0.1),
    "camera": (0.3, *[0.1] * 7),
    "size": (0.2, 0.4, 0.4),
    "style": (0.55, 0.15, 0.15, 0.15),
}
COMPANION_SHARE = 0.2
NOBODY_SHARE = 0.05
HELD_OUT_SHARE = 0.04


def is_held_out(scene: Scene) -> bool:
    """Say whether (subject, colour, place) is one of the combinations no training stage may see."""
    if scene.subject is None:
        return False
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
        if not held_out and rng.random() < NOBODY_SHARE:
            values |= dict.fromkeys(OF_BODIES)
            if values["camera"] == "follow":
                values["camera"] = "static"
        elif values["camera"] == "follow":  # there is nothing to follow in other motions
            values["motion"] = str(rng.choice(["right", "left"]))
        is_alone = (
            rng.random() >= COMPANION_SHARE
            or values["subject"] is None
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


def draw_scene_like(scene: Scene, rng: np.random.Generator) -> Scene:
    """Draw a random scene that has the sky, background, style and camera of another one."""
    shared = ("place", "time", "weather", "style", "camera")
    while True:
        other = draw_scene(rng)
        if (scene.camera == "follow") != (other.camera == "follow"):
            continue
        # The view is what a seed leaves over: see `MotionPaths`.
        seed = other.seed - other.seed % NUM_VIEWS + scene.seed % NUM_VIEWS
        other = replace(other, **{name: getattr(scene, name) for name in shared}, seed=seed)
        if not is_held_out(other):
            return other

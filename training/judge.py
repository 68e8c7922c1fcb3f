"""Judges clips by renders: a clip shows the scene to whose render it is nearest.

The scenes that are tried differ in one value from the one that the model made of the words, so that
lands and places of bodies can be compared pixel by pixel.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from pipeline.mini.scene import Scene, complete_scene
from pipeline.mini.tables import ATTRIBUTES
from training.data import FPS
from training.world import render

# What "everything right" means; the rest is told beside it.
MAIN = ("subject", "colour", "place", "time", "motion", "camera")
NUM_LATENTS = 7
NUM_OTHERS = 4
_LOOKED_AT = (0, 16, 48)  # frames


def read_clip(
    frames: np.ndarray, asked: Mapping[str, str], drawn: Scene, rng: np.random.Generator
) -> dict[str, str]:
    """Say for each value that was asked what a clip shows: frames (F >= 49, H, W, 3) uint8.

    Tried are that value, the one of `drawn`, which is the scene that the model made of the words,
    and `NUM_OTHERS` more. A value that shows nowhere counts as asked.
    """
    picked = frames[list(_LOOKED_AT)].astype(np.float32)
    height, width = picked.shape[1:3]
    times = [index / FPS for index in _LOOKED_AT]
    values = {name: getattr(drawn, name) for name in ATTRIBUTES}

    @cache
    def error_of(scene: Scene) -> float:
        shown, _ = render(scene, height=height, width=width, times=times)
        return float(np.square(picked - shown).mean())

    seen = {}
    for name, value in asked.items():
        others = rng.permutation(ATTRIBUTES[name])[:NUM_OTHERS].tolist()
        options = [x for x in (value, values[name], *others) if x is not None]
        scenes = [complete_scene({**values, name: x}, drawn.seed) for x in options]
        seen[name] = options[int(np.argmin([error_of(scene) for scene in scenes]))]
    return seen

"""Measures whether films keep their world across cuts: the oracle reads each shot of films of four.

The first shot names everything. The others name the subject or no character, and their own place,
motion, time of day or camera move, but never a colour or a style.
"""

from __future__ import annotations

import numpy as np

from pipeline.mini.scene import ATTRIBUTES, Scene
from pipeline.planning.request import Shot
from training.captions import draw_caption
from training.data import FPS
from training.evaluation.setup import HEIGHT, WIDTH, Setup, draw_inhabited
from training.evaluation.studio import Studio
from training.oracle import NUM_LATENTS, read_clip
from training.phrases import MOTIONS, NOUNS, PLACES, STYLES, TIMES

NUM_FRAMES = 1 + 8 * (NUM_LATENTS - 1)
KEPT = ("subject", "colour", "style")
# A camera that follows needs a motion to the side.
_CAMERAS = [camera for camera in ATTRIBUTES["camera"] if camera != "follow"]
_MOTIONS = ("right", "left", "bounce", "circle")


def evaluate_films(setup: Setup, studio: Studio) -> dict[str, object]:
    """Return the share of shots after the first that are as the first was told to be.

    For comparison the first shots' own; and of all shots, whether the camera moved as it was told.
    """
    rng = setup.rng(9)
    first, later, cameras = [], [], []
    for seed in range(setup.args.films):
        while (scene := draw_inhabited(rng, known=setup.known)).companion is not None:
            pass
        shots, told = draw_film(scene, rng)
        frames = studio.film(shots, seed).frames.reshape(len(shots), NUM_FRAMES, HEIGHT, WIDTH, 3)
        seen = [read_clip(setup.oracle, shot, is_paired=False) for shot in frames]
        right = [{name: x[name] == getattr(scene, name) for name in KEPT} for x in seen]
        first += right[:1]
        later += right[1:]
        cameras += [x["camera"] == camera for x, camera in zip(seen, told, strict=True)]
    shares = {
        f"{name}, {where}": round(float(np.mean([row[name] for row in rows])), 3)
        for name in KEPT
        for where, rows in (("first shot", first), ("later shots", later))
    }
    return shares | {"camera": round(float(np.mean(cameras)), 3), "films": setup.args.films}


def draw_film(scene: Scene, rng: np.random.Generator) -> tuple[list[Shot], list[str]]:
    """Draw a film that begins with a scene; return its shots and their camera moves."""

    def say(table: dict[str, tuple[str, ...]], options: tuple[str, ...] | None = None) -> str:
        return table[str(rng.choice(options or list(table)))][0]

    caption, _ = draw_caption(scene, rng, complete=True)
    noun = NOUNS[scene.subject][0]
    prompts = [
        f"{caption}, {STYLES[scene.style][0]}",
        f"the {noun} {say(MOTIONS, _MOTIONS)} {say(PLACES)}",
        f"it {say(MOTIONS, _MOTIONS)}",
        f"the {noun} {say(TIMES)}",
    ]
    cameras = ["", *(str(rng.choice(_CAMERAS)) for _ in prompts[1:])]
    shots = [
        Shot(prompt, NUM_FRAMES / FPS, camera=camera)
        for prompt, camera in zip(prompts, cameras, strict=True)
    ]
    return shots, [scene.camera, *cameras[1:]]

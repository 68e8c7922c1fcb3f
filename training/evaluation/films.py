"""Measures whether films keep their world across cuts, in each shot of films of four.

The first shot names everything. The others name the subject or no character, and their own place,
motion, time of day or camera move, but never a colour or a style.
"""

from __future__ import annotations

import numpy as np

from pipeline.engines.base import ShotContext
from pipeline.mini.engine import MiniEngine
from pipeline.mini.scene import Scene
from pipeline.mini.tables import ATTRIBUTES
from pipeline.planning.request import Shot
from pipeline.planning.storyboard import describe_shot
from training.captions import draw_caption
from training.data import FPS
from training.evaluation.prompts import right_answers
from training.evaluation.setup import HEIGHT, WIDTH, Setup, draw_inhabited
from training.evaluation.studio import Studio
from training.judge import NUM_LATENTS, read_clip
from training.phrases import MOTIONS, NOUNS, PLACES, STYLES, TIMES
from training.sampling import load_engine

NUM_FRAMES = 1 + 8 * (NUM_LATENTS - 1)
KEPT = ("subject", "colour", "style")
# A camera that follows needs a motion to the side.
_CAMERAS = [camera for camera in ATTRIBUTES["camera"] if camera != "follow"]
_MOTIONS = ("right", "left", "bounce", "circle")


def evaluate_films(setup: Setup, studio: Studio) -> dict[str, object]:
    """Return the share of shots after the first that are as the first was told to be.

    For comparison the first shots' own; and of all shots, whether the camera moved as it was told.
    """
    rng, engine = setup.rng(9), load_engine(setup.folder)
    first, later = [], []
    for seed in range(setup.args.films):
        while (scene := draw_inhabited(rng, known=setup.known)).companion is not None:
            pass
        shots, told = draw_film(scene, rng)
        frames = studio.film(shots, seed).frames.reshape(len(shots), NUM_FRAMES, HEIGHT, WIDTH, 3)
        kept = {name: getattr(scene, name) for name in KEPT}
        asked = [kept | {"camera": camera} for camera in told]
        drawn = _plan_scenes(engine, shots, seed)
        seen = [read_clip(*x, rng) for x in zip(frames, asked, drawn, strict=True)]
        right = [right_answers(*x) for x in zip(seen, asked, strict=True)]
        first += right[:1]
        later += right[1:]
    shares = {
        f"{name}, {where}": round(float(np.mean([row[name] for row in rows])), 3)
        for name in KEPT
        for where, rows in (("first shot", first), ("later shots", later))
    }
    camera = round(float(np.mean([row["camera"] for row in (*first, *later)])), 3)
    return shares | {"camera": camera, "films": setup.args.films}


def _plan_scenes(engine: MiniEngine, shots: list[Shot], seed: int) -> list[Scene]:
    """Return the scenes that a film's shots show, as `prepare_conditioning` comes to them."""
    scenes, earlier = [], []
    for shot in shots:
        text = describe_shot(shot, engine.model.spec.camera_words)
        prompt = engine.encode_prompt(text, "", 1.0, ShotContext(seed, earlier=tuple(earlier)))
        earlier.append(engine.remember(prompt, 0.0))
        scenes.append(prompt.paths.scene)
    return scenes


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

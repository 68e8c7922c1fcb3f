"""Does a minute still move at its end as it did at its beginning?

How much a picture changes when somebody in it moves depends on who it is and how large: so every
prompt has a threshold of its own, half way (as a ratio) between two renders of its scene, one with
that motion and one in which all is the same but nobody goes anywhere.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.mini.scene import Scene
from training.captions import draw_caption
from training.data import FPS
from training.evaluation.setup import HEIGHT, WIDTH, Setup, draw_inhabited
from training.evaluation.studio import Studio
from training.measures.motion import dynamic_degree
from training.world import render

_SPAN = 10 * FPS  # frames that are looked at


def evaluate_motion(setup: Setup, studio: Studio) -> dict[str, object]:
    """Look for motion in the first and the last ten seconds of a minute."""
    rng, rows = setup.rng(8), []
    for seed in range(setup.args.minutes):
        scene, prompt = _draw_moving(rng)
        small = studio.make("text_to_video", prompt, 60.0, seed).frames[:, ::2, ::2]
        still = _degree_of_render(replace(scene, motion="still"))
        ends = dynamic_degree(small[:_SPAN]), dynamic_degree(small[-_SPAN:])
        rows.append((*ends, _degree_of_render(scene), still))
    first, last, moving, still = np.array(rows).T
    threshold = (moving * still) ** 0.5
    return {
        "above the threshold, first 10 s": round(float(np.mean(first > threshold)), 3),
        "above the threshold, last 10 s": round(float(np.mean(last > threshold)), 3),
        "renders above it": round(float(np.mean(moving > threshold)), 3),
        "medians, first and last 10 s": [round(float(np.median(x)), 2) for x in (first, last)],
        "medians of renders, moving and still": [
            round(float(np.median(x)), 2) for x in (moving, still)
        ],
        "clips": len(rows),
    }


def _degree_of_render(scene: Scene) -> float:
    times = (np.arange(_SPAN) / FPS).tolist()
    frames, _ = render(scene, height=HEIGHT // 2, width=WIDTH // 2, times=times)
    return dynamic_degree(frames)


def _draw_moving(rng: np.random.Generator) -> tuple[Scene, str]:
    """Draw a scene in which only somebody moves, and words that leave nothing of it open."""
    while True:
        scene = draw_inhabited(rng)
        if scene.motion == "still" or scene.camera != "static":
            continue
        if scene.weather not in ("clear", "fog"):
            continue
        prompt, named = draw_caption(scene, rng, complete=True)
        if {"size", "weather", "style"} <= named.keys():
            return scene, prompt

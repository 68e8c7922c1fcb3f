"""Measures whether a minute-long clip still moves at its end as it did at its start.

How much moving characters change the picture depends on which they are, their size and their
position. So every prompt has its own threshold at each end of its minute: half way (as a ratio)
between two renders of its scene at that time, one with the motion and one without any.
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

_SECONDS, _LENGTH = 60.0, 10.0  # of a clip, and of what is looked at of it
_BEGINNINGS = {"first 10 s": 0.0, "last 10 s": _SECONDS - _LENGTH}


def evaluate_motion(setup: Setup, studio: Studio) -> dict[str, object]:
    """Look for motion in the first and the last ten seconds of a minute."""
    rng, degrees = setup.rng(8), {name: [] for name in _BEGINNINGS}
    for seed in range(setup.args.minutes):
        scene, prompt = _draw_moving(rng)
        small = studio.make("text_to_video", prompt, _SECONDS, seed).frames[:, ::2, ::2]
        for name, begin in _BEGINNINGS.items():
            made = small[round(begin * FPS) : round((begin + _LENGTH) * FPS)]
            renders = [
                _degree_of_render(each, begin) for each in (scene, replace(scene, motion="still"))
            ]
            degrees[name].append((dynamic_degree(made), *renders))
    figures: dict[str, object] = {}
    for name, rows in degrees.items():
        made, moving, still = np.array(rows).T
        threshold = (moving * still) ** 0.5
        figures |= {
            f"above the threshold, {name}": round(float(np.mean(made > threshold)), 3),
            f"renders above it, {name}": round(float(np.mean(moving > threshold)), 3),
            f"medians, {name}: clips, moving and still renders": [
                round(float(np.median(x)), 2) for x in (made, moving, still)
            ],
        }
    return figures | {"clips": setup.args.minutes}


def _degree_of_render(scene: Scene, begin: float) -> float:
    times = (begin + np.arange(round(_LENGTH * FPS)) / FPS).tolist()
    # At full size: bodies and their speed are in pixels, and half the size would double both.
    frames, _ = render(scene, height=HEIGHT, width=WIDTH, times=times)
    return dynamic_degree(frames[:, ::2, ::2])


def _draw_moving(rng: np.random.Generator) -> tuple[Scene, str]:
    """Draw a scene in which only a character moves, and a prompt that names all of it."""
    while True:
        scene = draw_inhabited(rng)
        if scene.motion == "still" or scene.camera != "static":
            continue
        if scene.weather not in ("clear", "fog"):
            continue
        prompt, named = draw_caption(scene, rng, complete=True)
        if {"size", "weather", "style"} <= named.keys():
            return scene, prompt

"""Does a minute still move at its end as it did at its beginning?"""

from __future__ import annotations

import numpy as np

from pipeline.mini.scene import Scene
from training.captions import draw_caption
from training.data import FPS
from training.evaluation.setup import HEIGHT, WIDTH, Setup, draw_inhabited
from training.evaluation.studio import Studio
from training.measures.motion import dynamic_degree
from training.world import render


def evaluate_motion(setup: Setup, studio: Studio) -> dict[str, object]:
    """Look for motion in the first and the last ten seconds of a minute."""
    rng, degrees = setup.rng(8), {"moving": [], "still": []}
    times = (np.arange(10 * FPS) / FPS).tolist()
    for index in range(40):
        kind = "still" if index % 2 else "moving"
        scene = _draw_moving(rng, is_moving=kind == "moving")
        frames, _ = render(scene, height=HEIGHT // 2, width=WIDTH // 2, times=times)
        degrees[kind].append(dynamic_degree(frames))
    threshold = (np.median(degrees["moving"]) * np.median(degrees["still"])) ** 0.5
    first, last = [], []
    for seed in range(setup.args.minutes):
        scene = _draw_moving(rng, is_moving=True)
        prompt, _ = draw_caption(scene, rng, complete=True)
        small = studio.make("text_to_video", prompt, 60.0, seed).frames[:, ::2, ::2]
        first.append(dynamic_degree(small[: 10 * FPS]))
        last.append(dynamic_degree(small[-10 * FPS :]))
    return {
        "above the threshold, first 10 s": round(float(np.mean(np.array(first) > threshold)), 3),
        "above the threshold, last 10 s": round(float(np.mean(np.array(last) > threshold)), 3),
        "threshold": round(float(threshold), 2),
        "renders on the right side of it": round(
            float(
                np.mean(
                    [x > threshold for x in degrees["moving"]]
                    + [x <= threshold for x in degrees["still"]]
                )
            ),
            3,
        ),
        "medians": [round(float(np.median(x)), 2) for x in (first, last)],
        "clips": len(first),
    }


def _draw_moving(rng: np.random.Generator, *, is_moving: bool) -> Scene:
    while True:
        scene = draw_inhabited(rng)
        is_calm = scene.camera == "static" and scene.weather in ("clear", "fog")
        if is_calm and (scene.motion == "still") != is_moving:
            return scene

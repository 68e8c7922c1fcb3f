"""Measures whether the joins of windows and of extensions are visible."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from pipeline.engines import open_engine
from pipeline.engines.base import ShotContext
from pipeline.mini.scene import Scene
from pipeline.planning.plan import Plan, plan_generation
from training.captions import draw_caption
from training.data import FPS
from training.evaluation.setup import HEIGHT, WIDTH, Setup, draw_inhabited
from training.evaluation.studio import Studio
from training.measures.joins import seam_ratio
from training.world import render

_NO_JOINS = (32, 40, 49, 64, 80)
_OWN, _OTHER = 49, 40  # frames of the clips that are extended
_LEAD = 16  # frames of a render before its scene's start


def evaluate_seams(setup: Setup, studio: Studio) -> dict[str, object]:
    """Compare joins of windows and of extensions with rendered clips, where there are none.

    Somebody who turns round at a join makes a step that is none of the join's: beside each stands
    what the same scene, rendered without a join, does there.
    """
    low, high = np.percentile(_read_renders(setup, studio), (5, 95))
    rng, joins = setup.rng(7), defaultdict(list)

    def add(name: str, frames: np.ndarray, join: int, truth: np.ndarray, same: int) -> None:
        joins[name].append((seam_ratio(frames, join), seam_ratio(truth, same)))

    engine = open_engine(studio.model_cache.load(studio.spec.id), width=WIDTH, height=HEIGHT)
    for seed in range(setup.args.long_clips):
        scene = draw_inhabited(rng)
        prompt, _ = draw_caption(scene, rng, complete=True)
        staged = engine.encode_prompt(prompt, "", 1.0, ShotContext(seed)).paths.scene
        truth = studio.recode(_render(staged, 150, -_LEAD))
        long = studio.make("text_to_video", prompt, 9.0, seed)
        for join in window_joins(plan_generation(long.request, studio.spec)):
            add("windows", long.frames, join, truth, _LEAD + join)
        own = studio.make("text_to_video", prompt, 3.0, seed).path
        longer = studio.make("extend_video", prompt, 2.0, seed, video=own).frames
        add("extensions of its own clips, forward", longer, _OWN, truth, _LEAD + _OWN)
        back = {"video": own, "direction": "backward"}
        longer = studio.make("extend_video", prompt, 2.0, seed, **back).frames
        add("extensions of its own clips, backward", longer, len(longer) - _OWN, truth, _LEAD)
        other = studio.write(_render(scene, _OTHER))
        longer = studio.make("extend_video", prompt, 2.0, seed, video=other).frames
        truth = studio.recode(_render(scene, 2 * _OTHER))
        add("extensions of renders", longer, _OTHER, truth, _OTHER)
    figures: dict[str, object] = {"band": [round(low, 3), round(high, 3)]}
    for name, pairs in joins.items():
        ratios = np.array(pairs)
        inside = ((low <= ratios) & (ratios <= high)).mean(0)
        figures[name] = {
            "inside the band": round(float(inside[0]), 3),
            "median": round(float(np.median(ratios[:, 0])), 3),
            "renders of the same scenes inside it": round(float(inside[1]), 3),
            "joins": len(ratios),
        }
    return figures


def window_joins(plan: Plan) -> list[int]:
    """Return the numbers of the first frames of all windows but the first."""
    windows = plan.shots[0].windows
    return [8 * window.start_latent - 7 for window in windows[1:]]


def _read_renders(setup: Setup, studio: Studio) -> list[float]:
    """Return what is measured at joins in rendered clips, where there are none.

    Of many clips: of a dozen the band came out as 0.88 to 1.14, and of another as 0.96 to 1.19.
    """
    rng, ratios = setup.rng(10), []
    for _ in range(setup.args.renders):
        frames = studio.recode(_render(draw_inhabited(rng), 96))
        ratios += [seam_ratio(frames, join) for join in _NO_JOINS]
    return ratios


def _render(scene: Scene, num_frames: int, first: int = 0) -> np.ndarray:
    times = (first + np.arange(num_frames)) / FPS
    return render(scene, height=HEIGHT, width=WIDTH, times=times.tolist())[0]

"""Can the joins of windows and of extensions be seen?"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from pipeline.mini.scene import Scene
from pipeline.plan import plan_generation
from training.captions import draw_caption
from training.data import FPS
from training.evaluation.long_clips import window_joins
from training.evaluation.setup import HEIGHT, WIDTH, Setup, draw_inhabited
from training.evaluation.studio import Studio
from training.measures.joins import seam_ratio
from training.world import render

_NO_JOINS = (32, 40, 49, 64, 80)


def evaluate_seams(setup: Setup, studio: Studio) -> dict[str, object]:
    """Compare joins of windows and of extensions with the same frames of rendered clips."""
    low, high = np.percentile(_read_renders(setup, studio), (5, 95))
    rng, joins = setup.rng(7), defaultdict(list)
    for seed in range(setup.args.long_clips):
        scene = draw_inhabited(rng)
        prompt, _ = draw_caption(scene, rng, complete=True)
        long = studio.make("text_to_video", prompt, 9.0, seed)
        starts = window_joins(plan_generation(long.request, studio.spec))
        joins["windows"] += [seam_ratio(long.frames, join) for join in starts]
        own = studio.make("text_to_video", prompt, 3.0, seed).path
        longer = studio.make("extend_video", prompt, 2.0, seed, video=own).frames
        joins["extensions of its own clips, forward"].append(seam_ratio(longer, 49))
        back = {"video": own, "direction": "backward"}
        longer = studio.make("extend_video", prompt, 2.0, seed, **back).frames
        ratio = seam_ratio(longer, len(longer) - 49)
        joins["extensions of its own clips, backward"].append(ratio)
        other = studio.write(_render(scene, 40))
        longer = studio.make("extend_video", prompt, 2.0, seed, video=other).frames
        joins["extensions of renders"].append(seam_ratio(longer, 40))
    figures: dict[str, object] = {"band": [round(low, 3), round(high, 3)]}
    for name, ratios in joins.items():
        inside = np.mean([low <= ratio <= high for ratio in ratios])
        figures[name] = {
            "inside the band": round(float(inside), 3),
            "median": round(float(np.median(ratios)), 3),
            "joins": len(ratios),
        }
    return figures


def _read_renders(setup: Setup, studio: Studio) -> list[float]:
    """Return what is measured at joins in rendered clips, where there are none.

    Of many clips: of a dozen the band came out as 0.88 to 1.14, and of another as 0.96 to 1.19.
    """
    rng, ratios = setup.rng(10), []
    for _ in range(setup.args.renders):
        frames = studio.recode(_render(draw_inhabited(rng), 96))
        ratios += [seam_ratio(frames, join) for join in _NO_JOINS]
    return ratios


def _render(scene: Scene, num_frames: int) -> np.ndarray:
    return render(scene, height=HEIGHT, width=WIDTH, times=np.arange(num_frames) / FPS)[0]

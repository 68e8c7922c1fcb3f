"""Can the joins of windows and of extensions be seen?"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from pipeline.plan import plan_generation
from training.captions import draw_caption
from training.data import FPS
from training.evaluation.long_clips import window_joins
from training.evaluation.setup import HEIGHT, WIDTH, Setup, draw_inhabited
from training.evaluation.studio import Studio
from training.measures.joins import seam_ratio
from training.world import render


def evaluate_seams(setup: Setup, studio: Studio) -> dict[str, object]:
    """Compare joins of windows and of extensions with the same frames of rendered clips."""
    rng, truth, joins = setup.rng(7), [], defaultdict(list)
    for seed in range(setup.args.long_clips):
        scene = draw_inhabited(rng)
        prompt, _ = draw_caption(scene, rng, complete=True)
        rendered = render(scene, height=HEIGHT, width=WIDTH, times=np.arange(96) / FPS)[0]
        truth += [seam_ratio(studio.recode(rendered), join) for join in (32, 40, 49, 64, 80)]
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
        other = studio.write(rendered[:40])
        longer = studio.make("extend_video", prompt, 2.0, seed, video=other).frames
        joins["extensions of renders"].append(seam_ratio(longer, 40))
    low, high = np.percentile(truth, (5, 95))
    figures: dict[str, object] = {"band": [round(low, 3), round(high, 3)]}
    for name, ratios in joins.items():
        inside = np.mean([low <= ratio <= high for ratio in ratios])
        figures[name] = {
            "inside the band": round(float(inside), 3),
            "median": round(float(np.median(ratios)), 3),
            "joins": len(ratios),
        }
    return figures

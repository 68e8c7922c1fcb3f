"""Measures whether clips show what their prompts say, with an oracle trained on renders."""

from __future__ import annotations

import logging

import numpy as np

from pipeline.mini.scene import ATTRIBUTES
from training.captions import draw_caption
from training.data import FPS
from training.evaluation.setup import HEIGHT, WIDTH, Setup, draw_inhabited
from training.oracle import MAIN, NUM_LATENTS, read_clip
from training.sampling import load_engine, make_clip
from training.world import render

logger = logging.getLogger(__name__)


def evaluate_oracle(setup: Setup) -> dict[str, object]:
    """Measure the judge itself, on renders of scenes seen and held out in training."""
    rng, rows = setup.rng(1), []
    times = np.arange(1 + 8 * (NUM_LATENTS - 1)) / FPS
    for index in range(setup.args.renders):
        scene = draw_inhabited(rng, held_out=index % 4 == 0, known=setup.known)
        frames, _ = render(scene, height=HEIGHT, width=WIDTH, times=times.tolist())
        named = {n: v for n in ATTRIBUTES if (v := getattr(scene, n)) is not None}
        rows.append(
            right_answers(
                read_clip(setup.oracle, frames, is_paired=scene.companion is not None), named
            )
        )
    return summarize(rows)


def evaluate_prompts(setup: Setup, part: int, **how: bool) -> dict[str, object]:
    """Make a clip of each prompt and let the oracle read it."""
    rng, rows, args = setup.rng(part), [], setup.args
    engine = load_engine(setup.folder)
    for seed in range(args.prompts):
        known = engine.model.pipe.vocabulary
        scene = draw_inhabited(rng, held_out=how.get("held_out", False), known=known)
        words = {"complete": True, "held_out": how.get("paraphrased", False)}
        prompt, named = draw_caption(scene, rng, **words)
        frames = make_clip(engine, prompt, NUM_LATENTS, seed)
        right = right_answers(
            read_clip(setup.oracle, frames, is_paired=scene.companion is not None), named
        )
        rows.append(right)
        if wrong := [name for name, is_right in right.items() if not is_right]:
            logger.info("  %s: %s", ", ".join(wrong), prompt)
    return summarize(rows)


def right_answers(seen: dict[str, str | None], named: dict[str, str]) -> dict[str, bool]:
    """Say for everything a caption names whether the oracle saw it."""
    return {name: seen[name] == value for name, value in named.items()}


def summarize(rows: list[dict[str, bool]]) -> dict[str, float]:
    """Return the share of right answers for each attribute, where named, and for all together."""
    shares = {
        name: round(float(np.mean([row[name] for row in rows if name in row])), 3)
        for name in ATTRIBUTES
        if any(name in row for row in rows)
    }
    together = [all(row.get(name, True) for name in MAIN) for row in rows]
    return shares | {"main six together": round(float(np.mean(together)), 3), "clips": len(rows)}

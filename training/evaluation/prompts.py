"""Measures whether clips show what their prompts say, judged by renders."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from pipeline.engines.base import ShotContext, WindowContext
from pipeline.mini.scene import complete_scene
from pipeline.mini.tables import ATTRIBUTES
from training.captions import draw_caption
from training.data import FPS
from training.evaluation.setup import HEIGHT, WIDTH, Setup, draw_inhabited
from training.grammar import draw_value
from training.judge import MAIN, NUM_LATENTS, read_clip
from training.sampling import load_engine, make_window
from training.world import render

logger = logging.getLogger(__name__)


def evaluate_judge(setup: Setup) -> dict[str, object]:
    """Measure the judge itself, on renders: in half of them one value is not what was asked."""
    rng, rows = setup.rng(1), []
    times = (np.arange(1 + 8 * (NUM_LATENTS - 1)) / FPS).tolist()
    for index in range(setup.args.renders):
        scene = draw_inhabited(rng, known=setup.known)
        _, asked = draw_caption(scene, rng, complete=True)
        values = {name: getattr(scene, name) for name in ATTRIBUTES} | asked
        if index % 2:
            changed = str(rng.choice(MAIN))
            values[changed] = draw_value(rng, changed, setup.known)
        shown = complete_scene(values, scene.seed)
        frames, _ = render(shown, height=HEIGHT, width=WIDTH, times=times)
        seen = read_clip(frames, asked, shown, rng)
        rows.append(right_answers(seen, {name: values[name] for name in asked}))
    return summarize(rows)


def evaluate_prompts(setup: Setup, part: int, **how: bool) -> dict[str, object]:
    """Make a clip of each prompt and judge it."""
    rng, rows, args = setup.rng(part), [], setup.args
    engine = load_engine(setup.folder)
    for seed in range(args.prompts):
        known = engine.model.pipe.vocabulary
        scene = draw_inhabited(rng, held_out=how.get("held_out", False), known=known)
        words = {"complete": True, "held_out": how.get("paraphrased", False)}
        prompt, named = draw_caption(scene, rng, **words)
        read = engine.encode_prompt(prompt, "", 1.0, ShotContext(seed))
        frames = make_window(engine, NUM_LATENTS, read, WindowContext(is_start=True), seed)
        right = right_answers(read_clip(frames, named, read.paths.scene, rng), named)
        rows.append(right)
        if wrong := [name for name, is_right in right.items() if not is_right]:
            logger.info("  %s: %s", ", ".join(wrong), prompt)
    return summarize(rows)


def right_answers(seen: Mapping[str, str], named: Mapping[str, str]) -> dict[str, bool]:
    """Say for everything a caption names whether it was seen."""
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

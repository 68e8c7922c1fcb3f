"""Measures clips against renders of their scenes: all, round the bodies, land under a pan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.engines.base import SamplingParams, ShotContext, WindowContext
from pipeline.mini.scene import Scene
from pipeline.mini.tables import OF_BODIES
from training.captions import draw_caption
from training.data import FPS
from training.evaluation.pictures import psnr
from training.evaluation.setup import HEIGHT, WIDTH, Setup, draw_inhabited
from training.sampling import load_engine
from training.world import render

_NUM_LATENTS = 5  # two seconds
_MARGIN = 16  # pixels round a body's box


def evaluate_renders(setup: Setup) -> dict[str, object]:
    """Return medians in dB over scenes, and how much two seeds of the same words differ."""
    rng, engine = setup.rng(11), load_engine(setup.folder)
    whole, bodies, pans, differences = [], [], [], []
    for seed in range(setup.args.scenes):
        prompt, _ = draw_caption(draw_inhabited(rng, known=setup.known), rng, complete=True)
        words = engine.encode_prompt(prompt, "", 1.0, ShotContext(seed))
        made = _make(engine, words, seed)
        scene = words.paths.scene
        drawn, boxes = _draw(scene, len(made))
        whole.append(psnr(made, drawn))
        bodies.append(_psnr_in_boxes(made, drawn, boxes))
        land = replace(scene, camera="pan left", **dict.fromkeys(OF_BODIES))
        words = replace(words, paths=engine._plan_paths(land))
        made = _make(engine, words, seed)
        pans.append(psnr(made, _draw(land, len(made))[0]))
        other = replace(words, paths=engine._plan_paths(replace(land, seed=land.seed + 1)))
        step = np.abs(made[0].astype(int) - _make(engine, other, seed)[0]).max(-1)
        differences.append(float((step > 24).mean()))
    return {
        "all, dB": round(float(np.median(whole)), 2),
        "round the bodies, dB": round(float(np.median(bodies)), 2),
        "land under a pan, dB": round(float(np.median(pans)), 2),
        "of a land's pixels that another seed changes": round(float(np.median(differences)), 3),
        "scenes": len(whole),
    }


def _make(engine: object, words: object, seed: int) -> np.ndarray:
    given = WindowContext(is_start=True)
    part = engine.make(_NUM_LATENTS, words, given, SamplingParams(seed))
    return np.concatenate(list(engine.decode_shot(given, [part], words)))


def _draw(scene: Scene, num_frames: int) -> tuple[np.ndarray, np.ndarray]:
    times = (np.arange(num_frames) / FPS).tolist()
    return render(scene, height=HEIGHT, width=WIDTH, times=times)


def _psnr_in_boxes(made: np.ndarray, drawn: np.ndarray, boxes: np.ndarray) -> float:
    errors = []
    for a, b, (left, top, right, bottom) in zip(
        made, drawn, boxes.round().astype(int), strict=True
    ):
        rows = slice(max(0, top - _MARGIN), max(0, bottom + _MARGIN))
        columns = slice(max(0, left - _MARGIN), max(0, right + _MARGIN))
        errors.append(np.square(a[rows, columns].astype(float) - b[rows, columns]).ravel())
    error = np.concatenate(errors)
    return float(10 * np.log10(255**2 / max(float(error.mean()), 1e-9))) if len(error) else np.nan

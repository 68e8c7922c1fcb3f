"""Make clips with a model folder as the app would, to look at and to measure."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.engines import open_engine
from pipeline.engines.base import SamplingParams, ShotContext, WindowContext
from pipeline.mini.engine import MiniEngine
from pipeline.mini.renderer import ScenePrompt
from pipeline.models.registry import MODELS
from pipeline.runtime.model_cache import ModelCache

SHIPPED = MODELS["kinora-mini"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what clips are made with."""
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--latents", type=int, default=3)


def load_engine(folder: Path) -> MiniEngine:
    """Load a pipeline folder in the place of the shipped one, at 512x288."""
    spec = replace(SHIPPED, repository=folder)
    return open_engine(ModelCache(models={spec.id: spec}).load(spec.id), width=512, height=288)


def make_clip(engine: MiniEngine, prompt: str, num_latents: int, seed: int = 0) -> np.ndarray:
    """Make one window from a prompt alone: frames (F, H, W, 3) uint8."""
    words = engine.encode_prompt(prompt, "", 1.0, ShotContext(seed))
    return make_window(engine, num_latents, words, WindowContext(is_start=True), seed)


def make_window(
    engine: MiniEngine, num_latents: int, words: ScenePrompt, context: WindowContext, seed: int
) -> np.ndarray:
    """Make one window of a shot and decode it, a given picture too: frames (F, H, W, 3) uint8."""
    part = engine.make(num_latents, words, context, SamplingParams(seed))
    return np.concatenate(list(engine.decode_shot(context, [part], words)))

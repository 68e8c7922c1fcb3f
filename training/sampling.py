"""Make clips with a model folder, as the app would, for those who look at them and measure."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.engines import open_engine
from pipeline.engines.engine import Context
from pipeline.engines.ltx import LTXEngine
from pipeline.loader import Loader
from pipeline.models import MODELS

SHIPPED = MODELS["kinora-mini"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what clips are made with; steps and guidance are those of the app unless given."""
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--latents", type=int, default=3)
    parser.add_argument("--steps", type=int, default=SHIPPED.default_num_inference_steps)
    parser.add_argument("--guidance", type=float, default=SHIPPED.default_guidance_scale)


def load_engine(folder: Path) -> LTXEngine:
    """Load a pipeline folder in the place of the shipped one, at 512x288."""
    spec = replace(SHIPPED, repository=folder)
    return open_engine(Loader(models={spec.id: spec}).load(spec.id), width=512, height=288)


def make_clip(
    engine: LTXEngine, prompt: str, num_latents: int, steps: int, guidance: float, seed: int = 0
) -> np.ndarray:
    """Make one window from a prompt alone: frames (F, H, W, 3) uint8."""
    embeds = engine.encode_prompt(prompt, "", guidance, seed=seed)
    nothing = Context(is_start=True)
    part = engine.make(
        num_latents,
        embeds,
        nothing,
        num_inference_steps=steps,
        guidance_scale=guidance,
        seed=seed,
    )
    return np.concatenate(list(engine.decode_take(nothing, [part], embeds)))

"""The plain way to hand one window on to the next: as the last picture, made image to video.

Kinora's own way needs to hand on nothing of a scene that is staged. Here the frames of one shot are
made with the same engine, with as many new latent frames and the same seed in each window as in
Kinora's plan, so that the joins are at the same frames.
"""

from __future__ import annotations

import numpy as np
import torch

from pipeline.engines.engine import Context
from pipeline.engines.ltx import LTXEngine, PromptEmbeds
from pipeline.plan import Plan
from pipeline.windows import Window


def make_from_last_frames(engine: LTXEngine, plan: Plan, prompt: str, seed: int) -> np.ndarray:
    """Make the first shot of a plan window by window: its frames (F, H, W, 3) uint8.

    It is what one does with models that offer nothing else: image to video, again and again.
    """
    first, *later = plan.shots[0].windows
    words = engine.encode_prompt(prompt, "", plan.guidance_scale, seed=seed)
    made = _make_window(engine, plan, first, words, Context(is_start=True))
    words = engine.encode_prompt(prompt, "", plan.guidance_scale, seed=seed, given="picture")
    for window in later:
        picture = engine.encode(made[-1:], torch.Generator().manual_seed(0))
        context = Context(is_start=True, before=picture, is_picture=True)
        new = _make_window(engine, plan, window, words, context)
        made = np.concatenate([made, new[1:]])  # the picture does not come again
    return made


def _make_window(
    engine: LTXEngine, plan: Plan, window: Window, words: PromptEmbeds, context: Context
) -> np.ndarray:
    part = engine.make(
        window.num_latents,
        words,
        context,
        num_inference_steps=plan.num_inference_steps,
        guidance_scale=plan.guidance_scale,
        seed=window.seed,
    )
    return np.concatenate(list(engine.decode_take(context, [part], words)))

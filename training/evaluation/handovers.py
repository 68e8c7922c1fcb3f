"""The baseline for joining windows: pass on only the last frame, as in image to video.

Kinora itself continues a planned scene without passing on any frames. Here the frames of one shot
are made with the same engine, with as many new latent frames and the same seed in each window as in
Kinora's plan, so that the joins are at the same frames.
"""

from __future__ import annotations

import numpy as np
import torch

from pipeline.engines.base import ShotContext, WindowContext
from pipeline.mini.engine import MiniEngine
from pipeline.planning.plan import Plan
from training.sampling import make_window


def make_from_last_frames(engine: MiniEngine, plan: Plan, prompt: str, seed: int) -> np.ndarray:
    """Make the first shot of a plan window by window: its frames (F, H, W, 3) uint8.

    It is what one does with models that offer nothing else: image to video, again and again.
    """
    first, *later = plan.shots[0].windows
    words = engine.encode_prompt(prompt, "", 1.0, ShotContext(seed))
    made = make_window(engine, first.num_latents, words, WindowContext(is_start=True), first.seed)
    words = engine.encode_prompt(prompt, "", 1.0, ShotContext(seed, "picture"))
    for window in later:
        picture = engine.encode(made[-1:], torch.Generator().manual_seed(0))
        context = WindowContext(is_start=True, before=picture, is_picture=True)
        new = make_window(engine, window.num_latents, words, context, window.seed)
        made = np.concatenate([made, new[1:]])  # the picture does not come again
    return made

"""Other ways than Kinora's to hand one window on to the next, with the same engine and windows.

All of them make the frames of one shot from a prompt alone, with as many new latent frames and the
same seed in each window as Kinora's plan has, so that their joins are at the same frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from pipeline.engines.engine import Context
from pipeline.engines.ltx import LTXEngine, PromptEmbeds
from pipeline.plan import Plan
from pipeline.windows import Window


@dataclass(frozen=True)
class Handover:
    """What a window is given of the frames made so far, and whether it knows the shot's paths."""

    give: Callable[[LTXEngine, Window, np.ndarray], Context]
    knows_paths: bool


def give_picture(engine: LTXEngine, window: Window, made: np.ndarray) -> Context:
    """Give the last frame, a picture of eight bits a colour like any other."""
    del window
    return Context(is_start=True, before=_encode(engine, made[-1:]), is_picture=True)


def give_picture_in_its_place(engine: LTXEngine, window: Window, made: np.ndarray) -> Context:
    """Give the last frame, and say which of the shot it is."""
    before = _encode(engine, made[-1:])
    first = window.start_latent - 1
    return Context(is_start=True, first=first, before=before, is_picture=True)


def give_frames(engine: LTXEngine, window: Window, made: np.ndarray) -> Context:
    """Give what Kinora hands over as latents, decoded and encoded again."""
    num_frames = (window.num_context - 1) * engine.model.spec.temporal + 1
    first = window.start_latent - window.num_context
    return Context(is_start=True, first=first, before=_encode(engine, made[-num_frames:]))


HANDOVERS: dict[str, Handover] = {
    # Image to video, again and again: what one does with models that offer nothing else.
    "last frame": Handover(give_picture, knows_paths=False),
    "last frame, paths known": Handover(give_picture_in_its_place, knows_paths=True),
    "latents decoded and encoded": Handover(give_frames, knows_paths=True),
}


def make_shot(
    engine: LTXEngine, plan: Plan, prompt: str, seed: int, handover: Handover
) -> np.ndarray:
    """Make the first shot of a plan window by window: its frames (F, H, W, 3) uint8."""
    first, *later = plan.shots[0].windows
    embeds = engine.encode_prompt(prompt, "", plan.guidance_scale, seed=seed)
    made = _make_window(engine, plan, first, embeds, Context(is_start=True))
    if not handover.knows_paths:
        embeds = engine.encode_prompt(prompt, "", plan.guidance_scale, seed=seed, given="picture")
    for window in later:
        context = handover.give(engine, window, made)
        made = np.concatenate([made, _make_window(engine, plan, window, embeds, context)])
    return made


def _make_window(
    engine: LTXEngine, plan: Plan, window: Window, embeds: PromptEmbeds, context: Context
) -> np.ndarray:
    """Denoise and decode one window; a given picture does not come again."""
    latents = engine.denoise(
        window.num_latents,
        embeds,
        context,
        num_inference_steps=plan.num_inference_steps,
        guidance_scale=plan.guidance_scale,
        seed=window.seed,
    )
    new = latents[:, :, context.num_before :]
    frames = np.concatenate(list(engine.decode_take(context, [new])))
    return frames[1:] if context.is_picture else frames


def _encode(engine: LTXEngine, frames: np.ndarray) -> torch.Tensor:
    return engine.encode(frames, torch.Generator("cpu").manual_seed(0))

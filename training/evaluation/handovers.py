"""Other ways than Kinora's to hand one window on to the next, with the same engine and windows.

All of them make the frames of one shot from a prompt alone, with as many new latent frames and the
same seed in each window as Kinora's plan has, so that their joins are at the same frames.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from pipeline.engines.ltx import Context, LTXEngine, PromptEmbeds
from pipeline.plan import Plan
from pipeline.windows import Window

Continue = Callable[[LTXEngine, Window, np.ndarray], tuple[Context, bool]]
"""`(engine, window, frames so far) -> what the window is given, whether its paths are known`."""


def from_last_frame(engine: LTXEngine, window: Window, made: np.ndarray) -> tuple[Context, bool]:
    """Start from the last frame, a picture like any other: image to video, again and again.

    This is what one does with models that offer nothing else; the picture has eight bits a colour.
    """
    del window
    return Context(is_start=True, before=_encode(engine, made[-1:])), False


def from_last_frame_on_its_path(
    engine: LTXEngine, window: Window, made: np.ndarray
) -> tuple[Context, bool]:
    """Start from the last frame, but on the paths of the whole shot, as Kinora's windows do."""
    before = _encode(engine, made[-1:])
    return Context(is_start=True, first=window.start_latent - 1, before=before), True


def from_last_frames(engine: LTXEngine, window: Window, made: np.ndarray) -> tuple[Context, bool]:
    """Start from what Kinora hands over, decoded and encoded again, on the paths of the shot."""
    num_frames = (window.num_context - 1) * engine.model.spec.temporal + 1
    first = window.start_latent - window.num_context
    before = _encode(engine, made[-num_frames:])
    return Context(is_start=True, first=first, before=before), True


HANDOVERS: dict[str, Continue] = {
    "last frame": from_last_frame,
    "last frame, paths known": from_last_frame_on_its_path,
    "latents decoded and encoded": from_last_frames,
}


def make_shot(
    engine: LTXEngine, plan: Plan, prompt: str, seed: int, continue_from: Continue
) -> np.ndarray:
    """Make the first shot of a plan window by window: its frames (F, H, W, 3) uint8."""
    embeds = engine.encode_prompt(prompt, "", plan.guidance_scale, seed=seed)
    embeds_of_picture = engine.encode_prompt(
        prompt, "", plan.guidance_scale, seed=seed, given="picture"
    )
    made = _make_window(engine, plan, plan.shots[0].windows[0], embeds, Context(is_start=True))
    for window in plan.shots[0].windows[1:]:
        context, knows_paths = continue_from(engine, window, made)
        told = embeds if knows_paths else embeds_of_picture
        made = np.concatenate([made, _make_window(engine, plan, window, told, context)])
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
    frames = np.concatenate(list(engine.decode_take(context, new)))
    return frames[1:] if context.is_picture else frames


def _encode(engine: LTXEngine, frames: np.ndarray) -> torch.Tensor:
    return engine.encode(frames, torch.Generator("cpu").manual_seed(0))

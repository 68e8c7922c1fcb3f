"""Kandinsky 5 Lite: five seconds from words, or from a picture, over HunyuanVideo's autoencoder."""

from __future__ import annotations

import torch
from diffusers import DiffusionPipeline, Kandinsky5I2VPipeline

from pipeline.engines.pipeline_call import Family, GivenFrames
from pipeline.runtime.private_api import KandinskyLiteI2VPipeline, KandinskyLiteT2VPipeline
from pipeline.runtime.prompt_cache import Embeds

# The pipeline for pictures evens out the first four latents by those that follow: without any they
# would be no numbers.
_MIN_LATENTS = 5


def encode_prompt(
    pipe: DiffusionPipeline,
    prompt: str,
    negative_prompt: str,
    is_guided: bool,
    max_sequence_length: int,
) -> Embeds:
    """Encode the words, and those to be avoided if guidance is on.

    Three tensors each: Qwen's of every token (1, L, D), CLIP's of all (1, D), where prompts end.
    """
    words = [prompt, negative_prompt] if is_guided else [prompt]
    read = [pipe.encode_prompt(x, max_sequence_length=max_sequence_length) for x in words]
    return tuple(tensor for embeds in read for tensor in embeds)


def condition(
    pipe: DiffusionPipeline, given_frames: GivenFrames
) -> tuple[DiffusionPipeline, dict[str, object]]:
    """Give the last frame of the start as the first picture, to the model that begins with one."""
    is_from_picture = isinstance(pipe, Kandinsky5I2VPipeline)
    lite = (KandinskyLiteI2VPipeline if is_from_picture else KandinskyLiteT2VPipeline)(
        **pipe.components
    )
    lite.set_progress_bar_config(disable=True)
    return lite, {"image": given_frames.start[-1]} if is_from_picture else {}


def decode(pipe: DiffusionPipeline, latents: torch.Tensor) -> torch.Tensor:
    """Decode latents (1, C, T, h, w), scaled, into frames (1, 3, 4 T - 3, H, W)."""
    vae = pipe.vae
    return vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor, return_dict=False)[0]


_OF_WORDS = ("prompt_embeds_qwen", "prompt_embeds_clip", "prompt_cu_seqlens")
KANDINSKY = Family(
    (*_OF_WORDS, *(f"negative_{name}" for name in _OF_WORDS)),
    encode_prompt,
    condition,
    decode,
    is_channels_last=True,
    min_latents=_MIN_LATENTS,
)

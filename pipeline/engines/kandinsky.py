"""Kandinsky 5 Lite: five seconds from a prompt or a picture, with HunyuanVideo's autoencoder."""

from __future__ import annotations

import torch
from diffusers import DiffusionPipeline, Kandinsky5I2VPipeline

from pipeline.engines.pipeline_call import Family, GivenFrames
from pipeline.runtime.private_api import KandinskyLiteI2VPipeline, KandinskyLiteT2VPipeline
from pipeline.runtime.prompt_cache import Embeds

# The image-to-video pipeline normalizes the first four latents by those that follow; without any it
# gives NaN.
_MIN_LATENTS = 5


def encode_prompt(
    pipe: DiffusionPipeline,
    prompt: str,
    negative_prompt: str,
    is_guided: bool,
    max_sequence_length: int,
) -> Embeds:
    """Encode the prompt, and the negative prompt if guidance is on.

    Returns three tensors for each: Qwen's embeddings of the tokens (1, L, D), CLIP's of the whole
    prompt (1, D), and the cumulative sequence lengths.
    """
    prompts = [prompt, negative_prompt] if is_guided else [prompt]
    encoded = [pipe.encode_prompt(x, max_sequence_length=max_sequence_length) for x in prompts]
    return tuple(tensor for embeds in encoded for tensor in embeds)


def condition(
    pipe: DiffusionPipeline, given_frames: GivenFrames
) -> tuple[DiffusionPipeline, dict[str, object]]:
    """Pass the last given frame as the first picture to a model that starts from one."""
    is_from_picture = isinstance(pipe, Kandinsky5I2VPipeline)
    lite = (KandinskyLiteI2VPipeline if is_from_picture else KandinskyLiteT2VPipeline)(
        **pipe.components
    )
    lite.set_progress_bar_config(disable=True)
    if is_from_picture:
        return lite, {"image": given_frames.start[-1]}
    if given_frames.latents is None:
        return lite, {}
    return lite, {"latents": _without_picture(lite, given_frames.latents.movedim(1, -1))}


def _without_picture(pipe: DiffusionPipeline, latents: torch.Tensor) -> torch.Tensor:
    """Return latents (1, T, h, w, C) with the channels that say there is no picture, if any.

    The pipeline adds them only to latents of its own.
    """
    if not pipe.transformer.visual_cond:
        return latents
    return torch.cat([latents, torch.zeros_like(latents), torch.zeros_like(latents[..., :1])], -1)


def encode(pipe: DiffusionPipeline, pixels: torch.Tensor) -> torch.Tensor:
    """Encode pixels (1, 3, 4 T - 3, H, W) in [-1, 1] into scaled latents (1, C, T, h, w)."""
    vae = pipe.vae
    return vae.encode(pixels.to(vae.dtype)).latent_dist.mode() * vae.config.scaling_factor


def decode(pipe: DiffusionPipeline, latents: torch.Tensor) -> torch.Tensor:
    """Decode scaled latents (1, C, T, h, w) into pixels (1, 3, 4 T - 3, H, W) in [-1, 1]."""
    vae = pipe.vae
    return vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor, return_dict=False)[0]


_PROMPT_ARGUMENTS = ("prompt_embeds_qwen", "prompt_embeds_clip", "prompt_cu_seqlens")
KANDINSKY = Family(
    (*_PROMPT_ARGUMENTS, *(f"negative_{name}" for name in _PROMPT_ARGUMENTS)),
    encode_prompt,
    condition,
    decode,
    encode,
    is_channels_last=True,
    min_latents=_MIN_LATENTS,
)

"""The engine file of a family that Kinora does not have: Mochi, by diffusers' own classes."""

from __future__ import annotations

import torch
from diffusers import MochiPipeline

from pipeline.engines.pipeline_call import Family, GivenFrames
from pipeline.runtime.prompt_cache import Embeds


def encode_prompt(
    pipe: MochiPipeline, prompt: str, negative_prompt: str, is_guided: bool, length: int
) -> Embeds:
    """Return the embeddings (1, L, D) and masks (1, L) of a prompt and of its negative one."""
    embeds, mask, negative, negative_mask = pipe.encode_prompt(
        prompt, negative_prompt, is_guided, max_sequence_length=length
    )
    return (embeds, mask, negative, negative_mask) if is_guided else (embeds, mask)


def condition(pipe: MochiPipeline, given: GivenFrames) -> tuple[MochiPipeline, dict[str, object]]:
    """Return what a window is told of given frames: nothing, as the row says that it cannot."""
    del given
    return pipe, {}


def decode(pipe: MochiPipeline, latents: torch.Tensor) -> torch.Tensor:
    """Decode latents (1, C, T, h, w) into pixels (1, 3, F, H, W)."""
    return pipe.vae.decode(latents.to(pipe.vae.dtype), return_dict=False)[0]


MOCHI = Family(
    (
        "prompt_embeds",
        "prompt_attention_mask",
        "negative_prompt_embeds",
        "negative_prompt_attention_mask",
    ),
    encode_prompt,
    condition,
    decode,
)

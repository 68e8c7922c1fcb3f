"""The Wan family: the arguments of its pipelines, and decoding with its autoencoder."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLWan, DiffusionPipeline, WanImageToVideoPipeline
from PIL import Image

from pipeline.engines.pipeline_call import Family, GivenFrames
from pipeline.runtime.prompt_cache import Embeds

# VACE takes grey frames, with a white mask, where it is to make new ones (Jiang et al. 2025, "VACE:
# All-in-One Video Creation and Editing"; diffusers, Wan documentation).
_GREY, _KEEP, _MAKE = (128, 128, 128), 0, 255


def encode_prompt(
    pipe: DiffusionPipeline,
    prompt: str,
    negative_prompt: str,
    is_guided: bool,
    max_sequence_length: int,
) -> Embeds:
    """Encode the prompt, and the negative prompt if guidance is on: (1, L, D) each."""
    embeds, negative_embeds = pipe.encode_prompt(
        prompt,
        negative_prompt,
        do_classifier_free_guidance=is_guided,
        max_sequence_length=max_sequence_length,
    )
    return (embeds,) if negative_embeds is None else (embeds, negative_embeds)


def condition_on_pictures(
    pipe: DiffusionPipeline, given_frames: GivenFrames
) -> tuple[DiffusionPipeline, dict[str, object]]:
    """Pass the last given frame as the first picture, and the first following one as the last."""
    given: dict[str, object] = {}
    if given_frames.latents is not None:
        given["latents"] = given_frames.latents
    if not given_frames.start:
        return pipe, given
    given["image"] = given_frames.start[-1]
    if given_frames.end:
        given["last_image"] = given_frames.end[0]
    if not isinstance(pipe, WanImageToVideoPipeline):
        # The same components in another pipeline; its configuration is not part of them.
        config = {name: pipe.config[name] for name in ("boundary_ratio", "expand_timesteps")}
        pipe = WanImageToVideoPipeline(**pipe.components, **config)
        pipe.set_progress_bar_config(disable=True)
    return pipe, given


def condition_on_frames(
    pipe: DiffusionPipeline, given_frames: GivenFrames
) -> tuple[DiffusionPipeline, dict[str, object]]:
    """Pass the given frames with a mask that keeps them, and grey frames to be made.

    In a remix the frames to be made show the clip without colour, which is one of the model's
    controls, with less contrast the more is to change.
    """
    pictures: dict[str, object] = {}
    if given_frames.references:
        pictures["reference_images"] = [*given_frames.references]
    known = [*given_frames.start, *given_frames.end, *given_frames.source[:1]]
    if not known:
        return pipe, pictures
    num_new = given_frames.num_frames - len(given_frames.start) - len(given_frames.end)
    grey = Image.new("RGB", known[0].size, _GREY)
    new = [_as_control(x, grey, given_frames.strength) for x in given_frames.source[:num_new]]
    new += [grey] * (num_new - len(new))
    keep, make = (Image.new("L", known[0].size, value) for value in (_KEEP, _MAKE))
    return pipe, pictures | {
        "video": [*given_frames.start, *new, *given_frames.end],
        "mask": [
            *[keep] * len(given_frames.start),
            *[make] * num_new,
            *[keep] * len(given_frames.end),
        ],
    }


def _as_control(picture: Image.Image, grey: Image.Image, strength: float) -> Image.Image:
    """Return a picture without colour, mixed with as much grey as the strength says."""
    return Image.blend(picture.convert("L").convert("RGB"), grey, strength)


def decode(pipe: DiffusionPipeline, latents: torch.Tensor) -> torch.Tensor:
    """Decode normalized latents (1, C, T, h, w) into pixels (1, 3, 4 T - 3, H, W) in [-1, 1]."""
    mean, std = latent_statistics(pipe.vae, latents.device)
    return pipe.vae.decode(latents.to(mean.dtype) * std + mean, return_dict=False)[0]


def encode(pipe: DiffusionPipeline, pixels: torch.Tensor) -> torch.Tensor:
    """Encode pixels (1, 3, 4 T - 3, H, W) in [-1, 1] into normalized latents (1, C, T, h, w)."""
    mean, std = latent_statistics(pipe.vae, pixels.device)
    return (pipe.vae.encode(pixels.to(mean.dtype)).latent_dist.mode() - mean) / std


def latent_statistics(vae: AutoencoderKLWan, device: torch.device) -> tuple[torch.Tensor, ...]:
    """Return mean and standard deviation of raw latents, (1, C, 1, 1, 1) each."""
    return tuple(
        torch.tensor(values, device=device, dtype=vae.dtype).view(1, -1, 1, 1, 1)
        for values in (vae.config.latents_mean, vae.config.latents_std)
    )


PROMPT_ARGUMENTS = ("prompt_embeds", "negative_prompt_embeds")
WAN = Family(PROMPT_ARGUMENTS, encode_prompt, condition_on_pictures, decode, encode)
VACE = Family(PROMPT_ARGUMENTS, encode_prompt, condition_on_frames, decode, encode)

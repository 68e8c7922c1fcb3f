"""Enlarges latents between the two passes of HD, with the authors' latent upsampler."""

from __future__ import annotations

import torch
from diffusers import LTXLatentUpsamplePipeline

from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.private_api import denormalize_latents, normalize_latents


@torch.no_grad()
def upsample(model: LoadedModel, latents: torch.Tensor) -> torch.Tensor:
    """Double the sides of normalized latents (1, C, T, h, w) -> (1, C, T, 2 h, 2 w), float32.

    As `LTXLatentUpsamplePipeline` does, whose own call moves latents to where the autoencoder is:
    with offloading that is not where the upsampler computes.
    """
    upsampler, second_pass = model.upsampler, model.spec.second_pass
    assert upsampler is not None  # loaded with the model, for HD
    assert second_pass is not None  # or else HD was refused
    home = upsampler.device
    upsampler.to(model.device)
    small = denormalize_latents(model.pipe, latents.to(model.device)).to(upsampler.dtype)
    large = upsampler(small)
    upsampler.to(home)  # with offloading it is on the GPU only now
    pipe = LTXLatentUpsamplePipeline(model.pipe.vae, upsampler)
    if second_pass.adain_factor:
        large = pipe.adain_filter_latent(large, small, second_pass.adain_factor)
    if second_pass.tone_map_ratio:
        large = pipe.tone_map_latents(large, second_pass.tone_map_ratio)
    return normalize_latents(model.pipe, large.float())

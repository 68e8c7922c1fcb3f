"""Tiny latent upsamplers of the classes that the rows name, with random weights."""

from __future__ import annotations

import dataclasses
import pkgutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from pipeline.models.registry import MODELS
from pipeline.models.spec import Part, SecondPass

CHANNELS = 8  # of the latents of tiny models
_TINY = {"in_channels": CHANNELS, "mid_channels": 32, "num_blocks_per_stage": 1}


def save_tiny_upsampler(model_id: str, file: Path) -> None:
    """Save a tiny upsampler of a row's class into a file, as its authors do."""
    second_pass = tiny_second_pass(model_id, file)
    torch.manual_seed(0)
    make = pkgutil.resolve_name(second_pass.upsampler)
    save_file(make(**second_pass.upsampler_options).state_dict(), file)


def tiny_second_pass(model_id: str, file: Path) -> SecondPass:
    """Return a row's second pass, with that file as its upsampler and no published sizes.

    The first pass has the steps of a standard clip.
    """
    second_pass = MODELS[model_id].second_pass
    assert second_pass is not None
    return dataclasses.replace(
        second_pass,
        checkpoint=str(file),
        upsampler_options={**second_pass.upsampler_options, **_TINY},
        part=Part(60_000),
        first_timesteps=None,
        sizes={},
    )

"""Tiny LoRAs, made with peft on the transformers of tiny pipelines and saved as diffusers does."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import DiffusionPipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict


def save_tiny_lora(pipe: DiffusionPipeline, folder: Path, seed: int = 0, rank: int = 2) -> Path:
    """Save a random LoRA of all attention of a pipeline's transformer, and return its file.

    The pipeline has it on afterwards, so that it should be nobody else's.
    """
    layers = ["to_q", "to_k", "to_v", "to_out.0"]
    pipe.transformer.add_adapter(LoraConfig(r=rank, target_modules=layers), adapter_name="tiny")
    shapes = get_peft_model_state_dict(pipe.transformer, adapter_name="tiny")
    generator = torch.Generator().manual_seed(seed)
    weights = {
        name: 0.3 * torch.randn(shapes[name].shape, generator=generator) for name in sorted(shapes)
    }
    type(pipe).save_lora_weights(folder, transformer_lora_layers=weights)
    return folder / "pytorch_lora_weights.safetensors"

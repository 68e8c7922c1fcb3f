"""Models at full size with seeded random weights: their cost is real, their pictures are noise.

The configurations are those that the authors released; that they have as many parameters as the
rows of the catalog say is a test.
"""

from __future__ import annotations

import json
import logging
import math
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from transformers import T5TokenizerFast

from pipeline.models.spec import ModelSpec

logger = logging.getLogger(__name__)

_FASTEST = "cuda" if torch.cuda.is_available() else "cpu"
Configuration = Mapping[str, Any]
_T5: Configuration = {
    "vocab_size": 32128,
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10240,
    "num_layers": 24,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
}
_UMT5: Configuration = {**_T5, "vocab_size": 256384}
_LTX: Configuration = {
    "in_channels": 128,
    "out_channels": 128,
    "num_attention_heads": 32,
    "attention_head_dim": 64,
    "cross_attention_dim": 2048,
    "num_layers": 28,
    "caption_channels": 4096,
}
_LTX_VAE: Configuration = {
    "latent_channels": 128,
    "block_out_channels": (128, 256, 512, 1024, 2048),
    "down_block_types": ("LTXVideo095DownBlock3D",) * 4,
    "decoder_block_out_channels": (256, 512, 1024),
    "layers_per_block": (4, 6, 6, 2, 2),
    "decoder_layers_per_block": (5, 5, 5, 5),
    "spatio_temporal_scaling": (True,) * 4,
    "decoder_spatio_temporal_scaling": (True,) * 3,
    "decoder_inject_noise": (False,) * 4,
    "downsample_type": ("spatial", "temporal", "spatiotemporal", "spatiotemporal"),
    "upsample_residual": (True,) * 3,
    "upsample_factor": (2, 2, 2),
    "timestep_conditioning": True,
    "encoder_causal": True,
    "decoder_causal": False,
    "spatial_compression_ratio": 32,
    "temporal_compression_ratio": 8,
}
_WAN_1_3B: Configuration = {"num_attention_heads": 12, "ffn_dim": 8960, "num_layers": 30}
_WAN_14B: Configuration = {"num_attention_heads": 40, "ffn_dim": 13824, "num_layers": 40}
_WAN_5B_VAE: Configuration = {
    "base_dim": 160,
    "decoder_base_dim": 256,
    "z_dim": 48,
    "is_residual": True,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "scale_factor_spatial": 16,
    "latents_mean": [0.0] * 48,
    "latents_std": [1.0] * 48,
}
_SHIFTED: Configuration = {
    "_class": "UniPCMultistepScheduler",
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
    "num_train_timesteps": 1000,
    "flow_shift": 3.0,
}
_WAN_PARTS = {
    "text_encoder": ("UMT5EncoderModel", _UMT5),
    "vae": ("AutoencoderKLWan", {}),
}


def _vace(configuration: Configuration, step: int) -> tuple[str, Configuration]:
    layers = list(range(0, configuration["num_layers"], step))
    return "WanVACETransformer3DModel", {**configuration, "vace_layers": layers}


# Each part's class and configuration; values that are the class's defaults are left out.
CONFIGURATIONS: dict[str, dict[str, tuple[str, Configuration]]] = {
    "ltx-video-2b": {
        "text_encoder": ("T5EncoderModel", _T5),
        "transformer": ("LTXVideoTransformer3DModel", _LTX),
        "vae": ("AutoencoderKLLTXVideo", _LTX_VAE),
    },
    "ltx-video-13b": {
        "text_encoder": ("T5EncoderModel", _T5),
        "transformer": (
            "LTXVideoTransformer3DModel",
            {**_LTX, "attention_head_dim": 128, "cross_attention_dim": 4096, "num_layers": 48},
        ),
        "vae": ("AutoencoderKLLTXVideo", _LTX_VAE),
    },
    "wan-2.1-vace-1.3b": {**_WAN_PARTS, "transformer": _vace(_WAN_1_3B, 2)},
    "wan-2.1-vace-14b": {**_WAN_PARTS, "transformer": _vace(_WAN_14B, 5)},
    "wan-2.2-5b": {
        **_WAN_PARTS,
        "transformer": (
            "WanTransformer3DModel",
            {
                "num_attention_heads": 24,
                "ffn_dim": 14336,
                "num_layers": 30,
                "in_channels": 48,
                "out_channels": 48,
            },
        ),
        "vae": ("AutoencoderKLWan", _WAN_5B_VAE),
    },
    "wan-2.2-t2v-a14b": {
        **_WAN_PARTS,
        "transformer": ("WanTransformer3DModel", _WAN_14B),
        "transformer_2": ("WanTransformer3DModel", _WAN_14B),
    },
    "wan-2.2-i2v-a14b": {
        **_WAN_PARTS,
        "transformer": ("WanTransformer3DModel", {**_WAN_14B, "in_channels": 36}),
        "transformer_2": ("WanTransformer3DModel", {**_WAN_14B, "in_channels": 36}),
    },
    "skyreels-v2-1.3b": {
        **_WAN_PARTS,
        "transformer": (
            "SkyReelsV2Transformer3DModel",
            {**_WAN_1_3B, "inject_sample_info": True},
        ),
    },
    "helios-distilled": {**_WAN_PARTS, "transformer": ("HeliosTransformer3DModel", {})},
}
SCHEDULERS: dict[str, Configuration] = {
    "ltx-video-2b": {"_class": "FlowMatchEulerDiscreteScheduler"},
    "ltx-video-13b": {"_class": "FlowMatchEulerDiscreteScheduler"},
    "helios-distilled": {"_class": "HeliosDMDScheduler"},
}


def build_empty(class_name: str, configuration: Configuration) -> torch.nn.Module:
    """Build a part on the meta device: it has shapes, and no weights."""
    with torch.device("meta"):
        if hasattr(diffusers, class_name):
            return getattr(diffusers, class_name)(**configuration)
        part = getattr(transformers, class_name)
        return part(part.config_class(**configuration))


def fill(module: torch.nn.Module, dtype: torch.dtype, device: str = "cpu") -> torch.nn.Module:
    """Give an empty part seeded random weights that keep the size of its activations.

    Norms get 1, biases 0, and matrices a standard deviation of 1/sqrt(fan in).
    """
    module = module.to(dtype).to_empty(device=device).eval().requires_grad_(False)
    if isinstance(module, transformers.PreTrainedModel):
        module.tie_weights()
    generator = torch.Generator(device).manual_seed(0)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if weight.ndim <= 1:
                weight.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
            else:
                weight.normal_(0, 1 / math.sqrt(weight[0].numel()), generator=generator)
        for name, buffer in module.named_buffers():
            buffer.fill_(1.0 if "std" in name else 0.0)
    return module


def save_random(spec: ModelSpec, folder: Path, dtype: torch.dtype = torch.bfloat16) -> None:
    """Save a model with random weights as diffusers would, unless the folder has it already.

    Raises KeyError if no configuration of the model is known here.
    """
    done = folder / "model_index.json"
    if done.exists():
        return
    index: dict[str, object] = {"_class_name": spec.pipeline}
    for name, (class_name, configuration) in CONFIGURATIONS[spec.id].items():
        logger.info("Filling the %s of %s", name, spec.id)
        is_precise = spec.parts[name].bytes_per_parameter == 4
        empty = build_empty(class_name, configuration)
        part = fill(empty, torch.float32 if is_precise else dtype, _FASTEST).to("cpu")
        part.save_pretrained(folder / name)  # type: ignore[operator]  # both libraries' models have it
        library = "diffusers" if hasattr(diffusers, class_name) else "transformers"
        index[name] = [library, class_name]
    scheduler = dict(SCHEDULERS.get(spec.id, _SHIFTED))
    class_name = scheduler.pop("_class")
    getattr(diffusers, class_name)(**scheduler).save_pretrained(folder / "scheduler")
    index["scheduler"] = ["diffusers", class_name]
    letter_tokenizer().save_pretrained(folder / "tokenizer")
    index["tokenizer"] = ["transformers", "T5TokenizerFast"]
    done.write_text(json.dumps(index, indent=1), encoding="utf-8")


def letter_tokenizer() -> T5TokenizerFast:
    """Return a tokenizer of T5's class that knows single letters: prompts are padded anyway."""
    letters = [(letter, -1.0) for letter in ("\u2581", *string.printable.strip())]
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return T5TokenizerFast(vocab=[*special, *letters], extra_ids=0, model_max_length=512)

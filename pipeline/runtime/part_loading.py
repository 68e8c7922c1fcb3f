"""Reads single parts of a pipeline from disk, stored as a placement says."""

from __future__ import annotations

import pkgutil
from typing import Any

import diffusers
import torch
from diffusers import DiffusionPipeline
from transformers import AutoTokenizer

from pipeline.errors import ModelError
from pipeline.models.compute_cost import DENOISERS
from pipeline.models.download import CHECKPOINT_PARTS, LocalFiles
from pipeline.models.spec import GGUF, ModelSpec
from pipeline.runtime.int8_linear import use_int8
from pipeline.runtime.memory_needs import converted_parts
from pipeline.runtime.placement import ENCODERS, NARROW, Placement
from pipeline.runtime.private_api import reads_single_files
from pipeline.runtime.widening import compute_in_float32


def dtypes_of(spec: ModelSpec, placement: Placement) -> dict[str, torch.dtype]:
    """Return the dtype of every component: an autoencoder stays in float32 if its row says so.

    No other part does: the transformer cannot read embeddings of another dtype than its own.
    """
    stored = "bfloat16" if placement.weights in NARROW else placement.dtype
    dtypes = {"default": getattr(torch, stored)}
    if "vae" in spec.parts and spec.parts["vae"].bytes_per_parameter == 4:
        dtypes["vae"] = torch.float32
    return dtypes


def read_parts_of_their_own(
    spec: ModelSpec,
    pipeline: type[DiffusionPipeline],
    files: LocalFiles,
    placement: Placement,
    dtypes: dict[str, torch.dtype],
) -> dict[str, torch.nn.Module]:
    """Load parts that come from a single file, and parts that are stored in fewer bits.

    These are loaded one by one, so that no two are in memory at full size.
    """
    index = pipeline.load_config(files.folder)
    stored = dict.fromkeys(DENOISERS, placement.weights)
    stored |= dict.fromkeys(ENCODERS, placement.encoder_weights)
    single = *files.files, *(CHECKPOINT_PARTS if files.checkpoint is not None else ())
    return {
        name: read_part(index, name, files, dtypes, stored.get(name, "full"))
        for name in dict.fromkeys((*converted_parts(spec, placement), *single))
        if index.get(name, [None])[0]
    }


def read_tokenizers(pipeline: type[DiffusionPipeline], files: LocalFiles) -> dict[str, object]:
    """Load tokenizers that are saved inside a processor of pictures and video.

    Only prompts are processed here, and the rest of such a processor needs torchvision.
    """
    index = pipeline.load_config(files.folder)
    return {
        name: AutoTokenizer.from_pretrained(files.folder / name)
        for name, value in index.items()
        if name.startswith("tokenizer") and str(value[1]).endswith("Processor")
    }


def read_part(
    index: dict[str, list[str]],
    name: str,
    files: LocalFiles,
    dtypes: dict[str, torch.dtype],
    weights: str,
) -> torch.nn.Module:
    """Load one part, with its weights stored as `weights` says."""
    library, class_name = index[name]
    part = pkgutil.resolve_name(f"{library}:{class_name}")
    file = files.files.get(name)
    if file is None and name in CHECKPOINT_PARTS:
        file = files.checkpoint
    options: dict[str, Any] = {"dtype": dtypes.get(name, dtypes["default"])}
    if file is not None and file.suffix == GGUF:
        options["quantization_config"] = diffusers.GGUFQuantizationConfig(options["dtype"])
    elif weights == "int8" and name in DENOISERS:
        options["quantization_config"] = _int8()
    if file is not None and not reads_single_files(part):
        raise ModelError(
            f"{class_name} cannot be read from a single file like {file.name}; use the model's "
            "own weights."
        )
    if file is not None:
        # Pass the configuration: diffusers would guess it from shapes, and look on the Hub.
        source = {"config": str(files.folder), "subfolder": name}
        module = part.from_single_file(str(file), **source, **options)
    else:
        module = part.from_pretrained(files.folder, subfolder=name, use_safetensors=True, **options)
    if weights == "fp8":
        cast_to_fp8(module, options["dtype"])
    elif weights == "int8" and name in ENCODERS:
        _store_in_int8(module)
    return module


def cast_to_fp8(module: diffusers.ModelMixin, compute_dtype: torch.dtype) -> None:
    """Store a transformer's weights in fp8, and widen each layer's when it runs."""
    module.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=compute_dtype)


def widen(pipe: DiffusionPipeline, placement: Placement) -> None:
    """Let all parts compute in float32, or the transformers' large layers in int8."""
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module):
            if placement.weights == "w8a8" and name in DENOISERS:
                use_int8(part)
            compute_in_float32(part)


def _int8() -> diffusers.TorchAoConfig:
    """Return the configuration for int8 weights. Imports torchao, an optional dependency."""
    from torchao.quantization import Int8WeightOnlyConfig

    return diffusers.TorchAoConfig(Int8WeightOnlyConfig())


def _store_in_int8(module: torch.nn.Module) -> None:
    """Store the weights of a text encoder's linear layers in int8; its vocabulary stays."""
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    quantize_(module, Int8WeightOnlyConfig())

"""Loads LoRAs into a pipeline and unloads them; refuses those that do not fit the model.

`lora_files.py` finds their files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from diffusers import DiffusionPipeline
from safetensors import SafetensorError

from pipeline.errors import InvalidRequestError
from pipeline.models.compute_cost import DENOISERS
from pipeline.models.spec import ModelSpec
from pipeline.runtime.lora_files import Adapter
from pipeline.runtime.private_api import lora_parts

# "transformer.blocks.0.attn1.to_q.lora_A.weight", and the names that kohya and others use.
_FACTOR = re.compile(r"(?P<part>\w+)\.(?P<layer>.+)\.lora(_A|_B|_down|_up|\.down|\.up)\.weight")
_INNER = ("_A", "_down", ".down")
# What diffusers and peft raise for files that they cannot convert.
_BROKEN: tuple[type[Exception], ...]
_BROKEN = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)
_BROKEN += (SafetensorError,)


def put_on(pipe: DiffusionPipeline, adapters: Sequence[Adapter], spec: ModelSpec) -> None:
    """Load LoRAs, each with its weight, into a pipeline that has none.

    Of several experts, the first is that of the high noise levels. A LoRA that is for one of them
    goes there alone; a model of one expert gets them all. Raises InvalidRequestError, and leaves
    the pipeline unchanged, if the model does not support LoRAs or if one does not fit.
    """
    if not adapters:
        return
    if not hasattr(pipe, "load_lora_weights"):
        raise InvalidRequestError(f"{spec.label} takes no LoRAs; choose another model for them.")
    experts = [name for name in DENOISERS if getattr(pipe, name, None) is not None]
    for_expert: dict[str, list[int]] = {expert: [] for expert in experts}
    for adapter in adapters:
        _refuse_misfit(pipe, adapter, spec)
    names = [f"lora_{number}" for number, _ in enumerate(adapters, 1)]
    try:
        for index, adapter in enumerate(adapters):
            for expert in _experts_of(adapter, experts):
                target = {"load_into_transformer_2": True} if expert != DENOISERS[0] else {}
                pipe.load_lora_weights(str(adapter.path), adapter_name=names[index], **target)
                for_expert[expert].append(index)
        if len(experts) == 1:
            pipe.set_adapters(names, [adapter.weight for adapter in adapters])
        else:
            for expert, own in for_expert.items():
                weights = [adapters[index].weight for index in own]
                if own:
                    getattr(pipe, expert).set_adapters([names[index] for index in own], weights)
    except _BROKEN as exc:
        take_off(pipe)
        raise _misfit(adapter, spec) from exc


def _experts_of(adapter: Adapter, experts: Sequence[str]) -> Sequence[str]:
    if len(experts) == 1 or not adapter.expert:
        return experts
    return experts[:1] if adapter.expert == "high" else experts[1:]


def take_off(pipe: DiffusionPipeline) -> None:
    """Unload all LoRAs; the model's own weights were never changed."""
    if hasattr(pipe, "unload_lora_weights"):
        pipe.unload_lora_weights()


def _refuse_misfit(pipe: DiffusionPipeline, adapter: Adapter, spec: ModelSpec) -> None:
    """Refuse a LoRA with a layer that the model lacks or has in another shape.

    diffusers skips such layers with only a warning.
    """
    try:
        tensors = pipe.lora_state_dict(str(adapter.path), use_safetensors=True)
    except _BROKEN as exc:
        raise _misfit(adapter, spec) from exc
    tensors = tensors[0] if isinstance(tensors, tuple) else tensors
    factors = [(match, x) for key, x in tensors.items() if (match := _FACTOR.fullmatch(key))]
    if not factors or not all(_fits(pipe, match, x) for match, x in factors):
        raise _misfit(adapter, spec)


def _fits(pipe: DiffusionPipeline, match: re.Match[str], factor: torch.Tensor) -> bool:
    """Say whether a factor, (r, in, ...) or (out, r, ...), fits a layer (out, in, ...)."""
    if match["part"] not in lora_parts(pipe):
        return False  # diffusers would skip it
    part: Any = getattr(pipe, match["part"], None)
    try:
        layer = part.get_submodule(match["layer"])
        # Linear layers in GGUF have blocks of bytes for weights.
        is_linear = isinstance(layer, torch.nn.Linear)
        shape = (layer.out_features, layer.in_features) if is_linear else layer.weight.shape
    except AttributeError:
        return False
    if match[3] in _INNER:
        return factor.shape[1] == shape[1]
    return factor.shape[0] == shape[0]


def _misfit(adapter: Adapter, spec: ModelSpec) -> InvalidRequestError:
    return InvalidRequestError(
        f"The LoRA {adapter.facts['lora']!r} does not fit {spec.label}; it was made for another "
        "model, or is not a LoRA."
    )

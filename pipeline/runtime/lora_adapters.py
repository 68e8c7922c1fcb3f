"""Loads LoRAs into a pipeline and unloads them; refuses those that do not fit the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from safetensors import SafetensorError

from pipeline.errors import InvalidRequestError
from pipeline.models.compute_cost import DENOISERS
from pipeline.models.download import download_lora
from pipeline.models.hub import OnBytes, local_path
from pipeline.models.lora import Expert, Lora
from pipeline.models.registry import Models
from pipeline.models.spec import ModelSpec
from pipeline.planning.recipe import sha256_of
from pipeline.runtime.placement import Placement
from pipeline.runtime.private_api import lora_parts

# "transformer.blocks.0.attn1.to_q.lora_A.weight", and the names that kohya and others use.
_FACTOR = re.compile(r"(?P<part>\w+)\.(?P<layer>.+)\.lora(_A|_B|_down|_up|\.down|\.up)\.weight")
_INNER = ("_A", "_down", ".down")
_NAMED: dict[Expert, re.Pattern[str]] = {
    "high": re.compile(r"(?i:high[-_ ]?noise)|(?<![A-Za-z])HIGH(?![A-Za-z])"),
    "low": re.compile(r"(?i:low[-_ ]?noise)|(?<![A-Za-z])LOW(?![A-Za-z])"),
}
# What diffusers and peft raise for files that they cannot convert.
_BROKEN: tuple[type[Exception], ...]
_BROKEN = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)
_BROKEN += (SafetensorError,)


@dataclass(frozen=True)
class Adapter:
    """A LoRA's name, weight, file, the hash of the file, and the expert it is for, if not all."""

    name: str
    weight: float
    path: Path
    sha256: str
    expert: Expert = ""

    @property
    def facts(self) -> dict[str, object]:
        """Return the LoRA's entry in a recipe, without the path of its file."""
        name = self.name if local_path(self.name) is None else Path(self.name).name
        facts = {"lora": name, "weight": self.weight, "sha256": self.sha256}
        return facts | {"expert": self.expert} if self.expert else facts


class AdapterFiles:
    """Finds or downloads the files of LoRAs, and hashes each file once."""

    def __init__(self, models: Models) -> None:
        """Look up LoRAs in `models`; opens no file yet."""
        self._models = models
        self._hashes: dict[tuple[Path, int, int], str] = {}

    def open(
        self, loras: Sequence[Lora], on_bytes: OnBytes | None = None, own: Sequence[Lora] = ()
    ) -> tuple[Adapter, ...]:
        """Return a model's own LoRAs and others with their files, downloading missing ones.

        Raises InvalidRequestError if a LoRA is not allowed or is not one, ModelError if it cannot
        be downloaded.
        """
        places = [(lora, lora.lora) for lora in own]
        places += [(lora, self._models.find_lora(lora.lora)) for lora in loras]
        return tuple(self._open(lora, place, on_bytes) for lora, place in places)

    def _open(self, lora: Lora, place: str, on_bytes: OnBytes | None) -> Adapter:
        path = download_lora(place, on_bytes, lora.lora)
        facts = path.stat()
        key = path, facts.st_size, facts.st_mtime_ns  # changes if the file is replaced
        if key not in self._hashes:
            self._hashes[key] = sha256_of(path)
        expert = lora.expert or expert_in(path.name)
        return Adapter(lora.lora, lora.weight, path, self._hashes[key], expert)


def expert_in(name: str) -> Expert:
    """Return the expert that a LoRA's file is for by its name, if it says so.

    "high_noise_model.safetensors" and "Lightning_HIGH_fp16.safetensors" do, and the same for low.
    """
    return next((expert for expert, words in _NAMED.items() if words.search(name)), "")


def can_switch(placement: Placement) -> bool:
    """Say whether LoRAs can be changed without loading the model again.

    Not with diffusers' offloading: loading a LoRA removes its hooks, and diffusers restores them
    for its default GPU only. Not with 8-bit weights, which need LoRAs to be loaded first.
    """
    return placement.offload in ("none", "encode_first") and placement.weights == "full"


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

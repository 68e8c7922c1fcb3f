"""Decides where a model's parts are held in memory, from its row and the machine alone.

`placement.py` has the ways to hold them, `memory_needs.py` computes what each needs, `device.py`
detects the machine, `loading.py` loads the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.errors import InvalidRequestError
from pipeline.models.compute_cost import DENOISERS
from pipeline.models.spec import ModelSpec
from pipeline.runtime.device import GIGABYTE, Machine
from pipeline.runtime.memory_needs import AUTOENCODER, Needs, estimate, full_window
from pipeline.runtime.placement import (
    BY_LAYER,
    ENCODERS,
    LADDER,
    MOVED_BY_PART,
    STREAMED,
    Dtype,
    Footage,
    GpuSize,
    Offload,
    Placement,
    Weights,
    can_stream,
    reads_light_files,
    weights_of_files,
)

# Memory for other things: on a GPU the CUDA context and a desktop; of RAM Python with torch and
# diffusers (0.54 GB measured, without CUDA), beside a GPU also CUDA.
_RESERVED_ON_GPU = GIGABYTE
_RESERVED_OF_RAM = GIGABYTE // 2
_RESERVED_BESIDE_GPU = GIGABYTE
# The share of a Mac's memory that Metal recommends to use at most.
_METAL_SHARE = 0.75
ZERO_GPU_BYTES: dict[GpuSize, int] = {"large": 48 * GIGABYTE, "xlarge": 96 * GIGABYTE}
_GPU_GIGABYTES = (6, 8, 12, 16, 24, 32, 48, 80, 96, 141)
_RAM_GIGABYTES = (8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
# On a CPU, a text encoder from this size on is not kept in memory beside the other parts.
_LARGE_ENCODER_BYTES = GIGABYTE


def place(
    spec: ModelSpec,
    machine: Machine,
    footage: Footage | None = None,
    others: Iterable[ModelSpec] = (),
) -> Placement:
    """Choose the fastest placement that fits; without `footage`, for the largest window.

    A CPU without bf16 units runs bf16 fifty times slower than fp32 (measured with AVX2), so it
    computes in fp32, with weights in bf16 if they do not fit otherwise. Raises InvalidRequestError
    if nothing fits; the message names the largest of the `others` that does.
    """
    footage = footage or full_window(spec)
    for placement in candidates(spec, machine):
        if _fits(estimate(spec, placement, footage), placement, machine):
            return placement
    raise InvalidRequestError(_does_not_fit(spec, machine, footage, others))


def describe(spec: ModelSpec, placement: Placement, machine: Machine) -> str:
    """Say in a sentence where a model is held and how much memory that takes."""
    needs = estimate(spec, placement)
    if placement.gpu_size:
        whole = ZERO_GPU_BYTES[placement.gpu_size]
        what = f"everything stays there, on ZeroGPU's size {placement.gpu_size!r}"
        return f"{_share(needs.card_bytes, whole, 'GPU')}: {what}."
    if placement.device == "cuda":
        how = _HOW[placement.offload]
        if placement.encoder_weights != "full":
            how += f", the text encoder's weights in {placement.encoder_weights}"
        if placement.weights == "bf16":
            how += ", the weights in bfloat16"
        elif placement.weights != "full":
            what = "four bits" if reads_light_files(spec, placement) else placement.weights
            how += f", the transformer's weights in {what}"
        return f"{_share(needs.card_bytes, machine.memory_bytes, 'GPU')}: {how}."
    how = f"everything is held in {placement.dtype}"
    if placement.offload == "drop_encoder":
        how = f"the text encoder is there first, then everything else, in {placement.dtype}"
    if placement.device == "mps":
        how += "; Apple's GPUs are experimental, some models give wrong pictures there"
    elif placement.weights == "bf16":
        how += ", the weights in bfloat16"
    elif placement.weights == "w8a8":
        how += ", the transformer in eight bits"
    return f"{_share(needs.ram_bytes, machine.memory_bytes, 'computer')}: {how}."


_HOW: dict[Offload, str] = {
    "none": "everything stays there",
    "encode_first": "the text encoder is there first, then everything else",
    "model": "parts are moved there one at a time",
    "group": "layers are moved there while others compute",
    "group_lean": "layers are moved there while others compute, with less RAM",
    "group_slow": "layers are moved there one at a time",
}


def candidates(spec: ModelSpec, machine: Machine) -> list[Placement]:
    """List the placements that a machine supports, best first, whether they fit or not.

    Large autoencoders decode in tiles, because a whole window would need more memory than
    everything else.
    """
    dtype, given = _dtype(spec, machine), weights_of_files(spec)
    first = Placement(machine.device, dtype, "none", not spec.streams_decoding, weights=given)
    if machine.is_zero_gpu:
        return [replace(first, gpu_size=size) for size in ZERO_GPU_BYTES]
    if machine.device != "cuda":
        if machine.device == "cpu" and _num_encoder_bytes(spec) > _LARGE_ENCODER_BYTES:
            first = replace(first, offload="drop_encoder")
        if machine.has_fast_bf16 or given != "full":
            return [first]
        wide = [first, replace(first, weights="bf16")]
        has_int8 = machine.has_fast_int8 and spec.parts.keys() & {*DENOISERS}
        return [replace(first, weights="w8a8"), *wide] if has_int8 else wide
    by_place = [replace(first, offload=offload) for offload in LADDER]
    if AUTOENCODER in spec.parts:
        by_layer = (x for x in by_place if x.offload in BY_LAYER)
        by_place += [replace(x, splits_autoencoder=True) for x in by_layer]
    if dtype == "float32":
        storages: list[tuple[Weights, Weights]] = [("full", given)]
        wide = [replace(x, weights="bf16") for x in by_place if x.offload in MOVED_BY_PART]
    else:
        storages, wide = _storages(spec, machine), []
    all_of_them = (
        replace(place, encoder_weights=encoder, weights=transformer)
        for encoder, transformer in storages
        for place in by_place
    )
    placements = [x for x in all_of_them if can_stream(x) or x.offload not in STREAMED]
    return placements + (wide if given == "full" else [])


def _storages(spec: ModelSpec, machine: Machine) -> list[tuple[Weights, Weights]]:
    """List how text encoders and transformers can be stored, from the most exact on.

    In eight bits a text encoder is int8 only: T5 and UMT5 look at the type of a layer's weights,
    and would compute in fp8 where these are stored in it.
    """
    given = weights_of_files(spec)
    encoder: Weights = "full"
    storages = [(encoder, given)]
    if machine.has_torchao and spec.parts.keys() & {*ENCODERS}:
        encoder = "int8"
        storages.append((encoder, given))
    if given == "full" and spec.parts.keys() & {*DENOISERS}:
        storages.append((encoder, "int8" if machine.has_torchao else "fp8"))
        if spec.light_files:
            storages.append((encoder, "gguf"))
    return storages


def _num_encoder_bytes(spec: ModelSpec) -> int:
    return sum(part.num_bytes for name, part in spec.parts.items() if name in ENCODERS)


def _dtype(spec: ModelSpec, machine: Machine) -> Dtype:
    """Return the fastest type that a model computes in without overflow on a machine."""
    if machine.has_fast_bf16:
        return "bfloat16"
    return "float16" if machine.has_fast_fp16 and spec.takes_float16 else "float32"


def _fits(needs: Needs, placement: Placement, machine: Machine) -> bool:
    if placement.gpu_size:
        return needs.card_bytes + _RESERVED_ON_GPU <= ZERO_GPU_BYTES[placement.gpu_size]
    if placement.device == "mps":
        return needs.ram_bytes <= machine.memory_bytes * _METAL_SHARE
    if placement.device == "cpu":
        return needs.ram_bytes + _RESERVED_OF_RAM <= machine.memory_bytes
    ram = needs.ram_bytes + _RESERVED_BESIDE_GPU
    has_ram = machine.ram_bytes is None or ram <= machine.ram_bytes
    return has_ram and needs.card_bytes + _RESERVED_ON_GPU <= machine.memory_bytes


def _does_not_fit(
    spec: ModelSpec, machine: Machine, footage: Footage, others: Iterable[ModelSpec]
) -> str:
    """Return the message that says what a model needs, and what this machine can run instead."""
    instead = [other for other in others if other is not spec and _can_place(other, machine)]
    advice = "choose another machine"
    if instead:
        best = max(instead, key=lambda other: other.num_bytes)
        advice = f"choose {best.label}, which does fit, or another machine"
    return (
        f"{spec.label} does not fit on this machine: it needs {_wanted(spec, machine, footage)}; "
        f"{advice}."
    )


def _can_place(spec: ModelSpec, machine: Machine, footage: Footage | None = None) -> bool:
    footage = footage or full_window(spec)
    return any(
        _fits(estimate(spec, placement, footage), placement, machine)
        for placement in candidates(spec, machine)
    )


def _wanted(spec: ModelSpec, machine: Machine, footage: Footage) -> str:
    """Describe the smallest machine of the same kind that fits."""
    if machine.is_zero_gpu:
        return f"more than the {ZERO_GPU_BYTES['xlarge'] // GIGABYTE} GB of ZeroGPU's largest GPU"

    def smallest(machines: Iterable[Machine]) -> Machine | None:
        return next((each for each in machines if _can_place(spec, each, footage)), None)

    if machine.device != "cuda":
        computers = (replace(machine, memory_bytes=x * GIGABYTE) for x in _RAM_GIGABYTES)
        found = smallest(computers)
        memory = _size(found.memory_bytes if found else None, _RAM_GIGABYTES)
        return f"a computer with {memory} of memory"
    gpus = (replace(machine, memory_bytes=x * GIGABYTE, ram_bytes=None) for x in _GPU_GIGABYTES)
    roomy = replace(machine, ram_bytes=None)
    gpu = roomy if _can_place(spec, roomy, footage) else smallest(gpus)
    if gpu is None:
        return f"a GPU with {_size(None, _GPU_GIGABYTES)}"
    found = smallest(replace(gpu, ram_bytes=x * GIGABYTE) for x in _RAM_GIGABYTES)
    ram = _size(found.ram_bytes if found else None, _RAM_GIGABYTES)
    return f"a GPU with {_size(gpu.memory_bytes)} and {ram} of RAM"


def _size(num_bytes: int | None, known: Sequence[int] = ()) -> str:
    if num_bytes is None:
        return f"more than {known[-1]} GB"
    return f"{num_bytes / GIGABYTE:.0f} GB"


def _share(num_bytes: int, whole: int, whose: str) -> str:
    return f"About {max(1, round(num_bytes / GIGABYTE))} GB of the {whose}'s {_size(whole)[:-3]}"

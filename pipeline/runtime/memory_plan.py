"""Decides where a model's parts are held in memory, from its row and the machine alone.

`device.py` detects the machine, `loading.py` loads the model. All memory figures are computed by
the rules below; none was measured on a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.errors import InvalidRequestError
from pipeline.models.compute_cost import DENOISERS, num_tokens, transformer_width
from pipeline.models.spec import ModelSpec
from pipeline.runtime.device import GIGABYTE, Machine

Offload = Literal[
    "none", "encode_first", "model", "group", "group_lean", "group_slow", "drop_encoder"
]
Weights = Literal["full", "fp8", "int8", "bf16", "w8a8", "gguf"]
Dtype = Literal["float32", "bfloat16", "float16"]
GpuSize = Literal["large", "xlarge"]
Memory = Literal["gpu", "ram"]

ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")
_AUTOENCODER = "vae"
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# From the fastest to the one with the least memory. All of these are tried before weights in fewer
# bits: moving blocks while others compute costs little time, fewer bits change the picture.
_LADDER: tuple[Offload, ...] = (
    "none",
    "encode_first",
    "model",
    "group",
    "group_lean",
    "group_slow",
)
_CONVERTED: tuple[Weights, ...] = ("fp8", "int8")
# These store what they compute in float32 in bfloat16.
NARROW: tuple[Weights, ...] = ("bf16", "w8a8")
_BY_LAYER: tuple[Offload, ...] = ("group", "group_lean", "group_slow")
# These copy layers in CUDA streams while others compute, from pinned memory.
STREAMED: tuple[Offload, ...] = ("group", "group_lean")
# Of these, those that move whole parts.
MOVED_BY_PART: tuple[Offload, ...] = ("none", "encode_first", "model")
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

# Activations per token inside a block, in multiples of the model's width: the residual stream, its
# norm, query, key, value, their result, and the feed-forward's four before and after activation.
_WIDTHS_PER_TOKEN = 14
# A model that works in chunks packs its history: Helios packs 20 latents into the tokens of three.
_LATENTS_OF_HISTORY = 3
# A layer in GGUF is widened when it is used: per weight, its blocks' integers and floats, and the
# result. The largest layer, of the feed-forward, has four times the width squared.
_WIDENED_BYTES, _LARGEST_LAYER = 12, 4
# An autoencoder's last layers hold about this many values for every pixel.
_NUMBERS_PER_PIXEL = 64
# With group offload the GPU holds one of this many shares of a part: the layer that computes and
# the next one. The vocabulary of a text encoder is one layer: 2.1 GB of UMT5's 11.4.
_LAYERS_OF_ENCODER = 5
_LAYERS_OF_OTHERS = 16
# In float16, transformers keeps the last projections of T5 and UMT5, a fifth of them, in float32.
_ENCODER_BYTES_IN_FLOAT16 = 2.4
# Pinned memory is allocated in powers of two.
_PINNED_SHARE = 1.5
# On a CPU, a text encoder from this size on is not kept in memory beside the other parts.
_LARGE_ENCODER_BYTES = GIGABYTE
_TILE_PIXELS = 512 * 512
# Pieces overlap by at least 8 frames that are decoded twice: at 16 frames, each was decoded 2.6
# times.
TILE_FRAMES = 56


@dataclass(frozen=True)
class Footage:
    """The size of one call of the transformer: width and height in pixels, number of frames."""

    width: int
    height: int
    num_frames: int


@dataclass(frozen=True)
class Placement:
    """Where and how a pipeline is held in memory.

    Values of `offload`: "none" keeps everything on the device. "encode_first": the text encoders
    and the other parts take turns on the GPU. "model": one part at a time. "group": layer by layer,
    prefetching the next one from pinned RAM. "group_lean": the same, but layers are pinned as they
    are used, which needs less RAM. "group_slow": layer by layer without prefetching. In all three
    the autoencoder is moved whole, unless `splits_autoencoder`: it runs for every latent frame of
    every tile, and its layers would be copied each time. "drop_encoder", on a CPU: the text
    encoders are read when they are needed, and let go before the other parts run.

    `weights` is the storage of the transformers' weights, `encoder_weights` that of the text
    encoders'; what is not "full" is widened when it is used. "bf16" stores all parts in bfloat16
    and computes in float32; "w8a8", on a CPU, does the same but for the transformers' large layers,
    which compute in int8. "gguf" reads the transformers from the row's GGUF files, or else from
    its files in four bits. `gpu_size` is the size requested from ZeroGPU.
    """

    device: str
    dtype: Dtype
    offload: Offload
    tile_decoding: bool
    weights: Weights = "full"
    gpu_size: GpuSize | None = None
    splits_autoencoder: bool = False
    encoder_weights: Weights = "full"


@dataclass(frozen=True)
class Needs:
    """The peak memory of a model in bytes; on a CPU all of it is RAM."""

    card_bytes: int
    ram_bytes: int


def full_window(spec: ModelSpec) -> Footage:
    """Return the largest call that a model's row allows."""
    size = max(spec.sizes.values(), key=math.prod) if spec.sizes else spec.size_for("1:1")
    return Footage(*size, spec.window_frames)


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


def estimate(spec: ModelSpec, placement: Placement, footage: Footage | None = None) -> Needs:
    """Compute the peak memory of a window: weights and activations."""
    footage = footage or full_window(spec)
    stored = {name: _stored_bytes(name, spec, placement) for name in spec.parts}
    encoding = sum(stored.get(name, 0) for name in ENCODERS)
    denoising = _denoising_bytes(spec, placement, footage)
    decoding = _decoding_bytes(spec, placement, footage)
    weights = sum(stored.values())
    working = max(denoising, decoding)
    if placement.offload in ("encode_first", "drop_encoder"):
        peak = max(encoding, weights - encoding + working)
    elif placement.offload == "model":
        peak = max(
            _largest(stored, ENCODERS),
            _largest(stored, stored.keys() - {*ENCODERS, _AUTOENCODER}) + denoising,
            stored.get(_AUTOENCODER, 0) + decoding,
        )
    elif placement.offload in _BY_LAYER:
        encoder, other = _layer_bytes(stored)
        autoencoder = stored.get(_AUTOENCODER, 0)
        if placement.splits_autoencoder:
            autoencoder //= _LAYERS_OF_OTHERS
        peak = max(encoder, other + denoising, autoencoder + decoding)
    else:
        peak = weights + working
    if placement.device != "cuda":
        return Needs(card_bytes=0, ram_bytes=peak)
    return Needs(card_bytes=peak, ram_bytes=_ram_bytes(spec, placement, stored))


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


def step_down(placement: Placement, short_of: Memory = "gpu") -> Placement | None:
    """Return the placement with the next lower use of a memory and the same output, or None.

    Only CUDA reports that memory is short: the GPU's, or the computer's that it should pin. On
    ZeroGPU the placement never changes.
    """
    if placement.gpu_size or placement.offload not in _LADDER:
        return None
    if placement.weights == "bf16" and placement.offload == MOVED_BY_PART[-1]:
        return None
    is_by_layer = placement.offload in _BY_LAYER
    if is_by_layer and short_of == "gpu":
        return None if placement.splits_autoencoder else replace(placement, splits_autoencoder=True)
    if short_of == "ram" and placement.offload not in STREAMED:
        return None
    lower = (replace(placement, offload=x) for x in _LADDER[_LADDER.index(placement.offload) + 1 :])
    return next((x for x in lower if can_stream(x) or x.offload not in STREAMED), None)


def can_stream(placement: Placement) -> bool:
    """Say whether the transformers' layers can be copied in CUDA streams.

    Together with layerwise casting to fp8 these gave NaN (diffusers, issue 12609); with GGUF they
    were measured to work (diffusers, issue 14691).
    """
    return placement.weights in ("full", "gguf")


def source_of(spec: ModelSpec, placement: Placement) -> ModelSpec:
    """Return the row with the files that a placement reads."""
    return spec.with_light_files() if reads_light_files(spec, placement) else spec


def reads_light_files(spec: ModelSpec, placement: Placement) -> bool:
    """Say whether a placement reads the transformers from the row's files in four bits."""
    return placement.weights == "gguf" and _weights_of_files(spec) != "gguf"


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
    dtype, given = _dtype(spec, machine), _weights_of_files(spec)
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
    by_place = [replace(first, offload=offload) for offload in _LADDER]
    if _AUTOENCODER in spec.parts:
        by_layer = (x for x in by_place if x.offload in _BY_LAYER)
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
    given = _weights_of_files(spec)
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


def _weights_of_files(spec: ModelSpec) -> Weights:
    """Return how the files of a row store its transformers; "full" for those of a repository."""
    storages = {spec.files[name].storage for name in DENOISERS if name in spec.files}
    return next((x for x in ("gguf", "fp8") if x in storages), "full")


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


def _largest(stored: Mapping[str, int], names: Collection[str]) -> int:
    return max((size for name, size in stored.items() if name in names), default=0)


def _layer_bytes(stored: Mapping[str, int]) -> tuple[int, int]:
    """Return what is moved at once of the text encoders and of the other parts, layer by layer."""
    others = stored.keys() - {*ENCODERS, _AUTOENCODER}
    encoder = _largest(stored, ENCODERS) // _LAYERS_OF_ENCODER
    return encoder, _largest(stored, others) // _LAYERS_OF_OTHERS


def _ram_bytes(spec: ModelSpec, placement: Placement, stored: Mapping[str, int]) -> int:
    """Compute the RAM needed beside a GPU: weights are loaded into it, and offloaded back to it.

    Parts that are stored in fewer bits are loaded first, each at full size. Pinned layers are
    copies.
    """
    if placement.gpu_size:
        return 0
    held = loading = 0
    for name in converted_parts(spec, placement):
        loading = max(loading, held + spec.parts[name].num_bytes)
        held += stored[name]
    weights = sum(stored.values())
    if placement.offload == "group":
        weights = round(weights * _PINNED_SHARE)
    elif placement.offload == "group_lean":
        weights += max(_layer_bytes(stored))
    return max(weights, loading)


def converted_parts(spec: ModelSpec, placement: Placement) -> list[str]:
    """List the parts that are read in more bits than they are stored in, the largest first.

    Loaded in this order, and before all others, they need the least memory.
    """
    converted = ENCODERS if placement.encoder_weights in _CONVERTED else ()
    if placement.weights in _CONVERTED:
        converted = (*DENOISERS, *converted)
    names = [name for name in converted if name in spec.parts]
    return sorted(names, key=lambda name: -spec.parts[name].num_bytes)


def _stored_bytes(name: str, spec: ModelSpec, placement: Placement) -> int:
    """Return the bytes of a part's weights as they are stored."""
    part = spec.parts[name]
    files = {**spec.light_files, **spec.files} if placement.weights == "gguf" else spec.files
    if name in files and files[name].storage != "full":
        return files[name].num_bytes
    is_wide = placement.dtype == "float32" and placement.weights not in NARROW
    width = 4 if is_wide else part.bytes_per_parameter
    weights = placement.weights if name in DENOISERS else "full"
    if name in ENCODERS:
        weights = placement.encoder_weights
    if weights not in (*_CONVERTED, "w8a8"):
        if name in ENCODERS and placement.dtype == "float16":
            return round(part.num_parameters * _ENCODER_BYTES_IN_FLOAT16)
        return part.num_parameters * width
    return part.num_parameters + part.num_in_vocabulary * (width - 1)


def _denoising_bytes(spec: ModelSpec, placement: Placement, footage: Footage) -> int:
    """Compute the activations of one block of the largest transformer, in bytes."""
    latents = (footage.num_frames - 1) // spec.temporal + 1
    if spec.chunk_latents:
        latents = spec.chunk_latents + _LATENTS_OF_HISTORY
    tokens = num_tokens(spec, footage.width, footage.height, latents)
    is_stacked = spec.stacks_guidance and (spec.default_guidance_scale or 0) > 1
    batch = 2 if is_stacked else 1
    held = batch * tokens * transformer_width(spec) * _WIDTHS_PER_TOKEN
    widened = 0.0
    if placement.weights == "gguf":
        widened = _WIDENED_BYTES * _LARGEST_LAYER * transformer_width(spec) ** 2
    return round(held * _BYTES[placement.dtype] + widened)


def _decoding_bytes(spec: ModelSpec, placement: Placement, footage: Footage) -> int:
    """Compute the autoencoder's activations and the decoded frames of a window, in bytes."""
    num_pixels, num_frames = footage.width * footage.height, footage.num_frames
    frames = num_pixels * num_frames * 3
    if spec.streams_decoding:
        num_frames = spec.temporal  # it decodes latent frame by latent frame
    elif placement.tile_decoding:
        num_pixels, num_frames = min(num_pixels, _TILE_PIXELS), min(num_frames, TILE_FRAMES)
    part = spec.parts.get(_AUTOENCODER)
    width = max(_BYTES[placement.dtype], part.bytes_per_parameter if part else 0)
    return (num_pixels * num_frames * _NUMBERS_PER_PIXEL + frames) * width


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

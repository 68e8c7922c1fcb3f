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
from pipeline.models.spec import ModelSpec, Part
from pipeline.runtime.device import GIGABYTE, Machine

Offload = Literal["none", "encode_first", "model", "group", "group_lean", "drop_encoder"]
Weights = Literal["full", "fp8", "int8", "bf16"]
Dtype = Literal["float32", "bfloat16", "float16"]
GpuSize = Literal["large", "xlarge"]

ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")
_AUTOENCODER = "vae"
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# From the fastest to the one with the least memory. All of these are tried before 8-bit weights:
# moving blocks while others compute costs little time, 8-bit weights change the picture.
_LADDER: tuple[Offload, ...] = ("none", "encode_first", "model", "group", "group_lean")
# Of these, those that move whole parts.
_BY_PART: tuple[Offload, ...] = ("none", "encode_first", "model")
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
    prefetching the next one. "group_lean": layer by layer without prefetching, which needs less
    RAM. "drop_encoder", on a CPU: the text encoders are read when they are needed, and let go
    before the other parts run. `weights` is the storage of the transformers' weights; 8-bit weights
    are widened when they are used. "bf16" stores all parts in bfloat16 and computes in float32.
    `gpu_size` is the size requested from ZeroGPU.
    """

    device: str
    dtype: Dtype
    offload: Offload
    tile_decoding: bool
    weights: Weights = "full"
    gpu_size: GpuSize | None = None


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
    stored = {name: _stored_bytes(name, part, placement) for name, part in spec.parts.items()}
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
    elif placement.offload in ("group", "group_lean"):
        encoder, other = (_largest(stored, names) for names in (ENCODERS, stored.keys() - ENCODERS))
        peak = max(encoder // _LAYERS_OF_ENCODER, other // _LAYERS_OF_OTHERS + working)
    else:
        peak = weights + working
    if placement.device != "cuda":
        return Needs(card_bytes=0, ram_bytes=peak)
    return Needs(card_bytes=peak, ram_bytes=_ram_bytes(spec, placement, weights))


def describe(spec: ModelSpec, placement: Placement, machine: Machine) -> str:
    """Say in a sentence where a model is held and how much memory that takes."""
    needs = estimate(spec, placement)
    if placement.gpu_size:
        whole = ZERO_GPU_BYTES[placement.gpu_size]
        what = f"everything stays there, on ZeroGPU's size {placement.gpu_size!r}"
        return f"{_share(needs.card_bytes, whole, 'GPU')}: {what}."
    if placement.device == "cuda":
        how = _HOW[placement.offload]
        if placement.weights == "bf16":
            how += ", the weights in bfloat16"
        elif placement.weights != "full":
            how += f", the transformer's weights in {placement.weights}"
        return f"{_share(needs.card_bytes, machine.memory_bytes, 'GPU')}: {how}."
    how = f"everything is held in {placement.dtype}"
    if placement.offload == "drop_encoder":
        how = f"the text encoder is there first, then everything else, in {placement.dtype}"
    if placement.device == "mps":
        how += "; Apple's GPUs are experimental, some models give wrong pictures there"
    elif placement.weights == "bf16":
        how += ", the weights in bfloat16"
    return f"{_share(needs.ram_bytes, machine.memory_bytes, 'computer')}: {how}."


def step_down(placement: Placement) -> Placement | None:
    """Return the placement with the next lower memory use and the same output, or None.

    Only CUDA reports that a GPU is out of memory. On ZeroGPU the placement never changes.
    """
    if placement.gpu_size or placement.offload in ("group", "group_lean", "drop_encoder"):
        return None
    if placement.weights == "bf16" and placement.offload == _BY_PART[-1]:
        return None
    offload = _LADDER[_LADDER.index(placement.offload) + 1]
    if placement.weights != "full" and offload == "group":
        offload = "group_lean"
    return replace(placement, offload=offload)


_HOW: dict[Offload, str] = {
    "none": "everything stays there",
    "encode_first": "the text encoder is there first, then everything else",
    "model": "parts are moved there one at a time",
    "group": "layers are moved there while others compute",
    "group_lean": "layers are moved there one at a time",
}


def candidates(spec: ModelSpec, machine: Machine) -> list[Placement]:
    """List the placements that a machine supports, best first, whether they fit or not.

    Large autoencoders decode in tiles, because a whole window would need more memory than
    everything else.
    """
    dtype = _dtype(spec, machine)
    first = Placement(machine.device, dtype, "none", tile_decoding=not spec.streams_decoding)
    if machine.is_zero_gpu:
        return [replace(first, gpu_size=size) for size in ZERO_GPU_BYTES]
    if machine.device != "cuda":
        if machine.device == "cpu" and _num_encoder_bytes(spec) > _LARGE_ENCODER_BYTES:
            first = replace(first, offload="drop_encoder")
        return [first] if machine.has_fast_bf16 else [first, replace(first, weights="bf16")]
    exact = [replace(first, offload=offload) for offload in _LADDER]
    if dtype == "float32":
        return exact + [replace(x, weights="bf16") for x in exact if x.offload in _BY_PART]
    if not spec.parts.keys() & set(DENOISERS):
        return exact
    light: Weights = "int8" if machine.has_torchao else "fp8"
    # CUDA streams together with layerwise casting gave NaN (diffusers, issue 12609).
    return exact + [replace(x, weights=light) for x in exact if x.offload != "group"]


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


def _ram_bytes(spec: ModelSpec, placement: Placement, weights: int) -> int:
    """Compute the RAM needed beside a GPU: weights are loaded into it, and offloaded back to it.

    Transformers with 8-bit weights are loaded first, each at full size.
    """
    if placement.gpu_size:
        return 0
    if placement.offload == "group":
        return round(weights * _PINNED_SHARE)
    if placement.weights == "full":
        return weights
    denoisers = [spec.parts[name] for name in DENOISERS if name in spec.parts]
    last = denoisers[-1].num_bytes - denoisers[-1].num_parameters
    return max(weights, sum(part.num_parameters for part in denoisers) + last)


def _stored_bytes(name: str, part: Part, placement: Placement) -> int:
    """Return the bytes of a part's weights as they are stored."""
    if name in DENOISERS and placement.weights in ("fp8", "int8"):
        return part.num_parameters
    if name in ENCODERS and placement.dtype == "float16":
        return round(part.num_parameters * _ENCODER_BYTES_IN_FLOAT16)
    is_wide = placement.dtype == "float32" and placement.weights != "bf16"
    return part.num_parameters * (4 if is_wide else part.bytes_per_parameter)


def _denoising_bytes(spec: ModelSpec, placement: Placement, footage: Footage) -> int:
    """Compute the activations of one block of the largest transformer, in bytes."""
    latents = (footage.num_frames - 1) // spec.temporal + 1
    if spec.chunk_latents:
        latents = spec.chunk_latents + _LATENTS_OF_HISTORY
    tokens = num_tokens(spec, footage.width, footage.height, latents)
    is_stacked = spec.stacks_guidance and (spec.default_guidance_scale or 0) > 1
    batch = 2 if is_stacked else 1
    held = batch * tokens * transformer_width(spec) * _WIDTHS_PER_TOKEN
    return round(held * _BYTES[placement.dtype])


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

"""Where a model's parts live on a machine: a pure decision.

`device.py` looks at the machine, `loading.py` loads. Every figure of memory is computed
by the rules that stand here; none has been measured on a GPU.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.errors import InvalidRequestError
from pipeline.models.compute_cost import DENOISERS, num_tokens, transformer_width
from pipeline.models.spec import ModelSpec, Part
from pipeline.runtime.device import GIGABYTE, Machine

Offload = Literal["none", "encode_first", "model", "group", "group_lean"]
Weights = Literal["full", "fp8", "int8"]

ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")
_AUTOENCODER = "vae"
_BYTES = {"float32": 4, "bfloat16": 2}
# From the fastest to the most frugal. Those that change no number come first: moving blocks while
# others compute hides behind the computation, eight-bit weights show in the picture.
_LADDER: tuple[Offload, ...] = ("none", "encode_first", "model", "group", "group_lean")
# What is not the model's: the CUDA context and a desktop; Python with torch, and the system.
_RESERVED_ON_CARD = GIGABYTE
_RESERVED_OF_RAM = GIGABYTE // 2
# Of a Mac's memory, what Metal recommends to use at most.
_METAL_SHARE = 0.75
ZERO_GPU_BYTES = {"large": 48 * GIGABYTE, "xlarge": 96 * GIGABYTE}
_CARD_GIGABYTES = (6, 8, 12, 16, 24, 32, 48, 80, 96, 141)
_RAM_GIGABYTES = (8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512)

# Inside a block a token is held about so often in the model's width: the stream, its norm, query,
# key, value, their result, and the feed-forward's four before and after its activation.
_WIDTHS_PER_TOKEN = 14
# A model that makes chunks packs what it has seen: Helios 20 latents into the tokens of three.
_LATENTS_OF_HISTORY = 3
# An autoencoder's last layers hold about this many numbers for every pixel they work on.
_NUMBERS_PER_PIXEL = 64
# What is on the card of a part that comes layer by layer: the one that computes and the next. The
# vocabulary of a text encoder is one layer: 2.1 GB of UMT5's 11.4.
_LAYERS_OF_ENCODER = 5
_LAYERS_OF_OTHERS = 16
# Memory that a card reads on its own is handed out in powers of two.
_PINNED_SHARE = 1.5
_TILE_PIXELS = 512 * 512
_TILE_FRAMES = 16


@dataclass(frozen=True)
class Footage:
    """What the transformer makes in one call: the size in pixels, and the number of frames."""

    width: int
    height: int
    num_frames: int


@dataclass(frozen=True)
class Placement:
    """Where and how a pipeline is held.

    "encode_first": the text encoder and all the rest take turns on the card. "model": one part at a
    time. "group": layer by layer, the next one while this one computes. "group_lean": the same, but
    one after the other, which wants less RAM. `weights` are those of the transformers; eight bits
    are widened when they are used. `gpu_size` is what ZeroGPU is asked for.
    """

    device: str
    dtype: Literal["float32", "bfloat16"]
    offload: Offload
    tile_decoding: bool
    weights: Weights = "full"
    gpu_size: Literal["large", "xlarge"] | None = None


@dataclass(frozen=True)
class Needs:
    """The most memory that a model takes at any time, in bytes; on a CPU all of it is RAM."""

    card_bytes: int
    ram_bytes: int


def full_window(spec: ModelSpec) -> Footage:
    """Return the largest call that a model's row allows."""
    size = spec.size_for("1:1")
    return Footage(*size, spec.window_frames)


def place(
    spec: ModelSpec,
    machine: Machine,
    footage: Footage | None = None,
    others: Iterable[ModelSpec] = (),
) -> Placement:
    """Choose the fastest placement that fits; whole windows are meant where no `footage` is given.

    A CPU without bf16 units runs bf16 fifty times slower than fp32 (measured with AVX2), so that it
    gets fp32, and bf16 only where fp32 does not fit. Raises InvalidRequestError if nothing fits; of
    the `others` the largest that does is named.
    """
    footage = footage or full_window(spec)
    for placement in candidates(spec, machine):
        if _fits(estimate(spec, placement, footage), placement, machine):
            return placement
    raise InvalidRequestError(_does_not_fit(spec, machine, footage, others))


def estimate(spec: ModelSpec, placement: Placement, footage: Footage | None = None) -> Needs:
    """Compute the peak memory of a window: weights, and the numbers that are worked on."""
    footage = footage or full_window(spec)
    stored = {name: _stored_bytes(name, part, placement) for name, part in spec.parts.items()}
    encoding = sum(stored.get(name, 0) for name in ENCODERS)
    denoising = _denoising_bytes(spec, placement, footage)
    decoding = _decoding_bytes(spec, placement, footage)
    weights = sum(stored.values())
    working = max(denoising, decoding)
    if placement.offload == "encode_first":
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
        return Needs(card_bytes=0, ram_bytes=weights + working)
    return Needs(card_bytes=peak, ram_bytes=_ram_bytes(spec, placement, weights))


def describe(spec: ModelSpec, placement: Placement, machine: Machine) -> str:
    """Say in a sentence where a model lives and how much of the memory that takes."""
    needs = estimate(spec, placement)
    if placement.gpu_size:
        whole = ZERO_GPU_BYTES[placement.gpu_size]
        what = f"everything stays there, on ZeroGPU's size {placement.gpu_size!r}"
        return f"{_share(needs.card_bytes, whole, 'card')}: {what}."
    if placement.device == "cuda":
        how = _HOW[placement.offload]
        if placement.weights != "full":
            how += f", the transformer's weights in {placement.weights}"
        return f"{_share(needs.card_bytes, machine.memory_bytes, 'card')}: {how}."
    how = f"everything is held in {placement.dtype}"
    if placement.device == "mps":
        how += "; Apple's GPUs are experimental, some models give wrong pictures there"
    elif placement.dtype == "bfloat16" and not machine.has_fast_bf16:
        how += ", which this processor is very slow at, for float32 does not fit"
    return f"{_share(needs.ram_bytes, machine.memory_bytes, 'computer')}: {how}."


def step_down(placement: Placement) -> Placement | None:
    """Return the next more frugal placement of the same numbers; None if there is none.

    Only CUDA tells that a card is full, so that nobody asks elsewhere. On ZeroGPU weights stay.
    """
    if placement.gpu_size or placement.offload in ("group", "group_lean"):
        return None
    offload = _LADDER[_LADDER.index(placement.offload) + 1]
    if placement.weights != "full" and offload == "group":
        offload = "group_lean"
    return replace(placement, offload=offload)


_HOW: dict[Offload, str] = {
    "none": "everything stays there",
    "encode_first": "the text encoder is there first, then all the rest",
    "model": "parts are moved there one at a time",
    "group": "layers are moved there while others compute",
    "group_lean": "layers are moved there one at a time",
}


def candidates(spec: ModelSpec, machine: Machine) -> list[Placement]:
    """List the placements that a machine can do, the best first, whether they fit or not.

    Large autoencoders tile, for a window of theirs takes more than all the rest.
    """
    dtype = "bfloat16" if machine.has_fast_bf16 else "float32"
    first = Placement(machine.device, dtype, "none", tile_decoding=not spec.streams_decoding)
    if machine.is_zero_gpu:
        return [replace(first, gpu_size=size) for size in ZERO_GPU_BYTES]
    if machine.device != "cuda":
        return list(dict.fromkeys((first, replace(first, dtype="bfloat16"))))
    exact = [replace(first, offload=offload) for offload in _LADDER]
    if not machine.has_fast_bf16 or not spec.parts.keys() & set(DENOISERS):
        return exact
    light = "int8" if machine.has_torchao else "fp8"
    # Streams together with widened weights gave numbers that are none (diffusers, issue 12609).
    return exact + [replace(x, weights=light) for x in exact if x.offload != "group"]


def _fits(needs: Needs, placement: Placement, machine: Machine) -> bool:
    if placement.gpu_size:
        return needs.card_bytes + _RESERVED_ON_CARD <= ZERO_GPU_BYTES[placement.gpu_size]
    if placement.device == "mps":
        return needs.ram_bytes <= machine.memory_bytes * _METAL_SHARE
    if placement.device == "cpu":
        return needs.ram_bytes + _RESERVED_OF_RAM <= machine.memory_bytes
    has_ram = machine.ram_bytes is None or needs.ram_bytes + _RESERVED_OF_RAM <= machine.ram_bytes
    return has_ram and needs.card_bytes + _RESERVED_ON_CARD <= machine.memory_bytes


def _largest(stored: Mapping[str, int], names: Collection[str]) -> int:
    return max((size for name, size in stored.items() if name in names), default=0)


def _ram_bytes(spec: ModelSpec, placement: Placement, weights: int) -> int:
    """Compute the RAM beside a card: all weights are read into it, and most come back to rest.

    Transformers that are made small are read first, each in full.
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
    """Return what a part's weights take as they are stored."""
    if name in DENOISERS and placement.weights != "full":
        return part.num_parameters
    return part.num_parameters * (4 if placement.dtype == "float32" else part.bytes_per_parameter)


def _denoising_bytes(spec: ModelSpec, placement: Placement, footage: Footage) -> int:
    """Compute what one block of the largest transformer works on."""
    latents = (footage.num_frames - 1) // spec.temporal + 1
    if spec.chunk_latents:
        latents = spec.chunk_latents + _LATENTS_OF_HISTORY
    tokens = num_tokens(spec, footage.width, footage.height, latents)
    is_stacked = spec.stacks_guidance and (spec.default_guidance_scale or 0) > 1
    batch = 2 if is_stacked else 1
    held = batch * tokens * transformer_width(spec) * _WIDTHS_PER_TOKEN
    return round(held * _BYTES[placement.dtype])


def _decoding_bytes(spec: ModelSpec, placement: Placement, footage: Footage) -> int:
    """Compute what the autoencoder works on, and the window's frames that come out of it."""
    num_pixels, num_frames = footage.width * footage.height, footage.num_frames
    frames = num_pixels * num_frames * 3
    if spec.streams_decoding:
        num_frames = spec.temporal  # it decodes latent frame by latent frame
    elif placement.tile_decoding:
        num_pixels, num_frames = min(num_pixels, _TILE_PIXELS), min(num_frames, _TILE_FRAMES)
    part = spec.parts.get(_AUTOENCODER)
    width = max(_BYTES[placement.dtype], part.bytes_per_parameter if part else 0)
    return (num_pixels * num_frames * _NUMBERS_PER_PIXEL + frames) * width


def _does_not_fit(
    spec: ModelSpec, machine: Machine, footage: Footage, others: Iterable[ModelSpec]
) -> str:
    """Say what a model needs, and what this machine can run instead."""
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
    """Name the smallest machine of the same kind that would do."""
    if machine.is_zero_gpu:
        return f"more than the {ZERO_GPU_BYTES['xlarge'] // GIGABYTE} GB of ZeroGPU's largest card"

    def smallest(machines: Iterable[Machine]) -> Machine | None:
        return next((each for each in machines if _can_place(spec, each, footage)), None)

    if machine.device != "cuda":
        computers = (replace(machine, memory_bytes=x * GIGABYTE) for x in _RAM_GIGABYTES)
        found = smallest(computers)
        return f"a computer with {_size(found and found.memory_bytes, _RAM_GIGABYTES)} of memory"
    cards = (replace(machine, memory_bytes=x * GIGABYTE, ram_bytes=None) for x in _CARD_GIGABYTES)
    roomy = replace(machine, ram_bytes=None)
    card = roomy if _can_place(spec, roomy, footage) else smallest(cards)
    if card is None:
        return f"a graphics card with {_size(None, _CARD_GIGABYTES)}"
    found = smallest(replace(card, ram_bytes=x * GIGABYTE) for x in _RAM_GIGABYTES)
    ram = _size(found and found.ram_bytes, _RAM_GIGABYTES)
    return f"a graphics card with {_size(card.memory_bytes)} and {ram} of memory beside it"


def _size(num_bytes: int | None, known: Sequence[int] = ()) -> str:
    if num_bytes is None:
        return f"more than {known[-1]} GB"
    return f"{num_bytes / GIGABYTE:.0f} GB"


def _share(num_bytes: int, whole: int, whose: str) -> str:
    return f"About {max(1, round(num_bytes / GIGABYTE))} GB of the {whose}'s {_size(whole)[:-3]}"

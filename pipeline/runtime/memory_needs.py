"""Computes how much memory a placement of a model needs; none of it was measured on a GPU."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipeline.models.compute_cost import DENOISERS, num_tokens, transformer_width
from pipeline.models.spec import ModelSpec
from pipeline.runtime.placement import BY_LAYER, ENCODERS, NARROW, Footage, Placement, Weights

AUTOENCODER = "vae"
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
CONVERTED: tuple[Weights, ...] = ("fp8", "int8")

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
_TILE_PIXELS = 512 * 512
# Pieces overlap by at least 8 frames that are decoded twice: at 16 frames, each was decoded 2.6
# times.
TILE_FRAMES = 56


@dataclass(frozen=True)
class Needs:
    """The peak memory of a model in bytes; on a CPU all of it is RAM."""

    card_bytes: int
    ram_bytes: int


def full_window(spec: ModelSpec) -> Footage:
    """Return the largest call that a model's row allows."""
    size = max(spec.sizes.values(), key=math.prod) if spec.sizes else spec.size_for("1:1")
    return Footage(*size, spec.window_frames)


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
            _largest(stored, stored.keys() - {*ENCODERS, AUTOENCODER}) + denoising,
            stored.get(AUTOENCODER, 0) + decoding,
        )
    elif placement.offload in BY_LAYER:
        encoder, other = _layer_bytes(stored)
        autoencoder = stored.get(AUTOENCODER, 0)
        if placement.splits_autoencoder:
            autoencoder //= _LAYERS_OF_OTHERS
        peak = max(encoder, other + denoising, autoencoder + decoding)
    else:
        peak = weights + working
    if placement.device != "cuda":
        return Needs(card_bytes=0, ram_bytes=peak)
    return Needs(card_bytes=peak, ram_bytes=_ram_bytes(spec, placement, stored))


def _largest(stored: Mapping[str, int], names: Collection[str]) -> int:
    return max((size for name, size in stored.items() if name in names), default=0)


def _layer_bytes(stored: Mapping[str, int]) -> tuple[int, int]:
    """Return what is moved at once of the text encoders and of the other parts, layer by layer."""
    others = stored.keys() - {*ENCODERS, AUTOENCODER}
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
    converted = ENCODERS if placement.encoder_weights in CONVERTED else ()
    if placement.weights in CONVERTED:
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
    if weights not in (*CONVERTED, "w8a8"):
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
    part = spec.parts.get(AUTOENCODER)
    width = max(_BYTES[placement.dtype], part.bytes_per_parameter if part else 0)
    return (num_pixels * num_frames * _NUMBERS_PER_PIXEL + frames) * width

"""How a pipeline is held in memory: the values of a placement, and the next lower one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pipeline.models.compute_cost import DENOISERS
from pipeline.models.spec import ModelSpec

Offload = Literal[
    "none", "encode_first", "model", "group", "group_lean", "group_slow", "drop_encoder"
]
Weights = Literal["full", "fp8", "int8", "bf16", "w8a8", "gguf"]
Dtype = Literal["float32", "bfloat16", "float16"]
GpuSize = Literal["large", "xlarge"]
Memory = Literal["gpu", "ram"]

ENCODERS = ("text_encoder", "text_encoder_2", "text_encoder_3")
# From the fastest to the one with the least memory. All of these are tried before weights in fewer
# bits: moving blocks while others compute costs little time, fewer bits change the picture.
LADDER: tuple[Offload, ...] = (
    "none",
    "encode_first",
    "model",
    "group",
    "group_lean",
    "group_slow",
)
# These store what they compute in float32 in bfloat16.
NARROW: tuple[Weights, ...] = ("bf16", "w8a8")
BY_LAYER: tuple[Offload, ...] = ("group", "group_lean", "group_slow")
# These copy layers in CUDA streams while others compute, from pinned memory.
STREAMED: tuple[Offload, ...] = ("group", "group_lean")
# Of these, those that move whole parts.
MOVED_BY_PART: tuple[Offload, ...] = ("none", "encode_first", "model")


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


def step_down(placement: Placement, short_of: Memory = "gpu") -> Placement | None:
    """Return the placement with the next lower use of a memory and the same output, or None.

    Only CUDA reports that memory is short: the GPU's, or the computer's that it should pin. On
    ZeroGPU the placement never changes.
    """
    if placement.gpu_size or placement.offload not in LADDER:
        return None
    if placement.weights == "bf16" and placement.offload == MOVED_BY_PART[-1]:
        return None
    is_by_layer = placement.offload in BY_LAYER
    if is_by_layer and short_of == "gpu":
        return None if placement.splits_autoencoder else replace(placement, splits_autoencoder=True)
    if short_of == "ram" and placement.offload not in STREAMED:
        return None
    lower = (replace(placement, offload=x) for x in LADDER[LADDER.index(placement.offload) + 1 :])
    return next((x for x in lower if can_stream(x) or x.offload not in STREAMED), None)


def can_stream(placement: Placement) -> bool:
    """Say whether the transformers' layers can be copied in CUDA streams.

    Together with layerwise casting to fp8 these gave NaN (diffusers, issue 12609); with GGUF they
    were measured to work (diffusers, issue 14691).
    """
    return placement.weights in ("full", "gguf")


def can_switch_loras(placement: Placement) -> bool:
    """Say whether LoRAs can be changed without loading the model again.

    Not with diffusers' offloading: loading a LoRA removes its hooks, and diffusers restores them
    for its default GPU only. Not with 8-bit weights, which need LoRAs to be loaded first.
    """
    return placement.offload in ("none", "encode_first") and placement.weights == "full"


def source_of(spec: ModelSpec, placement: Placement) -> ModelSpec:
    """Return the row with the files that a placement reads."""
    return spec.with_light_files() if reads_light_files(spec, placement) else spec


def reads_light_files(spec: ModelSpec, placement: Placement) -> bool:
    """Say whether a placement reads the transformers from the row's files in four bits."""
    return placement.weights == "gguf" and weights_of_files(spec) != "gguf"


def weights_of_files(spec: ModelSpec) -> Weights:
    """Return how the files of a row store its transformers; "full" for those of a repository."""
    storages = {spec.files[name].storage for name in DENOISERS if name in spec.files}
    return next((x for x in ("gguf", "fp8") if x in storages), "full")

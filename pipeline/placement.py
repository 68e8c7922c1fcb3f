"""What the machine is, and a pure decision where a model's parts live on it.

Looking at the machine and loading are left to `loader.py`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from pipeline.spec import ModelSpec

GIGABYTE = 1024**3
# The weights, and what activations need beside them as a share of that. Computed from the sizes of
# LTX-Video's parts, not measured on a GPU.
_WORKING_SHARE = 1.3


@dataclass(frozen=True)
class Machine:
    """The device that computes, the memory it has, and whether bfloat16 is fast on it."""

    device: Literal["cpu", "cuda", "mps"]
    memory_bytes: int
    has_fast_bf16: bool
    is_zero_gpu: bool = False


@dataclass(frozen=True)
class Placement:
    """Where and how a pipeline is held."""

    device: str
    dtype: Literal["float32", "bfloat16"]
    offload: Literal["none", "model", "group"]
    tile_decoding: bool


def place(spec: ModelSpec, machine: Machine) -> Placement:
    """Choose a placement: resident if it fits, else part by part, else block by block.

    On ZeroGPU weights stay resident: offloading does not work there. A CPU without bf16 units runs
    bf16 fifty times slower than fp32 (measured with AVX2), so such a CPU gets fp32.
    """
    dtype = "bfloat16" if machine.has_fast_bf16 else "float32"
    if machine.device == "cpu":
        return Placement("cpu", dtype, "none", tile_decoding=not spec.is_embedded)
    offload = "none"
    can_offload = machine.device == "cuda" and not machine.is_zero_gpu
    if can_offload and spec.num_bytes * _WORKING_SHARE > machine.memory_bytes:
        fits_by_part = (
            max(part.num_bytes for part in spec.parts.values()) * _WORKING_SHARE
            <= machine.memory_bytes
        )
        offload = "model" if fits_by_part else "group"
    return Placement(machine.device, dtype, offload, tile_decoding=not spec.is_embedded)


def is_zero_gpu() -> bool:
    """Say whether this process runs on a ZeroGPU Space."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")

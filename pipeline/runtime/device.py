"""Detects the machine: its compute device, memory and speed."""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from typing import Literal

import psutil
import torch

from pipeline.models.compute_cost import ZERO_GPU_SPEED

GIGABYTE = 1024**3
# Operations per second that are reached in practice, of what the vendors name: by a GPU's
# multiprocessor (an H100's reach three times as much, a T4's two thirds), by an M-series GPU, and
# by a core with AVX2. Assumed.
_SPEED_PER_MULTIPROCESSOR = 1e12
_METAL_SPEED = 8e12
_SPEED_PER_CORE = 40e9


@dataclass(frozen=True)
class Machine:
    """The device that computes, its memory, and whether bfloat16 is fast on it.

    `memory_bytes` is that of the GPU, or of the computer if it has no separate GPU memory.
    `ram_bytes` is the computer's RAM beside a GPU, None if unknown. `operations_per_second` is an
    estimate of multiplications and additions, 0 if unknown.
    """

    device: Literal["cpu", "cuda", "mps"]
    memory_bytes: int
    has_fast_bf16: bool
    is_zero_gpu: bool = False
    ram_bytes: int | None = None
    has_torchao: bool = False
    operations_per_second: float = 0.0
    has_compiler: bool = False  # for the code that torch.compile generates


def is_zero_gpu() -> bool:
    """Say whether this process runs on a ZeroGPU Space."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def detect_machine() -> Machine:
    """Return the machine this runs on: CUDA or MPS if present, else the CPU."""
    if is_zero_gpu():
        # There is a GPU only inside a decorated call; 48 GB is half of ZeroGPU's GPU.
        return Machine(
            "cuda",
            48 * GIGABYTE,
            has_fast_bf16=True,
            is_zero_gpu=True,
            operations_per_second=ZERO_GPU_SPEED,
        )
    memory = psutil.virtual_memory().total
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0)
        return Machine(
            "cuda",
            gpu.total_memory,
            torch.cuda.is_bf16_supported(),
            ram_bytes=memory,
            has_torchao=importlib.util.find_spec("torchao") is not None,
            operations_per_second=gpu.multi_processor_count * _SPEED_PER_MULTIPROCESSOR,
            has_compiler=_has_compiler() and importlib.util.find_spec("triton") is not None,
        )
    if torch.backends.mps.is_available():
        return Machine("mps", memory, has_fast_bf16=True, operations_per_second=_METAL_SPEED)
    capabilities = torch.cpu.get_capabilities()
    has_bf16 = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return Machine(
        "cpu",
        memory,
        has_fast_bf16=bool(has_bf16),
        operations_per_second=torch.get_num_threads() * _SPEED_PER_CORE,
        has_compiler=_has_compiler(),
    )


def _has_compiler() -> bool:
    """Say whether there is a C++ compiler that torch would find."""
    return any(map(shutil.which, (os.environ.get("CXX") or "g++", "clang++", "cl")))

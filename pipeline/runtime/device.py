"""Detects the machine: its compute device, memory and speed. A CPU's speed is measured."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import time
from dataclasses import dataclass
from typing import Literal

import torch

from pipeline.models.compute_cost import ZERO_GPU_SPEED
from pipeline.runtime.gpu_check import find_gpu_problem
from pipeline.runtime.ram import usable_ram

logger = logging.getLogger(__name__)

GIGABYTE = 1024**3
# Operations per second that are reached in practice, of what the vendors name: by a GPU's
# multiprocessor (an H100's reach three times as much, a T4's two thirds), and by an M-series GPU.
# Assumed.
_SPEED_PER_MULTIPROCESSOR = 1e12
_METAL_SPEED = 8e12
# What a transformer reaches on a CPU of the speed of a small matrix product.
_SHARE_REACHED = 0.7


@dataclass(frozen=True)
class Machine:
    """The device that computes, its memory, and whether bfloat16 or else float16 is fast on it.

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
    has_fast_fp16: bool = False  # asked only if bfloat16 is not fast


def is_zero_gpu() -> bool:
    """Say whether this process runs on a ZeroGPU Space."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def detect_machine() -> Machine:
    """Return the machine this runs on: CUDA or MPS if present, else the CPU.

    Logs why an NVIDIA GPU cannot be used, if that is so.
    """
    if is_zero_gpu():
        # There is a GPU only inside a decorated call; 48 GB is half of ZeroGPU's GPU.
        return Machine(
            "cuda",
            48 * GIGABYTE,
            has_fast_bf16=True,
            is_zero_gpu=True,
            operations_per_second=ZERO_GPU_SPEED,
        )
    memory, problem = usable_ram(), find_gpu_problem()
    if problem:
        logger.warning("%s Kinora runs on the CPU.", problem)
    elif torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0)
        return Machine(
            "cuda",
            gpu.total_memory,
            # Older GPUs emulate it, many times slower.
            torch.cuda.is_bf16_supported(including_emulation=False),
            ram_bytes=memory,
            has_torchao=importlib.util.find_spec("torchao") is not None,
            operations_per_second=gpu.multi_processor_count * _SPEED_PER_MULTIPROCESSOR,
            has_compiler=_has_compiler() and importlib.util.find_spec("triton") is not None,
            has_fast_fp16=True,
        )
    if torch.backends.mps.is_available():
        return Machine("mps", memory, has_fast_bf16=True, operations_per_second=_METAL_SPEED)
    in_float32, in_bfloat16 = (_operations_per_second(x) for x in (torch.float32, torch.bfloat16))
    return Machine(
        "cpu",
        memory,
        has_fast_bf16=in_bfloat16 > in_float32,
        operations_per_second=max(in_float32, in_bfloat16) * _SHARE_REACHED,
        has_compiler=_has_compiler(),
    )


def _operations_per_second(dtype: torch.dtype) -> float:
    """Multiply two matrices on the CPU, the best of three times; takes at most half a second."""
    rows, side = 128, 1024
    x, weights = torch.ones(rows, side, dtype=dtype), torch.ones(side, side, dtype=dtype)
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        x @ weights
        seconds.append(time.perf_counter() - began)
    return 2 * rows * side * side / min(seconds)


def _has_compiler() -> bool:
    """Say whether there is a C++ compiler that torch would find."""
    return any(map(shutil.which, (os.environ.get("CXX") or "g++", "clang++", "cl")))

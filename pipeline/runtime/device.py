"""Detects the machine: its compute device, memory and speed. A CPU's speed is measured."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from pipeline.models.compute_cost import ZERO_GPU_SPEED
from pipeline.runtime.gpu_check import find_gpu_problem
from pipeline.runtime.private_torch import multiply_int8
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
# Int8 changes the picture a little, so it has to be clearly faster; rounding the inputs costs too.
_LEAST_GAIN = 1.5
_MOST_ROUNDS, _MOST_SECONDS = 20, 0.2
_CPU_TYPES = torch.float32, torch.bfloat16


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
    has_fast_int8: bool = False  # of a CPU, asked only if bfloat16 is not fast


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
    in_float32, in_bfloat16, in_int8 = _measure_cpu()
    return Machine(
        "cpu",
        memory,
        has_fast_bf16=in_bfloat16 > in_float32,
        operations_per_second=max(in_float32, in_bfloat16) * _SHARE_REACHED,
        has_compiler=_has_compiler(),
        has_fast_int8=in_int8 > _LEAST_GAIN * in_float32,
    )


def _measure_cpu() -> tuple[float, float, float]:
    """Return the operations per second of matrix products in float32, bfloat16 and int8.

    One thread is measured, in its own time and many times, so that other programs hardly count: the
    choice that follows has to be the same at every start.
    """
    x, weights = torch.ones(128, 1024), torch.ones(1024, 1024)
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        in_float32, in_bfloat16 = (_speed(torch.mm, x.to(t), weights.to(t)) for t in _CPU_TYPES)
        in_int8 = _speed(multiply_int8, x.to(torch.int8), weights.to(torch.int8))
    finally:
        torch.set_num_threads(num_threads)
    return in_float32 * num_threads, in_bfloat16 * num_threads, in_int8 * num_threads


def _speed(
    multiply: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    weights: torch.Tensor,
) -> float:
    """Return the operations per second of a matrix product, the best of up to 20 in 0.2 s."""
    seconds: list[float] = []
    while len(seconds) < _MOST_ROUNDS and sum(seconds) < _MOST_SECONDS:
        began = time.thread_time()
        multiply(x, weights)
        seconds.append(time.thread_time() - began)
    return 2 * x.numel() * weights.shape[1] / min(seconds)


def _has_compiler() -> bool:
    """Say whether there is a C++ compiler that torch would find."""
    return any(map(shutil.which, (os.environ.get("CXX") or "g++", "clang++", "cl")))

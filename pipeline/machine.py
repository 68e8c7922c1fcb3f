"""Looks at the machine: what computes here, and how much memory it has."""

from __future__ import annotations

import importlib.util

import psutil
import torch

from pipeline.placement import GIGABYTE, Machine, is_zero_gpu


def detect_machine() -> Machine:
    """Return what computes: CUDA and MPS when present, else the CPU."""
    if is_zero_gpu():
        # The GPU is only there inside a decorated call; 48 GB is half of ZeroGPU's card.
        return Machine("cuda", 48 * GIGABYTE, has_fast_bf16=True, is_zero_gpu=True)
    memory = psutil.virtual_memory().total
    if torch.cuda.is_available():
        return Machine(
            "cuda",
            torch.cuda.get_device_properties(0).total_memory,
            torch.cuda.is_bf16_supported(),
            ram_bytes=memory,
            has_torchao=importlib.util.find_spec("torchao") is not None,
        )
    if torch.backends.mps.is_available():
        return Machine("mps", memory, has_fast_bf16=True)
    capabilities = torch.cpu.get_capabilities()
    has_bf16 = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return Machine("cpu", memory, has_fast_bf16=bool(has_bf16))

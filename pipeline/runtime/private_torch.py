"""The use of a private API of torch that needs no diffusers; `private_api.py` has the others."""

from __future__ import annotations

import torch


def multiply_int8(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the product (M, N) int32 of int8 matrices (M, K) and (K, N)."""
    return torch._int_mm(x, weights)

"""Muon for the hidden matrices: momentum, then the nearest orthogonal matrix, in fp32.

torch.optim.Muon iterates in bf16, which a CPU without bf16 units runs fifty times slower than fp32;
this one stays in fp32 and shares the work between the training processes.
Source: Jordan et al. 2024 (Newton-Schulz coefficients), Liu et al. 2025 (scale that matches AdamW).
"""

from __future__ import annotations

import torch
from torch import distributed

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_NUM_ITERATIONS = 5


def orthogonalize(matrix: torch.Tensor) -> torch.Tensor:
    """Approximate the orthogonal factor of a matrix (M, N) by Newton-Schulz iteration."""
    a, b, c = _COEFFICIENTS
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(_NUM_ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


class Muon(torch.optim.Optimizer):
    """Update 2-D parameters by their orthogonalized momentum, scaled to AdamW's typical step."""

    def __init__(
        self,
        params: list[torch.nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """Orthogonalize every rank-th matrix here, exchange, and apply all updates."""
        rank = distributed.get_rank() if distributed.is_initialized() else 0
        world = distributed.get_world_size() if distributed.is_initialized() else 1
        for group in self.param_groups:
            params = group["params"]
            flat = torch.zeros(sum(p.numel() for p in params))
            for index, (p, update) in enumerate(
                zip(params, flat.split([p.numel() for p in params]), strict=True)
            ):
                state = self.state[p]
                buffer = state.setdefault("momentum_buffer", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1 - group["momentum"])
                if index % world == rank:
                    nesterov = p.grad.lerp(buffer, group["momentum"])
                    scale = 0.2 * max(p.shape) ** 0.5
                    update.copy_((orthogonalize(nesterov) * scale).flatten())
            if world > 1:
                distributed.all_reduce(flat)
            for p, update in zip(params, flat.split([p.numel() for p in params]), strict=True):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update.view_as(p), alpha=-group["lr"])

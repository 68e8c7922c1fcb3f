"""Linear layers in eight bits for CPUs, whose int8 units compute faster than bf16 or fp32 ones.

Weights have a scale per output channel, inputs one per token, found when the layer runs (as in
ZeroQuant, Yao et al. 2022). torchao's layers need a C++ compiler to be as fast.
"""

from __future__ import annotations

import torch
from torch import nn

from pipeline.runtime.private_torch import multiply_int8

_LARGEST = 127
# Small layers, such as those of time embeddings, gain nothing and lose accuracy.
_MIN_FEATURES = 1024


class Int8Linear(nn.Module):
    """A linear layer with int8 weights, for inputs of any floating type."""

    weight: torch.Tensor
    scale: torch.Tensor
    bias: torch.Tensor | None

    def __init__(self, layer: nn.Linear) -> None:
        """Round the weights of a layer."""
        super().__init__()
        weight = layer.weight.detach().float()
        scale = weight.abs().amax(dim=1).clamp(min=1e-12) / _LARGEST  # (out,)
        rounded = (weight / scale[:, None]).round().to(torch.int8)
        self.register_buffer("weight", rounded.t().contiguous())  # (in, out)
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach().float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the product (..., out) in the type of the input (..., in)."""
        rows = x.reshape(-1, x.shape[-1]).float()
        scale = rows.abs().amax(dim=1, keepdim=True).clamp_(min=1e-12).div_(_LARGEST)
        rounded = (rows / scale).round_().to(torch.int8)
        y = multiply_int8(rounded, self.weight).float().mul_(scale).mul_(self.scale)
        if self.bias is not None:
            y.add_(self.bias)
        return y.to(x.dtype).reshape(*x.shape[:-1], -1)


def use_int8(module: nn.Module) -> None:
    """Replace the large linear layers of a module, one by one, so that memory only falls."""
    for parent in list(module.modules()):
        for name, layer in list(parent.named_children()):
            # Not a subclass: parametrized layers and those of LoRAs do more.
            if type(layer) is nn.Linear and min(layer.weight.shape) >= _MIN_FEATURES:
                setattr(parent, name, Int8Linear(layer))

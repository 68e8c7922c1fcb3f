"""Stores weights in bfloat16 and computes in float32, for processors that are slow in bfloat16.

diffusers' layerwise casting converts a layer's weights but not its inputs, on which T5 fails.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrize

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class _Widen(nn.Module):
    """A weight as its layer sees it."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the weight in float32."""
        return weight.float()


def compute_in_float32(module: nn.Module) -> None:
    """Let a module with weights in bfloat16 compute in float32, each layer's weights in turn.

    What is small is converted for good.
    """
    for part in list(module.modules()):
        own = list(part.named_parameters(recurse=False))
        if isinstance(part, _LAYERS):
            for name, weight in own:
                if weight.dtype == torch.bfloat16:
                    # Unsafe: the type changes, which is what it is for.
                    parametrize.register_parametrization(part, name, _Widen(), unsafe=True)
            part.register_forward_pre_hook(_widen_input)
        elif isinstance(part, nn.Embedding):
            part.register_forward_hook(_widen_output)
        else:
            for _, weight in own:
                weight.data = weight.data.float()


def _widen_input(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    del module
    first, *others = inputs
    return first.float(), *others


def _widen_output(module: nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
    del module, inputs
    return output.float()

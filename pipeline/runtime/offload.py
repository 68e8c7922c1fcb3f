"""Swaps the text encoders and the other components of a pipeline on and off the GPU."""

from __future__ import annotations

from collections.abc import Collection

import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from diffusers import DiffusionPipeline


class AlternatingOffload(ModelHook):
    """Before a part of a pipeline runs, moves its group to the device and the other group away.

    diffusers also calls it before an autoencoder's `encode` and `decode`. It is an accelerate hook,
    not torch's forward hook, because diffusers reads the compute device from it.
    """

    def __init__(self, device: torch.device, sides: Collection[list[torch.nn.Module]]) -> None:
        """Start with all parts on the CPU."""
        self.execution_device = device
        self.present: list[torch.nn.Module] = []
        self._sides = sides

    def pre_forward(
        self, module: torch.nn.Module, *args: object, **kwargs: object
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        """Move a part's group to the device if it is not there; arguments are not changed."""
        if not any(part is module for part in self.present):
            for part in self.present:
                part.to("cpu")
            if self.execution_device.type == "cuda":
                torch.cuda.empty_cache()
            (self.present,) = (x for x in self._sides if any(part is module for part in x))
            for part in self.present:
                part.to(self.execution_device)
        return args, kwargs


def alternate_offload(
    pipe: DiffusionPipeline, device: torch.device, encoders: Collection[str]
) -> AlternatingOffload:
    """Let the parts named in `encoders` and all other parts take turns on the device."""
    parts = {name: x for name, x in pipe.components.items() if isinstance(x, torch.nn.Module)}
    first = [part for name, part in parts.items() if name in encoders]
    offload = AlternatingOffload(
        device, (first, [part for name, part in parts.items() if name not in encoders])
    )
    for part in parts.values():
        add_hook_to_module(part, offload)
    return offload

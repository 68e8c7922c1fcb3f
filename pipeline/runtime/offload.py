"""A card that text encoders and all the rest of a pipeline have by turns."""

from __future__ import annotations

from collections.abc import Collection

import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from diffusers import DiffusionPipeline


class AlternatingOffload(ModelHook):
    """Before a part of a pipeline is called, brings its side to the device and the other away.

    diffusers calls it before an autoencoder's `encode` and `decode` too. It is no forward hook of
    torch's own, for diffusers asks it for the device that computes.
    """

    def __init__(self, device: torch.device, sides: Collection[list[torch.nn.Module]]) -> None:
        """Wait for the first call; all parts rest on the CPU."""
        self.execution_device = device
        self.present: list[torch.nn.Module] = []
        self._sides = sides

    def pre_forward(
        self, module: torch.nn.Module, *args: object, **kwargs: object
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        """Bring a part's side, unless it is there; what it is called with stays as it is."""
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
    """Let the parts that `encoders` names and all others be on the device by turns."""
    parts = {name: x for name, x in pipe.components.items() if isinstance(x, torch.nn.Module)}
    first = [part for name, part in parts.items() if name in encoders]
    offload = AlternatingOffload(
        device, (first, [part for name, part in parts.items() if name not in encoders])
    )
    for part in parts.values():
        add_hook_to_module(part, offload)
    return offload

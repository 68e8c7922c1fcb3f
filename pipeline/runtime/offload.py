"""Keeps the text encoders of a pipeline in memory only while they encode.

Beside a GPU they and the other parts take turns on it; on a CPU they are read from disk and let go.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Sequence

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


class DroppedEncoders(ModelHook):
    """Text encoders that are read from disk when a prompt is encoded, and dropped after it.

    The other parts drop them before they run, so that the prompts of a film, which are encoded one
    after the other, read them once. It is an accelerate hook as `AlternatingOffload` is.
    """

    def __init__(
        self,
        pipe: DiffusionPipeline,
        names: Sequence[str],
        read: Callable[[str], torch.nn.Module],
        device: torch.device,
    ) -> None:
        """Start without them; `read(name)` loads one."""
        self.execution_device = device
        self._pipe = pipe
        self._names = names
        self._read = read
        for part in pipe.components.values():
            if isinstance(part, torch.nn.Module):
                add_hook_to_module(part, self)

    def load(self) -> None:
        """Read the encoders that are not in memory."""
        for name in self._names:
            if getattr(self._pipe, name) is None:
                self._pipe.register_modules(**{name: self._read(name)})

    def pre_forward(
        self, module: torch.nn.Module, *args: object, **kwargs: object
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        """Drop the encoders before another part runs; arguments are not changed."""
        del module
        held = [name for name in self._names if getattr(self._pipe, name) is not None]
        if held:
            self._pipe.register_modules(**dict.fromkeys(held))
            gc.collect()
        return args, kwargs

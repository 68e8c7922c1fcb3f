"""Moves a pipeline's parts to the GPU layer by layer, and some of them whole.

`offload.py` moves all of a part.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from diffusers import DiffusionPipeline
from diffusers.hooks import apply_group_offloading

from pipeline.runtime.private_api import can_offload_layers

_ALLOCATION_FAILED = 2  # cudaErrorMemoryAllocation


class PinnedMemoryError(RuntimeError):
    """The computer has no memory left that a GPU could copy from while it computes."""


class WholeOffload(ModelHook):
    """Holds one of some parts whole on the device while it runs, and none while others do.

    diffusers also calls it before an autoencoder's `encode` and `decode`.
    """

    def __init__(self, device: torch.device, parts: Collection[torch.nn.Module]) -> None:
        """Start with all of the parts on the CPU."""
        self.execution_device = device
        self.present: torch.nn.Module | None = None
        self._parts = parts

    def pre_forward(
        self, module: torch.nn.Module, *args: object, **kwargs: object
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        """Move the part that runs to the device and the last one away; arguments do not change."""
        wanted = next((part for part in self._parts if part is module), None)
        if wanted is not self.present:
            if self.present is not None:
                self.present.to("cpu")
            if self.execution_device.type == "cuda":
                torch.cuda.empty_cache()
            if wanted is not None:
                wanted.to(self.execution_device)
            self.present = wanted
        return args, kwargs


def offload_by_layer(
    pipe: DiffusionPipeline,
    device: torch.device,
    *,
    streamed: Collection[str],
    is_lean: bool,
    whole: Collection[str],
) -> WholeOffload:
    """Move layers to the device as they are used; the parts in `whole` are moved as they are.

    So are parts whose layers diffusers cannot move. The layers of the parts in `streamed` are
    copied ahead of time from pinned memory: all of it is pinned here, or, if `is_lean`, each layer
    when it is used. Raises PinnedMemoryError.
    """
    parts = {name: x for name, x in pipe.components.items() if isinstance(x, torch.nn.Module)}
    moved = [x for name, x in parts.items() if name in whole or not can_offload_layers(x)]
    for name, part in parts.items():
        if any(part is x for x in moved):
            continue
        with pinning():
            apply_group_offloading(
                part,
                onload_device=device,
                offload_type="leaf_level",
                use_stream=name in streamed,
                low_cpu_mem_usage=is_lean,
            )
    offload = WholeOffload(device, moved)
    for part in parts.values() if moved else ():
        add_hook_to_module(part, offload)
    return offload


@contextmanager
def pinning() -> Iterator[None]:
    """Raise PinnedMemoryError if memory cannot be pinned inside a `with` block.

    CUDA reports that as a failed allocation; a full GPU is a torch.OutOfMemoryError.
    """
    try:
        yield
    except torch.AcceleratorError as exc:
        if getattr(exc, "error_code", None) == _ALLOCATION_FAILED:
            raise PinnedMemoryError("No memory could be pinned.") from exc
        raise

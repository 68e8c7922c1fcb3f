"""A card for ZeroGPU's library where there is none: run it, and it runs the app on that card.

In the processes that the library forks for its decorated function, the CPU does what is asked of
CUDA. The server's own process has no card, here as on a Space: there the library's emulation is at
work, untouched.
"""

from __future__ import annotations

import mmap
import os
import runpy
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch.overrides import TorchFunctionMode

ROOT = Path(__file__).resolve().parent.parent


class Card(TorchFunctionMode):
    """Puts on the CPU what is meant for CUDA, in the thread that enters it."""

    def __torch_function__(
        self, func: Callable, _types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        """Call a function of torch, with the CPU in place of CUDA."""
        if func is torch.Tensor.pin_memory:
            return _on_pages(args[0])
        if func is torch.Tensor.cuda:
            return args[0].clone()  # a transfer has a storage of its own
        kwargs = {name: _on_cpu(value) for name, value in (kwargs or {}).items()}
        return func(*map(_on_cpu, args), **kwargs)


def _on_cpu(value: object) -> object:
    is_cuda = isinstance(value, str | torch.device) and str(value).startswith("cuda")
    return torch.device("cpu") if is_cuda else value


def _on_pages(tensor: torch.Tensor) -> torch.Tensor:
    """Copy a tensor to where a page begins: that is where the library reads weights to."""
    memory = mmap.mmap(-1, max(1, tensor.nbytes))
    pages = torch.frombuffer(memory, dtype=tensor.dtype, count=tensor.numel())
    return pages.view(tensor.shape).copy_(tensor)


def build_in_card() -> None:
    """Give this process the card, in the threads that it will start too."""
    run = threading.Thread.run

    def run_with_card(self: threading.Thread) -> None:
        with Card():
            run(self)

    threading.Thread.run = run_with_card
    Card().__enter__()


def main() -> None:
    """Make torch look like one built for CUDA, and run the app."""
    torch.version.cuda = "12.8"
    torch._C._cuda_init = lambda: None
    torch.cuda.synchronize = lambda *_: None
    torch.cuda._is_in_bad_fork = bool  # what is sent to another process needs a name
    os.register_at_fork(after_in_child=build_in_card)
    sys.path[0] = str(ROOT)
    from pipeline.models.registry import (
        MODELS,  # a light module: nothing of torch's is started by it
    )

    if folder := os.environ.get("ZERO_CARD_MODELS"):
        from tests.tiny import LTX, tiny_models

        row = tiny_models(Path(folder))[LTX]
        MODELS[LTX] = replace(row, aot_blocks=os.environ["ZERO_CARD_BLOCKS"])
    runpy.run_path(str(ROOT / "app.py"), run_name="__main__")


if __name__ == "__main__":
    main()

"""Shared by training processes: start, clock, gradients and safe saving."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import torch
from torch import distributed


def start_process() -> int:
    """Join the other processes with one thread; return this one's rank. The first one logs."""
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    level = logging.INFO if rank == 0 else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    return rank


def minutes_of_work() -> float:
    """Return the first process's minutes of processor time: a busy machine makes no run shorter."""
    elapsed = torch.tensor(time.process_time() / 60)
    distributed.broadcast(elapsed, 0)
    return elapsed.item()


def average_gradients(model: torch.nn.Module) -> None:
    """Average all gradients over the processes in one exchange, and cut them to a norm of 1."""
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([g.flatten() for g in grads])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    norm = flat.norm()
    if norm > 1.0:
        flat /= norm
    for grad, part in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
        grad.copy_(part.view_as(grad))


def save_state(state: dict[str, object], path: Path) -> None:
    """Write a state to resume from; whatever happens meanwhile, a whole one is there."""
    partial = path.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(path)

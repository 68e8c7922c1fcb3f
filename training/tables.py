"""Train models built on lookup tables, with a higher learning rate for rows, which are seen rarely.

Owns the loop of `train_painter.py`: clock, rate, log, and the state from which a run resumes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import distributed, nn

from training.process import average_gradients, minutes_of_work, save_state

logger = logging.getLogger(__name__)
WARMUP_STEPS = 50
SAVE_MINUTES = 5.0
LOG_STEPS = 50


@dataclass(frozen=True)
class Plan:
    """How a run is trained, and the folder from which it resumes."""

    folder: Path
    minutes: float  # of processor time, of each process
    lr: float
    table_rate_factor: float


def load_state(plan: Plan) -> dict[str, object] | None:
    """Return the state that a run comes back to, if there is one."""
    path = plan.folder / "state.pt"
    return torch.load(path, weights_only=True) if path.exists() else None


def train(
    model: nn.Module,
    tables: Iterable[nn.Parameter],
    plan: Plan,
    loss_of: Callable[[int, float], tuple[torch.Tensor, float]],
) -> None:
    """Train until the time is up, over all sittings; the rate falls over the second half.

    `loss_of` takes the number of a step and the share of the time that is over, and returns the
    step's loss and the figure to log.
    """
    tables = list(tables)
    is_table = {id(p) for p in tables}
    rest = [p for p in model.parameters() if id(p) not in is_table]
    optimizer = torch.optim.AdamW(
        [{"params": rest, "weight_decay": 0.01}, {"params": tables, "weight_decay": 0.0}],
        plan.lr,
        betas=(0.9, 0.98),
    )
    plan.folder.mkdir(parents=True, exist_ok=True)
    step, figures, done = 0, [], 0.0
    if state := load_state(plan):
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, done = state["step"], state["elapsed"]
        logger.info("resumed at step %d", step)

    def save() -> None:
        if distributed.get_rank() == 0:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            state |= {"step": step, "elapsed": elapsed}
            save_state(state, plan.folder / "state.pt")

    begin, saved_at = minutes_of_work(), time.monotonic()
    while (elapsed := done + (minutes_of_work() - begin) / plan.minutes) < 1:
        loss, figure = loss_of(step, elapsed)
        model.zero_grad()
        loss.backward()
        average_gradients(model)
        rate = plan.lr * min(1, (step + 1) / WARMUP_STEPS, max(0.03, (1 - elapsed) * 2))
        for group, factor in zip(optimizer.param_groups, (1, plan.table_rate_factor), strict=True):
            group["lr"] = rate * factor
        optimizer.step()
        step += 1
        figures.append(figure)
        if step % LOG_STEPS == 0:
            mean = float(np.mean(figures[-LOG_STEPS:]))
            logger.info("step %d: %.4f, rate %.5f", step, mean, rate)
        if (time.monotonic() - saved_at) / 60 > SAVE_MINUTES:
            save()
            saved_at = time.monotonic()
    save()
    distributed.destroy_process_group()

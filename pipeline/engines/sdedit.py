"""SDEdit for flow models (Meng et al. 2022): start from a clip with noise, not from noise alone."""

from __future__ import annotations

from functools import wraps
from typing import Any

import torch
from diffusers import SchedulerMixin


def begin_at(scheduler: Any, level: float) -> int:  # noqa: ANN401
    """Have a scheduler begin at a noise level, 0 to 1, and take its remaining steps from there.

    Its timesteps must be set. Returns how many of its steps are left out. For flows, the sample is
    a mix of the source and noise at that level.
    """
    num_steps, sigmas = len(scheduler.timesteps), scheduler.sigmas
    num_train = scheduler.config.num_train_timesteps
    start = sigmas.new_tensor([level])
    # Timesteps may be whole numbers, and schedulers find their place by them: none may be twice.
    scheduler.sigmas = torch.cat([start, sigmas[sigmas < level - 1 / num_train]])
    scheduler.timesteps = (scheduler.sigmas[:-1] * num_train).to(scheduler.timesteps)
    scheduler.num_inference_steps = len(scheduler.timesteps)
    return max(0, num_steps - len(scheduler.timesteps))


def beginning_at(scheduler: SchedulerMixin, level: float) -> SchedulerMixin:
    """Return a scheduler like another one whose steps begin at a noise level, 0 to 1."""
    kind: Any = type(scheduler)

    class Later(kind):
        @wraps(kind.set_timesteps)  # pipelines look at its parameters
        def set_timesteps(self, *args: object, **kwargs: object) -> None:
            super().set_timesteps(*args, **kwargs)
            begin_at(self, level)

    return Later.from_config(scheduler.config)

"""A tiny model that sleeps at every step, and workers whose machine a node's environment names.

Two cores cannot show that two GPUs are faster than one; work that sleeps can.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pipeline.cluster.gpu_worker import GpuWorker
from pipeline.engines.base import OnEngineStep, SamplingParams, WindowContext
from pipeline.mini.engine import MiniEngine
from pipeline.models.registry import Models
from pipeline.models.spec import ModelSpec
from pipeline.runtime.device import GIGABYTE, Machine
from tests.tiny import MINI, tiny_models

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster

MEMORY = "TEST_MEMORY_GB"  # of a node's workers
SECONDS_A_WINDOW = 1.0
OTHER, LARGE = "kinora-mini-other", "kinora-mini-large"
NUM_NAPS = 10
NEEDS_RAY = [
    pytest.mark.alone,
    pytest.mark.timeout(300),
    # Not imported for this: `prepare` has to be first.
    pytest.mark.skipif(
        find_spec("ray") is None, reason="ray is not installed (requirements-cluster.txt)"
    ),
]


class TinyWorker(GpuWorker):
    """A worker with the memory that its node's environment names."""

    def detect(self) -> Machine:
        """Return a CPU: the GPUs are made up."""
        return Machine("cpu", int(os.environ[MEMORY]) * GIGABYTE, has_fast_bf16=False)


class SleepingEngine(MiniEngine):
    """The embedded model's engine; a window takes a while, in which it can be stopped."""

    def make(
        self,
        num_latents: int,
        prompt: Any,  # noqa: ANN401
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Sleep in short naps, each with a report, then render the window."""
        latents = super().make(num_latents, prompt, context, params)
        for _ in range(NUM_NAPS):
            time.sleep(SECONDS_A_WINDOW / NUM_NAPS)
            if on_step is not None:
                on_step(1, latents)
        return latents


def sleeping_models(folder: Path) -> Models:
    """Return three rows of the tiny model that sleep: two alike, and one that needs 64 GB."""
    row: ModelSpec = tiny_models(folder)[MINI]
    row = dataclasses.replace(row, engine="tests.cluster.tiny_cluster:SleepingEngine")
    background = dataclasses.replace(row.parts["background"], num_parameters=16 * 10**9)
    parts = {**row.parts, "background": background}
    return Models(
        [
            row,
            dataclasses.replace(row, id=OTHER, label="Other"),
            dataclasses.replace(row, id=LARGE, label="Large", parts=parts),
        ]
    )


def until(is_so: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something is so; it takes long on a busy machine."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def places(cluster: Cluster) -> dict[str, str]:
    """Return the job that each busy worker makes."""
    return {x.name: x.facts.run_id for x in cluster.fleet.workers() if x.facts and x.facts.run_id}

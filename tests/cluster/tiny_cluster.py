"""A tiny model that sleeps, and workers whose machine a node's environment describes.

Two cores cannot show that two GPUs are faster than one; work that sleeps can.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.numpy import load_file

from pipeline.cluster import ranks
from pipeline.cluster.gpu_worker import GpuWorker
from pipeline.engines.base import OnEngineStep, SamplingParams, WindowContext
from pipeline.jobs.worker import JobWorker
from pipeline.mini.engine import MiniEngine
from pipeline.models.registry import Models
from pipeline.models.spec import ModelSpec
from pipeline.runtime.device import GIGABYTE, Machine
from tests.tiny import MINI, tiny_models

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster

# Variables of a node's environment: the memory of its workers, a folder that they do not see, a
# file that holds them up while it is there, and one with a byte for each window that they make.
MEMORY, HIDDEN = "TEST_MEMORY_GB", "TEST_HIDDEN"
HOLD, MADE = "TEST_HOLD", "TEST_MADE"
SECONDS_A_WINDOW = 0.5
OTHER, LARGE = "kinora-mini-other", "kinora-mini-large"
NUM_NAPS = 10
NEEDS_RAY = [
    pytest.mark.alone,
    pytest.mark.timeout(900),  # the only limit: a busy machine is slow
    # Not imported for this: `prepare` has to be first.
    pytest.mark.skipif(
        find_spec("ray") is None, reason="ray is not installed (requirements-cluster.txt)"
    ),
]


def run_rank(*arguments: Any) -> None:  # noqa: ANN401
    """Be one of several ranks on a CPU, which diffusers does not count; see `tests/ranks.py`."""
    torch.accelerator.device_count = lambda: 1
    ranks.run_rank(*arguments)


class TinyWorker(GpuWorker):
    """A worker with the memory that its node's environment names, and without a folder."""

    run_rank = staticmethod(run_rank)

    def __init__(self, *arguments: Any) -> None:  # noqa: ANN401
        """Start, and refuse to open or list anything in the hidden folder."""
        super().__init__(*arguments)
        if hidden := os.environ.get(HIDDEN):
            sys.addaudithook(partial(_refuse, hidden))

    def detect(self) -> Machine:
        """Return a CPU: the GPUs are made up."""
        return Machine("cpu", int(os.environ[MEMORY]) * GIGABYTE, has_fast_bf16=False)


def _refuse(hidden: str, event: str, arguments: tuple[object, ...]) -> None:
    if event.startswith(("open", "os.")) and arguments:
        path = arguments[0]
        if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(hidden):
            raise FileNotFoundError(f"{event} {path}")


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
        hold, num_naps = Path(os.environ.get(HOLD, "no such file")), 0
        while num_naps < NUM_NAPS or hold.exists():
            time.sleep(SECONDS_A_WINDOW / NUM_NAPS)
            num_naps += 1
            if on_step is not None:
                on_step(1, latents)
        if path := os.environ.get(MADE):
            with Path(path).open("ab") as file:
                file.write(b".")
        return latents


def sleeping_models(folder: Path) -> Models:
    """Return three rows of the tiny model that sleep: two alike, and one that needs 64 GB."""
    row: ModelSpec = tiny_models(folder)[MINI]
    row = dataclasses.replace(row, engine="tests.cluster.tiny_cluster:SleepingEngine")
    painter = dataclasses.replace(row.parts["painter"], num_parameters=16 * 10**9)
    parts = {**row.parts, "painter": painter}
    return Models(
        [
            row,
            dataclasses.replace(row, id=OTHER, label="Other"),
            dataclasses.replace(row, id=LARGE, label="Large", parts=parts),
        ]
    )


def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so, as long as the test may take."""
    while not is_so():
        time.sleep(0.02)


def finish(page: JobWorker, *job_ids: str) -> None:
    """Wait until jobs are done."""
    for job_id in job_ids:
        until(lambda job_id=job_id: page.state(job_id).is_over)
        assert page.state(job_id).name == "done", page.state(job_id)


def latents(folder: Path) -> dict[str, bytes]:
    """Return the latents of each finished window in a job's folder."""
    paths = folder.glob("windows/*.safetensors")
    return {path.name: load_file(path)["latents"].tobytes() for path in paths}


def places(cluster: Cluster) -> dict[str, str]:
    """Return the job that each busy worker makes."""
    return {x.name: x.facts.run_id for x in cluster.fleet.workers() if x.facts and x.facts.run_id}

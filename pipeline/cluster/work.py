"""What travels between the page and the workers of a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import KinoraError
from pipeline.generation.progress import Progress
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.device import Machine
from pipeline.trust.watermark.mark import Marker


class WorkerLostError(Exception):
    """A worker's process, its machine or the way to it is gone; the work can go on elsewhere."""


class ClusterGoneError(WorkerLostError):
    """The head does not answer: no worker is to blame."""


class WorkerBusyError(Exception):
    """A worker makes something else, maybe for another page."""


@dataclass(frozen=True)
class Work:
    """A clip to make in a job's folder, or with `shots` only the windows of some of its shots.

    The same `run_id` is the same work, whoever asks for it.
    """

    run_id: str
    request: GenerationRequest
    output: Path
    marker: Marker | None = None
    shots: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Report:
    """What is new of some work: its latest progress, and once it has ended how it did.

    `outcome` is the recipe or an error for the user; `failure` is the traceback of any other error.
    """

    progress: Progress | None = None
    outcome: dict[str, object] | KinoraError | None = None
    failure: str = ""

    @property
    def is_last(self) -> bool:
        """Return whether the work has ended."""
        return self.outcome is not None or bool(self.failure)


@dataclass(frozen=True)
class WorkerFacts:
    """A worker's machine, the model that it has in memory and the work that it does, if any."""

    machine: Machine
    pid: int
    model: str = ""
    run_id: str = ""

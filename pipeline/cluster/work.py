"""What travels between the page and the workers of a cluster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import KinoraError
from pipeline.generation.kept_parts import list_parts
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

    With `makes_new` false, a clip of what is finished already. The same `run_id` is the same work,
    whoever asks for it.
    """

    run_id: str
    request: GenerationRequest
    output: Path
    marker: Marker | None = None
    shots: tuple[int, ...] | None = None
    makes_new: bool = True

    @property
    def job_id(self) -> str:
        """Return the id of the job that this is work for."""
        return self.output.parent.name

    @property
    def files(self) -> list[str]:
        """List the files in the job's folder that are used: its sources, and finished parts."""
        folder = self.output.parent
        sources = [path.relative_to(folder).as_posix() for path in self.request.sources]
        return [*sources, *list_parts(folder)]

    def at(self, folder: Path) -> Work:
        """Return the same work in a copy of the job's folder."""
        original = self.output.parent
        request = self.request.with_sources(lambda path: folder / path.relative_to(original))
        return replace(self, request=request, output=folder / self.output.name)


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
    """A worker's machine, the model in its memory, its work, and the job whose files it has.

    The machine is that of one of its `num_gpus`, which share the work on a clip.
    """

    machine: Machine
    pid: int
    model: str = ""
    run_id: str = ""
    copy_of: str = ""
    num_gpus: int = 1

"""Makes a job's clip on the workers of a cluster, and goes on elsewhere when one is lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.cluster.film import Film
from pipeline.cluster.fits import FittingModels
from pipeline.cluster.fleet import Fleet, Worker
from pipeline.cluster.slots import ClusterSlots
from pipeline.cluster.work import ClusterGoneError, Work, WorkerBusyError, WorkerLostError
from pipeline.errors import GenerationCancelledError, KinoraError
from pipeline.generation.kept_parts import num_pieces, num_windows
from pipeline.generation.progress import Progress
from pipeline.jobs.worker import IsCancelled, OnProgress
from pipeline.planning.plan import plan_generation
from pipeline.planning.request import GenerationRequest
from pipeline.trust.watermark.mark import Marker

logger = logging.getLogger(__name__)

MAX_LOSSES = 5  # workers lost by one clip without a window finished in between
_SECONDS_BETWEEN_LOOKS = 0.25
_ENDS_WORKERS = (
    f"{MAX_LOSSES} workers crashed while making this clip; try a smaller or shorter one."
)
_STOPPED = "The generation was stopped."


@dataclass(frozen=True)
class ClusterMaker:
    """Makes clips on a cluster; the place of the function that makes them on this machine."""

    fleet: Fleet
    slots: ClusterSlots
    models: FittingModels
    marker: Marker | None

    def make(
        self,
        request: GenerationRequest,
        output: Path,
        on_progress: OnProgress,
        is_cancelled: IsCancelled,
    ) -> dict[str, object]:
        """Make a clip on the worker that the job's slot is for; return its recipe.

        Raises what `generate` raises, and KinoraError if it takes down one worker after another.
        """
        job_id = output.parent.name
        work = Work(job_id, request, output, self.marker)
        losses = Losses(output.parent)
        spec = self.models.spec(request.model)
        # What starts from a picture or clip is one shot.
        is_film = request.image is None and request.video is None
        shots = plan_generation(request, spec).shots if is_film else ()
        film = Film(self, work, shots)
        worker = self.slots.worker_of(job_id)
        while True:
            if worker is None:
                worker = self._wait_for_another(work, is_cancelled)
            try:
                film.make_shots(worker, on_progress, is_cancelled)
                return self.follow(worker, work, on_progress, is_cancelled)
            except WorkerBusyError:
                logger.info("%s is used by another page", worker.name)
            except WorkerLostError as exc:
                losses.count(exc)
            worker = None

    def follow(
        self,
        worker: Worker,
        work: Work,
        on_progress: Callable[[Progress], None],
        is_cancelled: IsCancelled,
    ) -> dict[str, object]:
        """Have a worker do some work; return the recipe or raise its error.

        Raises WorkerLostError if the worker is lost, WorkerBusyError if it makes something else.
        """
        self.fleet.call(worker, "start", work)
        is_stopping = False
        while True:
            if is_cancelled() and not is_stopping:
                if self.slots.is_closed:  # another page will find the work going on
                    raise GenerationCancelledError(_STOPPED)
                is_stopping = True
                self.fleet.call(worker, "stop", work.run_id)
            report = self.fleet.call(worker, "news", work.run_id, _SECONDS_BETWEEN_LOOKS)
            if report.progress is not None and not is_stopping:
                on_progress(report.progress)
            if report.failure:
                self.fleet.restart(worker)
                raise RuntimeError(f"a worker failed:\n{report.failure}")
            if isinstance(report.outcome, KinoraError):
                raise report.outcome
            if report.outcome is not None:
                return report.outcome

    def _wait_for_another(self, work: Work, is_cancelled: IsCancelled) -> Worker:
        """Wait until another worker is free for some work. Raises GenerationCancelledError."""
        while True:
            if is_cancelled():
                raise GenerationCancelledError(_STOPPED)
            if (worker := self.slots.move(work.run_id, work.request)) is not None:
                return worker
            time.sleep(_SECONDS_BETWEEN_LOOKS)


class Losses:
    """Counts the workers that a clip lost without progress."""

    def __init__(self, folder: Path) -> None:
        """Watch the finished parts in a job's folder."""
        self._folder = folder
        self._num_losses = 0
        self._num_finished = -1

    def count(self, loss: WorkerLostError) -> None:
        """Count a loss. Raises KinoraError if there were too many."""
        logger.warning("The clip in %s goes on elsewhere: %s", self._folder.name, loss)
        if isinstance(loss, ClusterGoneError):
            return
        num_finished = num_windows(self._folder) + num_pieces(self._folder)
        self._num_losses = self._num_losses + 1 if num_finished == self._num_finished else 1
        self._num_finished = num_finished
        if self._num_losses >= MAX_LOSSES:
            raise KinoraError(_ENDS_WORKERS)

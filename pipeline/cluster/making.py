"""Makes a job's clip on the workers of a cluster, and goes on elsewhere when one is lost."""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.cluster.film import Film
from pipeline.cluster.fits import FittingModels
from pipeline.cluster.fleet import Worker
from pipeline.cluster.following import SECONDS_BETWEEN_LOOKS, Follower
from pipeline.cluster.slots import ClusterSlots
from pipeline.cluster.work import ClusterGoneError, Work, WorkerBusyError, WorkerLostError
from pipeline.errors import GenerationCancelledError, KinoraError
from pipeline.generation.kept_parts import num_pieces, num_windows
from pipeline.jobs.worker import IsCancelled, OnProgress
from pipeline.planning.plan import plan_generation
from pipeline.planning.request import GenerationRequest
from pipeline.trust.watermark.mark import Marker

logger = logging.getLogger(__name__)

MAX_LOSSES = 5  # workers lost by one clip without a window finished in between
_ENDS_WORKERS = (
    f"{MAX_LOSSES} workers crashed while making this clip; try a smaller or shorter one."
)


@dataclass(frozen=True)
class ClusterMaker:
    """Makes clips on a cluster; the place of the function that makes them on this machine."""

    follower: Follower
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
        work = Work(output.parent.name, request, output, self.marker)
        self.follower.fetch_left(work)
        try:
            return self._make(work, on_progress, is_cancelled)
        finally:
            self.follower.discard_copies(work)

    def _make(
        self, work: Work, on_progress: OnProgress, is_cancelled: IsCancelled
    ) -> dict[str, object]:
        """Make a clip on one worker; if that is lost or busy, go on on another."""
        losses = Losses(work.output.parent)
        film = self._film(work, on_progress, is_cancelled)
        worker = self.slots.worker_of(work.job_id)
        while True:
            if worker is None:
                worker = self._wait_for_another(work, is_cancelled)
            try:
                film.make_shots(worker)
                return self.follower.follow(worker, work, on_progress, is_cancelled)
            except WorkerBusyError:
                logger.info("%s is used by another page", worker.name)
            except WorkerLostError as exc:
                losses.count(exc)
            except GenerationCancelledError:
                if film.is_split:
                    self._put_together(worker, work)
                raise
            worker = None

    def _film(self, work: Work, on_progress: OnProgress, is_cancelled: IsCancelled) -> Film:
        request = work.request
        # What starts from a picture or clip is one shot; one worker makes a film faster at a time.
        is_film = request.image is None and request.video is None and self.slots.count() > 1
        spec = self.models.spec(request.model)
        shots = plan_generation(request, spec).shots if is_film else ()
        return Film(self.follower, work, shots, on_progress, is_cancelled)

    def _put_together(self, worker: Worker, work: Work) -> None:
        """Have a worker write the clip of a film that was stopped, as far as that is finished."""
        part = replace(work, run_id=f"{work.run_id}/stopped", makes_new=False)
        if not self.slots.is_closed:
            with contextlib.suppress(KinoraError, WorkerLostError, WorkerBusyError):
                self.follower.follow(worker, part, lambda _: None, lambda: self.slots.is_closed)

    def _wait_for_another(self, work: Work, is_cancelled: IsCancelled) -> Worker:
        """Wait until another worker is free for some work. Raises GenerationCancelledError."""
        while True:
            if is_cancelled():
                raise GenerationCancelledError()
            if (worker := self.slots.move(work.job_id, work.request)) is not None:
                return worker
            time.sleep(SECONDS_BETWEEN_LOOKS)


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

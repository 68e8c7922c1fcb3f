"""Has a worker do some work and follows it to its end, with the job's files where it needs them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pipeline.cluster.fleet import Fleet, Worker
from pipeline.cluster.job_files import Call, fetch_new, send
from pipeline.cluster.slots import ClusterSlots
from pipeline.cluster.work import Report, Work, WorkerBusyError, WorkerLostError
from pipeline.errors import GenerationCancelledError, KinoraError
from pipeline.generation.progress import Progress
from pipeline.jobs.worker import IsCancelled

SECONDS_BETWEEN_LOOKS = 0.25


@dataclass(frozen=True)
class Follower:
    """Follows what workers do for the page that has these slots."""

    fleet: Fleet
    slots: ClusterSlots

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
        call = partial(self.fleet.call, worker)
        has_copy = _start(call, work, is_cancelled)
        is_stopping = False
        while True:
            if is_cancelled() and not is_stopping:
                if self.slots.is_left(work.job_id):  # another page will find the work going on
                    raise GenerationCancelledError()
                is_stopping = True
                call("stop", work.run_id)
            report: Report = call("news", work.run_id, SECONDS_BETWEEN_LOOKS)
            if has_copy:
                fetch_new(call, work, is_last=report.is_last)
            if report.is_last:
                self.fleet.note_end(worker, work.request.model)
            if report.progress is not None and not is_stopping:
                on_progress(report.progress)
            if report.failure:
                self.fleet.restart(worker)
                raise RuntimeError(f"a worker failed:\n{report.failure}")
            if isinstance(report.outcome, KinoraError):
                raise report.outcome
            if report.outcome is not None:
                return report.outcome

    def fetch_left(self, work: Work) -> None:
        """Fetch what workers have finished of a job while no page was there."""
        for call in self._copies(work):
            with contextlib.suppress(WorkerLostError, WorkerBusyError):
                fetch_new(call, work, is_last=False)

    def discard_copies(self, work: Work) -> None:
        """Delete the workers' copies of a job that ends, unless it goes on without this page."""
        for call in () if self.slots.is_left(work.job_id) else self._copies(work):
            with contextlib.suppress(WorkerLostError):
                call("discard", work.job_id)

    def _copies(self, work: Work) -> list[Call]:
        """List how to call the workers that have a copy of a job's folder."""
        workers = [x for x in self.fleet.workers() if x.facts and x.facts.copy_of == work.job_id]
        return [partial(self.fleet.call, worker) for worker in workers]


def _start(call: Call, work: Work, is_cancelled: IsCancelled) -> bool:
    """Begin some work; say whether the worker does it in a copy of the job's folder."""
    files = work.files
    while missing := call("start", work, files):
        for name in missing:
            if is_cancelled():
                raise GenerationCancelledError()
            send(call, work.output.parent, name)
    return missing is not None

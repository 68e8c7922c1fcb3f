"""Which job runs on which worker: visitors in turn, where the model fits, best where it is loaded.

The worker of the jobs asks under its lock, so nothing here waits or calls another machine.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from pipeline.cluster.fits import FittingModels
from pipeline.cluster.fleet import Fleet, Worker
from pipeline.cluster.work import WorkerFacts
from pipeline.jobs.running_job import RunningJob
from pipeline.planning.request import GenerationRequest

# How long a job waits for a busy worker that has its model while others are free: loading a large
# model takes longer than that.
PATIENCE = 15.0


@dataclass
class _Turn:
    """A running job: who asked for it, its workers, and whether it needs any."""

    visitor: str
    workers: list[str] = field(default_factory=list)


class ClusterSlots:
    """The slots of a cluster; see `pipeline.jobs.slots.Slots`."""

    seconds_between_looks = 0.5

    def __init__(self, fleet: Fleet, models: FittingModels, patience: float = PATIENCE) -> None:
        """Use a fleet; `models` says what fits on a worker."""
        self.fleet = fleet
        self.is_closed = False
        self._left: frozenset[str] = frozenset()
        self._models = models
        self._patience = patience
        self._lock = threading.RLock()
        self._turns: dict[str, _Turn] = {}
        self._last_start: dict[str, int] = {}
        self._starts = itertools.count(1)
        self._wanted_at: dict[str, float] = {}

    def count(self) -> int:
        """Return how many workers there are, at least 1."""
        return max(1, len(self.fleet.workers()))

    def order(self, waiting: Sequence[RunningJob]) -> list[RunningJob]:
        """Return the waiting jobs with visitors in turn: fewest jobs first, then longest ago."""
        with self._lock:
            counts: dict[str, int] = {}
            for turn in self._turns.values():
                counts[turn.visitor] = counts.get(turn.visitor, 0) + 1
            keys = []
            for number, job in enumerate(waiting):
                visitor = job.facts.visitor
                rank = counts.get(visitor, 0)
                counts[visitor] = rank + 1
                keys.append((rank, self._last_start.get(visitor, 0), number))
            return [waiting[key[-1]] for key in sorted(keys)]

    def take(self, waiting: Sequence[RunningJob]) -> RunningJob | None:
        """Give the first job in turn that a free worker can make that worker."""
        with self._lock:
            ids = {job.facts.job_id for job in waiting} | self._turns.keys()
            self._wanted_at = {x: at for x, at in self._wanted_at.items() if x in ids}
            for job in self.order(waiting):
                job_id, visitor = job.facts.job_id, job.facts.visitor
                worker = self._choose(job_id, job.request) if job.request.model else None
                if worker is None and job.request.model:
                    continue
                self._wanted_at.pop(job_id, None)
                self._turns[job_id] = _Turn(visitor, [worker.name] if worker else [])
                self._last_start[visitor] = next(self._starts)
                return job
        return None

    def give_back(self, job_id: str) -> None:
        """Free all workers of a job."""
        with self._lock:
            self._turns.pop(job_id, None)

    def close(self, unfinished: Collection[str]) -> None:
        """Remember that this page ends, and which jobs go on without it."""
        self._left = frozenset(unfinished)
        self.is_closed = True

    def is_left(self, job_id: str) -> bool:
        """Say whether this page ends and leaves a job to its workers."""
        return job_id in self._left

    def worker_of(self, job_id: str) -> Worker | None:
        """Return a job's first worker if it answers."""
        with self._lock:
            names = self._turns[job_id].workers
            return next((x for x in self.fleet.workers() if x.name in names[:1]), None)

    def move(self, job_id: str, request: GenerationRequest) -> Worker | None:
        """Give a job another worker in the place of its own; None if no free one can make it."""
        with self._lock:
            self._turns[job_id].workers.clear()
            worker = self._choose(job_id, request)
            if worker is not None:
                self._wanted_at.pop(job_id, None)
                self._turns[job_id].workers.append(worker.name)
            return worker

    def borrow(self, job_id: str, request: GenerationRequest) -> Worker | None:
        """Give a job one more worker for some of its shots, or None.

        Only a worker that computes as the job's first one does, and only while no other job waits.
        """
        first = self.worker_of(job_id)
        with self._lock:
            if first is None or self._wanted_at:
                return None
            place = self._place_of(first, request)
            for worker in self._free(request, job_id):
                if self._place_of(worker, request) == place:
                    self._turns[job_id].workers.append(worker.name)
                    return worker
        return None

    def _place_of(self, worker: Worker, request: GenerationRequest) -> object:
        facts = worker.facts
        assert facts is not None  # as it answers
        place = self._models.place_on(facts.machine, request.model, request.quality)
        return place, facts.num_gpus

    def _preference(
        self, facts: WorkerFacts, request: GenerationRequest
    ) -> tuple[bool, bool, int, int]:
        """Return the place of a worker among those that can make a request, the least first."""
        machine, shares = facts.machine, False
        if facts.num_gpus > 1:
            shares = self._models.shares_on(machine, request.model, request.quality)
        return (
            facts.model != request.model,
            machine.device == "cpu",
            -facts.num_gpus if shares else facts.num_gpus,
            machine.memory_bytes,
        )

    def return_borrowed(self, job_id: str, worker: Worker) -> None:
        """Free a worker that a job has borrowed."""
        with self._lock:
            if job_id in self._turns and worker.name in self._turns[job_id].workers[1:]:
                self._turns[job_id].workers.remove(worker.name)

    def _choose(self, job_id: str, request: GenerationRequest) -> Worker | None:
        """Return the worker that is to make a job now, or None."""
        workers = self.fleet.workers()
        taken = {name for turn in self._turns.values() for name in turn.workers}
        for worker in workers:  # one that makes it already, for a page that has ended
            if worker.name not in taken and worker.facts and _is_of(worker.facts.run_id, job_id):
                return worker
        wanted_at = self._wanted_at.setdefault(job_id, time.monotonic())
        free = self._free(request)
        if not free:
            return None
        best = free[0]
        has_it = best.facts is not None and best.facts.model == request.model
        others = [x for x in workers if x.facts and x.facts.model == request.model]
        if not has_it and others and time.monotonic() - wanted_at < self._patience:
            return None
        return best

    def _free(self, request: GenerationRequest, job_id: str = "") -> list[Worker]:
        """List the free workers that can make a request, the best first.

        One that makes shots of the job `job_id` counts as free. The best is one with the model,
        then GPUs that share its work, then a GPU, then the smallest: what is more than a model
        needs is left for others.
        """
        taken = {name for turn in self._turns.values() for name in turn.workers}
        found = []
        for worker in self.fleet.workers():
            facts = worker.facts
            if facts is None or worker.name in taken:
                continue
            if facts.run_id and not _is_of(facts.run_id, job_id):
                continue
            if self._models.fits_on(facts.machine, request.model, request.quality):
                found.append((*self._preference(facts, request), worker.name, worker))
        return [row[-1] for row in sorted(found, key=lambda row: row[:-1])]


def _is_of(run_id: str, job_id: str) -> bool:
    """Say whether work is a job's clip, or some of its shots."""
    return bool(job_id) and run_id.partition("/")[0] == job_id

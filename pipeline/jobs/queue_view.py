"""The queue as one visitor sees it: their own jobs, and how long those before them take."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.jobs.history import visitor_key
from pipeline.jobs.running_job import Progress, RunningJob
from pipeline.jobs.states import JobState
from pipeline.jobs.worker import JobWorker


@dataclass(frozen=True)
class QueuedJob:
    """A visitor's waiting or running job.

    `num_before` counts the jobs that come first, those of other visitors too. `seconds_left` is
    the time until it is done; None if unknown.
    """

    job_id: str
    tab: str
    prompt: str
    state: JobState
    progress: Progress | None
    num_before: int
    seconds_left: float | None


def list_queue(worker: JobWorker, visitor: str) -> list[QueuedJob]:
    """List a visitor's jobs that wait or run in this process, in the order of the queue."""
    mine, found = visitor and visitor_key(visitor), []
    is_known = True
    free_in = [0.0] * worker.slots.count()  # seconds until each slot is free
    for num_before, job in enumerate(worker.queue()):
        left = _seconds_left(worker, job)
        is_known = is_known and left is not None
        first = free_in.index(min(free_in))
        free_in[first] += left or 0.0
        seconds = free_in[first]
        if mine and job.facts.visitor == mine:
            facts = job.facts
            total = seconds if is_known else None
            row = facts.tab, facts.request.title, job.state, job.progress, num_before, total
            found.append(QueuedJob(facts.job_id, *row))
    return found


def _seconds_left(worker: JobWorker, job: RunningJob) -> float | None:
    """Return how long a job still takes; before its first report, how long all of it takes."""
    left = getattr(job.progress, "seconds_left", None)
    return worker.timing.estimate(job.request) if left is None else left

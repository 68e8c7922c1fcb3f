"""Where the jobs of a worker run: which waiting job starts next, and how many run at once.

A machine has one slot. `pipeline/cluster/` has one for each GPU of several machines.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from pipeline.jobs.running_job import RunningJob


class Slots(Protocol):
    """Places where jobs run; the worker calls this under its lock, so nothing here may wait."""

    seconds_between_looks: float
    """How soon `take` may answer otherwise although no job came or ended."""

    def count(self) -> int:
        """Return how many jobs can run at once."""

    def order(self, waiting: Sequence[RunningJob]) -> list[RunningJob]:
        """Return the waiting jobs in the order in which they are to start."""

    def take(self, waiting: Sequence[RunningJob]) -> RunningJob | None:
        """Give one of the waiting jobs a slot and return it; None if none can start now."""

    def give_back(self, job_id: str) -> None:
        """Free the slot of a job that has ended."""

    def close(self, unfinished: Collection[str]) -> None:
        """Prepare for the end of this process; unfinished jobs are asked to end next.

        Others were asked to end already, by their visitors.
        """


class OneSlot:
    """The slot of one machine: one job at a time, first come first served."""

    seconds_between_looks = float("inf")

    def __init__(self) -> None:
        """Start with a free slot."""
        self._is_taken = False

    def count(self) -> int:
        """Return 1."""
        return 1

    def order(self, waiting: Sequence[RunningJob]) -> list[RunningJob]:
        """Return the jobs as they came."""
        return [*waiting]

    def take(self, waiting: Sequence[RunningJob]) -> RunningJob | None:
        """Return the first job, unless one is running."""
        if self._is_taken or not waiting:
            return None
        self._is_taken = True
        return waiting[0]

    def give_back(self, job_id: str) -> None:  # noqa: ARG002
        """Free the slot."""
        self._is_taken = False

    def close(self, unfinished: Collection[str]) -> None:
        """Do nothing: the running job ends by itself."""

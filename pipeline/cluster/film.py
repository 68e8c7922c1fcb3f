"""Makes the shots of one film on several workers at once.

What the workers make are the windows and encoded shots that one worker would make; it finds them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.cluster.fleet import Worker
from pipeline.cluster.work import Work, WorkerBusyError, WorkerLostError
from pipeline.generation.progress import Progress
from pipeline.jobs.worker import IsCancelled, OnProgress
from pipeline.planning.plan import ShotPlan

if TYPE_CHECKING:
    from pipeline.cluster.making import ClusterMaker

_SECONDS_BETWEEN_LOOKS = 0.2
_SHARE = 0.95  # of the whole, that the shots take; the rest is putting them together


class Film:
    """The shots of a film that are still to be made, and the workers that make them."""

    def __init__(self, maker: ClusterMaker, work: Work, shots: Sequence[ShotPlan]) -> None:
        """Split a film into groups of shots that continue each other."""
        self._maker = maker
        self._work = work
        self._shots = shots
        self._groups = group_shots(shots)
        self._changed = threading.Lock()
        self._waiting = deque(self._groups)
        self._done: dict[tuple[int, ...], float] = dict.fromkeys(self._groups, 0.0)  # windows
        self._error: BaseException | None = None

    def make_shots(
        self, worker: Worker, on_progress: OnProgress, is_cancelled: IsCancelled
    ) -> None:
        """Make all groups, on a worker and on those that are free meanwhile.

        Returns at once if there is only one group, or if all were made before. Raises the first
        error of a group, and WorkerLostError if there is no worker left.
        """
        if len(self._groups) < 2 or not self._waiting:
            return
        threads = [self._begin(worker, on_progress, is_cancelled)]
        while any(thread.is_alive() for thread in threads):
            if self._waiting and self._error is None:
                job_id, request = self._work.run_id, self._work.request
                if (more := self._maker.slots.borrow(job_id, request)) is not None:
                    threads.append(self._begin(more, on_progress, is_cancelled))
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        if self._error is not None:
            raise self._error
        if self._waiting:
            raise WorkerLostError("the workers of a film are gone")

    def _begin(
        self, worker: Worker, on_progress: OnProgress, is_cancelled: IsCancelled
    ) -> threading.Thread:
        arguments = worker, on_progress, is_cancelled
        thread = threading.Thread(target=self._run, args=arguments, name="kinora-film", daemon=True)
        thread.start()
        return thread

    def _run(self, worker: Worker, on_progress: OnProgress, is_cancelled: IsCancelled) -> None:
        """Have a worker make one group after the other, first the one that it makes already."""
        while (group := self._next(worker)) is not None:
            try:
                self._make(worker, group, on_progress, is_cancelled)
            except (WorkerLostError, WorkerBusyError):
                self._waiting.appendleft(group)
                break
            except Exception as exc:
                self._error = self._error or exc
                break
        self._maker.slots.return_borrowed(self._work.run_id, worker)

    def _next(self, worker: Worker) -> tuple[int, ...] | None:
        with self._changed:
            if self._error is not None or not self._waiting:
                return None
            group = self._waiting[0]
            if worker.facts and worker.facts.run_id:
                group = next(
                    (x for x in self._waiting if self._name(x) == worker.facts.run_id), group
                )
            self._waiting.remove(group)
            return group

    def _name(self, group: tuple[int, ...]) -> str:
        return f"{self._work.run_id}/{group[0]}"

    def _make(
        self,
        worker: Worker,
        group: tuple[int, ...],
        on_progress: OnProgress,
        is_cancelled: IsCancelled,
    ) -> None:
        counts = [len(shot.windows) for shot in self._shots]
        first, total = sum(counts[: group[0]]), sum(counts)
        num_windows = sum(counts[index] for index in group)

        def report(progress: Progress) -> None:
            steps = progress.step / progress.num_steps if progress.num_steps else 0.0
            done = max(0, progress.window - 1 - first) + steps
            with self._changed:
                self._done[group] = min(max(self._done[group], done), num_windows)
                fraction = _SHARE * sum(self._done.values()) / total
            on_progress(replace(progress, fraction=fraction))

        def should_stop() -> bool:
            return self._error is not None or is_cancelled()

        part = replace(self._work, run_id=self._name(group), shots=group)
        self._maker.follow(worker, part, report, should_stop)
        self._done[group] = num_windows


def group_shots(shots: Sequence[ShotPlan]) -> list[tuple[int, ...]]:
    """Return the numbers of shots in groups; one that continues another is in its group."""
    groups: list[tuple[int, ...]] = []
    for index, shot in enumerate(shots):
        if shot.continues and groups:
            groups[-1] = (*groups[-1], index)
        else:
            groups.append((index,))
    return groups

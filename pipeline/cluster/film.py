"""Makes the shots of one film on several workers at once.

What the workers make are the windows and encoded shots that one worker would make; it finds them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from pipeline.cluster.fleet import Worker
from pipeline.cluster.following import Follower
from pipeline.cluster.work import Work, WorkerBusyError, WorkerLostError
from pipeline.generation.progress import Progress
from pipeline.jobs.worker import IsCancelled, OnProgress
from pipeline.planning.plan import ShotPlan

_SECONDS_BETWEEN_LOOKS = 0.2  # for workers that have become free
_SHARE = 0.95  # of the whole, that the shots take; the rest is putting them together

Group = tuple[int, ...]
"""The numbers of shots that continue each other, which one worker makes."""


class Film:
    """The groups of shots of a film that are still to be made, and the workers that make them."""

    def __init__(
        self,
        follower: Follower,
        work: Work,
        shots: Sequence[ShotPlan],
        on_progress: OnProgress,
        is_cancelled: IsCancelled,
    ) -> None:
        """Split a film's shots into groups."""
        self._follower = follower
        self._work = work
        self._num_windows = [len(shot.windows) for shot in shots]
        self._on_progress = on_progress
        self._is_cancelled = is_cancelled
        groups = group_shots(shots)
        self.is_split = len(groups) > 1
        self._changed = threading.Condition()
        self._num_busy = 0  # workers
        self._waiting = deque(groups if self.is_split else ())
        self._num_done = dict.fromkeys(groups, 0.0)  # windows
        self._error: BaseException | None = None

    def make_shots(self, worker: Worker) -> None:
        """Make all groups, on a worker and on those that are free meanwhile.

        Returns at once if there is only one group, or if all were made before. Raises the first
        error of a group, and WorkerLostError if there is no worker left.
        """
        self._begin(worker)
        while self._num_busy:
            while (more := self._borrow()) is not None:
                self._begin(more)
            with self._changed:
                self._changed.wait_for(lambda: not self._num_busy, _SECONDS_BETWEEN_LOOKS)
        if self._error is not None:
            raise self._error
        if self._waiting:
            raise WorkerLostError("the workers of a film are gone")

    def _borrow(self) -> Worker | None:
        """Return one more worker if there is one, and something for it to do."""
        if not self._waiting or self._error is not None:
            return None
        return self._follower.slots.borrow(self._work.job_id, self._work.request)

    def _begin(self, worker: Worker) -> None:
        """Have a worker make groups, in a thread, if there is one for it."""
        if (group := self._next(worker)) is None:
            self._follower.slots.return_borrowed(self._work.job_id, worker)
            return
        with self._changed:
            self._num_busy += 1
        threading.Thread(
            target=self._make_groups, args=(worker, group), name="kinora-film", daemon=True
        ).start()

    def _make_groups(self, worker: Worker, group: Group | None) -> None:
        """Have a worker make one group after the other."""
        while group is not None:
            try:
                self._make(worker, group)
            except (WorkerLostError, WorkerBusyError):
                self._waiting.appendleft(group)
                break
            except Exception as exc:
                self._error = self._error or exc
                break
            group = self._next(worker)
        self._follower.slots.return_borrowed(self._work.job_id, worker)
        with self._changed:
            self._num_busy -= 1
            self._changed.notify_all()

    def _next(self, worker: Worker) -> Group | None:
        """Take the next group of a worker, first the one that it makes already; None if none waits.

        Takes none after an error.
        """
        with self._changed:
            if self._error is not None or not self._waiting:
                return None
            run_id = worker.facts.run_id if worker.facts else ""
            begun = [group for group in self._waiting if self._run_id(group) == run_id]
            group = (begun or self._waiting)[0]
            self._waiting.remove(group)
            return group

    def _run_id(self, group: Group) -> str:
        return f"{self._work.run_id}/{group[0]}"

    def _make(self, worker: Worker, group: Group) -> None:
        """Have a worker make one group, and report how much of the film is made."""
        num_before = sum(self._num_windows[: group[0]])
        num_windows = sum(self._num_windows[index] for index in group)

        def report(progress: Progress) -> None:
            steps = progress.step / progress.num_steps if progress.num_steps else 0.0
            num_done = max(0, progress.window - 1 - num_before) + steps
            with self._changed:
                num_done = max(self._num_done[group], num_done)
                self._num_done[group] = min(num_done, num_windows)
                fraction = _SHARE * sum(self._num_done.values()) / sum(self._num_windows)
            self._on_progress(replace(progress, fraction=fraction))

        def should_stop() -> bool:
            return self._error is not None or self._is_cancelled()

        part = replace(self._work, run_id=self._run_id(group), shots=group)
        self._follower.follow(worker, part, report, should_stop)
        self._num_done[group] = num_windows


def group_shots(shots: Sequence[ShotPlan]) -> list[Group]:
    """Return the numbers of shots in groups; one that continues another is in its group."""
    groups: list[Group] = []
    for index, shot in enumerate(shots):
        if shot.continues and groups:
            groups[-1] = (*groups[-1], index)
        else:
            groups.append((index,))
    return groups

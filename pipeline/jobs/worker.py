"""Runs the jobs of a store in threads, apart from the web server; `slots.py` says how many at once.

The `run` function it is given does the work. Jobs that this or another process left unfinished are
taken up again.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import (
    UNEXPECTED,
    GenerationCancelledError,
    InvalidRequestError,
    KinoraError,
    LimitError,
    OutputError,
    cannot_write,
)
from pipeline.generation.kept_parts import WINDOWS
from pipeline.jobs.posters import find_poster
from pipeline.jobs.running_job import Progress, RunningJob
from pipeline.jobs.slots import OneSlot, Slots
from pipeline.jobs.states import Cancelled, Done, Failed, JobState, Paused, Queued, Running
from pipeline.jobs.store import JobStore, Origin
from pipeline.jobs.timing import Timing
from pipeline.planning.request import GenerationRequest

if TYPE_CHECKING:
    from typing_extensions import Unpack

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_ROUNDS = 20.0  # between searches for jobs that a dead process left behind
# Starts of a job without progress or an end: such a job crashes the process.
MAX_STARTS = 3
_ENDS_KINORA = (
    f"Kinora crashed {MAX_STARTS} times while making this clip; try a smaller or shorter one."
)
_MESSAGES: dict[type[JobState], str] = {
    Cancelled: "This job was stopped.",
    Paused: "This job is paused; resume it when you like.",
}


OnProgress = Callable[[Progress], None]
IsCancelled = Callable[[], bool]
Run = Callable[[GenerationRequest, Path, OnProgress, IsCancelled], dict[str, object]]
"""`run(request, output_path, on_progress, is_cancelled)` writes the clip and returns its recipe."""


class JobWorker:
    """A thread that starts the jobs of a store, each in a thread of its own, as slots are free."""

    def __init__(
        self,
        store: JobStore,
        run: Run,
        max_waiting: int = 32,
        *,
        takes_up: bool = True,
        place_of: Callable[[GenerationRequest], str] = lambda _request: "",
        slots: Slots | None = None,
    ) -> None:
        """Start the thread; with `takes_up` it resumes unfinished jobs by itself.

        On ZeroGPU no quota would pay for that: there a job resumes when its visitor asks.
        `place_of` names where a request is computed, because that decides how long it takes.
        Without `slots` one job runs at a time, first come first served.
        """
        self.store = store
        self.timing = Timing(store.root / "pace.json", place_of)
        self._run = run
        self._max_waiting = max_waiting
        self._takes_up = takes_up
        self._jobs: dict[str, RunningJob] = {}
        self._waiting: deque[str] = deque()
        self._running: dict[str, threading.Thread] = {}
        self.slots = slots or OneSlot()
        self._num_coming = 0  # jobs that are being written
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="kinora-jobs", daemon=True)
        self._thread.start()

    def submit(self, request: GenerationRequest, **origin: Unpack[Origin]) -> str:
        """Queue a request and return its job id. Raises LimitError if the queue is full.

        `JobStore.create` documents `origin`. The job runs with the caller's context variables: on
        ZeroGPU they say whose quota pays.
        """
        with self._changed:
            self._refuse_if_full()
            self._num_coming += 1
        try:
            job_id = self.store.create(request, **origin)  # copies sources, which may be large
        finally:
            with self._changed:
                self._num_coming -= 1
        with self._changed:
            # Not if a round has found it first; if Kinora closes, the next start finds it.
            if job_id not in self._jobs and not self._is_closed:
                self._enqueue(job_id)
        return job_id

    def submit_all(
        self, requests: Sequence[GenerationRequest], **origin: Unpack[Origin]
    ) -> list[str]:
        """Queue requests that belong together, all or none, and return their job ids.

        Raises as `submit` does.
        """
        if len(requests) > 1:
            origin["group"] = secrets.token_urlsafe(8)
        job_ids: list[str] = []
        try:
            for request in requests:
                job_ids.append(self.submit(request, **origin))
        except KinoraError:
            for job_id in job_ids:
                self.cancel(job_id)
            raise
        return job_ids

    def resume(self, job_id: str) -> JobState:
        """Queue a paused, stopped or failed job again, and return its state.

        Its finished windows are not made again. Raises InvalidRequestError if its files are
        damaged, and LimitError if the queue is full.
        """
        with self._changed:
            if (job := self._find(job_id)) and not job.state.is_over:
                if job.ending is Paused:
                    job.ending = None  # the job has not noticed the pause yet
                return self.state(job_id)
            state = self.state(job_id)
            if isinstance(state, Done):
                return state
            if not state.is_over:  # another process runs it, or has died
                with self.store.claim(job_id) as is_free:
                    if not is_free:
                        self.store.take_order(job_id)
                        return state
            self._refuse_if_full()
            self.store.facts(job_id)  # raises if the job is damaged
            self.store.take_order(job_id)
            self.store.write_state(Queued(job_id))
            self._enqueue(job_id)
            return self.state(job_id)

    def state(self, job_id: str) -> JobState:
        """Return a job's state; if it waits in this process, with its position (1 is next)."""
        with self._changed:
            if job := self._find(job_id):
                if job_id in self._waiting:
                    return Queued(job_id, position=self._order().index(job_id) + 1)
                return job.state
        return self.store.read_state(job_id)

    def progress(self, job_id: str) -> Progress | None:
        """Return the latest progress of a running job, or None."""
        with self._changed:
            job = self._find(job_id)
            return job.progress if job else None

    def queue(self) -> list[RunningJob]:
        """List copies of the jobs in this process in their order: the running ones, then the rest.

        Reads no files.
        """
        with self._changed:
            ids = [x for x in self._jobs if x not in self._waiting] + self._order()
            jobs = [self._jobs[job_id] for job_id in ids]
            return [replace(job) for job in jobs if not job.state.is_over]

    def result(self, job_id: str) -> Path | None:
        """Return the path of a job's clip, or None; for a stopped job, of its finished part."""
        if not self.state(job_id).is_over:
            return None
        path = self.store.output_path(job_id)
        return path if path.is_file() else None

    def recipe(self, job_id: str) -> dict[str, object] | None:
        """Return the recipe of the clip that `result` returns, or None if there is none."""
        recipe = self.store.recipe(job_id)
        return recipe if self.state(job_id).is_over else None

    def cancel(self, job_id: str) -> JobState:
        """Stop a queued or running job and return its state; a finished one is not changed.

        A running job stays `Running` until its `run` function notices.
        """
        return self._end(job_id, Cancelled)

    def pause(self, job_id: str) -> JobState:
        """Stop a job as `cancel` does, but keep it to be resumed."""
        return self._end(job_id, Paused)

    def close(self) -> None:
        """End the threads and wait for them; unfinished jobs continue at the next start."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
            self.slots.close([x for x, job in self._jobs.items() if job.ending is None])
            for job in self._jobs.values():
                job.ending = job.ending or Queued
            self._changed.notify_all()
            running = [*self._running.values()]
        for thread in (self._thread, *running):
            thread.join()

    def _end(self, job_id: str, ending: type[JobState]) -> JobState:
        with self._changed:
            state = self.state(job_id)
            is_stopped_for_good = isinstance(state, Paused) and ending is Cancelled
            if state.is_over and not is_stopped_for_good:
                return state
            job = self._find(job_id)
            if job and job_id not in self._waiting:
                job.ending = ending
                return self.state(job_id)
            with self.store.claim(job_id) as is_ours:
                if not is_ours:
                    self.store.order(job_id, ending)
                    return self.state(job_id)
                self._jobs.setdefault(job_id, RunningJob(self.store.facts(job_id), state))
                if job_id in self._waiting:
                    self._waiting.remove(job_id)
                self._finish(job_id, ending, _MESSAGES[ending])
        return self.state(job_id)

    def _refuse_if_full(self) -> None:
        if self._is_closed:
            raise LimitError("Kinora is closing; try again when it has been restarted.")
        num_waiting = len(self._waiting) + self._num_coming
        if num_waiting >= self._max_waiting:
            raise LimitError(
                f"The queue is full: {num_waiting} jobs are waiting already; try again in a few "
                "minutes."
            )

    def _enqueue(self, job_id: str) -> None:
        facts = self.store.facts(job_id)
        self._jobs[job_id] = RunningJob(facts, self.store.read_state(job_id))
        self._waiting.append(job_id)
        self._changed.notify_all()

    def _find(self, job_id: str) -> RunningJob | None:
        return self._jobs.get(job_id) if isinstance(job_id, str) else None

    def _order(self) -> list[str]:
        """Return the ids of the waiting jobs in the order in which they are to start."""
        waiting = [self._jobs[job_id] for job_id in self._waiting]
        return [job.facts.job_id for job in self.slots.order(waiting)]

    def _work(self) -> None:
        """Start jobs until the worker is closed; log unexpected errors and continue."""
        next_round = 0.0
        while not self._is_closed:
            try:
                if time.monotonic() >= next_round:
                    self._look_around(is_first=not next_round)
                    next_round = time.monotonic() + SECONDS_BETWEEN_ROUNDS
                self._start_next(next_round)
            except Exception:
                logger.exception("The worker continues after an error")

    def _look_around(self, *, is_first: bool) -> None:
        """Make room on the disk, and look for jobs that other processes left."""
        if is_first:
            self.store.space.sweep()
        else:
            self.store.space.empty_bin()
        self._take_up()

    def _start_next(self, next_round: float) -> None:
        """Start a job that has a slot; if there is none, wait for a change or the next round."""
        with self._changed:
            ready = [self._jobs[x] for x in self._waiting if x not in self._running]
            job = None if self._is_closed else self.slots.take(ready)
            if job is None:
                seconds = next_round - time.monotonic()
                if ready:
                    seconds = min(seconds, self.slots.seconds_between_looks)
                if not self._is_closed and seconds > 0:
                    self._changed.wait(seconds)
                return
            job_id = job.facts.job_id
            self._waiting.remove(job_id)
            thread = threading.Thread(target=self._take_turn, args=(job_id,), daemon=True)
            thread.name = f"kinora-job-{job_id[:6]}"
            self._running[job_id] = thread
        thread.start()

    def _take_turn(self, job_id: str) -> None:
        """Run one job in its slot, unless another process has it; log unexpected errors."""
        try:
            try:
                with self.store.claim(job_id) as is_ours:
                    if is_ours and not self.store.read_state(job_id).is_over:
                        self._run_job(job_id)
                    else:  # another process has it, or has finished it
                        self._forget(job_id)
            except InvalidRequestError:  # deleted in the meantime
                self._forget(job_id)
            self.store.space.sweep()
        except Exception:
            logger.exception("The worker continues after an error")
        finally:
            with self._changed:
                self.slots.give_back(job_id)
                del self._running[job_id]
                self._changed.notify_all()

    def _forget(self, job_id: str) -> None:
        with self._changed:
            self._jobs.pop(job_id, None)

    def _take_up(self) -> None:
        """Queue the unfinished jobs that no process works on."""
        if not self._takes_up or self._is_closed:
            return
        for job_id in self.store.unfinished():
            with self._changed:
                if job_id in self._jobs or self._is_closed:
                    continue
                with self.store.claim(job_id) as is_free:
                    if is_free and not self.store.read_state(job_id).is_over:
                        self._enqueue(job_id)
                        self.store.log(job_id, "taken up again")

    def _run_job(self, job_id: str) -> None:
        """Run one job and record how it ends; no error of the job ends the thread."""
        job = self._jobs[job_id]
        job.expected = self.timing.expect(job.request)
        job.is_fresh = not (self.store.folder(job_id) / WINDOWS).exists()
        with self._changed:
            self._update(job, job.state.become(Running))
        self.store.log(job_id, "started")
        try:
            recipe = self._make(job_id, job)
        except GenerationCancelledError:
            # `ending` is None if the job was resumed at the same moment.
            ending = job.ending or Queued
            self._finish(job_id, ending, _MESSAGES.get(ending, ""))
            if job.ending is None:
                with self._changed:
                    self._enqueue(job_id)
        except OSError as exc:
            logger.exception("Job %s cannot write to %s", job_id, self.store.root)
            self._finish(job_id, Failed, str(cannot_write(exc)))
        except KinoraError as exc:
            is_final = isinstance(exc, InvalidRequestError | OutputError)
            self._finish(job_id, Failed, str(exc), is_final=is_final)
        except Exception:
            logger.exception("Job %s failed", job_id)
            self._finish(job_id, Failed, UNEXPECTED)
        else:
            if job.is_fresh and (seconds := job.seconds_taken()) is not None:
                self.timing.note(job.request, seconds)
            self._finish(job_id, Done, str(recipe.get("notice", "")), progress=1.0)

    def _make(self, job_id: str, job: RunningJob) -> dict[str, object]:
        """Call `run` for a job and write the recipe that it returns. Raises what `run` raises."""
        if self.store.count_start(job_id) > MAX_STARTS:
            raise KinoraError(_ENDS_KINORA)  # no final failure: other programs may be the cause
        output = self.store.output_path(job_id)
        try:
            recipe = job.context.run(
                self._run,
                job.request,
                output,
                lambda progress: self._report(job, progress),
                lambda: self._is_to_end(job_id),
            )
        finally:
            if output.is_file():
                find_poster(output)
        self.store.write_recipe(job_id, recipe | {"job_id": job_id})
        return recipe

    def _report(self, job: RunningJob, progress: Progress) -> None:
        with self._changed:
            self._update(job, job.report(progress))

    def _is_to_end(self, job_id: str) -> bool:
        """Return whether the job was asked to end, by this process or another one."""
        job = self._jobs[job_id]
        if job.should_look():
            order = self.store.take_order(job_id)
            with self._changed:  # another thread may have ended it during the read
                job.ending = job.ending or order
        return job.ending is not None

    def _update(self, job: RunningJob, state: JobState) -> None:
        """Change a job's state in memory, and on disk unless it was written a moment ago."""
        if job.become(state):
            self._write(state)

    def _write(self, state: JobState) -> bool:
        """Write a state to disk; return whether it worked. A full disk must not end the thread."""
        try:
            self.store.write_state(state)
        except OSError:
            logger.exception("The state of job %s cannot be written", state.job_id)
            return False
        return True

    def _finish(
        self,
        job_id: str,
        state: type[JobState],
        message: str = "",
        progress: float | None = None,
        *,
        is_final: bool = False,
    ) -> None:
        """Write a job's last state; keep the job in memory only if that fails.

        `is_final` is that of `Failed`.
        """
        self.store.log(job_id, f"{state.name} {message}".strip())
        self.store.forget_starts(job_id)
        with self._changed:
            job = self._jobs[job_id]
            job.progress = None
            job.state = job.state.become(state, message, progress)
            if isinstance(job.state, Failed):
                job.state = replace(job.state, is_final=is_final)
            if self._write(job.state):
                del self._jobs[job_id]

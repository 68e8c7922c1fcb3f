"""Jobs: every generation is a folder on disk and a turn of one worker thread, apart from the web.

Owns job ids, states, the queue and cancelling. What a job does is the `run` function it is given.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import os
import re
import secrets
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import psutil

from pipeline.errors import GenerationCancelledError, InvalidRequestError, KinoraError
from pipeline.request import GenerationRequest

logger = logging.getLogger(__name__)

State = Literal["queued", "running", "done", "failed", "cancelled"]
UNFINISHED: tuple[State, ...] = ("queued", "running")
# The page asks a few times a second; writing more often wears the disk for nobody.
SECONDS_BETWEEN_WRITES = 0.3
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_INTERRUPTED = "Kinora was closed before this job was finished; start it again."
_UNEXPECTED = "Something went wrong that is not your fault; try again, and see the log for why."


class Progress(Protocol):
    """What a running job reports: anything that knows how far it is, from 0 to 1."""

    @property
    def fraction(self) -> float:
        """Return the part that is done, from 0 to 1."""


Run = Callable[
    [GenerationRequest, Path, Callable[[Progress], None], Callable[[], bool]], dict[str, object]
]
"""`run(request, output_path, on_progress, is_cancelled)` writes the clip and returns its recipe."""


def default_data_dir() -> Path:
    """Return KINORA_DATA_DIR, or Kinora's folder among this user's data."""
    if chosen := os.environ.get("KINORA_DATA_DIR"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Kinora"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Kinora"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "kinora"


class JobStore:
    """The folders `<root>/jobs/<job_id>`: request.json, state.json, result.mp4 and recipe.json."""

    def __init__(self, root: Path) -> None:
        """Open or make the store; raise InvalidRequestError if the folder cannot be written."""
        self._jobs = root.absolute() / "jobs"
        try:
            self._jobs.mkdir(parents=True, exist_ok=True)
            probe = self._jobs / f".probe-{secrets.token_hex(4)}"
            probe.touch()
            probe.unlink()
        except OSError as exc:
            raise _unwritable(root) from exc

    def folder(self, job_id: str) -> Path:
        """Return a job's folder; raise InvalidRequestError for an id that no job has."""
        is_legal = isinstance(job_id, str) and _JOB_ID.fullmatch(job_id)
        if not is_legal or not (self._jobs / job_id / "state.json").is_file():
            raise InvalidRequestError(
                f"There is no job {str(job_id)[:40]!r}; check the id, or start the job again."
            )
        return self._jobs / job_id

    def create(self, request: GenerationRequest) -> str:
        """Write a new queued job and return its id, which nobody can guess."""
        job_id = secrets.token_urlsafe(16)
        folder = self._jobs / job_id
        try:
            folder.mkdir()
            _write_json(folder / "request.json", request.to_json())
            self.write_state(_state_of(job_id, "queued"))
        except OSError as exc:
            shutil.rmtree(folder, ignore_errors=True)
            raise _unwritable(self._jobs.parent) from exc
        return job_id

    def read_state(self, job_id: str) -> dict[str, object]:
        """Read a job's state: `job_id`, `state`, `progress` from 0 to 1, and a `message`."""
        state = _read_json(self.folder(job_id) / "state.json") or {}
        return _state_of(job_id, "failed", message=_INTERRUPTED) | {
            name: state[name] for name in ("state", "progress", "message") if name in state
        }

    def write_state(self, state: dict[str, object]) -> None:
        """Replace a job's state at once, so that a reader never sees half of it."""
        path = self._jobs / str(state["job_id"]) / "state.json"
        _write_json(path, state | {"process_id": os.getpid()})

    def write_recipe(self, job_id: str, recipe: dict[str, object]) -> None:
        """Keep the recipe of a job's clip."""
        _write_json(self._jobs / job_id / "recipe.json", recipe)

    def recipe(self, job_id: str) -> dict[str, object] | None:
        """Return the recipe of a job's clip, or None if there is no clip."""
        return _read_json(self.folder(job_id) / "recipe.json")

    def output_path(self, job_id: str) -> Path:
        """Return where a job's clip is written; it may not be there yet."""
        return self._jobs / job_id / "result.mp4"

    def fail_interrupted(self) -> None:
        """Mark as failed the unfinished jobs of processes that are no more."""
        for path in self._jobs.glob("*/state.json"):
            state = _read_json(path) or {}
            if state.get("state") not in UNFINISHED or _is_process_alive(state, path):
                continue
            job_id = path.parent.name
            self.output_path(job_id).unlink(missing_ok=True)
            failed = _state_of(job_id, "failed", message=_INTERRUPTED)
            self.write_state(failed | {"progress": state.get("progress", 0.0)})

    def sweep(self, max_age: float) -> int:
        """Remove the jobs that were finished more than `max_age` seconds ago; return how many."""
        num_removed = 0
        for folder in self._jobs.iterdir():
            path = folder / "state.json"
            try:
                last_change = (path if path.exists() else folder).stat().st_mtime
            except FileNotFoundError:  # another process sweeps too
                continue
            is_old = time.time() - last_change > max_age
            if is_old and (_read_json(path) or {}).get("state") not in UNFINISHED:
                shutil.rmtree(folder, ignore_errors=True)
                num_removed += 1
        return num_removed


@dataclass
class _Job:
    """A job that waits or runs in this process, and the context of whoever asked for it."""

    request: GenerationRequest
    state: dict[str, object]
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    progress: Progress | None = None
    written_at: float = -1.0
    stop: threading.Event = field(default_factory=threading.Event)


class JobWorker:
    """One thread that runs the jobs of a store one after the other, in the order they came."""

    def __init__(self, store: JobStore, run: Run, max_waiting: int = 16) -> None:
        """Start the thread; unfinished jobs of a process that is no more are marked as failed."""
        self._store = store
        self._run = run
        self._max_waiting = max_waiting
        self._jobs: dict[str, _Job] = {}
        self._waiting: deque[str] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        store.fail_interrupted()
        self._thread = threading.Thread(target=self._work, name="kinora-jobs", daemon=True)
        self._thread.start()

    def submit(self, request: GenerationRequest) -> str:
        """Queue a request and return its job id; raise InvalidRequestError if too many wait.

        The job runs in the context variables of the caller: on ZeroGPU they say who pays.
        """
        with self._changed:
            if self._is_closed:
                raise InvalidRequestError("Kinora is closing; start it again to make more clips.")
            if len(self._waiting) >= self._max_waiting:
                raise InvalidRequestError(
                    f"{len(self._waiting)} jobs are waiting already; try again in a few minutes."
                )
            job_id = self._store.create(request)
            self._jobs[job_id] = _Job(request, _state_of(job_id, "queued"))
            self._waiting.append(job_id)
            self._changed.notify_all()
        return job_id

    def state(self, job_id: str) -> dict[str, object]:
        """Return a job's state; see `JobStore.read_state`."""
        with self._changed:
            if job := self._find(job_id):
                return dict(job.state)
        return self._store.read_state(job_id)

    def progress(self, job_id: str) -> Progress | None:
        """Return the newest progress of a running job, or None."""
        with self._changed:
            job = self._find(job_id)
            return job.progress if job else None

    def result(self, job_id: str) -> Path | None:
        """Return the finished clip, or None if the job has not made one."""
        if self.state(job_id)["state"] != "done":
            return None
        path = self._store.output_path(job_id)
        return path if path.is_file() else None

    def recipe(self, job_id: str) -> dict[str, object] | None:
        """Return the recipe of the finished clip, or None if the job has not made one."""
        return self._store.recipe(job_id)

    def cancel(self, job_id: str) -> dict[str, object]:
        """Stop a job that waits or runs and return its state; a finished one stays as it is.

        A running job is still "running" until its `run` notices.
        """
        with self._changed:
            if job := self._find(job_id):
                job.stop.set()
                if job_id in self._waiting:
                    self._waiting.remove(job_id)
                    self._finish(job_id, "cancelled", message="This job was stopped.")
        return self.state(job_id)

    def close(self) -> None:
        """Stop every job and the thread; wait until the running job has noticed."""
        with self._changed:
            self._is_closed = True
            unfinished = list(self._jobs)
            self._changed.notify_all()
        for job_id in unfinished:
            self.cancel(job_id)
        self._thread.join()

    def _find(self, job_id: str) -> _Job | None:
        return self._jobs.get(job_id) if isinstance(job_id, str) else None

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if not self._waiting:
                    return
                job_id = self._waiting.popleft()
                self._update(job_id, state="running")
            self._run_job(job_id)

    def _run_job(self, job_id: str) -> None:
        """Run one job to whatever end it has; nothing it raises ends the thread."""
        job = self._jobs[job_id]
        try:
            recipe = job.context.run(
                self._run,
                job.request,
                self._store.output_path(job_id),
                lambda progress: self._report(job_id, progress),
                job.stop.is_set,
            )
            self._store.write_recipe(job_id, recipe | {"job_id": job_id})
        except GenerationCancelledError:
            self._finish(job_id, "cancelled", message="This job was stopped.")
        except KinoraError as exc:
            self._finish(job_id, "failed", message=str(exc))
        except Exception:
            logger.exception("Job %s failed", job_id)
            self._finish(job_id, "failed", message=_UNEXPECTED)
        else:
            self._finish(job_id, "done", progress=1.0)

    def _report(self, job_id: str, progress: Progress) -> None:
        with self._changed:
            self._jobs[job_id].progress = progress
            self._update(job_id, progress=min(max(float(progress.fraction), 0.0), 1.0))

    def _update(self, job_id: str, **values: object) -> None:
        """Change a job's state in memory, and on disk unless that was done a moment ago."""
        job = self._jobs[job_id]
        job.state |= values
        now = time.monotonic()
        if "state" in values or now - job.written_at >= SECONDS_BETWEEN_WRITES:
            job.written_at = now
            self._write(job.state)

    def _write(self, state: dict[str, object]) -> bool:
        """Write a state to disk; say whether that worked. A full disk must not end the thread."""
        try:
            self._store.write_state(state)
        except OSError:
            logger.exception("The state of job %s cannot be written", state["job_id"])
            return False
        return True

    def _finish(self, job_id: str, state: State, **values: object) -> None:
        """Write a job's last state; forget the job if the disk has it."""
        with self._changed:
            job = self._jobs[job_id]
            job.progress = None
            job.state |= {"state": state, **values}
            if state != "done":
                with contextlib.suppress(OSError):
                    self._store.output_path(job_id).unlink(missing_ok=True)
            if self._write(job.state):
                del self._jobs[job_id]


def _state_of(job_id: str, state: State, message: str = "") -> dict[str, object]:
    return {"job_id": job_id, "state": state, "progress": 0.0, "message": message}


def _is_process_alive(state: dict[str, object], path: Path) -> bool:
    """Say whether the process that wrote a state lives; ids are used again, so ask since when."""
    try:
        process = psutil.Process(int(str(state.get("process_id"))))
        return process.create_time() <= path.stat().st_mtime
    except (ValueError, OverflowError, psutil.Error):
        return False


def _unwritable(root: Path) -> InvalidRequestError:
    return InvalidRequestError(
        f"Kinora cannot write to {root}; free some space there, or set KINORA_DATA_DIR to another "
        "folder."
    )


def _write_json(path: Path, values: dict[str, object]) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        draft.write_text(json.dumps(values, indent=2), encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _read_json(path: Path) -> dict[str, object] | None:
    """Read a file that may be gone or damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return values if isinstance(values, dict) else None

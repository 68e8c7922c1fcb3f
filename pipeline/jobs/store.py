"""Job folders on disk: everything needed to resume a job after a crash or restart.

Owns the files and the locks; `worker.py` decides what runs when. A job's folder contains:

    request.json   the request, the visitor and the time; written once
    source*        copies of the pictures and the clip that it starts from
    prompts.json   its rewritten prompts, if there are some (see `enhancement.py`)
    state.json     its state and progress
    starts.json    how often it was started without progress, while it runs
    windows/       finished latents, one file per pass over a window (see `latent_cache.py`)
    pieces/        encoded shots, one file per shot; playable while it grows (`video_writer.py`)
    result.mp4     the clip, with recipe.json
    poster.webp    its first frame, also as thumbnail.webp (see `posters.py`)
    sheet.jpg      frames from all of it, made when it is first asked for
    deleted.json   in the place of request.json after `delete`, until it is too late to restore
    order          the state that another process asks the one that works on it to end it in
    log.txt        what happened when
    lock           held by the process that works on it
"""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from filelock import FileLock, Timeout

from pipeline.errors import InvalidRequestError, MediaError, UnknownJobError, cannot_write
from pipeline.generation.kept_parts import PIECES, WINDOWS, num_pieces, num_windows
from pipeline.jobs.disk_space import DiskSpace, bytes_of
from pipeline.jobs.files import (
    DELETED,
    PROMPTS,
    REQUEST,
    STATE,
    copier,
    link_all,
    link_or_copy,
    read_json,
    write_json,
)
from pipeline.jobs.states import Cancelled, JobState, Paused, Queued, read_state, state_class
from pipeline.planning.request import GenerationRequest
from pipeline.planning.validation import read_request

logger = logging.getLogger(__name__)

_MAX_TIME = 1e11  # seconds since 1970: some thousand years from now

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_JOB_DAMAGED = "The files of this job are damaged; make the clip again and delete this one."
_TOO_LATE = "This clip was deleted for good; make it again."
_SOURCE_GONE = "A picture or clip of this request is no longer on the server; upload it again."


class Origin(TypedDict, total=False):
    """Where a job comes from, as arguments of `JobStore.create`."""

    visitor: str
    tab: str
    based_on: str | None
    words_of: str | None
    group: str


@dataclass(frozen=True)
class JobFacts:
    """What is recorded when a job is created: the request, its visitor and the time (epoch).

    `tab` is the tab of the page that it was requested in; empty for the API. `group` is the same
    for the variations of one request; empty for a single clip.
    """

    job_id: str
    request: GenerationRequest
    visitor: str
    tab: str
    created_at: float
    group: str = ""


class JobStore:
    """The folders `<root>/jobs/<job_id>`, shared by all processes that use the same root."""

    def __init__(
        self,
        root: Path,
        *,
        max_age: float = float("inf"),
        max_bytes: float = float("inf"),
        forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Open or create the store. Raises StorageError if the folder is not writable.

        `DiskSpace` documents `max_age`, `max_bytes` and `forget`.
        """
        self.root = root.absolute()
        self._jobs = self.root / "jobs"
        self.space = DiskSpace(self._jobs, self.claim, max_age, max_bytes, forget)
        try:
            self._jobs.mkdir(parents=True, exist_ok=True)
            probe = self._jobs / f".probe-{secrets.token_hex(4)}"
            probe.touch()
            probe.unlink()
        except OSError as exc:
            logger.exception("The data folder %s is not writable", root)
            raise cannot_write(exc) from exc

    def folder(self, job_id: str) -> Path:
        """Return a job's folder. Raises InvalidRequestError for an unknown id."""
        is_legal = isinstance(job_id, str) and _JOB_ID.fullmatch(job_id)
        if not is_legal or not (self._jobs / job_id / REQUEST).is_file():
            raise UnknownJobError(
                f"There is no job {str(job_id)[:40]!r}; check the id, or make the clip again."
            )
        return self._jobs / job_id

    def create(
        self,
        request: GenerationRequest,
        *,
        visitor: str = "",
        tab: str = "",
        based_on: str | None = None,
        words_of: str | None = None,
        group: str = "",
    ) -> str:
        """Create a queued job and return its id, which cannot be guessed.

        The job gets its own copies of its sources. With `based_on` it also gets that job's finished
        windows and encoded shots, and those that still fit are not made again; with `based_on` or
        `words_of` it gets that job's rewritten prompts. Raises StorageError if the disk, or the
        part of it that Kinora may use, is full.
        """
        earlier = self.folder(based_on) if based_on else None
        words = words_of or based_on
        prompts = self.folder(words) / PROMPTS if words else None
        self.space.reserve(bytes_of(request), request.sources | ({earlier} if earlier else set()))
        job_id = secrets.token_urlsafe(16)
        folder = self._jobs / job_id
        try:
            folder.mkdir()
            self.write_state(Queued(job_id))  # first, so that `sweep` does not remove the folder
            for name in (WINDOWS, PIECES):
                if earlier and (earlier / name).is_dir():
                    link_all(earlier / name, folder / name)
            if prompts and prompts.is_file():
                link_or_copy(prompts, folder / PROMPTS)
            request = request.with_sources(copier(folder))
            facts: dict[str, object] = {
                "request": request.to_json(),
                "visitor": visitor,
                "tab": tab,
                "created_at": time.time(),
                "group": group,
            }
            write_json(folder / REQUEST, facts)
        except OSError as exc:
            shutil.rmtree(folder, ignore_errors=True)
            if not all(path.exists() for path in request.sources):
                raise MediaError(_SOURCE_GONE) from exc
            logger.exception("A job cannot be written to %s", self.root)
            raise cannot_write(exc) from exc
        return job_id

    def facts(self, job_id: str) -> JobFacts:
        """Read the facts of a job. Raises InvalidRequestError if they are damaged."""
        return _to_facts(job_id, read_json(self.folder(job_id) / REQUEST) or {})

    def read_state(self, job_id: str) -> JobState:
        """Read a job's state; return `Failed` if it cannot be read."""
        return read_state(job_id, read_json(self.folder(job_id) / STATE))

    def write_state(self, state: JobState) -> None:
        """Replace a job's state atomically, so that readers never see half of it."""
        write_json(self._jobs / state.job_id / STATE, state.to_json())

    def changed_at(self, job_id: str) -> float:
        """Return when a job's state changed last (epoch); for a finished job, when it ended."""
        try:
            return (self.folder(job_id) / STATE).stat().st_mtime
        except FileNotFoundError:
            return self.facts(job_id).created_at

    def write_recipe(self, job_id: str, recipe: dict[str, object]) -> None:
        """Write the recipe of a job's clip."""
        write_json(self._jobs / job_id / "recipe.json", recipe)

    def recipe(self, job_id: str) -> dict[str, object] | None:
        """Return the recipe of a job's clip, or None if there is none."""
        return read_json(self.folder(job_id) / "recipe.json")

    def rewritten(self, job_id: str) -> list[dict[str, Any]]:
        """Return what became of a job's prompts that were to be rewritten; see `Rewritten`."""
        values = read_json(self.folder(job_id) / PROMPTS) or {}
        return values.get("rewritten", [])

    def output_path(self, job_id: str) -> Path:
        """Return the path of a job's clip, which may not exist yet."""
        return self._jobs / job_id / "result.mp4"

    def count_start(self, job_id: str) -> int:
        """Count this start of a job; return how many starts there were without progress.

        Ending, finishing a window or encoding a shot resets the count.
        """
        folder = self._jobs / job_id
        num_finished = num_windows(folder) + num_pieces(folder)
        earlier = read_json(folder / "starts.json") or {}
        is_again = earlier.get("finished") == num_finished and isinstance(earlier.get("count"), int)
        count = earlier["count"] + 1 if is_again else 1
        write_json(folder / "starts.json", {"count": count, "finished": num_finished})
        return count

    def forget_starts(self, job_id: str) -> None:
        """Reset the count of `count_start`."""
        with contextlib.suppress(OSError):
            (self._jobs / job_id / "starts.json").unlink()

    def log(self, job_id: str, line: str) -> None:
        """Append a line to a job's log; ignore a log that cannot be written."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with (
            contextlib.suppress(OSError),
            (self._jobs / job_id / "log.txt").open("a", encoding="utf-8") as file,
        ):
            file.write(f"{stamp} {line}\n")

    @contextlib.contextmanager
    def claim(self, job_id: str) -> Iterator[bool]:
        """Lock a job against other processes and threads; yield False if another one holds it.

        The operating system releases the lock when the process ends, even if it crashes.
        """
        lock = FileLock(self._jobs / job_id / "lock")
        try:
            lock.acquire(blocking=False)
        except (Timeout, OSError):
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def order(self, job_id: str, state: type[JobState]) -> None:
        """Ask the process that works on a job to end it in the given state."""
        (self.folder(job_id) / "order").write_text(state.name, encoding="utf-8")

    def take_order(self, job_id: str) -> type[JobState] | None:
        """Return the state that `order` asked for and clear it; None if there is none."""
        path = self._jobs / job_id / "order"
        try:
            state = path.read_text(encoding="utf-8")
            path.unlink()
        except OSError:
            return None
        return {"paused": Paused, "cancelled": Cancelled}.get(state)

    def unfinished(self) -> list[str]:
        """Return the ids of jobs that are queued or running, the oldest first."""
        found: list[JobFacts] = []
        for path in self._jobs.glob(f"*/{STATE}"):
            if _is_unfinished(path):
                with contextlib.suppress(InvalidRequestError):
                    found.append(self.facts(path.parent.name))
        return [facts.job_id for facts in sorted(found, key=lambda facts: facts.created_at)]

    def list_jobs(self, visitor: str | None = None) -> list[JobFacts]:
        """Return all jobs, or those of one visitor, the newest first, without damaged ones."""
        jobs = []
        for path in self._jobs.glob(f"*/{REQUEST}"):
            values = read_json(path) or {}
            if visitor is None or values.get("visitor") == visitor:
                with contextlib.suppress(InvalidRequestError):
                    jobs.append(_to_facts(path.parent.name, values))
        return sorted(jobs, key=lambda facts: facts.created_at, reverse=True)

    def delete(self, job_id: str) -> None:
        """Delete a job and its clip, so that `restore` can bring them back for a while.

        Raises InvalidRequestError while it is being made.
        """
        folder = self.folder(job_id)
        with self.claim(job_id) as is_ours:
            if not is_ours or not self.read_state(job_id).is_over:
                raise InvalidRequestError("This clip is still being made; stop it first.")
            (folder / REQUEST).touch()  # the time from which on it may be deleted for good
            (folder / REQUEST).replace(folder / DELETED)  # from here on the job does not exist

    def deleted_facts(self, job_id: str) -> JobFacts:
        """Read the facts of a deleted job. Raises InvalidRequestError if it is gone for good."""
        is_legal = isinstance(job_id, str) and _JOB_ID.fullmatch(job_id)
        if not is_legal or not (self._jobs / job_id / DELETED).is_file():
            raise InvalidRequestError(_TOO_LATE)
        return _to_facts(job_id, read_json(self._jobs / job_id / DELETED) or {})

    def restore(self, job_id: str) -> None:
        """Undo `delete`. Raises InvalidRequestError if the job is gone for good."""
        self.deleted_facts(job_id)
        folder = self._jobs / job_id
        with self.claim(job_id) as is_ours, contextlib.suppress(FileNotFoundError):
            if is_ours:
                (folder / DELETED).replace(folder / REQUEST)
                return
        raise InvalidRequestError(_TOO_LATE)


def _to_facts(job_id: str, values: Mapping[str, Any]) -> JobFacts:
    """Read the facts of a job from their JSON form. Raises InvalidRequestError if damaged."""
    try:
        request = read_request(values["request"])
        visitor, tab = str(values["visitor"]), str(values["tab"])
        created_at, group = float(values["created_at"]), str(values.get("group", ""))
        if not 0 <= created_at <= _MAX_TIME:
            raise ValueError(f"a job of the time {created_at}")
        return JobFacts(job_id, request, visitor, tab, created_at, group)
    except (KeyError, TypeError, ValueError) as exc:
        raise InvalidRequestError(_JOB_DAMAGED) from exc


def _is_unfinished(path: Path) -> bool:
    state = state_class((read_json(path) or {}).get("state"))
    return state is not None and not state.is_over

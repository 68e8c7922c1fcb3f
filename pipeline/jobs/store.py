"""Jobs on disk: a folder each, with all that is needed to go on with it after any end.

Owns the files and who may work on them; what runs when is left to `worker.py`. The folder of a job:

    request.json   what is asked for, by whom and when; written once
    source*        copies of the pictures and the clip that it starts from
    state.json     how far it is
    starts.json    how often it was started in vain, while it runs
    windows/       finished latents, one file for each window (see `latent_cache.py`)
    pieces/        encoded shots, one file for each; playable while it grows (`video_writer.py`)
    result.mp4     the clip; with recipe.json
    log.txt        what happened when
    lock           held by the process that works on it
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from filelock import FileLock, Timeout

from pipeline.errors import InvalidRequestError, cannot_write
from pipeline.planning.request import GenerationRequest

logger = logging.getLogger(__name__)

State = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
UNFINISHED: tuple[State, ...] = ("queued", "running")
# A job of these is not swept away to make room.
KEPT: tuple[State, ...] = (*UNFINISHED, "paused")
# What can be gone on with; a job that is done cannot.
RESUMABLE: tuple[State, ...] = ("paused", "cancelled", "failed")
FRESH_SECONDS = 3600.0

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_STATE_DAMAGED = "The state of this job cannot be read; start it again, finished windows are kept."
_JOB_DAMAGED = "The files of this job are damaged; start it anew and delete this one."


def default_data_dir() -> Path:
    """Return KINORA_DATA_DIR, or Kinora's folder among this user's data."""
    if chosen := os.environ.get("KINORA_DATA_DIR"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Kinora"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Kinora"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "kinora"


@dataclass(frozen=True)
class JobFacts:
    """What was written when a job was made: the request, whose it is and since when (epoch).

    `tab` is where on the page it was asked for; empty for the API.
    """

    job_id: str
    request: GenerationRequest
    visitor: str
    tab: str
    created_at: float


class JobStore:
    """The folders `<root>/jobs/<job_id>`, shared by all processes that use the same root."""

    def __init__(
        self, root: Path, *, max_age: float = float("inf"), max_bytes: float = float("inf")
    ) -> None:
        """Open or make the store; raise StorageError if the folder cannot be written.

        Finished jobs stay for `max_age` seconds, and while all together have `max_bytes`.
        """
        self.root = root.absolute()
        self._max_age, self._max_bytes = max_age, max_bytes
        self._jobs = self.root / "jobs"
        try:
            self._jobs.mkdir(parents=True, exist_ok=True)
            probe = self._jobs / f".probe-{secrets.token_hex(4)}"
            probe.touch()
            probe.unlink()
        except OSError as exc:
            logger.exception("The data folder %s cannot be written", root)
            raise cannot_write() from exc

    def folder(self, job_id: str) -> Path:
        """Return a job's folder; raise InvalidRequestError for an id that no job has."""
        is_legal = isinstance(job_id, str) and _JOB_ID.fullmatch(job_id)
        if not is_legal or not (self._jobs / job_id / "request.json").is_file():
            raise InvalidRequestError(
                f"There is no job {str(job_id)[:40]!r}; check the id, or start the job again."
            )
        return self._jobs / job_id

    def create(
        self,
        request: GenerationRequest,
        *,
        visitor: str = "",
        tab: str = "",
        based_on: str | None = None,
    ) -> str:
        """Write a new queued job and return its id, which nobody can guess.

        It has its own copies of its sources, and the finished windows and encoded shots of the job
        `based_on`: those that still fit need not be made again. Raises StorageError if the disk is
        full.
        """
        earlier = self.folder(based_on) if based_on else None
        job_id = secrets.token_urlsafe(16)
        folder = self._jobs / job_id
        try:
            folder.mkdir()
            self.write_state(state_of(job_id, "queued"))  # first, so that nobody sweeps it away
            for name in ("windows", "pieces"):
                if earlier and (earlier / name).is_dir():
                    _share(earlier / name, folder / name)
            request = request.with_sources(_copier(folder))
            facts = {"request": request.to_json(), "visitor": visitor, "tab": tab}
            facts["created_at"] = time.time()
            write_json(folder / "request.json", facts)
        except OSError as exc:
            shutil.rmtree(folder, ignore_errors=True)
            logger.exception("No job can be written to %s", self.root)
            raise cannot_write() from exc
        return job_id

    def facts(self, job_id: str) -> JobFacts:
        """Read what a job was made of; raise InvalidRequestError if that is damaged."""
        values = read_json(self.folder(job_id) / "request.json")
        try:
            request = GenerationRequest.from_json(values["request"])
            visitor, tab = str(values["visitor"]), str(values["tab"])
            return JobFacts(job_id, request, visitor, tab, float(values["created_at"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise InvalidRequestError(_JOB_DAMAGED) from exc

    def read_state(self, job_id: str) -> dict[str, object]:
        """Read a job's state: `job_id`, `state`, `progress` from 0 to 1, and a `message`."""
        values = read_json(self.folder(job_id) / "state.json") or {}
        state, progress = values.get("state"), values.get("progress")
        if state not in get_args(State) or not isinstance(progress, int | float):
            return state_of(job_id, "failed", message=_STATE_DAMAGED)
        return state_of(job_id, state, str(values.get("message", ""))) | {"progress": progress}

    def write_state(self, state: dict[str, object]) -> None:
        """Replace a job's state at once, so that a reader never sees half of it."""
        write_json(self._jobs / str(state["job_id"]) / "state.json", state)

    def write_recipe(self, job_id: str, recipe: dict[str, object]) -> None:
        """Keep the recipe of a job's clip."""
        write_json(self._jobs / job_id / "recipe.json", recipe)

    def recipe(self, job_id: str) -> dict[str, object] | None:
        """Return the recipe of a job's clip, or None if there is none."""
        return read_json(self.folder(job_id) / "recipe.json")

    def output_path(self, job_id: str) -> Path:
        """Return where a job's clip is written; it may not be there yet."""
        return self._jobs / job_id / "result.mp4"

    def count_start(self, job_id: str) -> int:
        """Count the starts of a job since it last came to an end or got on; this one too.

        It gets on by a finished window or an encoded shot.
        """
        folder = self._jobs / job_id
        num_finished = num_windows(folder) + len(list((folder / "pieces").glob("*.mp4")))
        earlier = read_json(folder / "starts.json") or {}
        is_again = earlier.get("finished") == num_finished and isinstance(earlier.get("count"), int)
        count = earlier["count"] + 1 if is_again else 1
        write_json(folder / "starts.json", {"count": count, "finished": num_finished})
        return count

    def forget_starts(self, job_id: str) -> None:
        """Begin to count anew: the last start has come to an end."""
        with contextlib.suppress(OSError):
            (self._jobs / job_id / "starts.json").unlink()

    def log(self, job_id: str, line: str) -> None:
        """Note what happens to a job; a log that cannot be written stops nobody."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with (
            contextlib.suppress(OSError),
            (self._jobs / job_id / "log.txt").open("a", encoding="utf-8") as file,
        ):
            file.write(f"{stamp} {line}\n")

    @contextlib.contextmanager
    def claim(self, job_id: str) -> Iterator[bool]:
        """Hold a job against all other processes and threads; False if somebody else does.

        The system lets go of it when the process ends, however it ends.
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

    def order(self, job_id: str, state: State) -> None:
        """Ask the process that works on a job to stop it, so that it ends in a state."""
        (self.folder(job_id) / "order").write_text(state, encoding="utf-8")

    def take_order(self, job_id: str) -> State | None:
        """Return the state that somebody has asked for, once."""
        path = self._jobs / job_id / "order"
        try:
            state = path.read_text(encoding="utf-8")
            path.unlink()
        except OSError:
            return None
        return state if state in ("paused", "cancelled") else None

    def unfinished(self) -> list[str]:
        """Return the jobs that wait or were left running, the oldest first."""
        found: list[JobFacts] = []
        for path in self._jobs.glob("*/state.json"):
            if (read_json(path) or {}).get("state") in UNFINISHED:
                with contextlib.suppress(InvalidRequestError):
                    found.append(self.facts(path.parent.name))
        return [facts.job_id for facts in sorted(found, key=lambda facts: facts.created_at)]

    def list_jobs(self, visitor: str | None = None) -> list[JobFacts]:
        """Return all jobs, or those of one visitor, the newest first; damaged ones are left out."""
        jobs = []
        for path in self._jobs.glob("*/request.json"):
            with contextlib.suppress(InvalidRequestError):
                if visitor is None or (read_json(path) or {}).get("visitor") == visitor:
                    jobs.append(self.facts(path.parent.name))
        return sorted(jobs, key=lambda facts: facts.created_at, reverse=True)

    def delete(self, job_id: str) -> None:
        """Remove a job and its clip; raise InvalidRequestError while it is being made."""
        folder = self.folder(job_id)
        if self.read_state(job_id)["state"] in UNFINISHED:
            raise InvalidRequestError("This clip is still being made; stop it first.")
        with self.claim(job_id) as is_ours:
            if not is_ours or self.read_state(job_id)["state"] in UNFINISHED:
                raise InvalidRequestError("This clip is still being made; stop it first.")
            (folder / "request.json").unlink()  # from here on there is no such job
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> int:
        """Remove finished jobs that are too old, then the oldest until the rest fit.

        Returns how many. Jobs that wait or run stay, paused ones until they are too old; what was
        finished a moment ago is still being looked at.
        """
        found = [(_last_change(folder), folder) for folder in self._jobs.iterdir()]
        found = sorted((time_, folder) for time_, folder in found if time_ is not None)
        sizes = {folder: _size(folder) for _, folder in found}
        total, num_removed = sum(sizes.values()), 0
        for changed_at, folder in found:
            age = time.time() - changed_at
            is_old, is_much = age > self._max_age, total > self._max_bytes and age > FRESH_SECONDS
            kept = UNFINISHED if is_old else KEPT
            if (is_old or is_much) and self._remove(folder, kept):
                total -= sizes[folder]
                num_removed += 1
        return num_removed

    def _remove(self, folder: Path, kept: tuple[State, ...]) -> bool:
        """Remove what is left of a job, unless it is one that stays."""
        state = (read_json(folder / "state.json") or {}).get("state")
        if state in kept:
            return False
        with self.claim(folder.name) as is_ours:
            if is_ours:
                shutil.rmtree(folder, ignore_errors=True)
        return is_ours


def num_windows(folder: Path, *, made_since: float = 0.0) -> int:
    """Count the finished windows of a job's folder, or those made since a time (epoch)."""
    times = (path.stat().st_mtime for path in (folder / "windows").glob("*.safetensors"))
    return sum(changed_at >= made_since for changed_at in times)


def state_of(job_id: str, state: State, message: str = "") -> dict[str, object]:
    """Return the state of a job at its beginning."""
    return {"job_id": job_id, "state": state, "progress": 0.0, "message": message}


def _share(source: Path, target: Path) -> None:
    """Give whole files a second name in another folder; who wrote them may go on meanwhile."""
    target.mkdir()
    for path in source.iterdir():
        if path.suffix != ".part":
            with contextlib.suppress(FileNotFoundError):
                link_or_copy(path, target / path.name)


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Give a file a second name; copy it where the file system cannot."""
    draft = Path(target).with_suffix(f".{secrets.token_hex(4)}")
    try:
        draft.hardlink_to(source)
    except OSError:
        shutil.copy2(source, draft)
    draft.replace(target)


def write_json(path: Path, values: dict[str, object]) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        draft.write_text(json.dumps(values, indent=2), encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, object] | None:
    """Read a file that may be gone or damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def _copier(folder: Path) -> Callable[[Path], Path]:
    """Return a function that copies a source into a folder and says where it is now."""
    copies: dict[Path, Path] = {}

    def copy(path: Path) -> Path:
        if path not in copies:
            copies[path] = folder / f"source-{len(copies) + 1}{path.suffix.lower()}"
            shutil.copy2(path, copies[path])  # no second name: somebody may go on editing it
        return copies[path]

    return copy


def _last_change(folder: Path) -> float | None:
    path = folder / "state.json"
    try:
        return (path if path.exists() else folder).stat().st_mtime
    except FileNotFoundError:  # another process sweeps too
        return None


def _size(folder: Path) -> int:
    """Add up a folder's files in bytes; what has a second name elsewhere counts too."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total

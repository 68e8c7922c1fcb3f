"""Files of a job for a worker that does not see the page's data folder.

The worker has a copy of the job's folder. The page sends it sources and finished parts and fetches
what it makes, in chunks: each is one of Ray's objects and is gone when it has arrived.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from filelock import FileLock, Timeout

from pipeline.cluster.work import Work, WorkerBusyError, WorkerLostError
from pipeline.errors import cannot_write
from pipeline.generation.kept_parts import list_parts

logger = logging.getLogger(__name__)

CHUNK_BYTES = 4 * 2**20
_PREFIX, _LOCK = "kinora-worker-", ".lock"  # of a copy's folder, and of the lock beside it

Call = Callable[..., Any]
"""`call(method, *arguments)` calls a method of a worker and returns its result."""


class JobCopy:
    """A worker's copy of the folder of one job; it goes when another job takes its place.

    A lock beside the folder says that its worker lives: the system releases it when that ends.
    """

    def __init__(self) -> None:
        """Start without a copy."""
        self.job_id = ""
        self._folder: Path | None = None
        self._lock: FileLock | None = None

    def open(self, job_id: str) -> Path:
        """Return the folder for a job, which is empty unless it was open already."""
        if self._folder is None or self.job_id != job_id:
            self.discard()
            folder = Path(gettempdir(), f"{_PREFIX}{secrets.token_hex(8)}")
            lock = FileLock(f"{folder}{_LOCK}", thread_local=False)  # calls come in many threads
            lock.acquire()
            folder.mkdir(mode=0o700)
            self.job_id, self._folder, self._lock = job_id, folder, lock
        return self._folder

    def discard(self, job_id: str = "") -> None:
        """Delete the copy, or with an id only if it is of that job."""
        if self._folder is not None and self._lock is not None and job_id in ("", self.job_id):
            _delete(self._folder, self._lock)
            self.job_id, self._folder, self._lock = "", None, None

    def read(self, job_id: str, name: str, offset: int) -> bytes:
        """Return the next chunk of a file; an empty one is its end."""
        try:
            with self._path(job_id, name).open("rb") as file:
                file.seek(offset)
                return file.read(CHUNK_BYTES)
        except OSError as exc:
            raise WorkerLostError(f"{name} of {job_id} cannot be read: {exc}") from exc

    def write(self, job_id: str, name: str, offset: int, chunk: bytes) -> None:
        """Write the next chunk of a file; an empty one ends it."""
        path = self._path(job_id, name)
        draft = path.with_name(f"{path.name}.part")
        try:
            path.parent.mkdir(exist_ok=True)
            with draft.open("ab" if offset else "wb") as file:
                file.write(chunk)
            if not chunk:
                draft.replace(path)
        except OSError as exc:
            logger.exception("A worker cannot write to %s", path.parent)
            raise cannot_write(exc) from exc

    def list_parts(self, job_id: str, clip: str) -> list[str]:
        """List the finished parts of a job, and the file `clip` if it is written."""
        folder = self._path(job_id, "")
        return list_parts(folder) + [clip] * (folder / clip).is_file()

    def _path(self, job_id: str, name: str) -> Path:
        """Return the path of a file. Raises WorkerBusyError if the copy is of another job."""
        if self._folder is None or self.job_id != job_id:
            raise WorkerBusyError(f"this worker has no files of {job_id}")
        return self._folder / name


def discard_left() -> None:
    """Delete the copies on this machine whose workers were killed."""
    for path in Path(gettempdir()).glob(f"{_PREFIX}*{_LOCK}"):
        lock = FileLock(path, blocking=False)
        with contextlib.suppress(Timeout, OSError), lock:
            _delete(path.with_suffix(""), lock)


def _delete(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    Path(lock.lock_file).unlink(missing_ok=True)  # while it is held, so that nobody else takes it
    lock.release()


def send(call: Call, folder: Path, name: str) -> None:
    """Send a file of a job's folder to a worker."""
    with (folder / name).open("rb") as file:
        offset, chunk = 0, b"-"
        while chunk:
            chunk = file.read(CHUNK_BYTES)
            call("write", folder.name, name, offset, chunk)
            offset += len(chunk)


def fetch_new(call: Call, work: Work, *, is_last: bool) -> None:
    """Fetch what a worker has finished; with `is_last` also the clip, if it is written."""
    folder, clip = work.output.parent, work.output.name
    names = call("list_parts", folder.name, clip)
    for name in names:
        if is_last if name == clip else not (folder / name).exists():
            _fetch(call, folder, name)


def _fetch(call: Call, folder: Path, name: str) -> None:
    """Fetch a file into the job's folder; it appears when it is whole."""
    path = folder / name
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")  # others may fetch it too
    try:
        path.parent.mkdir(exist_ok=True)
        with draft.open("wb") as file:
            while chunk := call("read", folder.name, name, file.tell()):
                file.write(chunk)
        draft.replace(path)
    except OSError as exc:
        raise cannot_write(exc) from exc
    finally:
        draft.unlink(missing_ok=True)

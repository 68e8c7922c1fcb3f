"""Files of a job for a worker that does not see the page's data folder.

The worker has a copy of the job's folder. The page sends it sources and finished parts and fetches
what it makes, in chunks: each is one of Ray's objects and is gone when it has arrived.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.cluster.work import Work, WorkerBusyError, WorkerLostError
from pipeline.errors import cannot_write
from pipeline.generation.kept_parts import list_parts

logger = logging.getLogger(__name__)

CHUNK_BYTES = 4 * 2**20

Call = Callable[..., Any]
"""`call(method, *arguments)` calls a method of a worker and returns its result."""


class JobCopy:
    """A worker's copy of the folder of one job; it goes when another job takes its place."""

    def __init__(self) -> None:
        """Start without a copy."""
        self.job_id = ""
        self._folder: TemporaryDirectory[str] | None = None

    def open(self, job_id: str) -> Path:
        """Return the folder for a job, which is empty unless it was open already."""
        if self._folder is None or self.job_id != job_id:
            self.discard()
            self.job_id, self._folder = job_id, TemporaryDirectory(prefix="kinora-")
        return Path(self._folder.name)

    def discard(self, job_id: str = "") -> None:
        """Delete the copy, or with an id only if it is of that job."""
        if self._folder is not None and job_id in ("", self.job_id):
            self._folder.cleanup()
            self.job_id, self._folder = "", None

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
        return Path(self._folder.name, name)


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

"""Puts clips and pictures into the folder that Gradio serves.

Gradio serves the files of its temporary folder in place, and removes them when they are old.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from gradio import Blocks

from page.private_gradio import temporary_files
from pipeline.errors import InvalidRequestError
from pipeline.jobs.files import link_or_copy
from pipeline.jobs.states import Done
from pipeline.media.images import write_picture
from pipeline.settings import read_variable
from pipeline.studio import Studio

_SERVED = re.compile(r"[0-9a-f]{32}")  # uploads are in folders with longer names
_OURS = re.compile(r"[0-9a-f]{32}|[\w-]{22}")  # those of `serve`, and of `serve_picture`
SECONDS_IN_USE = 3600.0  # a file that is younger may be on a visitor's page


def serving_folder() -> Path:
    """Return Gradio's temporary folder."""
    chosen = read_variable("GRADIO_TEMP_DIR")
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / "gradio"


def serve(path: Path, job_id: str, name: str) -> Path:
    """Link or copy a file of a job into a folder that Gradio serves, and return its path there.

    Clients with its address can see the file, but cannot derive the job's id from it, with which
    they could stop the job.
    """
    served = _served_folder(job_id) / name
    if not served.exists() or served.stat().st_mtime_ns != path.stat().st_mtime_ns:
        served.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(path, served)
    return served


def serve_clip(studio: Studio, job_id: str) -> Path | None:
    """Return the path where Gradio serves a job's clip, or None if there is none.

    Its address cannot be guessed. For a stopped job it is the finished part.
    """
    clip = studio.worker.result(job_id)
    if clip is None:
        return None
    name = f"kinora-{studio.worker.store.facts(job_id).request.seed}"
    if not isinstance(studio.worker.state(job_id), Done):
        # The job may be resumed; another name keeps browsers from showing this clip then.
        name += f"-unfinished-{clip.stat().st_mtime_ns}"
    return serve(clip, job_id, f"{name}.mp4")


def serve_picture(frame: np.ndarray, name: str) -> Path:
    """Write a frame, (H, W, 3) uint8, as a PNG where Gradio serves it."""
    path = serving_folder() / secrets.token_urlsafe(16) / name
    path.parent.mkdir(parents=True)
    write_picture(frame, path)
    return path


class ServedRoom:
    """Gradio's uploads and served files, as part of the disk space that Kinora uses.

    A clip counts twice if it had to be copied from the data folder and not linked.
    """

    def __init__(self, blocks: Blocks) -> None:
        """Count the uploads of a page and the files of `serve` and `serve_picture`."""
        self._blocks = blocks

    def num_bytes(self) -> int:
        """Return the size of the files in bytes."""
        return sum(size for _, size, _ in self._files())

    def shrink(self, num_bytes: int, kept: Collection[Path]) -> int:
        """Delete the oldest files that are no longer in use, until `num_bytes` are free.

        The files `kept` stay.
        """
        removed, now = 0, time.time()
        kept = {path.resolve() for path in kept}
        for changed_at, size, path in sorted(self._files()):
            if removed >= num_bytes or now - changed_at < SECONDS_IN_USE:
                break
            if path.resolve() not in kept:
                path.unlink(missing_ok=True)
                removed += size
        return removed

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Yield the time, size and path of each file."""
        folders = [x for x in _listed(serving_folder()) if _OURS.fullmatch(x.name)]
        served = [path for folder in folders for path in _listed(folder)]
        for path in {*temporary_files(self._blocks), *served}:
            with contextlib.suppress(OSError):
                facts = path.stat()
                # A link to a job's clip takes no space.
                yield facts.st_mtime, facts.st_size if facts.st_nlink == 1 else 0, path


def withdraw(job_id: str) -> None:
    """Stop serving a job's clip."""
    shutil.rmtree(_served_folder(job_id), ignore_errors=True)


def refuse_unserved(clip: str | Path) -> None:
    """Raise InvalidRequestError if `serve` did not put a clip where it is.

    Gradio converts every clip that it shows with the system's ffmpeg, whatever it contains.
    """
    folder = Path(clip).resolve().parent
    is_ours = _SERVED.fullmatch(folder.name) and folder.parent == serving_folder().resolve()
    if not is_ours:
        raise InvalidRequestError("This clip was not made here; upload it in another tab.")


def _listed(folder: Path) -> list[Path]:
    """List a folder; nothing if it is a file, or has been deleted."""
    try:
        return [*folder.iterdir()]
    except OSError:
        return []


def _served_folder(job_id: str) -> Path:
    return serving_folder() / hashlib.sha256(job_id.encode()).hexdigest()[:32]

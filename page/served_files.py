"""Puts clips and pictures into the folder that Gradio serves.

Gradio serves the files of its temporary folder in place, and removes them when they are old.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import tempfile
from pathlib import Path

import numpy as np

from pipeline.errors import InvalidRequestError
from pipeline.jobs.files import link_or_copy
from pipeline.jobs.states import Done
from pipeline.media.images import write_picture
from pipeline.settings import read_variable
from pipeline.studio import Studio

_SERVED = re.compile(r"[0-9a-f]{32}")  # uploads are in folders with longer names


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


def _served_folder(job_id: str) -> Path:
    return serving_folder() / hashlib.sha256(job_id.encode()).hexdigest()[:32]

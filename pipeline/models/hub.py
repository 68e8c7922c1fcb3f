"""Reads places on the Hub, lists their files and downloads them if the disk has room.

`download.py` decides which files a model or LoRA needs.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import DryRunFileInfo, HfApi, hf_hub_download, snapshot_download
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import EntryNotFoundError, HTTPError
from huggingface_hub.utils import tqdm

from pipeline.errors import ModelError

logger = logging.getLogger(__name__)

OnBytes = Callable[[int, int], None]
"""`on_bytes(done, total)` reports the bytes of a download."""

# HTTPError is that of the httpx version that huggingface_hub uses: the connection broke.
HUB_ERRORS = (OSError, HTTPError, EntryNotFoundError, ValueError)
_MIN_FREE_BYTES = 10**9  # to leave free on the disk
_PLACE = re.compile(
    r"(?P<repository>[\w.-]+/[\w.-]+)(/(?P<filename>[^@]+))?(@(?P<revision>[\w./-]+))?"
)


@dataclass(frozen=True)
class HubPath:
    """A repository on the Hub, a revision, and optionally a file in it."""

    repository: str
    revision: str = "main"
    filename: str | None = None


@dataclass(frozen=True)
class Missing:
    """A file on the Hub that is not on this computer."""

    repository: str
    revision: str
    filename: str
    num_bytes: int


def missing_files(repository: str, files: Iterable[DryRunFileInfo]) -> list[Missing]:
    """Return the files of a dry run that are to be downloaded."""
    return [
        Missing(repository, file.commit_hash, file.filename, file.file_size or 0)
        for file in files
        if file.will_download
    ]


def parse_place(reference: str) -> HubPath | None:
    """Parse "owner/name", optionally with "/a/file" and "@revision"; None for other text."""
    match = _PLACE.fullmatch(reference)
    if match is None:
        return None
    return HubPath(match["repository"], match["revision"] or "main", match["filename"])


def local_path(reference: str) -> Path | None:
    """Return a reference as an absolute path, or None if it is not a local path."""
    try:
        path = Path(reference).expanduser()
        is_path = path.exists() or path.is_absolute() or reference.startswith(".")
    except (OSError, RuntimeError, ValueError):  # too long, or "~name" without such a user
        return None
    return path.absolute() if is_path else None


def read_files(place: HubPath, patterns: Iterable[str]) -> tuple[Path, list[str]]:
    """Download a repository's files that match `patterns`, and list the names of all files.

    Returns the folder, which is named after its commit, and the names; without a network, the names
    on disk. Raises HUB_ERRORS.
    """
    wanted = list(patterns)
    folder = Path(
        snapshot_download(place.repository, revision=place.revision, allow_patterns=wanted)
    )
    try:
        return folder, HfApi().list_repo_files(place.repository, revision=folder.name)
    except HUB_ERRORS:
        logger.info("The Hub cannot be reached for %s: listing files on disk", place.repository)
        files = (path for path in folder.rglob("*") if path.is_file())
        return folder, [path.relative_to(folder).as_posix() for path in files]


def download(
    name: str, label: str, missing: list[Missing], on_bytes: OnBytes | None = None
) -> None:
    """Download file by file, so that an interrupted download can be resumed.

    `name` is for the log, `label` for errors. Raises ModelError if the disk has no room, and
    HUB_ERRORS.
    """
    if not missing:
        return
    total = sum(file.num_bytes for file in missing)
    free = _free_bytes()
    logger.info(
        "%s: downloading %s in %d files; %s free in %s",
        name,
        _gigabytes(total),
        len(missing),
        _gigabytes(free),
        HF_HUB_CACHE,
    )
    if total + _MIN_FREE_BYTES > free:
        raise ModelError(
            f"{label} needs {_gigabytes(total)} of disk space, but {_gigabytes(free)} are free; "
            "free some space, or set HF_HOME to a folder on a larger disk."
        )
    done = 0
    for file in missing:
        hf_hub_download(
            file.repository,
            file.filename,
            revision=file.revision,
            tqdm_class=_bar(done, total, on_bytes),
        )
        done += file.num_bytes
        logger.info("%s: %s of %s", name, _gigabytes(done), _gigabytes(total))
        if on_bytes is not None:
            on_bytes(done, total)


def _bar(before: int, total: int, on_bytes: OnBytes | None) -> type[tqdm] | None:
    """Return a progress bar class that reports a download's bytes to `on_bytes`."""
    if on_bytes is None:
        return None
    report = on_bytes

    class Bar(tqdm):
        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            report(min(before + int(self.n), total), total)
            return shown

    return Bar


def _free_bytes() -> int:
    """Return the free bytes on the disk of the Hub's cache, which may not exist yet."""
    folder = Path(HF_HUB_CACHE)
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.2f} GB"

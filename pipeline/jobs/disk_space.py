"""The disk space that Kinora may use, and whether a new job fits."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Protocol

from pipeline.errors import StorageError, cannot_write
from pipeline.planning.request import GenerationRequest

logger = logging.getLogger(__name__)
MIN_FREE_BYTES = 500_000_000  # of the disk, left for other programs
# Of a job's folder per second of new video: latents, encoded shots and the clip. Assumed: four
# times the 0.4 MB per second of the embedded model's jobs, because other models' frames are larger.
_BYTES_PER_SECOND = 1_500_000


class Room(Protocol):
    """Files outside the job folders that count towards Kinora's disk space."""

    def num_bytes(self) -> int:
        """Return their size in bytes."""

    def shrink(self, num_bytes: int, kept: Collection[Path]) -> int:
        """Delete the oldest unused files, `num_bytes` if possible; return the deleted bytes.

        The files `kept` stay.
        """


def bytes_of(request: GenerationRequest) -> int:
    """Estimate the disk space in bytes that a request's job takes until it is done."""
    return round(request.duration * _BYTES_PER_SECOND) + sum(map(_size, request.sources))


def refuse_if_full(needed: int, used: int, max_bytes: float, folder: Path) -> None:
    """Raise StorageError if a job that needs `needed` bytes does not fit."""
    if used + needed > max_bytes:
        logger.warning("%d bytes are used, %d needed, %.0f allowed", used, needed, max_bytes)
        raise StorageError(
            f"This clip needs about {needed / 1e9:.2g} GB of disk space, but {used / 1e9:.2g} of "
            f"Kinora's {max_bytes / 1e9:.2g} GB are in use; delete clips that you no longer need, "
            "make a shorter one, or try again later."
        )
    if shutil.disk_usage(folder).free < needed + MIN_FREE_BYTES:
        raise cannot_write()


def make_room(rooms: Iterable[Room], num_bytes: int, kept: Collection[Path]) -> int:
    """Shrink rooms one after the other, but not by the files `kept`; return the deleted bytes."""
    removed = 0
    for room in rooms:
        if removed < num_bytes:
            removed += room.shrink(num_bytes - removed, kept)
    return removed


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

"""How much disk Kinora may take, and whether there is room for one more job."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from pipeline.errors import StorageError, cannot_write
from pipeline.planning.request import GenerationRequest

logger = logging.getLogger(__name__)
MIN_FREE_BYTES = 500_000_000  # of the disk, that other programs are left
# Of a job's folder, for a second of new video: latents, encoded shots and the clip. Assumed: four
# times what jobs of the embedded model took (0.4 MB a second), for larger pictures.
_BYTES_PER_SECOND = 1_500_000


class Room(Protocol):
    """Files beside the jobs that count as Kinora's."""

    def num_bytes(self) -> int:
        """Return how much disk they take."""

    def shrink(self, num_bytes: int) -> int:
        """Remove the oldest that can go, that many bytes if possible; return how many went."""


def bytes_of(request: GenerationRequest) -> int:
    """Return about how much disk a job of a request takes until it is done."""
    paths = [request.image, request.video, request.video_after]
    paths += [shot.image for shot in request.shots]
    sources = {path for path in paths if path is not None}
    return round(request.duration * _BYTES_PER_SECOND) + sum(map(_size, sources))


def refuse_if_full(needed: int, used: int, max_bytes: float, folder: Path) -> None:
    """Raise StorageError if a job that needs so many bytes has no room."""
    if used + needed > max_bytes:
        logger.warning("%d bytes are used, %d needed, %.0f allowed", used, needed, max_bytes)
        raise StorageError(
            f"Kinora may use {max_bytes / 1e9:.2g} GB of disk, of which {used / 1e9:.2g} GB are "
            f"taken, and this clip needs about {needed / 1e9:.2g} GB; delete clips that you no "
            "longer need, make a shorter one, or try again later."
        )
    if shutil.disk_usage(folder).free < needed + MIN_FREE_BYTES:
        raise cannot_write()


def make_room(rooms: Iterable[Room], num_bytes: int) -> int:
    """Shrink rooms one after the other; return how many bytes went."""
    removed = 0
    for room in rooms:
        if removed < num_bytes:
            removed += room.shrink(num_bytes - removed)
    return removed


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0

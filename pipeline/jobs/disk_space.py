"""The disk space that Kinora may use: whether a new job fits, and what is deleted to make room."""

from __future__ import annotations

import contextlib
import logging
import math
import shutil
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from pipeline.errors import StorageError, cannot_write
from pipeline.jobs.files import DELETED, STATE, folder_size, read_json
from pipeline.jobs.states import state_class
from pipeline.planning.request import GenerationRequest

logger = logging.getLogger(__name__)
MIN_FREE_BYTES = 500_000_000  # of the disk, left for other programs
FRESH_SECONDS = 3600.0
UNDO_SECONDS = 600.0  # that a deleted job can be restored, unless a new job needs its space
WATCHED_SECONDS = 300.0  # younger clips are not deleted to make room for a new job
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


class DiskSpace:
    """The space that the folders of jobs and other rooms take, and may take."""

    def __init__(
        self,
        jobs: Path,
        claim: Callable[[str], AbstractContextManager[bool]],
        max_age: float,
        max_bytes: float,
        forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Watch the folder of all jobs; `claim` locks one, see `JobStore.claim`.

        Finished jobs are kept for `max_age` seconds. All jobs and the files of `rooms` together
        take at most `max_bytes`: the oldest are deleted to make room for new ones, and new jobs are
        refused if there is still no room. `forget` gets the id of each job that its visitor deleted
        when it goes for good.
        """
        self.rooms: list[Room] = []
        self._jobs, self._claim = jobs, claim
        self.max_age, self._max_bytes = max_age, max_bytes
        self._forget = forget
        # Ages use the monotonic clock, so setting the system clock forward makes no job old.
        self._clock_began, self._steady_began = time.time(), time.monotonic()

    def sweep(self) -> int:
        """Delete finished jobs that are too old, then the oldest ones until the rest fit.

        Those that their visitor deleted go `UNDO_SECONDS` later. Returns how many were deleted.
        Queued and running jobs stay, and paused ones until they are too old. Jobs of the last hour
        are not deleted for space: their clips may still be open.
        """
        num_removed, _ = self.empty_bin()
        for changed_at, folder in self._oldest_first():
            if self._age(changed_at) > self.max_age:
                num_removed += self._remove(folder, keeps_paused=False)
        _, num_for_room = self._make_room(self._num_bytes() - self._max_bytes, FRESH_SECONDS)
        return num_removed + num_for_room

    def reserve(self, needed: int, kept: Collection[Path]) -> None:
        """Make room for a job of `needed` bytes. Raises StorageError if there is none.

        The files and job folders `kept`, from which the job is made, stay.
        """
        used = self._num_bytes()
        has_changed, _ = self._make_room(used + needed - self._max_bytes, WATCHED_SECONDS, kept)
        used = self._num_bytes() if has_changed else used
        _refuse_if_full(needed, used, self._max_bytes, self._jobs)

    def empty_bin(self, min_age: float = UNDO_SECONDS) -> tuple[int, int]:
        """Delete for good what visitors deleted at least `min_age` seconds ago.

        Returns how many jobs, and their bytes.
        """
        num_removed = num_bytes = 0
        for path in self._jobs.glob(f"*/{DELETED}"):
            with contextlib.suppress(OSError):  # it was restored meanwhile
                if self._age(path.stat().st_mtime) >= min_age:
                    size = folder_size(path.parent)
                    if self._remove(path.parent, keeps_paused=False, marker=DELETED):
                        num_removed, num_bytes = num_removed + 1, num_bytes + size
        return num_removed, num_bytes

    def _make_room(
        self, excess: float, min_age: float, kept: Collection[Path] = ()
    ) -> tuple[bool, int]:
        """Empty the bin, shrink the other rooms, then delete the oldest finished jobs.

        Ends as soon as `excess` bytes went. Returns whether anything went, and how many jobs.
        """
        if excess <= 0:
            return False, 0
        num_removed, removed = self.empty_bin(0)
        removed += _shrink(self.rooms, math.ceil(excess - removed), kept)
        for changed_at, folder in self._oldest_first():
            if removed >= excess or self._age(changed_at) <= min_age:
                break
            if any(path.is_relative_to(folder) for path in kept):
                continue
            size = folder_size(folder)
            if self._remove(folder, keeps_paused=True):
                removed, num_removed = removed + size, num_removed + 1
        return removed > 0, num_removed

    def _num_bytes(self) -> int:
        """Return the size of all jobs and of the other rooms in bytes."""
        if math.isinf(self._max_bytes):
            return 0
        return folder_size(self._jobs) + sum(room.num_bytes() for room in self.rooms)

    def _oldest_first(self) -> list[tuple[float, Path]]:
        found = [(_last_change(folder), folder) for folder in self._jobs.iterdir()]
        return sorted((changed_at, folder) for changed_at, folder in found if changed_at)

    def _age(self, changed_at: float) -> float:
        return self._clock_began + time.monotonic() - self._steady_began - changed_at

    def _remove(self, folder: Path, *, keeps_paused: bool, marker: str = "") -> bool:
        """Delete a job's folder, unless the job is queued, running, locked, or paused and kept.

        With a `marker`, only while there is a file of that name.
        """
        state = state_class((read_json(folder / STATE) or {}).get("state"))
        if state is not None and (not state.is_over or (keeps_paused and state.is_kept)):
            return False
        with self._claim(folder.name) as is_ours:
            if not is_ours or not (folder / marker).exists():
                return False
            is_deleted = (folder / DELETED).exists()
            shutil.rmtree(folder, ignore_errors=True)
        if is_deleted:
            self._forget(folder.name)
        return True


def _refuse_if_full(needed: int, used: int, max_bytes: float, folder: Path) -> None:
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


def _shrink(rooms: Iterable[Room], num_bytes: int, kept: Collection[Path]) -> int:
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


def _last_change(folder: Path) -> float | None:
    path = folder / STATE
    try:
        return (path if path.exists() else folder).stat().st_mtime
    except FileNotFoundError:  # another process is deleting jobs too
        return None

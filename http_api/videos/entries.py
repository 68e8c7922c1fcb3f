"""The videos of each owner on disk: small files that name the job of each.

A job's id is a key, so clients get ids of their own. An owner's videos are in a folder that only
calls of that owner look into. The ids begin with the time, so that their order is that of the list.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from http_api.access import Owner
from pipeline.errors import cannot_write
from pipeline.jobs.files import read_json, write_json

_ID = re.compile(r"video_[0-9a-f]{40}")


@dataclass(frozen=True)
class VideoEntry:
    """A video of an owner: its job, and what is known of the clip before it is made."""

    video_id: str
    job_id: str
    size: str  # "WxH"
    seconds: str
    remixed_from: str = ""  # the id of the video that it was made from


class VideoEntries:
    """The folder of all entries."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which need not exist yet."""
        self._folder = folder

    def add(
        self, owner: Owner, job_id: str, size: str, seconds: str, remixed_from: str = ""
    ) -> VideoEntry:
        """Record a job as an owner's video. Raises StorageError."""
        entry = VideoEntry(_new_id(), job_id, size, seconds, remixed_from)
        path = self._path(owner, entry.video_id)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            facts = {"job_id": job_id, "size": size, "seconds": seconds}
            write_json(path, {**facts, "remixed_from": remixed_from})
        except OSError as exc:
            raise cannot_write(exc) from exc
        return entry

    def find(self, owner: Owner, video_id: str) -> VideoEntry | None:
        """Return an owner's video; None if there is none of that id."""
        if not _ID.fullmatch(video_id):
            return None
        values = read_json(self._path(owner, video_id)) or {}
        facts = [values.get(name) for name in ("job_id", "size", "seconds", "remixed_from")]
        if not all(isinstance(fact, str) for fact in facts):
            return None
        return VideoEntry(video_id, *map(str, facts))

    def remove(self, owner: Owner, video_id: str) -> None:
        """Forget an owner's video; its job stays."""
        self._path(owner, video_id).unlink(missing_ok=True)

    def list_ids(self, owner: Owner, *, after: str = "", is_ascending: bool = False) -> list[str]:
        """Return the ids of an owner's videos behind one of them, the newest first or last."""
        try:
            names = [path.stem for path in (self._folder / owner).iterdir()]
        except FileNotFoundError:
            return []
        ids = sorted((x for x in names if _ID.fullmatch(x)), reverse=not is_ascending)
        if not after:
            return ids
        return [x for x in ids if (x > after if is_ascending else x < after)]

    def _path(self, owner: Owner, video_id: str) -> Path:
        return self._folder / owner / f"{video_id}.json"


def is_video_id(text: str) -> bool:
    """Return whether a text looks like the id of a video."""
    return _ID.fullmatch(text) is not None


def _new_id() -> str:
    return f"video_{time.time_ns():016x}{secrets.token_hex(12)}"

"""The files of a video: the signed clip, and pictures of it, which are kept beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.jobs.posters import find_poster, find_sheet


@dataclass(frozen=True)
class Variant:
    """A file that can be downloaded: its type, and how it is found or made for a clip."""

    media_type: str
    suffix: str
    find: Callable[[Path], Path | None] | None = None  # None: it is the clip


VARIANTS = {
    "video": Variant("video/mp4", "mp4"),
    "thumbnail": Variant("image/webp", "webp", find_poster),
    "spritesheet": Variant("image/jpeg", "jpg", find_sheet),
}


class Files:
    """Finds the files of clips; those to be made are made one at a time, not to slow down jobs."""

    def __init__(self) -> None:
        """Start with none being made."""
        self._turn = asyncio.Lock()

    async def find(self, clip: Path, variant: Variant) -> Path:
        """Return the file of a variant. Raises MediaError or OSError if it cannot be made."""
        if variant.find is None:
            return clip
        async with self._turn:
            path = await asyncio.to_thread(variant.find, clip)
        if path is None:
            raise FileNotFoundError(clip)
        return path

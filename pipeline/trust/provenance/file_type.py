"""Tells what a file is from its first bytes and its boxes: names and brands can be changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

FILM, QUICKTIME = "video/mp4", "video/quicktime"
UNKNOWN = "application/octet-stream"
_MAX_BOXES = 256  # that are looked through for one that tells films from pictures
_FILM_BOXES = {b"moov", b"moof"}
# First bytes of the file formats that can carry credentials, and their MIME types.
_STARTS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
}


def mime_type(path: Path) -> str:
    """Return a file's MIME type. An MP4 is a film if it has tracks, whatever its brand says."""
    with path.open("rb") as file:
        begin = file.read(16)
        if begin[4:8] == b"ftyp":
            return _type_of_boxes(file, brand=begin[8:12])
    if begin[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"AVI ": "video/avi"}.get(begin[8:12], UNKNOWN)
    return next((kind for start, kind in _STARTS.items() if begin.startswith(start)), UNKNOWN)


def _type_of_boxes(file: IO[bytes], brand: bytes) -> str:
    names = set(_top_boxes(file))
    if b"meta" in names and not names & _FILM_BOXES:
        return "image/avif" if brand == b"avif" else "image/heic"
    return QUICKTIME if brand == b"qt  " else FILM


def _top_boxes(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the names of the outermost boxes: ISO/IEC 14496-12, section 4.2."""
    position, end = 0, file.seek(0, os.SEEK_END)
    for _ in range(_MAX_BOXES):
        if position >= end:  # a box can claim more than a file can hold
            return
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            return
        yield header[4:8]
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        if size < 8:  # 0: the box extends to the end of the file
            return
        position += size

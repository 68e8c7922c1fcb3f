"""How large a picture may be: its sides, its shape, and the memory that decoding it takes."""

from __future__ import annotations

import contextlib
import io
import math
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from PIL import Image

from pipeline.deadlines import check_deadline
from pipeline.errors import MediaError

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import TiffImageFile

MIN_PICTURE_SIDE = 16  # pixels
MAX_PICTURE_RATIO = 16  # of the longer side to the shorter one: no panorama is longer
MAX_PICTURE_PIXELS = 150_000_000  # the cameras of telephones have up to 108 million
MAX_OPENED_PIXELS = 16_777_216  # more are scaled down; no model draws a tenth of it
MAX_DECODED_BYTES = 440_000_000  # with what follows, less than 600 MB; tests/media measure it

# Bytes of memory for each pixel while it is decoded, measured with Pillow 11.3 and pillow_heif 1.8
# on pictures of 49 to 64 million pixels.
_DECODER_BYTES = {"WEBP": 16, "JPEG2000": 19, "AVIF": 12, "HEIF": 8}
_DEEP_HEIF_BYTES = 15.5  # of more than 8 bits, or with its colours in full
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 4, "I;16B": 4}
MAX_TILE_PIXELS = 16_777_216
_TILE_SIDES = (322, 323)
_START_OF_SCAN = 0xDA
_MAX_JPEG_SCANS = 200  # each goes over all pixels, however small the file is

# Larger pictures are decoded one at a time, in all threads together: the limits above hold for one.
_MAX_SMALL_PIXELS = 4_000_000
_large_picture = threading.Lock()
_SECONDS_BETWEEN_CHECKS = 0.5
# glibc gives blocks above 32 MB back to the system when they are freed. Pillow's own are of 16 MB:
# the thread that has decoded keeps them, and two threads one after the other took twice as much.
_BLOCK_BYTES = 64 * 2**20

TOO_LARGE = (
    f"The picture has more than {MAX_PICTURE_PIXELS // 1_000_000} million pixels; "
    "make it smaller and upload it again."
)


def refuse_size(width: int, height: int) -> None:
    """Raise MediaError for a picture that is too small, too large or too long."""
    if width * height > MAX_PICTURE_PIXELS:
        raise MediaError(TOO_LARGE)
    if min(width, height) < MIN_PICTURE_SIDE:
        raise MediaError(
            f"The picture has {width}x{height} pixels; "
            f"use one with sides of {MIN_PICTURE_SIDE} pixels or more."
        )
    if max(width, height) > MAX_PICTURE_RATIO * min(width, height):
        raise MediaError(
            f"The picture has {width}x{height} pixels; use one whose longer side is at most "
            f"{MAX_PICTURE_RATIO} times the shorter one."
        )


def refuse_memory(width: int, height: int, num_bytes: float, kind: str) -> None:
    """Raise MediaError if decoding takes too much, `num_bytes` being those of one pixel."""
    if width * height * num_bytes > MAX_DECODED_BYTES:
        most = int(MAX_DECODED_BYTES / num_bytes / 1_000_000)
        raise MediaError(
            f"The picture has {width}x{height} pixels, but of a {kind} of this kind at most "
            f"{most} million are read; make it smaller or save it as a JPEG."
        )


def reduction(width: int, height: int) -> int:
    """Return by how much the sides are divided so that MAX_OPENED_PIXELS are left."""
    return math.ceil(math.sqrt(width * height / MAX_OPENED_PIXELS))


def prepare_decoding(path: Path, image: Image.Image) -> None:
    """Have a picture decoded smaller where its format can. Raise MediaError if it cannot be.

    JPEG alone decodes at a half, a quarter or an eighth, in as much less memory.
    """
    width, height = image.size
    num_bytes: float = _DECODER_BYTES.get(image.format or "", _MODE_BYTES.get(image.mode, 4))
    if image.format in ("JPEG", "MPO"):
        scale = 2 ** int(math.log2(reduction(width, height)))
        image.draft(None, (width // scale, height // scale))
        num_bytes = 4 / scale**2
        num_colors = len(image.getbands())
        if "progressive" in image.info or _colors_of_first_scan(path) < num_colors:
            _refuse_scans(path)
            num_bytes += 2 * num_colors  # all coefficients are kept
    if image.format == "HEIF":
        is_usual = image.info.get("bit_depth") == 8 and image.info.get("chroma") == 420
        num_bytes = num_bytes if is_usual else _DEEP_HEIF_BYTES
    if image.format == "TIFF":
        refuse_tiles(cast("TiffImageFile", image).tag_v2)
        num_bytes *= 2  # a strip may be all of it, and what is stored turned is held twice
    refuse_memory(width, height, num_bytes, image.format or "file")


def refuse_tiles(tags: Mapping[int, Any]) -> None:
    """Raise MediaError for a TIFF whose tiles are huge: each is decoded whole, however small it is.

    `tags` are those of Pillow's `ImageFileDirectory_v2`.
    """
    width, height = (int(tags.get(tag, 0)) for tag in _TILE_SIDES)
    if width * height > MAX_TILE_PIXELS:
        raise MediaError(
            f"The TIFF has tiles of {width}x{height} pixels, which is too large; save it again and "
            "upload that file."
        )


@contextlib.contextmanager
def one_large_at_a_time(width: int, height: int) -> Iterator[None]:
    """Decode a picture in the `with` block: if it is large, when no other large one is decoded.

    Raises MediaError if the time of an inspection is up before its turn comes.
    """
    if width * height <= _MAX_SMALL_PIXELS:
        yield
        return
    while not _large_picture.acquire(timeout=_SECONDS_BETWEEN_CHECKS):
        check_deadline()
    try:
        Image.core.set_block_size(_BLOCK_BYTES)
        yield
    finally:
        _large_picture.release()


def _colors_of_first_scan(path: Path) -> int:
    """Return how many colours the first scan of a JPEG has; 0 if it is not found."""
    with path.open("rb") as file:
        file.seek(2)
        while len(header := file.read(4)) == 4 and header[0] == 0xFF:
            if header[1] == _START_OF_SCAN:
                return int.from_bytes(file.read(1), "big")
            file.seek(max(0, int.from_bytes(header[2:], "big") - 2), io.SEEK_CUR)
    return 0


def _refuse_scans(path: Path) -> None:
    with path.open("rb") as file:
        num_scans = sum(part.count(bytes([0xFF, _START_OF_SCAN])) for part in _parts(file))
    if num_scans > _MAX_JPEG_SCANS:
        raise MediaError(
            f"The JPEG has {num_scans:,} scans, but at most {_MAX_JPEG_SCANS} are read; save it "
            "again and upload that file."
        )


def _parts(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file in parts; a marker between two of them is missed, which does not matter."""
    while part := file.read(1 << 20):
        yield part

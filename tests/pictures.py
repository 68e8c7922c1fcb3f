"""Picture files written by hand for tests, and what is said of pictures that were opened."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipeline.errors import MediaError

ORANGE = (200, 120, 40)
WHITE = (255, 255, 255)


def png(
    width: int,
    height: int,
    *,
    bit_depth: int = 8,
    color_type: int = 2,
    rows: bytes,
    chunks: dict[bytes, bytes] | None = None,
) -> bytes:
    """Return a PNG written by hand: what Pillow cannot write, or what would be too large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, 0)
    before = b"".join(chunk(kind, data) for kind, data in (chunks or {}).items())
    body = chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def plain_png(
    color: tuple[float, ...], *, bit_depth: int = 8, chunks: dict[bytes, bytes] | None = None
) -> bytes:
    """Return a PNG of 32x32 pixels of one colour, given in samples from 0 to 1."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[len(color)]
    code = {8: "B", 16: "H"}[bit_depth]
    most = 2**bit_depth - 1
    pixel = struct.pack(f">{len(color)}{code}", *(round(value * most) for value in color))
    rows = (b"\0" + pixel * 32) * 32
    return png(32, 32, bit_depth=bit_depth, color_type=kind, rows=rows, chunks=chunks)


def swapped_profile() -> bytes:
    """Return sRGB's profile with the primaries of red and blue exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"tmp!").replace(b"bXYZ", b"rXYZ").replace(b"tmp!", b"bXYZ")


def assert_color(image: Image.Image, color: tuple[int, ...], *, within: int = 2) -> None:
    """Fail unless an image has a colour all over."""
    assert image.mode == "RGB"
    pixels = np.asarray(image, dtype=int)
    assert np.abs(pixels.mean((0, 1)) - color).max() <= within, pixels.mean((0, 1))


def assert_one_sentence(error: pytest.ExceptionInfo[MediaError], *words: str) -> None:
    """Fail unless a message is one sentence for people that has these words."""
    message = str(error.value)
    assert message.endswith(".")
    assert not any(trace in message for trace in ("/", "\\", "\n", ". ", "PIL", "Error"))
    assert all(word in message for word in words), message

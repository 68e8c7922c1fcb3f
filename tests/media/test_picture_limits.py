"""How large a picture may be, and what opening the largest and the worst of each kind takes."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipeline.deadlines import Deadline
from pipeline.errors import MediaError
from pipeline.media.images import open_picture
from pipeline.media.picture_limits import (
    MAX_OPENED_PIXELS,
    MAX_PICTURE_PIXELS,
    one_large_at_a_time,
)
from tests.pictures import ORANGE, WHITE, assert_color, assert_one_sentence, png

MAX_MEGABYTES = 600  # above the idle process
ROOT = Path(__file__).resolve().parents[2]
# Says by how many MB a process grows at its highest while it opens pictures, each in a thread, and
# what comes of the last.
MEASURE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import cv2, numpy, pillow_heif
from PIL import Image
from pipeline.errors import MediaError
from pipeline.media.images import open_picture, read_notes

def highest():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(x for x in lines if x.startswith("VmHWM")).split()[1]) / 1000

def measured(path):
    try:
        read_notes(path)
        image = open_picture(path)
        return f"{image.width}x{image.height}"
    except MediaError as exc:
        return str(exc)

before = highest()
with ThreadPoolExecutor(2) as executor:
    *_, result = executor.map(measured, map(Path, sys.argv[1:]))
print(highest() - before, result, sep="\\n")
"""


def measure(*paths: Path) -> tuple[float, str]:
    """Return the megabytes that opening pictures takes at its highest, and a size or refusal."""
    command = [sys.executable, "-c", MEASURE, *map(str, paths)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    megabytes, result = run.stdout.splitlines()
    return float(megabytes), result


def save(size: int, mode: str = "RGB", **options: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        Image.new(mode, (size, size * 3 // 4)).save(path, **options)

    return write


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("camera.jpg", save(12_000)),  # the 108 million pixels of a telephone
        ("progressive.jpg", save(8800, progressive=True, subsampling=0)),
        ("cmyk.jpg", save(12_000, "CMYK")),
        ("alpha.png", save(12_000, "RGBA", compress_level=1)),
        ("lossless.webp", save(6000, lossless=True, method=0)),
        ("alpha.webp", save(6000, "RGBA", lossless=True, method=0)),
        ("picture.avif", save(6900, speed=10)),
        ("picture.jp2", save(5500)),
        ("strip.tif", save(8500, compression="tiff_lzw", strip_size=2**31)),
        ("float.tif", save(8500, "F", compression="tiff_lzw")),
        ("palette.gif", save(12_000, "P")),
        ("bits.png", save(14_000, "1")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_largest_picture_of_each_kind_takes_less_than_600_mb(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    """10,000x10,000 took 1.6 GB. Nothing here is refused: the limits are no tighter than needed."""
    path = tmp_path / name
    write(path)
    megabytes, result = measure(path)
    width, height = map(int, result.split("x"))
    assert width * height <= MAX_OPENED_PIXELS
    assert megabytes < MAX_MEGABYTES


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_two_large_pictures_at_once_take_no_more_than_one(tmp_path: Path) -> None:
    """They took 770 MB one after the other, because each thread kept its memory."""
    path = tmp_path / "alpha.png"
    save(10_000, "RGBA", compress_level=1)(path)
    alone, _ = measure(path)
    together, result = measure(path, path)
    assert result == "3334x2500"
    assert together < alone + 150  # what was opened, 33 MB each, and a margin


def saved(size: int, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (size, size)).save(file, kind, **options)
    return file.getvalue()


def large_tile(dtype: type) -> bytes:
    """Return a TIFF of 64x64 pixels in a tile that took 750 MB to decode."""
    file = io.BytesIO()
    samples = np.zeros((64, 64, 3), dtype)
    tifffile.imwrite(file, samples, photometric="rgb", tile=(4096, 4112), compression="zlib")
    return file.getvalue()


def colors_in_turn(size: int) -> bytes:
    """Return a JPEG with a scan for each colour, all of which are kept until the last one.

    Its colours are one grey picture three times.
    """
    file = io.BytesIO()
    Image.new("L", (size, size), 200).save(file, "JPEG")
    data = file.getvalue()
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    tables = frame + 2 + int.from_bytes(data[frame + 2 : frame + 4], "big")
    colors = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    header = b"\xff\xc0\0\x11" + data[frame + 4 : frame + 9] + b"\x03" + colors
    scans = [data[scan : scan + 5] + bytes([n]) + data[scan + 6 : -2] for n in (1, 2, 3)]
    return data[:frame] + header + data[tables:scan] + b"".join(scans) + data[-2:]


def test_a_jpeg_with_a_scan_for_each_colour_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(colors_in_turn(64))
    assert open_picture(path).size == (64, 64)


def many_scans() -> bytes:
    """Return a JPEG that goes over all its pixels 1,001 times."""
    data = saved(512, "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * 1000 + data[-2:]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: png(60_000, 16, rows=b""), "60000x16 pixels; use one whose longer side"),
        (lambda: png(16, 60_000, rows=b""), "16x60000 pixels; use one whose longer side"),
        (lambda: png(16_001, 1000, rows=b""), "at most 16 times"),
        (lambda: png(20_000, 10_000, rows=b""), "150 million pixels"),
        (lambda: png(15_001, 10_000, rows=b""), "150 million pixels"),
        (lambda: png(12_000, 12_000, rows=b""), "at most 110 million are read"),
        (lambda: saved(6000, "WEBP", lossless=True, method=0), "of a WEBP of this kind at most 27"),
        (lambda: saved(5000, "JPEG2000"), "of a JPEG2000 of this kind at most 23"),
        (lambda: saved(6500, "AVIF", speed=10), "of a AVIF of this kind at most 36"),
        (lambda: saved(9000, "JPEG", progressive=True), "at most 62 million are read"),
        (lambda: colors_in_turn(9000), "at most 62 million are read"),
        (lambda: saved(8000, "TIFF", compression="tiff_lzw"), "at most 55 million are read"),
        (many_scans, "1,010 scans"),
        (lambda: large_tile(np.uint8), "tiles of 4112x4096 pixels"),
        (lambda: large_tile(np.float32), "tiles of 4112x4096 pixels"),
    ],
)
def test_what_is_too_large_or_too_long_is_refused_before_it_is_decoded(
    tmp_path: Path, content: Callable[[], bytes], words: str
) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(content())
    with pytest.raises(MediaError) as error:
        open_picture(path)
    assert_one_sentence(error, words)


def test_a_large_picture_waits_for_another_one_until_its_time_is_up(tmp_path: Path) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    small.write_bytes(saved(1000, "PNG"))
    large.write_bytes(saved(3000, "PNG"))
    with one_large_at_a_time(9000, 9000):
        assert Deadline(5).run(open_picture, small).size == (1000, 1000)
        with pytest.raises(MediaError, match=r"longer than 0\.1 seconds"):
            Deadline(0.1).run(open_picture, large)
    assert Deadline(5).run(open_picture, large).size == (3000, 3000)


@pytest.mark.parametrize("size", [(1, 1), (15, 15), (15, 200), (200, 15)])
def test_a_picture_too_small_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "small.png"
    Image.new("RGB", size, ORANGE).save(path)
    with pytest.raises(MediaError) as error:
        open_picture(path)
    assert_one_sentence(error, f"{size[0]}x{size[1]}", "16 pixels")


@pytest.mark.parametrize("size", [(16, 16), (16, 256), (1600, 100)])
def test_what_is_just_large_or_wide_enough_is_opened(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "small.png"
    Image.new("RGB", size, ORANGE).save(path)
    assert open_picture(path).size == size


def test_a_large_picture_is_opened_smaller_and_without_a_warning(tmp_path: Path) -> None:
    """Pillow itself warns from 89 million pixels on; here one bit each keeps the test fast."""
    path = tmp_path / "large.png"
    width, height = 10_000, MAX_PICTURE_PIXELS // 10_000
    rows = (b"\0" + b"\xff" * (width // 8)) * height
    path.write_bytes(png(width, height, bit_depth=1, color_type=0, rows=rows))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = open_picture(path)
    assert image.size == (3334, 5000)
    assert_color(image, WHITE, within=0)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_a_large_picture_made_smaller_shows_the_same(tmp_path: Path, suffix: str) -> None:
    """Strips that did not meet, or a wrong step, would show between the quarters."""
    path = tmp_path / f"large.{suffix}"
    small = Image.new("RGB", (2, 2))
    colors = [(200, 40, 40), (40, 180, 60), (40, 60, 200), (200, 200, 200)]
    small.putdata(colors)
    small.resize((5001, 4003), Image.Resampling.NEAREST).save(path)
    opened = open_picture(path)
    assert opened.size == (2501, 2002)
    for number, color in enumerate(colors):
        x, y = number % 2 * 1252, number // 2 * 1003
        assert_color(opened.crop((x, y, x + 1249, y + 999)), color, within=2)


def test_a_small_picture_keeps_its_size(tmp_path: Path) -> None:
    path = tmp_path / "small.jpg"
    Image.new("RGB", (4096, 4096), ORANGE).save(path)
    assert open_picture(path).size == (4096, 4096)

"""No file that a visitor sends to Verify takes more than 600 MB or the time of an inspection."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from pipeline.trust.provenance.credentials import read_credentials
from pipeline.trust.provenance.identity import open_identity
from tests.credentials import ask, make_signed
from tests.sources import ffmpeg, make_clip

pytestmark = pytest.mark.alone
MAX_BYTES, MAX_SECONDS = 600_000_000, 60
CHILD = """
import sys
from pathlib import Path
from pipeline.deadlines import Deadline
from pipeline.errors import MediaError
from pipeline.trust.provenance.registry import Registry
from pipeline.trust.provenance.report import Verifier

verifier = Verifier(key=bytes(32), registry=Registry(Path(sys.argv[1]) / "registry.sqlite"))
for line in sys.stdin:
    try:
        said = Deadline(float(sys.argv[2])).run(verifier.verify, Path(line.strip()))["conclusions"]
    except MediaError as exc:
        said = [str(exc)]
    print(" ".join(said), flush=True)
"""


class Checker:
    """A process that verifies files, and is watched with all that it starts."""

    def __init__(self, folder: Path) -> None:
        """Start it, and let it import what it needs."""
        command = [sys.executable, "-c", CHILD, str(folder), str(MAX_SECONDS)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, **pipes)
        picture = folder / "picture.png"
        Image.new("RGB", (64, 48)).save(picture)
        for path in (picture, make_clip(folder / "clip.mp4")):
            self.check(path)
        self._idle = self._bytes()

    def check(self, path: Path) -> str:
        """Return what is said of a file."""
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def measure(self, path: Path) -> tuple[str, int, float]:
        """Return what is said, the most bytes above the idle process, and the seconds taken."""
        most, is_done = [0], threading.Event()

        def watch() -> None:
            while not is_done.wait(0.01):
                most[0] = max(most[0], self._bytes())
                if most[0] > 5 * MAX_BYTES:
                    self.process.kill()

        watcher, begin = threading.Thread(target=watch), time.monotonic()
        watcher.start()
        said = self.check(path)
        is_done.set()
        watcher.join()
        return said, most[0] - self._idle, time.monotonic() - begin

    def _bytes(self) -> int:
        total = 0
        process = psutil.Process(self.process.pid)
        for each in (process, *process.children(recursive=True)):
            try:
                total += each.memory_info().rss
            except psutil.Error:  # it has ended meanwhile
                continue
        return total


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checker]:
    checker = Checker(tmp_path_factory.mktemp("checker"))
    yield checker
    checker.process.kill()
    checker.process.wait()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int = 8, color: int = 2, extra: bytes = b"") -> bytes:
    """Return a black PNG, which is a thousandth of its pixels."""
    row = bytes(1 + width * {2: 3, 6: 4}[color] * depth // 8)
    packer = zlib.compressobj(1)
    data = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def picture(suffix: str, size: tuple[int, int], mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, suffix, **options)
    return stream.getvalue()


def film(size: str, seconds: float, *options: str) -> Callable[[Path], None]:
    source = ("-f", "lavfi", "-i", f"color=black:s={size}:r=24", "-t", str(seconds))
    return lambda path: ffmpeg(*source, *options, path)


def boxes(size: int, name: bytes, count: int) -> Callable[[Path], None]:
    """Return what appends boxes to a film."""
    box = struct.pack(">I", 8 + size) + name + bytes(size)
    return lambda path: make_clip(path).open("ab").write(box * count)


def write(make: Callable[[], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(make())


_H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
_JPEG_SEGMENT = b"\xff\xe5\0\2"
BOMBS: dict[str, Callable[[Path], object]] = {
    "wide.png": write(lambda: png(60_000, 16)),
    "tall.png": write(lambda: png(16, 60_000)),
    "large.png": write(lambda: png(10_000, 10_000)),
    "deep.png": write(lambda: png(10_000, 10_000, 16, 6)),
    "text.png": write(
        lambda: png(64, 64, extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8))))
    ),
    "chunks.png": write(lambda: png(64, 64, extra=chunk(b"aaAa", b"") * 5_000_000)),
    "credentials.png": write(lambda: png(64, 64, extra=chunk(b"caBX", bytes(200_000_000)))),
    "large.jpg": write(lambda: picture("JPEG", (10_000, 10_000))),
    "progressive.jpg": write(lambda: picture("JPEG", (10_000, 10_000), progressive=True)),
    "segments.jpg": write(
        lambda: (whole := picture("JPEG", (64, 64)))[:2] + _JPEG_SEGMENT * 6_000_000 + whole[2:]
    ),
    "long.jpg": write(lambda: picture("JPEG", (64, 64)) + bytes(400_000_000)),
    "large.webp": write(lambda: picture("WEBP", (16_383, 6_000), lossless=True, method=0)),
    "float.tiff": write(lambda: picture("TIFF", (10_000, 10_000), "F", compression="tiff_lzw")),
    "large.gif": write(lambda: picture("GIF", (10_000, 10_000), "P")),
    "wide.mp4": film("4096x16", 5, *_H264),
    "tall.mp4": film("16x4096", 5, *_H264),
    "large.mp4": film("4096x4096", 1, *_H264, "-refs", "16", "-bf", "8", "-b_strategy", "0"),
    "4k.mp4": film("4096x2304", 1, *_H264, "-refs", "16", "-bf", "8", "-b_strategy", "0"),
    "clear.mov": film("4096x4096", 0.3, "-c:v", "prores_ks", "-pix_fmt", "yuva444p10le"),
    "clear-hd.mov": film("2560x1440", 0.5, "-c:v", "prores_ks", "-pix_fmt", "yuva444p10le"),
    "boxes.mp4": boxes(0, b"free", 6_000_000),
    "box.mp4": boxes(400_000_000, b"uuid", 1),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_bounded_memory_and_time(name: str, checker: Checker, tmp_path: Path) -> None:
    """A PNG of 1,009 bytes took 9.3 GB, one of 10,000x10,000 1.6 GB; a film of 59 kB had no end."""
    path = tmp_path / name
    BOMBS[name](path)
    said, num_bytes, seconds = checker.measure(path)
    path.unlink()
    print(f"{name}: {num_bytes / 1e6:.0f} MB, {seconds:.1f} s: {said[:160]}")  # noqa: T201
    assert said.endswith((".\n", "!\n")), f"the process died, or said: {said!r}"
    assert num_bytes < MAX_BYTES
    assert seconds < MAX_SECONDS + 5


def test_a_picture_that_c2pa_cannot_read_in_bounds_is_an_ingredient_all_the_same(
    tmp_path: Path,
) -> None:
    """Signing is a job's last step, in the process that makes everyone's clips."""
    image, path = tmp_path / "segments.jpg", tmp_path / "clip.mp4"
    BOMBS[image.name](image)
    identity = open_identity(tmp_path / "identity", {})
    assert make_signed(path, ask("image_to_video", image=image), identity)[0].is_signed
    (ingredient,) = read_credentials(path, identity).ingredients
    assert "could not be read" in ingredient.title

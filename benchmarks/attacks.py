"""Alters clips as happens on the web: re-encodes, resizes, crops, takes screenshots."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline import programs
from pipeline.media import ffmpeg
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.media.video_writer import ClipWriter

FPS = 24.0
_CROP = "crop=trunc(iw*0.45)*2:trunc(ih*0.45)*2"
_HALF = "scale=trunc(iw/4)*2:trunc(ih/4)*2"
# For each attack: ffmpeg's filters, and the CRF to encode with. {w}x{h} is the clip's own size.
ENCODINGS: dict[str, tuple[str, int]] = {
    "H.264, crf 23": ("null", 23),
    "H.264, crf 28": ("null", 28),
    "half size and back": (_HALF + ",scale={w}:{h}", 23),
    "half size, kept": (_HALF, 23),
    "10 % cropped": (_CROP, 23),
    "10 % cropped and scaled": (_CROP + ",scale={w}:{h}", 23),
    "15 frames a second": ("fps=15", 23),
    "30 frames a second": ("fps=30", 23),
    "mirrored": ("hflip", 23),
}
CORNERS: dict[str, tuple[str, int]] = {
    f"10 % cropped, {corner} kept": (f"{_CROP}:{left}:{top}", 23)
    for corner, left, top in (
        ("top left", "0", "0"),
        ("top right", "iw-ow", "0"),
        ("bottom left", "0", "ih-oh"),
        ("bottom right", "iw-ow", "ih-oh"),
    )
}


def deliver(frames: np.ndarray, path: Path) -> int:
    """Write frames (F, H, W, 3) uint8 as Kinora does, crf 18; return the file size in bytes."""
    height, width = frames.shape[1:3]
    with ClipWriter(path, width=width, height=height, fps=FPS) as writer:
        writer.write(frames)
    return path.stat().st_size


def encode_again(path: Path, name: str, output: Path, shape: tuple[int, int]) -> int:
    """Re-encode a file with the attack `name`; return the new file size in bytes.

    `shape` is (height, width). Raises RuntimeError if ffmpeg fails.
    """
    filters, crf = (ENCODINGS | CORNERS)[name]
    filters = filters.format(h=shape[0], w=shape[1])
    arguments = ffmpeg.command(
        *(*ffmpeg.source(path), "-vf", filters, "-c:v", "libx264", "-crf", str(crf)),
        *("-pix_fmt", "yuv420p", "-y", f"file:{output.absolute()}"),
    )
    done = programs.run(arguments, ffmpeg.DECODE_TIMEOUT_SECONDS)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return output.stat().st_size


def decode(path: Path) -> list[np.ndarray]:
    """Return the frames of a file, (H, W, 3) uint8 each."""
    return [frame for chunk in iterate_frames(path, probe_clip(path)) for frame in chunk]


def attacked(path: Path, shape: tuple[int, int]) -> dict[str, Callable[[], list[np.ndarray]]]:
    """Return, for each attack on a file, a function that returns the frames after it.

    `shape` is (height, width); frames are (H, W, 3) uint8.
    """

    def again(name: str) -> list[np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "again.mp4"
            encode_again(path, name, output, shape)
            return decode(output)

    def screenshot() -> np.ndarray:
        frames = decode(path)
        return frames[len(frames) // 2]

    return {
        "delivered, crf 18": lambda: decode(path),
        **{name: (lambda name=name: again(name)) for name in ENCODINGS},
        "one screenshot, PNG": lambda: [screenshot()],
        "one screenshot, JPEG 75": lambda: [_as_jpeg(screenshot())],
    }


def _as_jpeg(frame: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))

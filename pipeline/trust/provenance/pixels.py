"""Looks at a file's pixels: hashes them and searches them for marks, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from pipeline.deadlines import check_deadline
from pipeline.errors import MediaError
from pipeline.media.images import open_picture
from pipeline.media.probe import read_header
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.trust.provenance.fingerprint import Fingerprint
from pipeline.trust.watermark.detection import MarkWindow, find_marks

_MAX_FPS = 60  # of slow motion, fewer frames are enough to find a mark
MAX_SECONDS = 60  # of a clip are searched for marks; a clip that was extended may be longer
# Pixels of the shorter and the longer side; the search uses 320 of the shorter one.
_SHORT_SIDE, _LONG_SIDE = 640, 4096
_FRAMES_AT_A_TIME = 4
# Frames of a 4K film, or half as many with transparency. Of 4096x4096 pixels, ffmpeg held 870 MB,
# and 1.5 GB with transparency.
_MAX_FRAME_PIXELS = 4096 * 2304
_FAILED = "Its pictures are too large, too damaged or too unusual to be checked."


@dataclass(frozen=True)
class PixelCheck:
    """What was seen of a file: frames per second, windows searched for marks, and hashes."""

    fps: float
    windows: tuple[MarkWindow, ...]
    fingerprint: Fingerprint

    @property
    def seconds_searched(self) -> float:
        """Return how much of the file was searched for marks."""
        return sum(window.num_frames for window in self.windows) / self.fps

    def hashes_in(self, window: MarkWindow) -> np.ndarray:
        """Return the hashes (N,) of a window."""
        return self.fingerprint.between(window.first_frame, window.num_frames)


def look_at(path: Path, is_picture: bool, key: bytes | None) -> PixelCheck:
    """Look at a file's pixels; without a `key`, marks are not searched for.

    Raises MediaError if they cannot be read, or when the time of the inspection is up.
    """
    try:
        fps, frames = _open(path, is_picture)
        fingerprint = Fingerprint(fps)
        seen = fingerprint.watch(islice(_in_time(frames), round(MAX_SECONDS * fps)))
        windows = list(find_marks(seen, key)) if key else [*_drain(seen)]
    except (cv2.error, MemoryError) as exc:
        raise MediaError(_FAILED) from exc
    return PixelCheck(fps, tuple(windows), fingerprint)


def _open(path: Path, is_picture: bool) -> tuple[float, Iterator[np.ndarray]]:
    if is_picture:
        picture = open_picture(path)
        picture = picture.reduce(max(1, min(picture.size) // _SHORT_SIDE))
        return 1.0, iter([np.asarray(picture)])
    _refuse_large(path)
    info = probe_clip(path).at_most(_MAX_FPS)
    scale = min(1.0, _SHORT_SIDE / min(info.width, info.height))
    scale = min(scale, _LONG_SIDE / max(info.width, info.height))
    size = max(1, round(info.width * scale)), max(1, round(info.height * scale))
    chunks = iterate_frames(path, info, _FRAMES_AT_A_TIME, size)
    return float(info.fps), (frame for chunk in chunks for frame in chunk)


def _refuse_large(path: Path) -> None:
    """Raise MediaError for frames too large to decode in bounded memory, before any is decoded."""
    video = read_header(path).video
    if video is None:
        return
    most = _MAX_FRAME_PIXELS // (2 if video.has_alpha else 1)
    if video.width * video.height > most:
        raise MediaError(
            f"The clip has {video.width}x{video.height} pixels; Kinora looks for marks in clips of "
            f"up to {most:,} pixels a frame, so scale it down and try again."
        )


def _in_time(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for frame in frames:
        check_deadline()
        yield frame


def _drain(frames: Iterator[np.ndarray]) -> Iterator[MarkWindow]:
    """Consume the frames; without a key there are no windows."""
    for _ in frames:
        pass
    yield from ()

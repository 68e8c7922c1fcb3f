"""Perceptual fingerprints of clips (hashes sampled over time), and the distance between two.

They survive re-encoding, resizing, a new frame rate and a small crop, but not mirroring.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import imagehash
import numpy as np
from PIL import Image

from pipeline.media.video_reader import sample_luma

HASHES_A_SECOND = 2
MAX_SECONDS = 60  # the longest clip that Kinora makes
# Pixels of the longer side before hashing. With fewer, hashes of a cropped clip's parts differ by 6
# bits instead of 2. Hashes made at full size differ by 0.7 bits, and by 4 at most.
SIDE = 256
# Parts of a known clip to hash, as (share, down, across): the whole frame, its middle and its
# corners. One hash alone does not survive a crop.
PARTS = (
    *((1.0, 0.5, 0.5), (0.9, 0.5, 0.5), (0.8, 0.5, 0.5)),
    *((0.9, down, across) for down in (0.0, 1.0) for across in (0.0, 1.0)),
)
# Bits of 64; `python -m benchmarks fingerprints` measures the distances.
MOST_BITS = 8


class Fingerprint:
    """Hashes frames as they pass through, at `fps` frames per second."""

    def __init__(self, fps: float) -> None:
        """Start with no hashes."""
        self._fps = fps
        self._num_seen = 0
        self._hashes: list[int] = []

    def watch(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield frames (H, W, 3) uint8 unchanged, and hash two of them per second."""
        for frame in frames:
            number = len(self._hashes)
            is_due = self._num_seen / self._fps >= number / HASHES_A_SECOND
            self._num_seen += 1
            if is_due and number < MAX_SECONDS * HASHES_A_SECOND:
                self._hashes.append(_hash(_shrink(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))))
            yield frame

    @property
    def hashes(self) -> np.ndarray:
        """Return the hashes so far: (N,) uint64."""
        return np.array(self._hashes, np.uint64)


def hash_parts(path: Path) -> np.ndarray:
    """Hash every part of a clip: (M,) uint64. Raises MediaError if it cannot be read."""
    frames = sample_luma(path, HASHES_A_SECOND, MAX_SECONDS, SIDE)
    return np.array([_hash(_cut(frame, *part)) for frame in frames for part in PARTS], np.uint64)


def distance(seen: np.ndarray, known: np.ndarray) -> float:
    """Return the distance of a clip from a known one, in bits of 64; both (N,) uint64, not empty.

    Each hash is compared with its closest match at any time, so part of a clip is found too.
    """
    return float(np.median(np.bitwise_count(seen[:, None] ^ known[None]).min(1)))


def _shrink(frame: np.ndarray) -> np.ndarray:
    scale = min(1.0, SIDE / max(frame.shape))
    height, width = (max(1, round(side * scale)) for side in frame.shape)
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)


def _cut(frame: np.ndarray, share: float, down: float, across: float) -> np.ndarray:
    height, width = (max(1, round(side * share)) for side in frame.shape)
    top, left = round((frame.shape[0] - height) * down), round((frame.shape[1] - width) * across)
    return frame[top : top + height, left : left + width]


def _hash(frame: np.ndarray) -> int:
    bits = imagehash.phash(Image.fromarray(frame)).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")

"""Perceptual fingerprints of clips (hashes sampled over time), and the distance between two.

They survive re-encoding, resizing, a new frame rate and a small crop, but not mirroring. What was
given to make a clip is hashed apart from what was made: originals were not made here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import imagehash
import numpy as np
from PIL import Image

from pipeline.media.images import crop_to_size, open_picture
from pipeline.media.video_reader import sample_luma

HASHES_A_SECOND = 2
MAX_SECONDS = 60  # of a clip; behind it, only what is new of a clip made here is hashed
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
# A hash is like one fingerprint rather than another if it is nearer by so many bits: after encoding
# again, hashes of the same frame differ by up to 4.
_CLEARLY_BITS = 4
# Pixels of a side of what is hashed, and grey levels (standard deviation) below which the mark and
# the encoder decide the bits. One colour with a mark has up to 0.25 (crf 18 and 28, and made with
# kinora-mini); first frames of benchmarks/footage.py have 0 (grey wall), 2.0 (noise), 7.4 or more.
_HASHED_SIDE, _LEAST_VARIATION = 32, 1.0
Likeness = Literal["made", "given", "both"]


class Fingerprint:
    """Hashes frames as they pass through, at `fps` frames per second."""

    def __init__(self, fps: float) -> None:
        """Start with no hashes."""
        self._fps = fps
        self._num_seen = self._num_sampled = 0
        self._hashes: list[int] = []
        self._frame_numbers: list[int] = []

    def watch(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield frames (H, W, 3) uint8 unchanged, and hash two of them per second."""
        for frame in frames:
            number = self._num_sampled
            is_due = self._num_seen / self._fps >= number / HASHES_A_SECOND
            if is_due and number < MAX_SECONDS * HASHES_A_SECOND:
                self._sample(_shrink(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)))
            self._num_seen += 1
            yield frame

    def _sample(self, luma: np.ndarray) -> None:
        self._num_sampled += 1
        if not is_blank(luma):
            self._hashes.append(_hash(luma))
            self._frame_numbers.append(self._num_seen)

    @property
    def hashes(self) -> np.ndarray:
        """Return the hashes so far, none of blank frames: (N,) uint64."""
        return np.array(self._hashes, np.uint64)

    def between(self, first_frame: int, num_frames: int) -> np.ndarray:
        """Return the hashes of a stretch of the frames: (N,) uint64."""
        numbers = np.array(self._frame_numbers, int)
        return self.hashes[(numbers >= first_frame) & (numbers < first_frame + num_frames)]


def hash_made_and_given(
    path: Path,
    recipe: Mapping[str, Any],
    pictures: Sequence[Path],
    clips: Sequence[Path] = (),
) -> tuple[np.ndarray, np.ndarray]:
    """Hash what is new of a clip made here, and what was given to make it: (M,) uint64 each.

    The recipe says where the clip is new; `pictures` are those it was made from, `clips` those that
    new footage took the place of. What was given is hashed up to MAX_SECONDS. Raises MediaError if
    a file cannot be read.
    """
    frames = sample_luma(path, HASHES_A_SECOND, MAX_SECONDS, SIDE)
    is_new = np.array([_is_new(number / HASHES_A_SECOND, recipe) for number in range(len(frames))])
    made = [_hash_all(frames[is_new])]
    for start, seconds in _new_behind(recipe):
        made.append(_hash_all(sample_luma(path, HASHES_A_SECOND, seconds, SIDE, start=start)))
    given = [_hash_all(frames[~is_new])]
    given += [_hash_all(sample_luma(x, HASHES_A_SECOND, MAX_SECONDS, SIDE)) for x in clips]
    given += [_hash_picture(picture, recipe["width"], recipe["height"]) for picture in pictures]
    return np.concatenate(made), np.concatenate(given)


def likeness(seen: np.ndarray, made: np.ndarray, given: np.ndarray) -> Likeness:
    """Tell which of two fingerprints (M,) the hashes (N,) are like, if they are like either.

    Hashes that are as near to both are like what was given.
    """
    to_made, to_given = (_distances(seen, known) for known in (made, given))
    is_made = (to_made + _CLEARLY_BITS <= to_given) & (to_made <= MOST_BITS)
    is_given = (to_given + _CLEARLY_BITS <= to_made) & (to_given <= MOST_BITS)
    if is_made.any():
        return "both" if is_given.any() else "made"
    return "given"


def distance(seen: np.ndarray, known: np.ndarray) -> float:
    """Return the distance of a clip from a known one, in bits of 64; both (N,) uint64.

    Each hash is compared with its closest match at any time, so part of a clip is found too. If
    there is nothing to compare, as in blank pictures, the distance is the largest.
    """
    return float(np.median(_distances(seen, known))) if len(seen) else 64.0


def is_blank(luma: np.ndarray) -> bool:
    """Return whether a picture (h, w) uint8 has too little in it to be told from another one."""
    small = Image.fromarray(luma).resize((_HASHED_SIDE, _HASHED_SIDE), Image.Resampling.LANCZOS)
    return float(np.asarray(small).std()) < _LEAST_VARIATION


def _distances(seen: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return each hash's distance from its closest match (N,), or 64 if there is none."""
    bits = np.bitwise_count(seen[:, None] ^ known[None])  # (N, M)
    return bits.min(1, initial=64).astype(int)


def _is_new(seconds: float, recipe: Mapping[str, Any]) -> bool:
    """Return whether the first frame from a time on is new; all are if the recipe says nothing."""
    if "new_spans" not in recipe:
        return True
    number = math.ceil(seconds * recipe["fps"] - 1e-6)
    return any(0 <= number - x["first_frame"] < x["num_frames"] for x in recipe["new_spans"])


def _new_behind(recipe: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    """Yield the start and the length in seconds of what is new behind MAX_SECONDS."""
    for span in recipe.get("new_spans", ()):
        first, last = span["first_frame"], span["first_frame"] + span["num_frames"]
        # Half a frame early: rounding must not skip the first one.
        start = max((first - 0.5) / recipe["fps"], MAX_SECONDS)
        if start < (last - 0.5) / recipe["fps"]:
            yield start, last / recipe["fps"] - start


def _hash_picture(path: Path, width: int, height: int) -> np.ndarray:
    """Hash every part of a picture, and of what is kept of it in a clip of a size."""
    picture = open_picture(path)
    views = (picture, crop_to_size(picture, width, height)[0])
    return _hash_all([_shrink(np.asarray(view.convert("L"))) for view in views])


def _hash_all(frames: Iterable[np.ndarray]) -> np.ndarray:
    parts = (_cut(frame, *part) for frame in frames for part in PARTS)
    return np.array([_hash(part) for part in parts if not is_blank(part)], np.uint64)


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

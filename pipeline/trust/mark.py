"""An invisible mark with an id in the pixels of new footage, and the key it is made with.

It is a label, not a lock: it outlives what ordinary handling does to a clip, and whoever has the
key, or wants to badly enough, can take it out. See detect.py for how it is found.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import secrets
from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import KinoraError
from pipeline.trust.codes import id_of, symbols_of
from pipeline.trust.private import create_private
from pipeline.trust.tile import Tile

logger = logging.getLogger(__name__)

KEY_FILE = "mark.key"
KEY_BYTES = 32
# To be raised when the same key and id come out as another pattern.
_LOOK = 2
# How strong, in levels of 255 (the mean root of squares): where a picture is flat, for each level
# by which it varies there, and at most. Where it is flat a mark shows, and costs bits, first:
# with 0.35 a grey wall of three seconds at crf 18 was 6.9 times as large, with 0.25 3.6 times, but
# then a flat sky could not be read from one JPEG. With a cap of 2.4 noise has 40.5 dB.
_FLAT, _VARIED, _MOST = 0.3, 0.45, 2.4
# A frame whose PSNR would be better than this has more of it, to outlive H.264 at crf 28: so many
# times as much at most, and nowhere more than the last. Without it 14 of 19 clips could be read
# after crf 28.
_GOAL_PSNR, _MOST_LIFT, _MOST_LIFTED = 41.3, 1.4, 2.6
_SMALL_SIDE = 72  # pixels of the picture in which it is looked how much it varies
_STRENGTH_UNITS, _PATTERN_UNITS = 64, 32  # whole numbers are added in a third of the time
_TINY = 1e-12
_LARGEST = 2.5  # times its mean: what the pattern has at most


class Marker:
    """Puts marks of one key into frames; one thread at a time uses it."""

    def __init__(self, key: bytes, strength: float = 1.0) -> None:
        """Prepare for a key; 1 is the measured strength."""
        self._tile = Tile(key)
        self.key = key
        levels = np.minimum(_FLAT + _VARIED * np.arange(256), _MOST)
        self._strengths = np.rint(strength * levels * _STRENGTH_UNITS).astype(np.int16)
        self._goal = strength * _STRENGTH_UNITS * 255 / 10 ** (_GOAL_PSNR / 20)
        self._most = strength * _STRENGTH_UNITS * _MOST_LIFTED
        self._drawn: tuple[tuple[str, int, int], np.ndarray] | None = None
        facts = b"%d %r" % (_LOOK, float(strength))
        self.name = hashlib.sha256(b"kinora marker" + facts + key).hexdigest()
        """Stands for all that its marks follow from, but for the id; it does not tell the key."""

    def id_of(self, name: str) -> str:
        """Return the id (12 hexadecimal digits) of footage with a name, the same every time."""
        return id_of(self.key, name)

    def embed(self, frame: np.ndarray, mark_id: str) -> np.ndarray:
        """Return a frame (H, W, 3) uint8 with the mark that says an id; the frame stays as it is.

        A quarter of a millisecond at 512x288, on one core.
        """
        height, width = frame.shape[:2]
        strength = self._strength_of(frame)
        strength = cv2.resize(strength, (width, height), interpolation=cv2.INTER_LINEAR)
        pattern = self._draw(mark_id, height, width)
        scale = 1 / (_STRENGTH_UNITS * _PATTERN_UNITS)
        change = cv2.multiply(strength, pattern, scale=scale)
        return cv2.add(frame, cv2.merge([change] * 3), dtype=cv2.CV_8U)

    def _strength_of(self, frame: np.ndarray) -> np.ndarray:
        """Say how strong a mark a frame bears, in a small picture (h, w) int16 of it.

        Varied is where all around is: a mark beside a lone edge would be seen. It follows from
        this frame alone, so that a clip made in two goes has the same bits.
        """
        step = max(1, min(frame.shape[:2]) // _SMALL_SIDE)
        small = np.ascontiguousarray(frame[::step, ::step, 1])
        varied = cv2.blur(cv2.absdiff(small, cv2.blur(small, (5, 5))), (3, 3))
        strengths = self._strengths[cv2.erode(varied, np.ones((3, 3), np.uint8))]
        # The pattern's mean square is 1: the mark's is that of the strengths.
        mean = (cv2.norm(strengths, cv2.NORM_L2SQR) / strengths.size) ** 0.5
        lift = min(max(self._goal / (mean + _TINY), 1.0), _MOST_LIFT)
        return np.rint(np.minimum(lift * strengths, self._most)).astype(np.int16)

    def _draw(self, mark_id: str, height: int, width: int) -> np.ndarray:
        """Return the pattern (H, W) int16 of an id; the last one is kept."""
        asked = (mark_id, height, width)
        if self._drawn is None or self._drawn[0] != asked:
            pattern = self._tile.draw(symbols_of(mark_id), height, width)
            pattern = np.rint(pattern.clip(-_LARGEST, _LARGEST) * _PATTERN_UNITS)
            self._drawn = asked, pattern.astype(np.int16)
        return self._drawn[1]


def open_marker(folder: Path) -> Marker | None:
    """Return a marker with the key of a folder, or None, and say so, if there can be no key."""
    try:
        return Marker(load_or_make_key(folder))
    except (OSError, KinoraError) as exc:
        logger.warning("New clips have no invisible mark, for its key cannot be had: %s", exc)
        return None


def load_or_make_key(folder: Path) -> bytes:
    """Return the key in a folder, which is made when there is none, for this user alone.

    Of several processes at once all have the same one. Raises OSError if it cannot be read or
    written, KinoraError if the file is no key.
    """
    path = folder / KEY_FILE
    with contextlib.suppress(FileNotFoundError):
        return _checked(path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_private(path, secrets.token_bytes(KEY_BYTES))
    return _checked(path)


def _checked(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise KinoraError(
            f"{path} has {len(key)} bytes, but a key has {KEY_BYTES}; remove it to have a new one."
        )
    return key

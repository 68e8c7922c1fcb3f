"""Embeds an invisible mark with an ID in new footage, and keeps its key; detection.py finds it.

The mark is a label, not a lock. It survives ordinary handling of a clip, but it can be removed with
the key, or with enough effort.
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
from pipeline.trust.private_files import create_private
from pipeline.trust.watermark.pattern import Tile
from pipeline.trust.watermark.payload import id_of, symbols_of

logger = logging.getLogger(__name__)

KEY_FILE = "mark.key"
KEY_BYTES = 32
# Increase this when a change makes the same key and ID give a different pattern.
_VERSION = 2
# Strength in levels of 255 (root mean square): in flat areas, per level of local variation, and the
# maximum. In flat areas a mark becomes visible first, and costs bits first: with 0.35, a video of a
# grey wall (3 s, crf 18) was 6.9 times as large; with 0.25, 3.6 times, but then the mark in a flat
# sky could not be read from one JPEG. With a maximum of 2.4, noise has a PSNR of 40.5 dB.
_FLAT, _VARIED, _MOST = 0.3, 0.45, 2.4
# If a frame's PSNR would be above the goal, the mark is strengthened to survive H.264 at crf 28: by
# _MOST_LIFT at most, and nowhere above _MOST_LIFTED levels. Without this, 14 of 19 clips could be
# read after crf 28.
_GOAL_PSNR, _MOST_LIFT, _MOST_LIFTED = 41.3, 1.4, 2.6
_SMALL_SIDE = 72  # pixels: short side of the small picture that local variation is measured in
_STRENGTH_UNITS, _PATTERN_UNITS = 64, 32  # integers take a third of the time to add
_TINY = 1e-12
_LARGEST = 2.5  # limit of the pattern, as a multiple of its root mean square


class Marker:
    """Embeds marks of one key in frames; use it from one thread at a time."""

    def __init__(self, key: bytes, strength: float = 1.0) -> None:
        """Prepare the pattern of a key; a strength of 1 is the measured one."""
        self._tile = Tile(key)
        self.key = key
        levels = np.minimum(_FLAT + _VARIED * np.arange(256), _MOST)
        self._strengths = np.rint(strength * levels * _STRENGTH_UNITS).astype(np.int16)
        self._goal = strength * _STRENGTH_UNITS * 255 / 10 ** (_GOAL_PSNR / 20)
        self._most = strength * _STRENGTH_UNITS * _MOST_LIFTED
        self._drawn: tuple[tuple[str, int, int], np.ndarray] | None = None
        facts = b"%d %r" % (_VERSION, float(strength))
        self.name = hashlib.sha256(b"kinora marker" + facts + key).hexdigest()
        """Identifies all that determines the marks except the ID; does not reveal the key."""

    def id_of(self, name: str) -> str:
        """Return the ID (12 hex digits) of footage with this name; it is always the same."""
        return id_of(self.key, name)

    def embed(self, frame: np.ndarray, mark_id: str) -> np.ndarray:
        """Return a copy of the frame (H, W, 3) uint8 with the mark of an ID.

        Takes a quarter of a millisecond at 512x288, on one core.
        """
        height, width = frame.shape[:2]
        strength = self._strength_of(frame)
        strength = cv2.resize(strength, (width, height), interpolation=cv2.INTER_LINEAR)
        pattern = self._draw(mark_id, height, width)
        scale = 1 / (_STRENGTH_UNITS * _PATTERN_UNITS)
        change = cv2.multiply(strength, pattern, scale=scale)
        return cv2.add(frame, cv2.merge([change] * 3), dtype=cv2.CV_8U)

    def _strength_of(self, frame: np.ndarray) -> np.ndarray:
        """Return how strong the mark can be, as a small map (h, w) int16 of the frame.

        An area counts as varied only if its surroundings vary too: next to a lone edge, a mark
        would be visible. Only this frame is used, so a clip made in two runs has the same bits.
        """
        step = max(1, min(frame.shape[:2]) // _SMALL_SIDE)
        small = np.ascontiguousarray(frame[::step, ::step, 1])
        varied = cv2.blur(cv2.absdiff(small, cv2.blur(small, (5, 5))), (3, 3))
        strengths = self._strengths[cv2.erode(varied, np.ones((3, 3), np.uint8))]
        # The pattern's mean square is 1, so the mark's mean square is that of the strengths.
        mean = (cv2.norm(strengths, cv2.NORM_L2SQR) / strengths.size) ** 0.5
        lift = min(max(self._goal / (mean + _TINY), 1.0), _MOST_LIFT)
        return np.rint(np.minimum(lift * strengths, self._most)).astype(np.int16)

    def _draw(self, mark_id: str, height: int, width: int) -> np.ndarray:
        """Return the pattern (H, W) int16 of an ID; the last one is cached."""
        asked = (mark_id, height, width)
        if self._drawn is None or self._drawn[0] != asked:
            pattern = self._tile.draw(symbols_of(mark_id), height, width)
            pattern = np.rint(pattern.clip(-_LARGEST, _LARGEST) * _PATTERN_UNITS)
            self._drawn = asked, pattern.astype(np.int16)
        return self._drawn[1]


def open_marker(folder: Path) -> Marker | None:
    """Return a marker with the folder's key, or log why there is no key and return None."""
    try:
        return Marker(load_or_make_key(folder))
    except (OSError, KinoraError) as exc:
        logger.warning("New clips get no invisible mark because the key is not available: %s", exc)
        return None


def load_or_make_key(folder: Path) -> bytes:
    """Return the folder's key (32 bytes); create it if there is none, readable only by this user.

    Processes that call this at the same time get the same key. Raises OSError if the key cannot be
    read or written, KinoraError if the file is not a key.
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
            f"{path} has {len(key)} bytes, but a key has {KEY_BYTES}; remove it to get a new one."
        )
    return key

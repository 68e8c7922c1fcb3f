"""Detects whether pictures or clips show a face, with YuNet (232 kB, in assets/trust).

It does not identify people, or tell age or sex. A face counts if it is seen twice, in two frames of
a clip or in a still picture and its mirror image, or once without doubt: drawn heads come and go.
Heads painted in one tone do not count. docs/moderation.md has the measured errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

_WEIGHTS = Path(__file__).resolve().parents[3] / "assets/trust/face_detection_yunet_2023mar.onnx"
# No smallest size: all false alarms had large heads, and people are found from 21 pixels on.
SURE_SCORE = 0.87  # once is enough
LIKELY_SCORE = 0.83  # twice is enough
# Of a face, the most pixels that have one tone; photographs have up to 0.21, most drawings more.
MAX_FLAT_SHARE = 0.25
_MIN_CONTRAST = 12.0  # below it, in the dark, photographs have few tones too
_LONGEST_SIDE = 640  # pixels, 30 ms on two cores; larger pictures are scaled down


def has_face(frames: Iterable[np.ndarray]) -> bool:
    """Return whether frames, (H, W, 3) uint8 RGB, of one picture or clip show a person's face."""
    import cv2

    cv2.utils.logging.setLogLevel(2)  # errors only: OpenCV warns about each network it opens
    # A new detector per call: it stores its input size, and calls come from several threads.
    detector = cv2.FaceDetectorYN.create(str(_WEIGHTS), "", (1, 1), LIKELY_SCORE)

    def score(frame: np.ndarray) -> float:
        """Return the score of the face that is seen best, 0 if there is none."""
        scale = min(1.0, _LONGEST_SIDE / max(frame.shape[:2]))
        size = [max(1, round(side * scale)) for side in frame.shape[1::-1]]
        image = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2BGR)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        detector.setInputSize(size)
        _, faces = detector.detect(image)
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        seen = [face[-1] for face in (() if faces is None else faces) if not _is_flat(gray, face)]
        return float(max(seen, default=0.0))

    looks = list(frames)
    if len(looks) == 1:
        looks.append(looks[0][:, ::-1])
    num_seen = 0
    for look in looks:
        seen = score(look)
        num_seen += seen >= LIKELY_SCORE
        if seen >= SURE_SCORE or num_seen == 2:
            return True
    return False


def _is_flat(gray: np.ndarray, face: np.ndarray) -> bool:
    """Return whether a face is mostly of one tone, as in drawings; `face` starts with its box."""
    left, top, width, height = face[:4]
    rows = slice(max(0, round(top + 0.1 * height)), max(0, round(top + 0.9 * height)))
    columns = slice(max(0, round(left + 0.1 * width)), max(0, round(left + 0.9 * width)))
    tones = np.sort(gray[rows, columns].astype(np.float32), axis=None)
    if not tones.size or tones.std() < _MIN_CONTRAST:
        return False
    spread = max(3.0, 0.12 * tones.std())
    alike = np.searchsorted(tones, tones + spread, side="right") - np.arange(tones.size)
    return alike.max() > MAX_FLAT_SHARE * tones.size

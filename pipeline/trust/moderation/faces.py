"""Detects whether pictures contain a face, with YuNet (232 kB, in assets/trust with its notice).

It does not identify people, or tell age or sex.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

_WEIGHTS = Path(__file__).resolve().parents[3] / "assets/trust/face_detection_yunet_2023mar.onnx"
MIN_SCORE = 0.8  # at 0.6, more heads of drawn animals count as faces
_LONGEST_SIDE = 640  # pixels, 30 ms on two cores; larger pictures are scaled down


def has_face(frames: Iterable[np.ndarray]) -> bool:
    """Return whether any of the frames, (H, W, 3) uint8 RGB, contains a face."""
    import cv2

    cv2.utils.logging.setLogLevel(2)  # errors only: OpenCV warns about each network it opens
    # A new detector per call: it stores its input size, and calls come from several threads.
    detector = cv2.FaceDetectorYN.create(str(_WEIGHTS), "", (1, 1), MIN_SCORE)
    for frame in frames:
        scale = min(1.0, _LONGEST_SIDE / max(frame.shape[:2]))
        size = [max(1, round(side * scale)) for side in frame.shape[1::-1]]
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        detector.setInputSize(size)
        _, faces = detector.detect(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        if faces is not None and len(faces):
            return True
    return False

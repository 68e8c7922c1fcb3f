"""Whether there are faces in pictures, by YuNet (232 kB, in assets/trust with its notice).

It says that a face is there, never whose, of what age or sex.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

_WEIGHTS = Path(__file__).resolve().parents[2] / "assets/trust/face_detection_yunet_2023mar.onnx"
MIN_SCORE = 0.8  # at 0.6 the heads of drawn animals are faces more often
_LONGEST_SIDE = 640  # pixels, 30 ms on two cores; larger pictures are made smaller


def has_face(frames: Iterable[np.ndarray]) -> bool:
    """Say whether a face is in any of the frames, (H, W, 3) uint8 RGB."""
    import cv2

    cv2.utils.logging.setLogLevel(2)  # errors: it warns of each network that it opens
    # Anew for each request, and they come from several threads: it keeps the size of its input.
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

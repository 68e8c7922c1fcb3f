"""What is read off frames: each number finds what it is there to find, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from training.measures.joins import seam_ratio
from training.measures.motion import dynamic_degree

NUM_FRAMES, HEIGHT, WIDTH = 64, 144, 256
JOIN = 32
STEP = 2  # pixels a frame


def clip(places: np.ndarray) -> np.ndarray:
    """Move a camera over a wide soft picture, to these columns: frames (F, H, W, 3) uint8."""
    noise = np.random.default_rng(3).integers(0, 256, (HEIGHT, 512, 3), np.uint8)
    soft = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(6)), float)
    strong = (128 + 4 * (soft - soft.mean())).clip(0, 255).astype(np.uint8)
    return np.stack([strong[:, x : x + WIDTH] for x in places])


def steady() -> np.ndarray:
    return clip(STEP * np.arange(NUM_FRAMES))


def with_lost_frames_at_the_join() -> np.ndarray:
    """Move on by six pixels at the join and by two everywhere else."""
    places = STEP * np.arange(NUM_FRAMES)
    places[JOIN:] += 4
    return clip(places)


def repeating_a_frame_at_the_join() -> np.ndarray:
    frames = steady()
    frames[JOIN] = frames[JOIN - 1]
    return frames


@pytest.mark.parametrize(
    ("make", "low", "high"),
    [
        (steady, 0.9, 1.1),
        (with_lost_frames_at_the_join, 1.6, 3.0),
        (repeating_a_frame_at_the_join, 0.0, 0.5),
    ],
)
def test_a_flaw_at_a_join_is_found_there_and_nowhere_else(
    make: object, low: float, high: float
) -> None:
    frames = make()
    assert low < seam_ratio(frames, JOIN) < high
    assert 0.9 < seam_ratio(frames, JOIN + 14) < 1.1


def test_a_frozen_clip_gives_itself_away_by_its_dynamic_degree() -> None:
    assert dynamic_degree(clip(np.zeros(NUM_FRAMES, int))) == 0
    assert dynamic_degree(steady()) > 5

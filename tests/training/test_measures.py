"""What is read off frames: each number finds what it is there to find, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from training.measures.drift import LOOKS, Looks, read_looks
from training.measures.joins import colour_jump, flow_jump, seam_ratio
from training.measures.motion import dynamic_degree

FPS = 16.0
NUM_FRAMES, HEIGHT, WIDTH = 64, 144, 256
JOIN = 32
STEP = 2  # pixels a frame


def land() -> np.ndarray:
    """Paint a wide soft picture (H, W, 3) in [0, 1] of many colours, none of them extreme."""
    noise = np.random.default_rng(3).integers(0, 256, (HEIGHT, 512, 3), np.uint8)
    soft = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(6)), np.float32)
    spread = (soft - soft.mean((0, 1))) / soft.std((0, 1))
    return (0.5 + 0.12 * spread).clip(0.05, 0.95)


def clip(places: np.ndarray) -> np.ndarray:
    """Move a camera over the land: frames (F, H, W, 3) in [0, 1] that begin at these columns."""
    picture = land()
    return np.stack([picture[:, x : x + WIDTH] for x in places])


def to_bytes(frames: np.ndarray) -> np.ndarray:
    return (255 * frames).round().clip(0, 255).astype(np.uint8)


def steady() -> np.ndarray:
    return clip(STEP * np.arange(NUM_FRAMES))


def with_cast_from_the_join() -> np.ndarray:
    frames = steady()
    frames[JOIN:] += np.array([0.06, 0.0, -0.06], np.float32)
    return frames


def with_lost_frames_at_the_join() -> np.ndarray:
    """Move on by six pixels at the join and by two everywhere else."""
    places = STEP * np.arange(NUM_FRAMES)
    places[JOIN:] += 4
    return clip(places)


def turning_back_at_the_join() -> np.ndarray:
    """Move as fast as before, the other way."""
    return clip(STEP * (JOIN - np.abs(np.arange(NUM_FRAMES) - JOIN)))


def repeating_a_frame_at_the_join() -> np.ndarray:
    frames = steady()
    frames[JOIN] = frames[JOIN - 1]
    return frames


def frozen() -> np.ndarray:
    return clip(np.zeros(NUM_FRAMES, int))


def growing_brighter() -> np.ndarray:
    return frozen() + over_time(0, 0.15)


def paling() -> np.ndarray:
    """Lose colour; every pixel keeps its grey."""
    grey = grey_of(frozen())
    return grey + (frozen() - grey) * over_time(1, 0.6)


def flattening() -> np.ndarray:
    """Lose light and shade; every pixel keeps its colour."""
    grey = grey_of(frozen())
    return frozen() + (grey.mean() - grey) * over_time(0, 0.5)


def blurring() -> np.ndarray:
    pictures = [Image.fromarray(x) for x in to_bytes(frozen())]
    radii = np.linspace(0, 2.5, NUM_FRAMES)
    blurred = [x.filter(ImageFilter.GaussianBlur(r)) for x, r in zip(pictures, radii, strict=True)]
    return np.stack([np.asarray(x, np.float32) for x in blurred]) / 255


def over_time(first: float, last: float) -> np.ndarray:
    return np.linspace(first, last, NUM_FRAMES).reshape(-1, 1, 1, 1)


def grey_of(frames: np.ndarray) -> np.ndarray:
    return (frames @ np.array([0.2125, 0.7154, 0.0721]))[..., np.newaxis]  # Rec. 709


FLAWS_AT_JOINS = {
    "nothing": (steady, set()),
    "a cast": (with_cast_from_the_join, {"step", "colour"}),
    "lost frames": (with_lost_frames_at_the_join, {"step", "flow"}),
    "a repeated frame": (repeating_a_frame_at_the_join, {"step", "flow"}),
    "turning back": (turning_back_at_the_join, {"flow"}),
}
FLAWS_OVER_TIME = {
    "nothing": (frozen, set()),
    "brightness": (growing_brighter, {"colour"}),
    "paling": (paling, {"saturation"}),
    "flattening": (flattening, {"contrast"}),
    "blur": (blurring, {"sharpness"}),
}


def unusual(frames: np.ndarray, join: int) -> set[str]:
    """Say which measures of a join are out of the ordinary, far from the limits chosen here."""
    is_so = {
        "step": not 0.6 <= seam_ratio(frames, join) <= 1.6,
        "colour": colour_jump(frames, join) > 2.0,
        "flow": flow_jump(frames, join) > 0.5,
    }
    return {name for name in is_so if is_so[name]}


@pytest.mark.parametrize("flaw", FLAWS_AT_JOINS)
def test_a_flaw_at_a_join_is_found_by_what_it_concerns_and_nothing_else(flaw: str) -> None:
    make, expected = FLAWS_AT_JOINS[flaw]
    frames = to_bytes(make())
    assert unusual(frames, JOIN) == expected
    assert unusual(frames, JOIN + 14) == set()


@pytest.mark.parametrize("flaw", FLAWS_OVER_TIME)
def test_what_creeps_is_found_by_what_it_concerns_and_nothing_else(flaw: str) -> None:
    make, expected = FLAWS_OVER_TIME[flaw]
    looks = read_looks(to_bytes(make()), FPS)
    found = {name for name in LOOKS if looks.drift(name) > 0.025}
    found |= {"colour"} if looks.drift("colour") > 1.0 else set()
    assert found == expected


def test_what_a_render_does_too_is_no_drift_beyond_it() -> None:
    looks = read_looks(to_bytes(paling()), FPS)
    assert looks.drift("saturation") > 0.025
    assert looks.drift("saturation", looks) == looks.drift("colour", looks) == 0


def test_a_slope_is_that_of_a_minute_and_a_drift_that_of_the_ends() -> None:
    times = np.arange(0, 30, 0.5)
    values = 0.2 - 0.06 * times / 60
    looks = Looks(times, values, values, values, np.stack([values, 0 * values, 2 * values], 1))
    assert looks.slope("contrast") == pytest.approx(-0.06)
    # The middles of the first and the last nine values of sixty are 25.5 seconds apart.
    assert looks.drift("contrast") == pytest.approx(0.06 * 25.5 / 60)
    assert looks.drift("colour") == pytest.approx(5**0.5 * 0.06 * 25.5 / 60)
    assert looks.first(10.0).times.max() == 9.5


def test_looks_lie_between_zero_and_one() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 64, 64, 3), np.uint8)
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    checks = np.broadcast_to(checks[..., np.newaxis], noise.shape).astype(np.uint8)
    black = np.zeros_like(noise)
    for frames in (noise, checks, black, black + np.array([255, 0, 0], np.uint8)):
        looks = read_looks(frames, FPS)
        assert all(((x >= 0) & (x <= 1)).all() for x in (looks.saturation, looks.contrast))
        assert all((looks.sharpness >= 0) & (looks.sharpness <= 1))


def test_a_frozen_clip_has_no_drift_and_gives_itself_away_by_its_dynamic_degree() -> None:
    still, moving = to_bytes(frozen()), to_bytes(steady())
    assert all(read_looks(still, FPS).drift(name) == 0 for name in LOOKS)
    assert dynamic_degree(still) == 0
    assert dynamic_degree(moving) > 20

"""The shipped weights: they load through the one loader, and what they draw obeys the words."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from pipeline.engines.ltx import Context, LTXEngine
from pipeline.loader import Loader

WEIGHTS = Path(__file__).resolve().parent.parent / "assets" / "kinora-mini"
MAX_BYTES = 80_000_000
SEEDS = (1, 2, 3)


@lru_cache(maxsize=1)
def embedded_engine() -> LTXEngine:
    return LTXEngine(Loader().load("kinora-mini"), width=512, height=288)


@lru_cache(maxsize=32)
def draw(prompt: str) -> np.ndarray:
    """Draw a prompt with every seed: stills (N, H, W, 3) in [0, 1]."""
    engine = embedded_engine()
    guidance_scale = engine.model.spec.default_guidance_scale
    embeds = engine.encode_prompt(prompt, "", guidance_scale)
    stills = []
    for seed in SEEDS:
        latents = engine.denoise(
            1,
            embeds,
            Context(is_start=True),
            num_inference_steps=10,
            guidance_scale=guidance_scale,
            seed=seed,
        )
        stills.append(next(engine.decode(latents))[0])
    return np.stack(stills) / 255


def share_near(stills: np.ndarray, rgb: tuple[float, float, float]) -> float:
    """Return the share of pixels whose colour points in the direction of `rgb`, grey taken away."""
    vivid = stills - stills.mean(-1, keepdims=True)
    target = np.array(rgb) - np.mean(rgb)
    length = np.linalg.norm(vivid, axis=-1)
    cosine = vivid @ target / (length * np.linalg.norm(target) + 1e-6)
    return float(((cosine > 0.9) & (length > 0.25)).mean())


def test_all_weights_together_are_small_enough_to_ship() -> None:
    sizes = [path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file()]
    assert 0 < sum(sizes) <= MAX_BYTES


@pytest.mark.parametrize(
    ("colour", "rgb", "others"),
    [
        ("red", (1, 0, 0), ("blue", "yellow")),
        ("blue", (0, 0.2, 1), ("red", "yellow")),
        ("yellow", (1, 0.9, 0), ("red", "blue")),
    ],
)
def test_the_subject_has_the_colour_of_the_prompt(
    colour: str, rgb: tuple[float, float, float], others: tuple[str, ...]
) -> None:
    prompt = "a big {} car on a snowy field in the morning, static camera"
    asked = share_near(draw(prompt.format(colour)), rgb)
    assert asked > 0.02
    assert all(asked > 3 * share_near(draw(prompt.format(other)), rgb) for other in others)


@pytest.mark.parametrize(
    ("place", "is_right"),
    [
        ("in a meadow", lambda rgb: rgb[1] > rgb[0] and rgb[1] > rgb[2]),  # green
        ("on a snowfield", lambda rgb: min(rgb) > 0.7),  # white
        ("on a lake", lambda rgb: rgb[2] > rgb[0]),  # water
        ("in a desert", lambda rgb: rgb[0] > rgb[1] > rgb[2]),  # sand
    ],
)
def test_the_ground_is_that_of_the_place(place: str, is_right: object) -> None:
    stills = draw(f"a small white bird {place} at noon, static camera")
    ground = np.median(stills[:, 230:], axis=(0, 1, 2))
    assert is_right(ground), ground.round(2)


@pytest.mark.parametrize(
    ("time", "is_right"),
    [
        ("at noon", lambda rgb: rgb[2] > rgb[0] and max(rgb) > 0.6),  # blue
        ("at sunset", lambda rgb: rgb[0] > rgb[2]),  # warm
        ("at night", lambda rgb: max(rgb) < 0.4),  # dark
    ],
)
@pytest.mark.parametrize("place", ["in a meadow", "in a desert"])
def test_the_sky_is_that_of_the_time_of_day(place: str, time: str, is_right: object) -> None:
    stills = draw(f"a small white bird {place} {time}, static camera")
    sky = np.median(stills[:, :100], axis=(0, 1, 2))
    assert is_right(sky), sky.round(2)


def test_other_words_for_the_same_thing_give_the_same_picture() -> None:
    first, second = (
        draw("a red cat in a meadow at noon"),
        draw("a scarlet kitten in a meadow at noon"),
    )
    assert np.abs(first - second).mean() < 0.02


def test_an_unknown_word_does_no_harm() -> None:
    assert draw("a red zorbling cat in a meadow at noon").mean() == pytest.approx(
        draw("a red cat in a meadow at noon").mean(), abs=0.05
    )

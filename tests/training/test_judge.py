"""The judge of clips sees what is right in a render, and the one value that is not."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.mini.scene import complete_scene
from training.data import FPS
from training.judge import NUM_LATENTS, read_clip
from training.world import render

ASKED = {"subject": "dog", "colour": "red", "place": "beach", "time": "day", "motion": "right"}


@pytest.mark.parametrize(
    ("name", "shown"),
    [("subject", "dog"), ("subject", "fox"), ("colour", "blue"), ("time", "night")],
)
def test_a_value_that_was_not_asked_is_seen_and_the_others_stay_right(
    name: str, shown: str
) -> None:
    drawn = complete_scene(ASKED | {name: shown}, seed=5)
    times = (np.arange(1 + 8 * (NUM_LATENTS - 1)) / FPS).tolist()
    frames, _ = render(drawn, height=144, width=256, times=times)
    rng = np.random.default_rng(0)
    noisy = (frames + rng.normal(0, 8, frames.shape)).clip(0, 255).astype(np.uint8)
    assert read_clip(noisy, ASKED, drawn, rng) == ASKED | {name: shown}

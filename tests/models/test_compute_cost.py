"""How long a step takes, by arithmetic."""

from __future__ import annotations

import pytest

from pipeline.models.compute_cost import (
    MIN_SECONDS_PER_STEP,
    num_tokens,
    seconds_per_step,
    transformer_width,
)
from pipeline.models.registry import MODELS

H100 = 400e12  # what it reaches in bfloat16


@pytest.mark.parametrize(
    ("model", "width"),
    [("ltx-video-2b", 2048), ("ltx-video-13b", 4096), ("wan-2.2-5b", 3072)],
)
def test_the_width_is_known_from_the_parameters(model: str, width: int) -> None:
    assert transformer_width(MODELS[model]) == pytest.approx(width, rel=0.07)


def test_a_step_of_a_large_model_is_of_the_order_that_is_published() -> None:
    """Wan 2.1 14B takes 50 steps for 81 frames of 832x480: about nine minutes on an H100."""
    spec = MODELS["wan-2.2-t2v-a14b"]
    tokens = num_tokens(spec, 832, 480, 21)
    assert tokens == 52 * 30 * 21
    assert 5 < seconds_per_step(spec, tokens, 5.0, H100) < 15


@pytest.mark.parametrize(
    ("model", "size", "num_latents", "published"),
    [
        # 77 s with 50 evaluations, 35 s with 16 (Kandinsky-5, README).
        ("kandinsky-5-t2v", (768, 512), 31, (77 - 35) / (50 - 16)),
        # 19.5 frames a second (Helios, README): 132 in two steps of each stage.
        ("helios-distilled", (640, 384), 36, 132 / 19.5 / 2),
    ],
)
def test_a_step_on_an_h100_is_of_the_order_that_its_authors_publish(
    model: str, size: tuple[int, int], num_latents: int, published: float
) -> None:
    spec = MODELS[model]
    tokens = num_tokens(spec, *size, num_latents)
    assert published < seconds_per_step(spec, tokens, 1.0, H100) < 3 * published


def test_guidance_is_a_second_call_and_attention_grows_faster_than_the_clip() -> None:
    spec = MODELS["wan-2.2-5b"]
    plain, guided, longer = (
        seconds_per_step(spec, tokens, guidance, H100)
        for tokens, guidance in ((27_280, 1.0), (27_280, 5.0), (54_560, 1.0))
    )
    assert guided == pytest.approx(2 * plain)
    assert 2.5 < longer / plain < 4


def test_no_step_is_free() -> None:
    spec = MODELS["kinora-mini"]
    assert seconds_per_step(spec, 100, 1.0, H100) == MIN_SECONDS_PER_STEP

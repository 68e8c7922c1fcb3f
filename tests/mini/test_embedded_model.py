"""The shipped weights: the ones that were measured, small enough, and obedient to the words."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.engines import open_engine
from pipeline.engines.base import ShotContext
from pipeline.errors import InvalidRequestError
from pipeline.generation.generate import generate
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.mini.engine import MiniEngine
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import CPU, picture
from training.grammar import is_held_out
from training.judge import MAIN, NUM_LATENTS, read_clip
from training.sampling import SHIPPED, make_clip
from training.weights import hash_weights

WEIGHTS = Path(SHIPPED.repository)
MAX_BYTES = 40_000_000


@pytest.fixture
def how() -> dict[str, Any]:
    """Return what `generate` needs beside a request and a place."""
    return {
        "model_cache": ModelCache(),
        "on_progress": lambda _: None,
        "is_cancelled": lambda: False,
    }


@lru_cache(maxsize=1)
def embedded_engine() -> MiniEngine:
    return open_engine(ModelCache().load(SHIPPED.id), width=512, height=288)


@lru_cache(maxsize=32)
def draw(prompt: str, num_latents: int = 2, seed: int = 1) -> np.ndarray:
    """Draw a prompt as the app does: frames (F, H, W, 3) uint8."""
    return make_clip(embedded_engine(), prompt, num_latents, seed)


def test_the_shipped_weights_are_those_that_were_measured() -> None:
    figures = json.loads((WEIGHTS / "figures.json").read_text())
    assert figures["weights"] == hash_weights(WEIGHTS)


def test_all_weights_together_are_small_enough_to_ship() -> None:
    sizes = [path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file()]
    assert 0 < sum(sizes) <= MAX_BYTES


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        (
            "a large red car drives to the right in a city at night, static camera",
            ("car", "red", "city", "night", "right", "static"),
        ),
        (
            "a large yellow train stands still on a beach at sunset, static camera",
            ("train", "yellow", "beach", "sunset", "still", "static"),
        ),
        (
            "a large purple butterfly moves to the left in a garden by day, static camera",
            ("butterfly", "purple", "garden", "day", "left", "static"),
        ),
        (
            "a large happy child in green stands still in a village by day, the camera pans left",
            ("child", "green", "village", "day", "still", "pan left"),
        ),
        (
            "a large white plane flies to the right over a lake in the morning, static camera",
            ("plane", "white", "lake", "morning", "right", "static"),
        ),
    ],
)
def test_a_clip_shows_what_its_prompt_asks_for(prompt: str, asked: tuple[str, ...]) -> None:
    scene = embedded_engine().encode_prompt(prompt, "", 1.0, ShotContext(seed=1)).paths.scene
    assert not is_held_out(scene)
    named = dict(zip(MAIN, asked, strict=True))
    seen = read_clip(draw(prompt, NUM_LATENTS), named, scene, np.random.default_rng(1))
    assert seen == named


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
    frames = draw(f"a small white bird {place} {time}, static camera")
    sky = np.median(frames[:, :100], axis=(0, 1, 2)) / 255
    assert is_right(sky), sky.round(2)


def test_other_words_for_the_same_thing_give_the_same_picture() -> None:
    first, second = (
        draw("a red cat in a meadow at noon"),
        draw("a scarlet kitten in a meadow at noon"),
    )
    np.testing.assert_array_equal(first, second)


def test_an_unknown_word_does_no_harm() -> None:
    np.testing.assert_array_equal(
        draw("a red zorbling cat in a meadow at noon"), draw("a red cat in a meadow at noon")
    )


def test_another_seed_is_another_clip_of_the_same_prompt() -> None:
    prompt = "a red cat in a meadow at noon"
    assert (draw(prompt, seed=1) != draw(prompt, seed=2)).any()


def test_a_loop_ends_where_it_begins(how: dict[str, Any], tmp_path: Path) -> None:
    """The step from its last frame to its first is no larger than the largest within."""
    prompt = "a large red car drives to the right in a city at noon, static camera"
    short = {"model": SHIPPED.id, "prompt": prompt, "duration": 1.0, "seed": 1}
    first = tmp_path / "first.mp4"
    generate(build_request("text_to_video", **short), output=first, **how)
    loop = tmp_path / "loop.mp4"
    request = build_request("extend_video", video=first, direction="loop", **short)
    generate(request, output=loop, **how)
    frames = np.concatenate(list(iterate_frames(loop, probe_clip(loop)))).astype(int)
    assert len(frames) == 17 + 16
    steps = np.abs(np.diff(np.concatenate([frames, frames[:1]]), axis=0)).mean((1, 2, 3))
    assert steps[-1] <= steps[:-1].max()


def test_a_retake_of_its_own_clip_joins_where_everything_is_in_its_place(
    how: dict[str, Any], tmp_path: Path
) -> None:
    """The last frames showed two bodies: what followed was still, and mixed in for a second."""
    prompt = "a large {} car drives to the right in a city at noon, static camera"
    short = {"model": SHIPPED.id, "duration": 1.5, "seed": 1, "prompt": prompt.format("red")}
    clip = tmp_path / "clip.mp4"
    generate(build_request("text_to_video", **short), output=clip, **how)
    before = np.concatenate(list(iterate_frames(clip, probe_clip(clip)))).astype(int)
    part = short | {"video": clip, "start": 0.5, "duration": 0.7}  # 11 frames, of 16 made
    for colour, differs in (("red", 0), ("blue", 10)):
        output = tmp_path / f"{colour}.mp4"
        part["prompt"] = prompt.format(colour)
        generate(build_request("retake_video", **part), output=output, **how)
        frames = np.concatenate(list(iterate_frames(output, probe_clip(output)))).astype(int)
        steps = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
        joins = [7, 18]
        assert steps[joins].max() <= np.delete(steps, joins).max()
        change = np.abs(frames - before).mean((1, 2, 3))
        assert differs <= change[13] < differs + 10
        assert change[[8, 18]].max() < 4
    remix = build_request("remix_video", prompt="a cat", model=SHIPPED.id, video=output)
    with pytest.raises(InvalidRequestError, match="only clips that it has made itself"):
        generate(remix, output=tmp_path / "remix.mp4", **how)


@pytest.mark.parametrize("task", ["text_to_video", "image_to_video"])
def test_bfloat16_shows_what_full_precision_does(task: str, tmp_path: Path) -> None:
    """The camera's moves over a picture were computed in bfloat16, and came out as no numbers."""
    still = tmp_path / "still.png"
    Image.fromarray(picture(512, 288)).save(still)
    request = build_request(
        task,
        prompt="a red car, the camera zooms in",
        model=SHIPPED.id,
        image=still if task == "image_to_video" else None,
        duration=1.0,
        seed=1,
    )
    clips = []
    for has_fast_bf16 in (False, True):
        clip = generate(
            request,
            model_cache=ModelCache(replace(CPU, has_fast_bf16=has_fast_bf16)),
            output=tmp_path / f"{has_fast_bf16}.mp4",
            on_progress=lambda _: None,
            is_cancelled=lambda: False,
        )
        clips.append(np.concatenate(list(iterate_frames(clip.path, probe_clip(clip.path)))))
    errors = np.abs(clips[0].astype(int) - clips[1]).mean((1, 2, 3))
    assert errors.max() < 2.5  # grey levels

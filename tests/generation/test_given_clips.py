"""Clips of all kinds through `generate`: what comes out keeps their rate and their sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from pipeline.generation.generate import Clip, generate
from pipeline.media.video_reader import probe_clip
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.sources import H264, ffmpeg, first_and_last_sound, make_clip
from tests.tiny import MINI

DIRECTIONS = ("forward", "backward", "loop", "bridge")


@pytest.fixture(scope="module")
def outlasted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a clip of one second whose sound goes on for three."""
    folder = tmp_path_factory.mktemp("outlasted")
    picture, path = make_clip(folder / "picture.mp4", num_frames=24), folder / "clip.mp4"
    sound = ("-f", "lavfi", "-i", "sine=440:d=3:r=48000,volume=4")
    ffmpeg("-i", picture, *sound, "-c:v", "copy", "-c:a", "aac", path)
    return path


def extend(model_caches: dict[str, ModelCache], clip: Path, output: Path, direction: str) -> Clip:
    fields = {"prompt": "a red circle glides", "duration": 1.0, "seed": 1, "video": clip}
    if direction == "bridge":
        fields["video_after"] = clip
    request = build_request("extend_video", model=MINI, models=None, direction=direction, **fields)
    return generate(
        request,
        model_cache=model_caches[MINI],
        output=output,
        on_progress=lambda _: None,
        is_cancelled=lambda: False,
    )


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_sound_that_outlasts_its_picture_is_not_heard_over_new_frames(
    model_caches: dict[str, ModelCache], tmp_path: Path, outlasted: Path, direction: str
) -> None:
    made = extend(model_caches, outlasted, tmp_path / "made.mp4", direction)
    start = 1.0 if direction == "backward" else 0.0
    assert first_and_last_sound(made.path) == pytest.approx((start, start + 1), abs=0.05)


@pytest.mark.parametrize("rate", [Fraction(60000, 1001), Fraction(24000, 1001), Fraction(120)])
def test_an_extension_keeps_the_exact_rate(
    model_caches: dict[str, ModelCache], tmp_path: Path, rate: Fraction
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", *H264, fps=str(rate))
    made = extend(model_caches, clip, tmp_path / "made.mp4", "forward")
    info = probe_clip(made.path)
    assert made.fps == info.fps == rate
    assert made.recipe["fps"] == float(rate)
    assert info.num_frames == made.num_frames == 48 + round(rate)

"""A span of a clip made anew: what is kept, how it joins, its sound, and what the recipe says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import GenerationCancelledError, InvalidRequestError
from pipeline.generation.generate import Clip, generate
from pipeline.media.video_reader import probe_clip
from pipeline.planning.request import GenerationRequest
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.sources import BEEP, H264, first_and_last_sound, make_clip, read_all
from tests.tiny import LTX, MINI

each_model = pytest.mark.parametrize("name", [MINI, LTX])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 24 frames a second, 96x64, with a beep from 0.5 s to 1 s."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return make_clip(path, *H264, "-c:a", "aac", sound=BEEP)


def ask(name: str, clip: Path, start: float = 0.5, duration: float = 0.75) -> GenerationRequest:
    fields = {"prompt": "a red boat", "seed": 3, "model": name, "models": None}
    return build_request("retake_video", video=clip, start=start, duration=duration, **fields)


def run(
    model_caches: dict[str, ModelCache], request: GenerationRequest, output: Path, **how: object
) -> Clip:
    options = {"on_progress": lambda _: None, "is_cancelled": lambda: False} | how
    return generate(request, model_cache=model_caches[request.model], output=output, **options)


@each_model
def test_a_retake_changes_its_span_alone_and_keeps_rate_size_and_sound(
    model_caches: dict[str, ModelCache], tmp_path: Path, name: str, clip: Path
) -> None:
    made = run(model_caches, ask(name, clip), tmp_path / "clip.mp4")
    info = probe_clip(made.path)
    assert (info.fps, info.num_frames, info.width, info.height) == (24, 48, 96, 64)
    assert first_and_last_sound(made.path) == pytest.approx((0.5, 1.0), abs=0.03)
    shown, given = (read_all(x, probe_clip(x)).astype(int) for x in (made.path, clip))
    change = np.abs(shown - given).mean((1, 2, 3))
    assert change[[*range(12), *range(30, 48)]].max() < 8  # what H.264 costs
    assert change[12:30].min() > 8
    assert made.recipe["new_spans"] == [{"first_frame": 12, "num_frames": 18}]
    assert [(x["first_frame"], x["num_frames"], x["start"]) for x in made.recipe["kept"]] == [
        (0, 12, 0.0),
        (30, 18, 1.25),
    ]


@each_model
def test_a_retake_that_was_stopped_goes_on_from_its_finished_windows(
    model_caches: dict[str, ModelCache], tmp_path: Path, name: str
) -> None:
    long = make_clip(tmp_path / "long.mp4", num_frames=144)
    request, whole, stopped = ask(name, long, 0.5, 5.0), tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped):
        folder.mkdir()
    run(model_caches, request, whole / "clip.mp4", keep=whole)

    def has_begun() -> bool:
        return any(stopped.glob("windows/*.safetensors"))

    with pytest.raises(GenerationCancelledError):
        run(model_caches, request, stopped / "clip.mp4", keep=stopped, is_cancelled=has_begun)
    num_kept = len([*stopped.glob("windows/*.safetensors")])
    assert 0 < num_kept < len([*whole.glob("windows/*.safetensors")])
    run(model_caches, request, stopped / "clip.mp4", keep=stopped)
    frames = [read_all(x / "clip.mp4", probe_clip(x / "clip.mp4")) for x in (whole, stopped)]
    np.testing.assert_array_equal(*frames)


@pytest.mark.parametrize(
    ("start", "duration", "message"),
    [
        (0.0, 1.0, "begins after the start"),
        (1.0, 1.0, "goes to the end of the clip"),
        (1.5, 1.0, "lasts 2 s, but the span is from 1.5 to 2.5 s"),
    ],
)
def test_a_retake_that_leaves_an_end_out_is_refused_with_one_sentence(
    model_caches: dict[str, ModelCache],
    tmp_path: Path,
    clip: Path,
    start: float,
    duration: float,
    message: str,
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        run(model_caches, ask(MINI, clip, start, duration), tmp_path / "clip.mp4")

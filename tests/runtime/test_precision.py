"""What is no picture in bfloat16 is made once more in float32."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.errors import OutputError
from pipeline.generation.generate import Clip, generate
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.planning.request import GenerationRequest
from pipeline.planning.validation import build_request
from pipeline.runtime.device import GIGABYTE
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import CPU, LTX, tiny_models

FAST = replace(CPU, has_fast_bf16=True)


@pytest.fixture
def request_of_two_windows() -> GenerationRequest:
    return build_request("text_to_video", model=LTX, prompt="a red boat", duration=2.0, seed=3)


def make(request: GenerationRequest, model_cache: ModelCache, folder: Path) -> Clip:
    return generate(
        request,
        model_cache=model_cache,
        output=folder / "clip.mp4",
        on_progress=lambda _: None,
        is_cancelled=lambda: False,
        keep=folder / "job",
    )


def frames_of(clip: Clip) -> np.ndarray:
    return np.concatenate(list(iterate_frames(clip.path, probe_clip(clip.path))))


def spoil(model_cache: ModelCache, num_calls: int, value: float) -> None:
    """Let the transformer that is loaded now answer with a value after so many calls."""
    pipe, calls = model_cache.load(LTX).pipe, []

    def spoiled(_module: torch.nn.Module, _args: object, output: tuple) -> tuple:
        calls.append(None)
        if len(calls) <= num_calls:
            return output
        return (torch.full_like(output[0], value), *output[1:])

    pipe.transformer.register_forward_hook(spoiled)


def test_numbers_that_are_none_are_made_again_in_float32_and_the_next_clip_as_before(
    folder: Path, tmp_path: Path, request_of_two_windows: GenerationRequest
) -> None:
    model_cache = ModelCache(FAST, tiny_models(folder))
    spoil(model_cache, num_calls=3, value=float("nan"))  # in the second window
    clip = make(request_of_two_windows, model_cache, tmp_path)
    precise = make(
        request_of_two_windows, ModelCache(CPU, tiny_models(folder)), tmp_path / "precise"
    )
    # All of it, so that no window goes on from one of another precision.
    np.testing.assert_array_equal(frames_of(clip), frames_of(precise))
    assert model_cache.load(LTX).placement.dtype == "bfloat16"


def test_a_black_clip_is_made_again_in_float32(
    folder: Path, tmp_path: Path, request_of_two_windows: GenerationRequest
) -> None:
    model_cache = ModelCache(FAST, tiny_models(folder))
    pipe = model_cache.load(LTX).pipe
    pipe.vae.decoder.register_forward_hook(lambda _m, _a, output: torch.full_like(output, -1.0))
    clip = make(request_of_two_windows, model_cache, tmp_path)
    assert frames_of(clip).max() > 6


def test_what_is_none_in_float32_either_is_refused_after_one_more_try(
    folder: Path, tmp_path: Path, request_of_two_windows: GenerationRequest
) -> None:
    model_cache = ModelCache(CPU, tiny_models(folder))
    spoil(model_cache, num_calls=0, value=float("inf"))
    with pytest.raises(OutputError, match="NaN or infinite values"):
        make(request_of_two_windows, model_cache, tmp_path)


def test_float32_is_tried_only_where_it_fits_and_never_in_a_visitors_time_on_zero_gpu(
    folder: Path,
) -> None:
    models = tiny_models(folder)
    assert ModelCache(FAST, models).can_be_precise(LTX)
    assert ModelCache(replace(FAST, memory_bytes=16 * GIGABYTE), models).can_be_precise(LTX)
    for machine in (
        CPU,
        replace(FAST, device="cuda", memory_bytes=48 * GIGABYTE, is_zero_gpu=True),
    ):
        assert not ModelCache(machine, models).can_be_precise(LTX)

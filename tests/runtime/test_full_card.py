"""A card that is too full: the model is held more frugally, and the clip goes on.

No card is needed for that: a hook before the transformer raises what torch raises.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.errors import GenerationCancelledError, ModelError
from pipeline.generation.generate import Clip, generate
from pipeline.generation.progress import Progress
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.planning.request import GenerationRequest
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Placement
from tests.tiny import CPU, LTX, tiny_models

SENTENCE = (
    "The GPU does not have enough free memory for LTX-Video 2B 0.9.8 distilled; "
    "close other programs that use it, choose a smaller model, or try again later."
)


@pytest.fixture
def request_of_two_windows() -> GenerationRequest:
    return build_request("text_to_video", model=LTX, prompt="a red boat", duration=2.0, seed=3)


def resident(folder: Path) -> ModelCache:
    """Return a cache that holds all of the model, as a card does that is large enough."""
    model_cache = ModelCache(CPU, tiny_models(folder))
    model_cache.hold(LTX, Placement("cpu", "float32", "none", tile_decoding=True))
    return model_cache


def make(
    request: GenerationRequest,
    model_cache: ModelCache,
    folder: Path,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Clip:
    return generate(
        request,
        model_cache=model_cache,
        output=folder / "clip.mp4",
        on_progress=on_progress,
        is_cancelled=lambda: False,
        keep=folder / "job",
    )


def frames_of(clip: Clip) -> np.ndarray:
    return np.concatenate(list(iterate_frames(clip.path, probe_clip(clip.path))))


def fill_card(
    model_cache: ModelCache, num_calls: int, error: Exception | None = None
) -> list[object]:
    """Let the transformer that is loaded now run out of memory after so many calls."""
    calls: list[object] = []

    def raise_when_full(*_: object) -> None:
        calls.append(None)
        if len(calls) > num_calls:
            raise error or torch.OutOfMemoryError("CUDA out of memory.")

    model_cache.load(LTX).pipe.transformer.register_forward_pre_hook(raise_when_full)
    return calls


def test_a_clip_goes_on_from_its_finished_window_and_is_the_same(
    folder: Path, tmp_path: Path, request_of_two_windows: GenerationRequest
) -> None:
    whole = make(request_of_two_windows, resident(folder), tmp_path / "whole")
    assert len(whole.recipe["windows"]) == 2
    model_cache = resident(folder)
    calls = fill_card(model_cache, num_calls=3)  # two steps of the first window, one of the second
    steps: list[tuple[int, int]] = []

    def note(news: Progress) -> None:
        if news.stage == "loading":
            steps.clear()
        elif news.stage == "sampling":
            steps.append((news.window, news.step))

    clip = make(request_of_two_windows, model_cache, tmp_path, note)
    assert len(calls) == 4
    # With the model held more frugally the first window is found, and only the second one made.
    assert list(dict.fromkeys(steps)) == [(1, 0), (1, 2), (2, 1), (2, 2)]
    assert model_cache.load(LTX).placement.offload == "encode_first"
    np.testing.assert_array_equal(frames_of(clip), frames_of(whole))
    assert clip.recipe["seed"] == whole.recipe["seed"]


def test_what_was_on_the_full_card_is_gone_before_the_model_is_loaded_again(
    folder: Path, tmp_path: Path, request_of_two_windows: GenerationRequest
) -> None:
    """An error holds on to the frames it came through, and they to the weights."""
    model_cache = resident(folder)
    fill_card(model_cache, num_calls=0)
    transformer = weakref.ref(model_cache.load(LTX).pipe.transformer)
    is_there: list[bool] = []

    def note(news: Progress) -> None:
        if news.stage == "sampling" and not news.step:
            gc.collect()
            is_there.append(transformer() is not None)

    make(request_of_two_windows, model_cache, tmp_path, note)
    assert is_there == [True, False]


def test_a_card_that_stays_full_is_said_to_be_so(
    folder: Path, tmp_path: Path, request_of_two_windows: GenerationRequest
) -> None:
    model_cache = resident(folder)
    offloads: list[str] = []

    def note(news: Progress) -> None:
        if news.stage == "sampling" and not news.step:
            offloads.append(model_cache.load(LTX).placement.offload)
            fill_card(model_cache, num_calls=0)

    with pytest.raises(ModelError) as caught:
        make(request_of_two_windows, model_cache, tmp_path, note)
    assert str(caught.value) == SENTENCE
    # The last one without the whole autoencoder on the card.
    assert offloads == ["none", "encode_first", "model", "group", "group"]
    assert not (tmp_path / "clip.mp4").exists()


def failed_pin() -> torch.AcceleratorError:
    """Return what torch raises when CUDA cannot pin memory: no torch.OutOfMemoryError."""
    error = torch.AcceleratorError("CUDA error: out of memory")
    error.error_code = 2
    return error


def test_memory_that_cannot_be_pinned_is_pinned_by_layers_or_not_at_all(
    folder: Path, tmp_path: Path, request_of_two_windows: GenerationRequest
) -> None:
    """The job failed with torch's words before."""
    whole = make(request_of_two_windows, resident(folder), tmp_path / "whole")
    model_cache = resident(folder)
    model_cache.hold(LTX, replace(model_cache.placement(LTX), offload="group"))
    offloads: list[str] = []

    def note(news: Progress) -> None:
        if news.stage == "sampling" and not news.step:
            offloads.append(model_cache.load(LTX).placement.offload)
            if len(offloads) < 3:
                fill_card(model_cache, 1, failed_pin())

    clip = make(request_of_two_windows, model_cache, tmp_path, note)
    assert offloads == ["group", "group_lean", "group_slow"]
    np.testing.assert_array_equal(frames_of(clip), frames_of(whole))


def test_where_nothing_is_pinned_and_memory_is_short_a_sentence_says_so(
    folder: Path, tmp_path: Path, request_of_two_windows: GenerationRequest
) -> None:
    model_cache = resident(folder)
    fill_card(model_cache, 0, failed_pin())
    with pytest.raises(ModelError) as caught:
        make(request_of_two_windows, model_cache, tmp_path)
    assert str(caught.value) == SENTENCE.replace("GPU", "computer")


def test_another_error_of_the_card_is_not_taken_for_a_lack_of_memory(
    folder: Path, tmp_path: Path, request_of_two_windows: GenerationRequest
) -> None:
    model_cache = resident(folder)
    broken = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    broken.error_code = 700
    fill_card(model_cache, 0, broken)
    with pytest.raises(torch.AcceleratorError, match="illegal memory access"):
        make(request_of_two_windows, model_cache, tmp_path)


def test_a_model_that_is_stopped_or_fails_can_be_let_go(
    folder: Path, tmp_path: Path, request_of_two_windows: GenerationRequest
) -> None:
    model_cache = resident(folder)

    def stop(news: Progress) -> None:
        if news.step:
            raise GenerationCancelledError()

    with pytest.raises(GenerationCancelledError):
        make(request_of_two_windows, model_cache, tmp_path, stop)
    model_cache.release()  # would wait for ever for a model that is in use

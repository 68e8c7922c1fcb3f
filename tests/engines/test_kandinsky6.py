"""Kandinsky 6: a window against diffusers' own call, and its sound from window to window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.engines import open_engine
from pipeline.engines.av_latents import pack, unpack
from pipeline.engines.base import SamplingParams, WindowContext
from pipeline.engines.kandinsky6 import Kandinsky6Engine
from pipeline.errors import OutputError
from pipeline.models.registry import MODELS
from pipeline.models.spec import ModelSpec
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import CPU, picture
from tests.tiny_families import K6, save_tiny_family

SIDE, RATE = 64, 44_100
NOTHING = WindowContext(is_start=True)
ASKED = SamplingParams(seed=5, num_inference_steps=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp(K6)
    save_tiny_family(K6, folder)
    row: ModelSpec = replace(
        MODELS[K6], repository=str(folder), revision=None, max_sequence_length=32
    )
    model_cache = ModelCache(CPU, {K6: row})
    # Its text encoders stay: diffusers' own calls are made too.
    model_cache.hold(K6, replace(model_cache.placement(K6), offload="none"))
    return model_cache.load(K6)


@pytest.fixture(scope="module")
def engine(model: LoadedModel) -> Kandinsky6Engine:
    engine = open_engine(model, width=SIDE, height=SIDE)
    assert isinstance(engine, Kandinsky6Engine)
    return engine


def picture_of(engine: Kandinsky6Engine, *, is_picture: bool = True) -> WindowContext:
    before = engine.encode(picture(SIDE, SIDE)[np.newaxis], torch.Generator())
    return WindowContext(is_start=True, before=before, is_picture=is_picture)


def make(
    engine: Kandinsky6Engine, num_latents: int, given: WindowContext = NOTHING, seed: int = 5
) -> torch.Tensor:
    prompt = engine.encode_prompt("a red car", "", 1.0)
    return engine.make(num_latents, prompt, given, replace(ASKED, seed=seed))


@pytest.mark.parametrize("has_picture", [False, True])
def test_a_window_is_what_diffusers_own_call_makes_with_its_sound(
    engine: Kandinsky6Engine, model: LoadedModel, has_picture: bool
) -> None:
    given = picture_of(engine) if has_picture else NOTHING
    part = make(engine, 5 - given.num_before, given)
    shown = np.concatenate(list(engine.decode_shot(given, [part])))
    start, blocks = engine.decode_sound(given, [part])
    heard = np.concatenate(list(blocks))
    own = model.pipe(
        prompt="a red car",
        image=Image.fromarray(picture(SIDE, SIDE)) if has_picture else None,
        height=SIDE,
        width=SIDE,
        num_frames=17,
        num_inference_steps=2,
        guidance_scale=1.0,
        max_sequence_length=32,
        generator=torch.Generator().manual_seed(5),
        output_type="np",
    )
    assert shown.shape == (17, SIDE, SIDE, 3)
    assert np.abs(shown.astype(int) - np.rint(own.frames[0] * 255)).max() <= 1
    assert start == 0
    assert heard.shape == (round(17 / 24 * RATE), 2)
    np.testing.assert_allclose(heard[:, 0], own.audio[0][: len(heard)], atol=1e-4)
    np.testing.assert_array_equal(heard[:, 0], heard[:, 1])


def test_the_prompt_decides_what_is_made(engine: Kandinsky6Engine) -> None:
    words = [engine.encode_prompt(x, "", 1.0) for x in ("a red car", "a blue cat by night")]
    assert words[0]["prompt_embeds"].shape[1] < words[1]["prompt_embeds"].shape[1] < 32
    parts = [engine.make(3, prompt, NOTHING, ASKED) for prompt in words]
    assert not torch.equal(*parts)


def test_windows_share_a_frame_over_which_their_sounds_cross_fade(
    engine: Kandinsky6Engine,
) -> None:
    first = make(engine, 5)
    given = WindowContext(is_start=False, before=engine.tail(NOTHING, [first], 1))
    second = make(engine, 4, given, seed=6)
    alone = [
        np.concatenate(list(engine.decode_sound(NOTHING, [part])[1])) for part in (first, second)
    ]
    start, blocks = engine.decode_sound(NOTHING, [first, second])
    whole = np.concatenate(list(blocks))
    assert start == 0
    assert len(whole) == round(33 / 24 * RATE)  # 17 frames, and 17 of which one is shared
    join, end = round(16 / 24 * RATE), round(17 / 24 * RATE)
    np.testing.assert_array_equal(whole[:join], alone[0][:join])
    np.testing.assert_array_equal(whole[end:], alone[1][end - join :])
    middle = (join + end) // 2
    mixed = (alone[0][middle] + alone[1][middle - join]) * np.sqrt(0.5)
    np.testing.assert_allclose(whole[middle], mixed, atol=2e-3)


def test_new_sound_begins_with_the_last_given_frame(engine: Kandinsky6Engine) -> None:
    given = picture_of(engine, is_picture=False)
    start, blocks = engine.decode_sound(given, [make(engine, 4, given)])
    assert start == pytest.approx(-1 / 24)
    assert sum(map(len, blocks)) == round(17 / 24 * RATE)
    assert engine.hear(given, np.zeros((9, 2), np.float32), None) is given


def test_sound_that_is_not_finite_is_no_sound(engine: Kandinsky6Engine) -> None:
    latents = unpack(make(engine, 2))
    latents.audio[:] = torch.nan
    _, blocks = engine.decode_sound(NOTHING, [pack(latents)])
    with pytest.raises(OutputError, match="NaN or infinite values as sound"):
        list(blocks)


def test_its_files_are_those_of_the_released_pipeline(model: LoadedModel) -> None:
    folder = Path(model.spec.repository)
    assert {x.name for x in folder.iterdir() if x.is_dir()} >= {*model.spec.parts}

"""Kandinsky 5 Lite: what its pipelines are told, against diffusers' own calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import Qwen2Tokenizer

from pipeline.engines import open_engine
from pipeline.engines.base import SamplingParams, WindowContext
from pipeline.engines.pipeline_call import PipelineCallEngine
from pipeline.models.registry import MODELS
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.offload import AlternatingOffload
from pipeline.runtime.placement import Placement
from tests.engines.remixes import check_remixes
from tests.tiny import CPU, Calls, load_whole, picture
from tests.tiny_families import I2V, T2V, save_tiny_family

SIDE = 64
NOTHING = WindowContext(is_start=True)
ASKED = SamplingParams(seed=5, num_inference_steps=2, guidance_scale=3.0)
each_row = pytest.mark.parametrize("name", [T2V, I2V])


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    rows = {}
    for name in (T2V, I2V):
        folder = tmp_path_factory.mktemp(name)
        save_tiny_family(name, folder)
        rows[name] = replace(
            MODELS[name], repository=str(folder), revision=None, max_sequence_length=32
        )
    return rows


@pytest.fixture(scope="module")
def models(rows: dict[str, object]) -> dict[str, LoadedModel]:
    return {name: load_whole(row) for name, row in rows.items()}


def open_at(model: LoadedModel, side: int) -> PipelineCallEngine:
    return open_engine(model, width=side, height=side)


def picture_of(engine: PipelineCallEngine, side: int) -> WindowContext:
    frames = picture(side, side)[np.newaxis]
    before = engine.encode(frames, torch.Generator())
    return WindowContext(is_start=True, before=before, is_picture=True)


@each_row
def test_a_window_is_what_diffusers_own_call_makes(
    models: dict[str, LoadedModel], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models[name]
    engine = open_at(model, SIDE)
    given = NOTHING if name == T2V else picture_of(engine, SIDE)
    prompt = engine.encode_prompt("a red car", "a boat", 3.0)
    told: list[torch.Tensor] = []
    part = engine.make(5 - given.num_before, prompt, given, ASKED, lambda _, x: told.append(x))
    assert [engine.preview(x).shape for x in told] == [(256, 256, 3)] * 2
    shown = np.concatenate(list(engine.decode_shot(given, [part])))
    image = {} if name == T2V else {"image": Image.fromarray(picture(SIDE, SIDE))}
    # The positions of the models' own sizes, at one that is quick to make.
    monkeypatch.setattr(type(model.pipe), "_get_scale_factor", lambda *_: (1, 2, 2))
    made = model.pipe(
        prompt="a red car",
        negative_prompt="a boat",
        height=SIDE,
        width=SIDE,
        num_frames=17,
        num_inference_steps=2,
        guidance_scale=3.0,
        max_sequence_length=32,
        generator=torch.Generator().manual_seed(5),
        output_type="np",
        **image,
    )
    assert shown.shape == (17, SIDE, SIDE, 3)
    assert np.abs(shown.astype(int) - np.rint(made.frames[0] * 255)).max() <= 1


def test_at_a_size_of_the_models_own_nothing_is_changed(models: dict[str, LoadedModel]) -> None:
    engine = open_at(models[T2V], 480)
    prompt = engine.encode_prompt("a red car", "", 1.0)
    how = {"num_inference_steps": 1, "guidance_scale": 1.0}
    part = engine.make(2, prompt, NOTHING, SamplingParams(seed=5, **how))
    own = models[T2V].pipe(
        prompt="a red car",
        height=480,
        width=480,
        num_frames=5,
        max_sequence_length=32,
        generator=torch.Generator().manual_seed(5),
        output_type="latent",
        **how,
    )
    torch.testing.assert_close(part, own.frames.movedim(-1, 1))


@each_row
def test_positions_are_those_of_the_lite_models_at_every_size(
    models: dict[str, LoadedModel], name: str
) -> None:
    """Outside of 480 to 854 pixels diffusers takes those of other models, and says nothing."""
    engine = open_at(models[name], 64)
    given = NOTHING if name == T2V else picture_of(engine, 64)
    with Calls(models[name]) as calls:
        engine.make(4, engine.encode_prompt("a red car", "", 1.0), given, ASKED)
    assert set(calls.of("scale_factor")) == {(1, 2, 2)}
    assert models[name].pipe._get_scale_factor(416, 960) != (1, 2, 2)


def test_a_short_window_is_made_of_numbers(models: dict[str, LoadedModel]) -> None:
    """Of up to four latents diffusers' own call for pictures makes none."""
    engine = open_at(models[I2V], 64)
    given, prompt = picture_of(engine, 64), engine.encode_prompt("a red car", "", 1.0)
    part = engine.make(2, prompt, given, ASKED)
    assert part.shape == (1, 4, 3, 8, 8)
    assert torch.isfinite(part).all()
    assert [len(chunk) for chunk in engine.decode_shot(given, [part])] == [9]
    own = models[I2V].pipe(
        image=Image.fromarray(picture(64, 64)),
        prompt="a red car",
        height=64,
        width=64,
        num_frames=9,
        num_inference_steps=1,
        output_type="latent",
        max_sequence_length=32,
    )
    assert not torch.isfinite(own.frames).all()


def test_a_window_goes_on_from_the_frame_that_the_one_before_it_shows_last(
    models: dict[str, LoadedModel],
) -> None:
    engine = open_at(models[I2V], 64)
    given, prompt = picture_of(engine, 64), engine.encode_prompt("a red car", "", 1.0)
    first = engine.make(5, prompt, given, ASKED)
    tail = engine.tail(given, [first], 1)
    second = engine.make(4, prompt, WindowContext(is_start=False, before=tail), ASKED)
    chunks = list(engine.decode_shot(given, [first, second]))
    assert [len(chunk) for chunk in chunks] == [21, 16]
    np.testing.assert_array_equal(tail[0, :, 0].permute(1, 2, 0).numpy(), chunks[0][-1])


def test_words_are_read_by_both_encoders_and_kept(models: dict[str, LoadedModel]) -> None:
    engine, read = open_at(models[T2V], 64), []
    pipe = models[T2V].pipe
    hooks = [
        part.register_forward_hook(lambda *_: read.append(1))
        for part in (pipe.text_encoder, pipe.text_encoder_2)
    ]
    plain = engine.encode_prompt("a green cat", "a boat", 1.0)
    again = engine.encode_prompt("a green cat", "by day", 1.0)  # nothing is avoided
    assert len(read) == 2
    assert set(plain) == {"prompt_embeds_qwen", "prompt_embeds_clip", "prompt_cu_seqlens"}
    assert all(torch.equal(plain[name], again[name]) for name in plain)
    guided = engine.encode_prompt("a green cat", "a boat", 2.0)
    for hook in hooks:
        hook.remove()
    assert set(guided) == {*plain, *(f"negative_{name}" for name in plain)}
    other = engine.encode_prompt("a boat", "", 1.0)
    assert torch.equal(other["prompt_embeds_clip"], guided["negative_prompt_embeds_clip"])
    assert not torch.equal(other["prompt_embeds_clip"], plain["prompt_embeds_clip"])


def test_a_tokenizer_is_read_out_of_a_processor_of_pictures(
    rows: dict[str, object], models: dict[str, LoadedModel]
) -> None:
    index = (Path(rows[T2V].repository) / "model_index.json").read_text("utf-8")
    assert "Qwen2_5_VLProcessor" in index
    assert isinstance(models[T2V].pipe.tokenizer, Qwen2Tokenizer)


def test_both_text_encoders_leave_the_card_together(rows: dict[str, object]) -> None:
    model_cache = ModelCache(CPU, rows)
    model_cache.hold(T2V, Placement("cpu", "float32", "encode_first", tile_decoding=False))
    model = model_cache.load(T2V)
    engine = open_at(model, 64)
    prompt = engine.encode_prompt("a red car", "", 1.0)
    offload_hook = model.pipe.transformer._hf_hook
    assert isinstance(offload_hook, AlternatingOffload)
    encoders = [model.pipe.text_encoder, model.pipe.text_encoder_2]
    assert [id(part) for part in offload_hook.present] == [id(part) for part in encoders]
    engine.make(2, prompt, NOTHING, ASKED)
    assert not any(part is encoder for part in offload_hook.present for encoder in encoders)
    assert any(part is model.pipe.transformer for part in offload_hook.present)


def test_a_remix_starts_from_the_latents_of_its_clip(models: dict[str, LoadedModel]) -> None:
    # As many latents as a call makes: its autoencoder also looks at what follows.
    check_remixes(open_at(models[T2V], SIDE), ASKED, num_latents=5)

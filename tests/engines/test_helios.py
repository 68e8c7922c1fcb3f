"""Helios: its windows against single calls of diffusers' own pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import HeliosPyramidPipeline
from PIL import Image

from pipeline.engines import wan
from pipeline.engines.base import SamplingParams, WindowContext, to_frames
from pipeline.engines.helios import HeliosEngine
from pipeline.errors import GenerationCancelledError
from pipeline.generation.generate import generate
from pipeline.media.video_reader import probe_clip
from pipeline.models.registry import MODELS, Models
from pipeline.planning.plan import plan_generation
from pipeline.planning.request import Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Placement
from tests.tiny import CPU, Calls, load_whole, picture
from tests.tiny_families import HELIOS, save_tiny_family

SIDE, CHUNK = 64, 9
NOTHING = WindowContext(is_start=True)
ASKED = SamplingParams(seed=5, num_inference_steps=2)
# As its authors run it (diffusers, Helios documentation).
CALL = {
    "prompt": "a red car",
    "height": SIDE,
    "width": SIDE,
    "guidance_scale": 1.0,
    "pyramid_num_inference_steps_list": [2, 2, 2],
    "is_amplify_first_chunk": True,
    "max_sequence_length": 32,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp(HELIOS)
    save_tiny_family(HELIOS, folder)
    row = replace(MODELS[HELIOS], repository=str(folder), revision=None, max_sequence_length=32)
    return load_whole(row)


@pytest.fixture
def engine(model: LoadedModel) -> HeliosEngine:
    return HeliosEngine(model, width=SIDE, height=SIDE)


@pytest.fixture
def prompt(engine: HeliosEngine) -> object:
    return engine.encode_prompt("a red car", "", 1.0)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_all(
    engine: HeliosEngine, prompt: object, given: WindowContext, counts: list[int]
) -> list[torch.Tensor]:
    """Make windows that go on from one another, with the seeds 5, 6, 7 and so on."""
    parts: list[torch.Tensor] = []
    for index, count in enumerate(counts):
        before = engine.tail(given, parts, 0) if parts else None
        context = WindowContext(is_start=False, before=before) if parts else given
        parts.append(engine.make(count, prompt, context, replace(ASKED, seed=5 + index)))
    return parts


def reseed(noise: torch.Generator, first_step: int) -> Callable[..., dict[str, object]]:
    """Return a callback that gives every chunk of a single call the noise of a window."""
    num_steps = 0

    def on_step_end(_pipe: object, _i: int, _t: object, kwargs: dict) -> dict[str, object]:
        nonlocal num_steps
        num_steps += 1
        if num_steps >= first_step and (num_steps - first_step) % 6 == 0:
            noise.manual_seed(6 + (num_steps - first_step) // 6)
        return kwargs

    return on_step_end


def new_of(part: torch.Tensor, num_latents: int) -> torch.Tensor:
    return part[:, :, -num_latents:]


def frames(count: int) -> np.ndarray:
    """Return frames (F, H, W, 3), each one brighter than the last."""
    bright = np.linspace(0.3, 1, count)[:, None, None, None]
    return (picture(SIDE, SIDE) * bright).astype(np.uint8)


def test_words_alone_are_what_diffusers_own_call_makes(
    engine: HeliosEngine, model: LoadedModel, prompt: object
) -> None:
    part = engine.make(2 * CHUNK, prompt, NOTHING, ASKED)
    shown = np.concatenate(list(engine.decode_shot(NOTHING, [part])))
    expected = model.pipe(**CALL, num_frames=66, generator=generator(5)).frames[0]
    # diffusers leaves out the last frame, for the sake of a grid.
    assert (len(shown), len(expected)) == (66, 65)
    assert np.abs(shown[:65].astype(int) - np.rint(expected * 255)).max() <= 1


def test_windows_that_go_on_are_one_call_of_diffusers_bit_for_bit(
    engine: HeliosEngine, model: LoadedModel, prompt: object
) -> None:
    parts = make_all(engine, prompt, NOTHING, [CHUNK] * 4)
    noise = generator(5)
    whole = model.pipe(
        **CALL,
        num_frames=4 * 33,
        generator=noise,
        callback_on_step_end=reseed(noise, first_step=12),
        output_type="latent",
    ).frames
    assert torch.equal(torch.cat([new_of(part, CHUNK) for part in parts], dim=2), whole)


def test_a_picture_is_what_diffusers_own_call_goes_on_from(
    engine: HeliosEngine, model: LoadedModel, prompt: object
) -> None:
    before = engine.encode(frames(1), generator(1))
    given = WindowContext(is_start=True, before=before, is_picture=True)
    parts = make_all(engine, prompt, given, [CHUNK] * 2)
    noise = generator(5)
    whole = model.pipe(
        **CALL,
        image_latents=before[:, :, :1],
        fake_image_latents=before[:, :, 1:],
        num_frames=66,
        generator=noise,
        callback_on_step_end=reseed(noise, first_step=12),
        output_type="latent",
    ).frames
    made = torch.cat([new_of(part, CHUNK) for part in parts], dim=2)
    assert torch.equal(made, whole[:, :, -2 * CHUNK :])
    chunks = list(engine.decode_shot(given, parts))
    assert [len(chunk) for chunk in chunks] == [1, 33, 33]


def test_a_given_picture_and_clip_are_encoded_as_diffusers_own_call_does(
    engine: HeliosEngine, model: LoadedModel
) -> None:
    """The call is made to show what it has encoded: without noise it is in what it goes on from."""
    shown = [Image.fromarray(frame) for frame in frames(66)]
    for given in ({"image": shown[0]}, {"video": shown}):
        clip = frames(66) if "video" in given else frames(1)
        before = engine.encode(clip, generator(3))
        with Calls(model) as calls:
            model.pipe(
                **CALL,
                **given,
                add_noise_to_image_latents=False,
                add_noise_to_video_latents=False,
                num_frames=33,
                generator=generator(3),
            )
        short = calls.of("latents_history_short")[0]
        close = {"atol": 1e-4, "rtol": 1e-4}
        torch.testing.assert_close(short[:, :, :1], before[:, :, :1], **close)
        torch.testing.assert_close(short[:, :, 1:], before[:, :, -1:], **close)
        if "video" in given:
            long = calls.of("latents_history_long")[0]
            torch.testing.assert_close(long[:, :, 1:], before[:, :, 1:16], **close)
            assert not long[:, :, :1].any()  # there are no more than 18 latents


@torch.no_grad()
def test_a_clip_is_gone_on_from_as_diffusers_own_call_does(
    engine: HeliosEngine, model: LoadedModel, prompt: object
) -> None:
    before = engine.encode(frames(99), generator(1))
    assert before.shape[2] == 1 + 27
    given = WindowContext(is_start=True, before=before)
    parts = make_all(engine, prompt, given, [CHUNK] * 2)
    noise = generator(5)
    whole = model.pipe(
        **CALL,
        image_latents=before[:, :, :1],
        video_latents=before[:, :, 1:],
        add_noise_to_image_latents=False,  # it is noised together with the clip
        num_frames=66,
        generator=noise,
        callback_on_step_end=reseed(noise, first_step=12),
        output_type="latent",
    ).frames
    made = torch.cat([new_of(part, CHUNK) for part in parts], dim=2)
    assert torch.equal(made, whole[:, :, -2 * CHUNK :])
    chunks = list(engine.decode_shot(given, parts))
    assert [len(chunk) for chunk in chunks] == [33, 33]
    # Without the noise that the model was given: what it lacks is added to new frames.
    clean, noised = (
        to_frames(wan.decode(model.pipe, x[:, :, -CHUNK:]))[-1]
        for x in (before, parts[0][:, :, :-CHUNK])
    )
    np.testing.assert_array_equal(engine.decode_last_given(given, parts), clean)
    assert np.abs(clean.astype(int) - noised).max() > 3


def test_a_take_that_ends_within_a_chunk_is_cut_and_gone_on_from_where_it_ends(
    engine: HeliosEngine, prompt: object
) -> None:
    whole = engine.make(2 * CHUNK, prompt, NOTHING, ASKED)
    cut = engine.make(CHUNK + 3, prompt, NOTHING, ASKED)
    assert torch.equal(cut, whole[:, :, : 1 + CHUNK + 3])
    shown = np.concatenate(list(engine.decode_shot(NOTHING, [cut])))
    assert len(shown) == 33 + 9
    every = np.concatenate(list(engine.decode_shot(NOTHING, [whole])))
    assert np.abs(shown.astype(int) - every[: 33 + 9]).max() <= 1
    tail = engine.tail(NOTHING, [cut], 0)
    assert torch.equal(tail, cut)  # the anchor and all that there is
    assert torch.equal(tail[:, :, :1], tail[:, :, 1:2])
    later = WindowContext(is_start=False, before=tail)
    after = engine.make(CHUNK, prompt, later, replace(ASKED, seed=6))
    assert [len(chunk) for chunk in engine.decode_shot(later, [after])] == [33]


def test_a_window_hands_on_no_more_than_a_chunk_sees(engine: HeliosEngine, prompt: object) -> None:
    parts = make_all(engine, prompt, NOTHING, [3 * CHUNK, CHUNK, CHUNK])
    assert [part.shape[2] for part in parts] == [28, 20 + CHUNK, 20 + CHUNK]
    chunks = list(engine.decode_shot(NOTHING, parts))
    assert [len(chunk) for chunk in chunks] == [33] * 5


def test_nothing_is_decoded_while_a_window_is_made(
    engine: HeliosEngine, model: LoadedModel, prompt: object
) -> None:
    calls = []
    hook = model.pipe.vae.decoder.register_forward_hook(lambda *_: calls.append(1))
    part = engine.make(2 * CHUNK, prompt, NOTHING, ASKED)
    assert not calls
    list(engine.decode_shot(NOTHING, [part]))
    hook.remove()
    assert calls


def test_only_the_first_chunk_of_a_take_has_twice_the_steps(
    engine: HeliosEngine, model: LoadedModel, prompt: object
) -> None:
    steps = []
    with Calls(model) as calls:
        part = engine.make(2 * CHUNK, prompt, NOTHING, ASKED, lambda step, _: steps.append(step))
    assert len(calls.arguments) == len(steps) == 12 + 6
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (1, 2)
    later = WindowContext(is_start=False, before=engine.tail(NOTHING, [part], 0))
    with Calls(model) as calls:
        engine.make(CHUNK, prompt, later, replace(ASKED, seed=6))
    assert len(calls.arguments) == 6


def test_what_a_step_raises_ends_the_call_and_the_next_one_is_as_if_nothing_had_been(
    engine: HeliosEngine, model: LoadedModel, prompt: object
) -> None:
    first = engine.make(CHUNK, prompt, NOTHING, ASKED)

    def stop(*_: object) -> None:
        raise GenerationCancelledError("stopped")

    with Calls(model) as calls, pytest.raises(GenerationCancelledError):
        engine.make(2 * CHUNK, prompt, NOTHING, ASKED, stop)
    assert len(calls.arguments) == 1
    assert torch.equal(engine.make(CHUNK, prompt, NOTHING, ASKED), first)


@pytest.mark.parametrize("offload", ["encode_first", "group"])
def test_a_model_held_more_frugally_makes_the_same_from_words_and_pictures(
    model: LoadedModel, offload: str
) -> None:
    model_cache = ModelCache(CPU, {HELIOS: model.spec})
    model_cache.hold(HELIOS, Placement("cpu", "float32", offload, tile_decoding=False))
    made = []
    for held in (model, model_cache.load(HELIOS)):
        engine = HeliosEngine(held, width=SIDE, height=SIDE)
        prompt = engine.encode_prompt("a red car", "", 1.0)
        before = engine.encode(frames(1), generator(1))
        given = WindowContext(is_start=True, before=before, is_picture=True)
        part = engine.make(CHUNK, prompt, given, ASKED)
        made.append((part, *engine.decode_shot(given, [part])))
    assert torch.equal(made[0][0], made[1][0])
    assert all(np.array_equal(*pair) for pair in zip(made[0][1:], made[1][1:], strict=True))


@pytest.mark.parametrize(("steps", "guidance_scale"), [(1, 1.0), (3, 1.0), (2, 3.0)])
def test_other_numbers_of_steps_and_guidance_are_what_diffusers_own_call_makes(
    engine: HeliosEngine, model: LoadedModel, steps: int, guidance_scale: float
) -> None:
    prompt = engine.encode_prompt("a red car", "a boat", guidance_scale)
    params = SamplingParams(5, steps, guidance_scale)
    part = engine.make(CHUNK, prompt, NOTHING, params)
    asked = {"guidance_scale": guidance_scale, "negative_prompt": "a boat"}
    own = model.pipe(
        **CALL | asked | {"pyramid_num_inference_steps_list": [steps] * 3},
        num_frames=33,
        generator=generator(5),
        output_type="latent",
    )
    assert torch.equal(new_of(part, CHUNK), own.frames)


def test_a_film_of_continued_dissolved_and_pictured_shots_is_as_long_as_planned(
    model: LoadedModel, tmp_path: Path
) -> None:
    row = replace(model.spec, num_pixels=SIDE * SIDE, sizes={}, window_frames=33)
    Image.fromarray(picture(128, 128)).save(tmp_path / "still.png")
    shots = [
        Shot("a red car", 1.0),
        Shot("a boat", 2.0, transition="continue"),
        Shot("a cat", 1.0, transition="dissolve"),
        Shot("a cat", 1.0, image=tmp_path / "still.png"),
    ]
    how = {"model": HELIOS, "models": Models([row]), "aspect_ratio": "1:1", "seed": 3}
    request = build_request("text_to_video", shots=shots, **how)
    clip = generate(
        request,
        model_cache=ModelCache(CPU, {HELIOS: row}),
        output=tmp_path / "clip.mp4",
        on_progress=lambda _: None,
        is_cancelled=lambda: False,
    )
    assert clip.num_frames == plan_generation(request, row).num_frames
    assert probe_clip(clip.path).num_frames == clip.num_frames
    assert 5 <= clip.num_frames / 24 < 5 + 4 * 4 / 24


@pytest.mark.parametrize(("num_still", "num_latents"), [(0, 27), (40, 9), (60, 9), (99, 9)])
def test_what_a_clip_too_short_repeats_of_its_first_frame_is_left_out(
    engine: HeliosEngine, num_still: int, num_latents: int
) -> None:
    clip = frames(99 - num_still) if num_still < 99 else frames(1)
    clip = np.concatenate([np.repeat(clip[:1], 99 - len(clip), axis=0), clip])
    assert engine.encode(clip, generator(1)).shape[2] == 1 + num_latents


def test_every_size_can_be_halved_twice() -> None:
    """At others diffusers makes latents that are smaller than those that they go on from."""
    spec = MODELS[HELIOS]
    for task in spec.tasks:
        for size in spec.sizes_for(task).values():
            assert all(side % (8 * 2 * 4) == 0 for side in size)
    assert spec.size_for("21:9", "extend_video") == (768, 320)


def test_the_row_is_asked_as_its_authors_do() -> None:
    spec = MODELS[HELIOS]
    assert (spec.default_num_inference_steps, spec.default_guidance_scale) == (2, 1.0)
    assert (spec.num_frames_of_chunk, spec.window_frames, spec.fps) == (33, 132, 24.0)
    assert spec.pipeline == HeliosPyramidPipeline.__name__

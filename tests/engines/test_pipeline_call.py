"""Models that are given frames: what each window is told, against diffusers' own calls."""

from __future__ import annotations

import pkgutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler, WanImageToVideoPipeline
from PIL import Image

from pipeline.engines.base import SamplingParams, WindowContext
from pipeline.engines.pipeline_call import Estimate, GivenFrames, PipelineCallEngine
from pipeline.models.registry import MODELS
from pipeline.runtime.loading import LoadedModel
from tests.engines.remixes import check_remixes
from tests.tiny import load_whole, picture
from tests.tiny_wan import TINY_WAN, save_tiny_wan

SIDE = 64
ASKED = SamplingParams(seed=5, num_inference_steps=2, guidance_scale=3.0)
WAN_5B, T2V, I2V, VACE = "wan-2.2-5b", "wan-2.2-t2v-a14b", "wan-2.2-i2v-a14b", "wan-2.1-vace-1.3b"
SKYREELS = "skyreels-v2-1.3b"


class Recorder:
    """An engine, and the ends that each of its windows was given."""

    def __init__(self, model: LoadedModel) -> None:
        self.given_frames: list[GivenFrames] = []
        self.pipes: list[DiffusionPipeline] = []
        self.given: list[dict[str, object]] = []
        family = pkgutil.resolve_name(model.spec.engine)
        self._condition = family.condition
        family = replace(family, condition=self.condition)
        self.engine = PipelineCallEngine(model, family, width=SIDE, height=SIDE)

    def condition(
        self, pipe: DiffusionPipeline, ends: GivenFrames
    ) -> tuple[DiffusionPipeline, dict[str, object]]:
        pipe, given = self._condition(pipe, ends)
        self.given_frames.append(ends)
        self.pipes.append(pipe)
        self.given.append(given)
        return pipe, given


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LoadedModel]:
    models = {}
    for name in (WAN_5B, T2V, I2V, VACE, SKYREELS):
        folder = tmp_path_factory.mktemp(name)
        save_tiny_wan(name, folder)
        row = replace(MODELS[name], repository=str(folder), revision=None, max_sequence_length=32)
        models[name] = load_whole(row)
    return models


def frames(count: int) -> np.ndarray:
    """Return frames (F, H, W, 3), each one brighter than the last."""
    bright = np.linspace(0.3, 1, count)[:, None, None, None]
    return (picture(SIDE, SIDE) * bright).astype(np.uint8)


def given_frames(engine: PipelineCallEngine, count: int, **how: object) -> WindowContext:
    return WindowContext(
        is_start=True, before=engine.encode(frames(count), torch.Generator()), **how
    )


def assert_same(shown: np.ndarray, expected: np.ndarray) -> None:
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - np.rint(expected * 255)).max() <= 1


@pytest.mark.parametrize("name", [WAN_5B, T2V, VACE, SKYREELS])
def test_words_alone_are_what_diffusers_own_call_makes(
    models: dict[str, LoadedModel], name: str
) -> None:
    engine = Recorder(models[name]).engine
    prompt = engine.encode_prompt("a red car", "a boat", 3.0)
    part = engine.make(4, prompt, WindowContext(is_start=True), ASKED)
    shown = np.concatenate(list(engine.decode_shot(WindowContext(is_start=True), [part])))
    expected = (
        models[name]
        .pipe(
            prompt="a red car",
            negative_prompt="a boat",
            height=SIDE,
            width=SIDE,
            num_frames=13,
            num_inference_steps=2,
            guidance_scale=3.0,
            max_sequence_length=32,
            generator=torch.Generator().manual_seed(5),
            **models[name].spec.call_arguments,
        )
        .frames[0]
    )
    assert_same(shown, expected)


@pytest.mark.parametrize("name", [WAN_5B, T2V, VACE, SKYREELS])
def test_every_step_can_be_shown_in_small(models: dict[str, LoadedModel], name: str) -> None:
    engine = Recorder(models[name]).engine
    prompt = engine.encode_prompt("a red car", "", 3.0)
    told: list[torch.Tensor] = []
    part = engine.make(
        4, prompt, WindowContext(is_start=True), ASKED, lambda _, estimate: told.append(estimate)
    )
    assert torch.equal(told[-1], part)  # nothing is left to estimate
    assert [engine.preview(x).shape for x in told] == [(256, 256, 3)] * 2


def test_a_step_of_a_flow_says_where_it_leads() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(4)
    clean, noise = torch.randn(2, 1, 3, 2, 2, 2).unbind()
    estimate = Estimate(scheduler)
    for index in range(3):
        now = torch.lerp(clean, noise, scheduler.sigmas[index + 1])
        led_to = estimate.after(index, now)
        assert torch.allclose(led_to, clean if index else now, atol=1e-5)


@pytest.mark.parametrize("name", [WAN_5B, I2V])
def test_a_picture_is_what_diffusers_own_call_starts_from(
    models: dict[str, LoadedModel], name: str
) -> None:
    recorder = Recorder(models[name])
    engine = recorder.engine
    given = given_frames(engine, 1, is_picture=True)
    prompt = engine.encode_prompt("a red car", "a boat", 3.0)
    part = engine.make(3, prompt, given, ASKED)
    shown = np.concatenate(list(engine.decode_shot(given, [part])))
    (pipe,) = recorder.pipes
    assert isinstance(pipe, WanImageToVideoPipeline)
    assert pipe.transformer is models[name].pipe.transformer  # the same weights, not others
    assert pipe.config.expand_timesteps == (name == WAN_5B)
    assert pipe.config.boundary_ratio == models[name].pipe.config.boundary_ratio
    expected = pipe(
        image=recorder.given_frames[0].start[0],
        prompt="a red car",
        negative_prompt="a boat",
        height=SIDE,
        width=SIDE,
        num_frames=13,
        num_inference_steps=2,
        guidance_scale=3.0,
        max_sequence_length=32,
        generator=torch.Generator().manual_seed(5),
        **models[name].spec.call_arguments,
    ).frames[0]
    assert_same(shown, expected)


@pytest.mark.parametrize(("name", "num_handed_on"), [(WAN_5B, 1), (VACE, 13)])
def test_a_window_goes_on_from_the_frames_that_the_one_before_it_shows(
    models: dict[str, LoadedModel], name: str, num_handed_on: int
) -> None:
    recorder = Recorder(models[name])
    engine, spec = recorder.engine, models[name].spec
    prompt = engine.encode_prompt("a red car", "", 3.0)
    nothing = WindowContext(is_start=True)
    first = engine.make(5, prompt, nothing, ASKED)
    tail = engine.tail(nothing, [first], spec.overlap_latents)
    second = engine.make(2, prompt, WindowContext(is_start=False, before=tail), ASKED)
    chunks = list(engine.decode_shot(nothing, [first, second]))
    assert [len(chunk) for chunk in chunks] == [17, 8]
    start = np.stack([np.asarray(image) for image in recorder.given_frames[1].start])
    np.testing.assert_array_equal(start, chunks[0][-num_handed_on:])
    assert recorder.given_frames[1].num_frames == num_handed_on + 8
    assert not recorder.given_frames[0].start


def test_backwards_a_window_leads_up_to_the_frames_that_the_next_one_shows(
    models: dict[str, LoadedModel],
) -> None:
    recorder = Recorder(models[VACE])
    engine = recorder.engine
    prompt = engine.encode_prompt("a red car", "", 3.0)
    given = engine.encode_following(frames(13), torch.Generator())
    last = engine.make(5, prompt, given, ASKED)
    head = engine.head(given, [last], 4)
    earlier = engine.make(2, prompt, WindowContext(is_start=True, after=head), ASKED)
    chunks = list(engine.decode_shot(given, [earlier, last]))
    # The clip's own first frame is in the place of the last new one.
    assert [len(chunk) for chunk in chunks] == [8, 16]
    ends = [np.stack([np.asarray(image) for image in ends.end]) for ends in recorder.given_frames]
    np.testing.assert_array_equal(ends[0], frames(13))
    np.testing.assert_array_equal(ends[1], chunks[1][:13])
    mask = [np.asarray(image).max() for image in recorder.given[0]["mask"]]
    assert mask == [255] * 16 + [0] * 13
    assert len(recorder.given[0]["video"]) == recorder.given_frames[0].num_frames == 29
    assert np.asarray(recorder.given[0]["video"][0]).tolist()[0][0] == [128] * 3


def test_a_bridge_is_given_the_picture_at_its_end(models: dict[str, LoadedModel]) -> None:
    recorder = Recorder(models[I2V])
    engine = recorder.engine
    prompt = engine.encode_prompt("a red car", "", 3.0)
    start, end = frames(2)[:1], frames(2)[1:]
    following = engine.encode_following(end, torch.Generator())
    given = replace(following, before=engine.encode(start, torch.Generator()))
    part = engine.make(3, prompt, given, ASKED)
    shown = np.concatenate(list(engine.decode_shot(given, [part])))
    assert len(shown) == 11  # 13 less the two that are given
    np.testing.assert_array_equal(np.asarray(recorder.given[0]["image"]), start[0])
    np.testing.assert_array_equal(np.asarray(recorder.given[0]["last_image"]), end[0])
    assert engine.decode_last_given(given, [part]).shape == (SIDE, SIDE, 3)
    assert engine.decode_first_following(given, [part]).shape == (SIDE, SIDE, 3)


def test_a_part_that_is_handed_on_is_decoded_once(models: dict[str, LoadedModel]) -> None:
    engine = Recorder(models[T2V]).engine
    prompt = engine.encode_prompt("a red car", "", 3.0)
    nothing = WindowContext(is_start=True)
    part = engine.make(2, prompt, nothing, ASKED)
    calls = []
    hook = models[T2V].pipe.vae.decoder.register_forward_hook(lambda *_: calls.append(1))
    list(engine.decode_shot(nothing, [part]))
    num_calls = len(calls)
    engine.tail(nothing, [part], 1)
    hook.remove()
    assert len(calls) == num_calls > 0


def test_both_experts_are_called(models: dict[str, LoadedModel]) -> None:
    engine, calls = Recorder(models[T2V]).engine, []
    hooks = [
        getattr(models[T2V].pipe, expert).register_forward_hook(
            lambda *_, expert=expert: calls.append(expert)
        )
        for expert in ("transformer", "transformer_2")
    ]
    prompt = engine.encode_prompt("a red car", "", 3.0)
    engine.make(2, prompt, WindowContext(is_start=True), replace(ASKED, num_inference_steps=6))
    for hook in hooks:
        hook.remove()
    assert set(calls) == {"transformer", "transformer_2"}


def test_the_words_to_avoid_cost_nothing_without_guidance(models: dict[str, LoadedModel]) -> None:
    engine = Recorder(models[WAN_5B]).engine
    assert set(engine.encode_prompt("a car", "a boat", 1.0)) == {"prompt_embeds"}
    guided = engine.encode_prompt("a car", "a boat", 2.0)
    assert set(guided) == {"prompt_embeds", "negative_prompt_embeds"}


def test_tiny_pipelines_have_the_ratios_of_their_rows() -> None:
    for name, build in TINY_WAN.items():
        pipe, spec = build(), MODELS[name]
        assert type(pipe).__name__ == spec.pipeline_name
        assert pipe.vae_scale_factor_temporal == spec.temporal
        patch = pipe.transformer.config.patch_size[1]
        assert pipe.vae_scale_factor_spatial * patch == spec.spatial
        assert set(spec.parts) == {
            part for part, x in pipe.components.items() if isinstance(x, torch.nn.Module)
        }


def test_skyreels_goes_on_from_the_very_frames_that_it_is_given(
    models: dict[str, LoadedModel],
) -> None:
    recorder = Recorder(models[SKYREELS])
    engine = recorder.engine
    prompt = engine.encode_prompt("a red car", "", 3.0)
    before = engine.encode(frames(17), torch.Generator())
    given = WindowContext(is_start=True, before=before)
    first, again = (engine.make(2, prompt, given, ASKED) for _ in range(2))
    assert torch.equal(first, again)  # though its noise on what is given has no generator
    (chunk,) = engine.decode_shot(given, [first])
    assert len(chunk) == 8
    vae = models[SKYREELS].pipe.vae
    video = before.float() / 127.5 - 1
    mean, std = (
        torch.tensor(x).view(1, -1, 1, 1, 1)
        for x in (vae.config.latents_mean, vae.config.latents_std)
    )
    with torch.no_grad():
        encoded = (vae.encode(video).latent_dist.mode() - mean) / std
    torch.testing.assert_close(first[:, :, :5], encoded, atol=1e-4, rtol=1e-4)


def test_vace_is_shown_characters_beside_the_frames_that_it_makes(
    models: dict[str, LoadedModel],
) -> None:
    recorder = Recorder(models[VACE])
    engine = recorder.engine
    prompt = engine.encode_prompt("a red car", "", 3.0)
    red, blue = (Image.new("RGB", (40, 60), colour) for colour in ("red", "blue"))
    made = [
        engine.make(3, prompt, WindowContext(is_start=True), replace(ASKED, references=given))
        for given in ((), (red,), (red, blue), (red,))
    ]
    assert {tuple(latents.shape) for latents in made} == {(1, 16, 3, 8, 8)}
    assert [len(x.get("reference_images", ())) for x in recorder.given] == [0, 1, 2, 1]
    torch.testing.assert_close(made[1], made[3])
    for one, other in ((0, 1), (1, 2)):
        assert (made[one] - made[other]).abs().max() > 1e-3


@pytest.mark.parametrize(("name", "num_given"), [(WAN_5B, 0), (WAN_5B, 1), (T2V, 0)])
def test_a_remix_starts_from_the_latents_of_its_clip(
    models: dict[str, LoadedModel], name: str, num_given: int
) -> None:
    check_remixes(Recorder(models[name]).engine, ASKED, num_given=num_given)

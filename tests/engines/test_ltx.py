"""The engine against diffusers' own call, and what it promises about given latents."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import LTXLatentUpsamplePipeline
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from PIL import Image

from pipeline.engines.base import FirstPass, SamplingParams, WindowContext
from pipeline.engines.ltx import LTXEngine, PromptEmbeds
from pipeline.engines.ltx_latents import coarse_noise
from pipeline.geometry import Size
from pipeline.models.registry import MODELS
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import CPU, LTX, Calls, picture, tiny_models

WIDTH, HEIGHT = 96, 64  # 3 x 2 latents
NUM_TOKENS = 6
PROMPT, NEGATIVE = "a red boat", "night"


@pytest.fixture(scope="module")
def model(folder: Path) -> LoadedModel:
    return ModelCache(CPU, tiny_models(folder)).load(LTX, quality="hd")


def engine_of(model: LoadedModel, scale: int = 1) -> LTXEngine:
    return LTXEngine(model, width=scale * WIDTH, height=scale * HEIGHT)


def random_latents(model: LoadedModel, num_latents: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    channels = model.pipe.transformer.config.in_channels
    return torch.randn(1, channels, num_latents, 2, 3, generator=generator)


def denoise(
    model: LoadedModel,
    num_latents: int,
    context: WindowContext | None = None,
    *,
    guidance_scale: float = 3.0,
    negative_prompt: str = NEGATIVE,
    num_inference_steps: int = 3,
    seed: int = 7,
    on_step: Callable[[int, torch.Tensor], None] = lambda *_: None,
) -> torch.Tensor:
    engine = engine_of(model)
    return engine.denoise(
        num_latents,
        engine.encode_prompt(PROMPT, negative_prompt, guidance_scale),
        context or WindowContext(is_start=True),
        SamplingParams(seed, num_inference_steps, guidance_scale),
        on_step,
    )


def call_diffusers(
    model: LoadedModel, num_latents: int, scale: int = 1, **values: object
) -> torch.Tensor:
    """Make the same clip by the pipeline's own public call."""
    assert model.dropped is not None  # as on every CPU
    model.dropped.load()
    frames = model.pipe(
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        width=scale * WIDTH,
        height=scale * HEIGHT,
        num_frames=(num_latents - 1) * 8 + 1,
        frame_rate=model.spec.fps,
        max_sequence_length=model.spec.max_sequence_length,
        image_cond_noise_scale=0.0,
        generator=torch.Generator().manual_seed(7),
        output_type="latent",
        **values,
    ).frames
    return frames if isinstance(frames, torch.Tensor) else frames[0]


@pytest.mark.parametrize("guidance_scale", [1.0, 3.0])
def test_a_clip_from_words_is_what_diffusers_own_call_makes(
    model: LoadedModel, guidance_scale: float
) -> None:
    theirs = call_diffusers(model, 3, num_inference_steps=3, guidance_scale=guidance_scale)
    ours = denoise(model, 3, guidance_scale=guidance_scale)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("num_given", [1, 2])
def test_a_clip_that_is_continued_is_what_diffusers_own_call_makes(
    model: LoadedModel, num_given: int
) -> None:
    frames = np.stack([np.roll(picture(), 3 * index, axis=1) for index in range(9)])
    given = frames[: 8 * (num_given - 1) + 1]
    condition = LTXVideoCondition(video=[Image.fromarray(frame) for frame in given], frame_index=0)
    theirs = call_diffusers(
        model, 4, num_inference_steps=3, guidance_scale=3.0, conditions=[condition]
    )
    # The call draws the noise of the whole clip, then that of the latents it encodes.
    generator = torch.Generator().manual_seed(7)
    torch.randn(theirs.shape, generator=generator)
    before = engine_of(model).encode(given, generator)
    ours = denoise(model, 4 - num_given, WindowContext(is_start=True, before=before))
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    assert torch.equal(ours[:, :, :num_given], before)


def test_a_given_picture_gets_fresh_noise_at_every_step_and_comes_out_clean(
    model: LoadedModel,
) -> None:
    """0.15 times the square of the noise level, as in LTX-Video's own runner."""
    before = random_latents(model, 1)
    context = WindowContext(is_start=True, before=before, is_picture=True)
    with Calls(model) as calls:
        latents = denoise(model, 2, context, guidance_scale=1.0)
    assert torch.equal(latents[:, :, :1], before)
    generator = torch.Generator().manual_seed(7)
    torch.randn(latents.shape, generator=generator)  # of the new latents
    sigmas = [float(timestep.max()) / 1000 for timestep in calls.of("timestep")]
    num_tokens = before[0, 0].numel()
    for seen, sigma in zip(calls.of("hidden_states"), sigmas, strict=True):
        noise = torch.randn(seen.shape, generator=generator)[:, :num_tokens]
        expected = before.flatten(2).transpose(1, 2) + 0.15 * sigma**2 * noise
        torch.testing.assert_close(seen[:, :num_tokens], expected, rtol=1e-4, atol=1e-5)


def test_the_end_of_a_clip_is_seen_as_it_is(model: LoadedModel) -> None:
    before = random_latents(model, 2)
    with Calls(model) as calls:
        denoise(model, 2, WindowContext(is_start=True, before=before), guidance_scale=1.0)
    for seen in calls.of("hidden_states"):
        tokens = before.flatten(2).transpose(1, 2)
        assert torch.equal(seen[:, : tokens.shape[1]], tokens)


@pytest.mark.parametrize("num_given", [0, 1])
@pytest.mark.parametrize("tone_map_ratio", [0.0, 0.6])
def test_two_passes_are_what_diffusers_own_two_calls_make(
    model: LoadedModel, num_given: int, tone_map_ratio: float
) -> None:
    """The first pass at half the sides, LTXLatentUpsamplePipeline, and the published timesteps."""
    second_pass = dataclasses.replace(model.spec.second_pass, tone_map_ratio=tone_map_ratio)
    spec = dataclasses.replace(model.spec, second_pass=second_pass)
    model = dataclasses.replace(model, spec=spec)
    first_engine, engine = engine_of(model), engine_of(model, 2)
    stills = [picture(), picture(2 * WIDTH, 2 * HEIGHT)]
    conditions = [
        [LTXVideoCondition(image=Image.fromarray(still), frame_index=0)] if num_given else None
        for still in stills
    ]
    theirs = call_diffusers(
        model, 3, num_inference_steps=3, guidance_scale=1.0, conditions=conditions[0]
    )
    enlarged = LTXLatentUpsamplePipeline(model.pipe.vae, model.upsampler)(
        latents=theirs,
        height=HEIGHT,
        width=WIDTH,
        adain_factor=1.0,
        tone_map_compression_ratio=tone_map_ratio,
        output_type="latent",
    ).frames
    # Just below full strength the first timestep is left out: the noise is that of the second.
    theirs = call_diffusers(
        model,
        3,
        scale=2,
        latents=enlarged,
        timesteps=[1000, 909.4, 725, 421.9],
        denoise_strength=0.999,
        guidance_scale=1.0,
        conditions=conditions[1],
    )
    contexts = [WindowContext(is_start=True)] * 2
    if num_given:
        contexts = []
        for each, still, shape in zip(
            (first_engine, engine), stills, ((1, 8, 3, 2, 3), (1, 8, 3, 4, 6)), strict=True
        ):
            generator = torch.Generator().manual_seed(7)
            torch.randn(shape, generator=generator)  # the noise, which the call draws first
            before = each.encode(still[np.newaxis], generator)
            contexts.append(WindowContext(is_start=True, before=before))
    prompt, params = engine.encode_prompt(PROMPT, NEGATIVE, 1.0), SamplingParams(7, 3, 1.0)
    num_new = 3 - num_given
    first = first_engine.make(num_new, prompt, contexts[0], params)
    params = dataclasses.replace(params, timesteps=model.spec.second_pass.timesteps)
    ours = engine.refine(FirstPass(num_new, first, contexts[0]), prompt, contexts[1], params)
    torch.testing.assert_close(ours, theirs[:, :, num_given:], rtol=1e-3, atol=1e-3)


def test_a_drafts_noise_is_white_and_is_the_coarse_part_of_the_standard_clips() -> None:
    noise = torch.randn(1, 128, 16, 14, 25, generator=torch.Generator().manual_seed(3))
    coarse = coarse_noise(noise, 9, 16)
    assert coarse.shape == (1, 128, 16, 9, 16)
    assert coarse.mean().abs() < 0.005
    assert coarse.std() == pytest.approx(1, abs=0.005)
    # Neighbours have nothing to do with each other.
    assert (coarse[..., 1:] * coarse[..., :-1]).mean().abs() < 0.005
    assert (coarse[..., 1:, :] * coarse[..., :-1, :]).mean().abs() < 0.005
    # A slow wave over the picture has the same share of both.
    shares = []
    for each in (noise, coarse):
        rows, columns = ((torch.arange(n) + 0.5) / n * math.pi for n in each.shape[-2:])
        wave = (2 * rows).cos()[:, None] * (3 * columns).cos()
        shares.append((each * wave / wave.norm()).sum((-2, -1)))
    torch.testing.assert_close(*shares, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(coarse_noise(noise, 14, 25), noise, rtol=1e-3, atol=1e-3)


def test_a_draft_has_the_composition_of_the_standard_clip_with_its_seed(
    model: LoadedModel,
) -> None:
    """Even of random weights: what is slow in the picture is alike, and not with another seed."""
    prompt = engine_of(model).encode_prompt(PROMPT, NEGATIVE, 1.0)
    start, size = WindowContext(is_start=True), Size(4 * WIDTH, 4 * HEIGHT)

    def make(scale: int, seed: int, noise_size: Size | None = None) -> torch.Tensor:
        params = SamplingParams(seed, 3, noise_size=noise_size)
        latents = engine_of(model, scale).make(3, prompt, start, params)
        return torch.nn.functional.interpolate(latents[0], (4, 6), mode="area").flatten()

    standard, draft, other = make(4, 7), make(2, 7, size), make(2, 8, size)
    alike, unlike = (torch.corrcoef(torch.stack([standard, x]))[0, 1] for x in (draft, other))
    assert alike > 0.5
    assert unlike.abs() < 0.2


def test_a_second_pass_keeps_what_it_is_given_and_the_composition_of_the_first(
    model: LoadedModel,
) -> None:
    engine, prompt = engine_of(model, 2), engine_of(model).encode_prompt(PROMPT, NEGATIVE, 1.0)
    small = [random_latents(model, count, seed=count) for count in (2, 3, 1)]
    large = [torch.repeat_interleave(x.repeat_interleave(2, 3), 2, 4) for x in small]
    first = FirstPass(3, small[1], WindowContext(False, before=small[0], after=small[2]))
    context = WindowContext(False, before=large[0], after=large[2])
    params = SamplingParams(7, 9, timesteps=model.spec.second_pass.timesteps)
    steps: list[int] = []
    with Calls(model) as calls:
        part = engine.refine(first, prompt, context, params, lambda step, _: steps.append(step))
    assert part.shape == (1, 8, 3, 4, 6)
    assert steps == [1, 2, 3]
    for tokens, timestep, level in zip(
        calls.of("hidden_states"), calls.of("timestep"), (909.4, 725.0, 421.9), strict=True
    ):
        latents = tokens[0].unflatten(0, (6, 4, 6)).permute(3, 0, 1, 2)[None]
        assert torch.equal(latents[:, :, :2], large[0])
        assert torch.equal(latents[:, :, 5:], large[2])
        levels = timestep[0].unflatten(0, (6, 24))[:, 0].tolist()
        assert levels == pytest.approx([0, 0, level, level, level, 0])
    other = dataclasses.replace(first, part=random_latents(model, 3, seed=9))
    changed = engine.refine(other, prompt, context, params)
    assert (changed - part).abs().max() > 1e-3


def test_a_decoded_clip_is_what_diffusers_own_decoder_makes(
    model: LoadedModel,
) -> None:
    z = random_latents(model, 2)
    frames = np.concatenate(list(engine_of(model)._codec.decode(z)))
    with torch.no_grad():
        vae = model.pipe.vae
        latents = model.pipe._denormalize_latents(z, vae.latents_mean, vae.latents_std)
        noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(0))
        latents = 0.975 * latents + 0.025 * noise  # as the pipeline has it by default
        theirs = model.pipe.vae.decode(latents, torch.tensor([0.05]), return_dict=False)[0]
    theirs = model.pipe.video_processor.postprocess_video(theirs, output_type="np")[0] * 255
    assert frames.shape == (9, HEIGHT, WIDTH, 3)
    assert np.abs(frames - theirs).max() <= 0.51


@pytest.mark.parametrize(
    ("before", "after", "is_start"), [(1, 0, True), (3, 0, True), (2, 0, False), (0, 2, True)]
)
def test_given_latents_come_out_as_they_went_in(
    model: LoadedModel, before: int, after: int, is_start: bool
) -> None:
    given = [
        random_latents(model, count, seed=count) if count else None for count in (before, after)
    ]
    context = WindowContext(is_start, before=given[0], after=given[1])
    with Calls(model) as calls:
        latents = denoise(model, 2, context)
    assert latents.shape[2] == before + 2 + after
    if before:
        assert torch.equal(latents[:, :, :before], given[0])
    if after:
        assert torch.equal(latents[:, :, -after:], given[1])
    for timestep in calls.of("timestep"):
        per_latent = timestep.reshape(2, -1, NUM_TOKENS)
        assert not per_latent[:, :before].any()
        assert per_latent[:, before : before + 2].all()
        assert not per_latent[:, before + 2 :].any()


def test_new_latents_depend_on_what_is_given(model: LoadedModel) -> None:
    made = [
        denoise(model, 2, WindowContext(is_start=False, before=random_latents(model, 2, seed)))
        for seed in (1, 2)
    ]
    assert (made[0] - made[1])[:, :, 2:].abs().max() > 1e-4


def seconds_of(model: LoadedModel, context: WindowContext) -> list[float]:
    """Return the time of each latent frame, in frames, as the transformer is told."""
    with Calls(model) as calls:
        denoise(model, 2, context, num_inference_steps=1)
    (coords,) = calls.of("video_coords")
    frames = coords[0, 0].reshape(-1, NUM_TOKENS) * model.spec.fps
    assert (frames == frames[:, :1]).all()
    return [round(value, 3) for value in frames[:, 0].tolist()]


def test_a_window_from_the_middle_counts_its_latents_from_one(model: LoadedModel) -> None:
    """Latent 0 is one frame long, every other one eight: 0, then 1 to 8, then 9 to 16."""
    two = random_latents(model, 2)
    assert seconds_of(model, WindowContext(is_start=True)) == [0, 1]
    assert seconds_of(model, WindowContext(is_start=True, before=two)) == [0, 1, 9, 17]
    assert seconds_of(model, WindowContext(is_start=False, before=two)) == [1, 9, 17, 25]
    assert seconds_of(model, WindowContext(is_start=False, after=two)) == [1, 9, 17, 25]


def test_a_keyframe_is_the_frame_before_what_follows_and_no_part_of_the_result(
    model: LoadedModel,
) -> None:
    context = WindowContext(
        True, after=random_latents(model, 2), keyframe=random_latents(model, 1, 9)
    )
    # New latents 0 and 1 end with frame 8; what follows begins with frame 9.
    assert seconds_of(model, context) == [8, 0, 1, 9, 17]
    with Calls(model) as calls:
        latents = denoise(model, 2, context)
    assert latents.shape[2] == 4
    keyframe = context.keyframe.flatten(2).transpose(1, 2)
    for arguments in calls.arguments:
        assert torch.equal(arguments["hidden_states"][0, :NUM_TOKENS], keyframe[0])
        assert not arguments["timestep"][:, :NUM_TOKENS].any()
    other = dataclasses.replace(context, keyframe=random_latents(model, 1, 10))
    assert not torch.equal(denoise(model, 2, other), latents)


def test_the_same_seed_makes_the_same_latents_and_another_one_others(model: LoadedModel) -> None:
    first, again, other = (denoise(model, 2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert (first - other).abs().max() > 0.1


def test_the_negative_prompt_counts_under_guidance_only(model: LoadedModel) -> None:
    guided = [denoise(model, 2, negative_prompt=words) for words in ("", "a blue cat by day")]
    assert not torch.equal(*guided)
    alone = [
        denoise(model, 2, negative_prompt=words, guidance_scale=1.0)
        for words in ("", "a blue cat by day")
    ]
    assert torch.equal(*alone)


def test_without_guidance_the_model_runs_once_a_step_and_with_it_both_go_together(
    model: LoadedModel,
) -> None:
    for guidance_scale, batch in ((1.0, 1), (2.0, 2)):
        with Calls(model) as calls:
            denoise(model, 2, guidance_scale=guidance_scale)
        assert [len(states) for states in calls.of("hidden_states")] == [batch] * 3
        assert [len(embeds) for embeds in calls.of("encoder_hidden_states")] == [batch] * 3


def test_guidance_goes_from_the_negative_prompt_towards_the_prompt(model: LoadedModel) -> None:
    """One step is linear in the guidance scale, so that two scales foretell a third."""
    one, two, three = (
        denoise(model, 2, guidance_scale=scale, num_inference_steps=1) for scale in (1.0, 2.0, 3.0)
    )
    torch.testing.assert_close(three - two, two - one, rtol=1e-3, atol=1e-4)


def sigmas_of(model: LoadedModel) -> list[float]:
    """Return the noise levels that the transformer is asked for."""
    with Calls(model) as calls:
        denoise(model, 1)
    return [float(timestep.max()) / 1000 for timestep in calls.of("timestep")]


def test_distilled_timesteps_are_used_as_they_are(model: LoadedModel) -> None:
    timesteps = MODELS[LTX].timesteps
    spec = dataclasses.replace(model.spec, timesteps=timesteps)
    sigmas = sigmas_of(dataclasses.replace(model, spec=spec))
    assert sigmas == pytest.approx([t / 1000 for t in timesteps], rel=1e-6)


@pytest.mark.parametrize("name", [LTX, "ltx-video-13b"])
def test_distilled_rows_run_their_authors_noise_levels(model: LoadedModel, name: str) -> None:
    """As published with the weights: what the scheduler really used, by us and by diffusers."""
    published = [1000, 993.7, 987.5, 981.2, 975, 909.4, 725, 421.9]
    sigmas = pytest.approx([*(t / 1000 for t in published), 0.0], rel=1e-6)
    spec = dataclasses.replace(model.spec, timesteps=MODELS[name].timesteps)
    model = dataclasses.replace(model, spec=spec)
    scheduler = model.pipe.scheduler
    scheduler.set_timesteps(3)
    assert sigmas_of(model) == pytest.approx([t / 1000 for t in published], rel=1e-6)
    assert scheduler.sigmas.tolist() == sigmas
    scheduler.set_timesteps(3)
    call_diffusers(model, 1, timesteps=published)
    assert scheduler.sigmas.tolist() == sigmas


def test_every_step_shows_an_estimate_that_ends_at_the_result(model: LoadedModel) -> None:
    steps: list[int] = []
    estimates: list[torch.Tensor] = []

    def on_step(step: int, estimate: torch.Tensor) -> None:
        steps.append(step)
        estimates.append(estimate.clone())

    before = random_latents(model, 1)
    latents = denoise(model, 2, WindowContext(is_start=True, before=before), on_step=on_step)
    assert steps == [1, 2, 3]
    torch.testing.assert_close(estimates[-1], latents, rtol=1e-4, atol=1e-4)
    assert torch.equal(estimates[0][:, :, :1], before)


def test_what_a_step_raises_ends_the_work_at_once_and_the_next_is_unharmed(
    model: LoadedModel,
) -> None:
    def stop(step: int, _estimate: torch.Tensor) -> None:
        if step == 2:
            raise KeyboardInterrupt

    untouched = denoise(model, 2)
    with Calls(model) as calls, pytest.raises(KeyboardInterrupt):
        denoise(model, 2, num_inference_steps=9, on_step=stop)
    assert len(calls.arguments) == 2
    assert torch.equal(denoise(model, 2), untouched)


def test_a_clip_decoded_in_pieces_is_the_clip_decoded_whole(
    model: LoadedModel,
) -> None:
    z = random_latents(model, 5)
    engine = engine_of(model)
    whole = np.concatenate(list(engine._codec.decode(z)))
    tail = np.concatenate(list(engine._codec.decode(z[:, :, 2:], z[:, :, :2])))
    np.testing.assert_array_equal(tail, whole[9:])


def test_latents_that_continue_others_give_eight_frames_each(model: LoadedModel) -> None:
    z = random_latents(model, 4)
    engine = engine_of(model)
    for num_previous in (1, 2, 3):
        frames = list(engine._codec.decode(z[:, :, num_previous:], z[:, :, :num_previous]))
        assert sum(map(len, frames)) == 8 * (4 - num_previous)
    assert sum(map(len, engine._codec.decode(z))) == 25


def test_every_step_can_be_shown_in_small(model: LoadedModel) -> None:
    engine = engine_of(model)
    shown = engine.preview(random_latents(model, 2))
    assert (shown.shape, shown.dtype) == ((171, 256, 3), np.uint8)
    assert np.array_equal(shown, engine.preview(random_latents(model, 2)))


def test_a_model_in_bfloat16_runs_from_frames_to_frames(folder: Path) -> None:
    machine = dataclasses.replace(CPU, has_fast_bf16=True)
    model = ModelCache(machine, tiny_models(folder)).load(LTX)
    engine = engine_of(model)
    before = engine.encode(picture()[np.newaxis], torch.Generator().manual_seed(0))
    latents = denoise(model, 2, WindowContext(is_start=True, before=before))
    assert latents.dtype == torch.float32
    assert torch.isfinite(latents).all()
    assert sum(map(len, engine._codec.decode(latents))) == 17


def test_an_offloaded_model_gives_what_a_resident_one_gives(folder: Path) -> None:
    """Part by part, on the processor: the hooks are those of a graphics card."""
    model = ModelCache(CPU, tiny_models(folder)).load(LTX)
    expected = denoise(model, 2)
    frames = np.concatenate(list(engine_of(model)._codec.decode(expected)))
    model.pipe.enable_model_cpu_offload(device="cpu")
    torch.testing.assert_close(denoise(model, 2), expected, rtol=1e-4, atol=1e-4)
    decoded = np.concatenate(list(engine_of(model)._codec.decode(expected)))
    assert np.abs(decoded.astype(int) - frames).max() <= 1


def test_a_prompt_is_stacked_under_its_negative(model: LoadedModel) -> None:
    engine = engine_of(model)
    both = engine.encode_prompt(PROMPT, NEGATIVE, 2.0)
    alone, negative = (engine.encode_prompt(words, "", 1.0) for words in (PROMPT, NEGATIVE))
    assert isinstance(both, PromptEmbeds)
    length = model.spec.max_sequence_length
    assert both.embeds.shape[:2] == both.mask.shape == (2, length)
    assert alone.embeds.shape[:2] == alone.mask.shape == (1, length)
    torch.testing.assert_close(both.embeds, torch.cat([negative.embeds, alone.embeds]))
    assert torch.equal(both.mask, torch.cat([negative.mask, alone.mask]))
    assert math.isfinite(both.embeds.sum())

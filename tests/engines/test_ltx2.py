"""LTX-2's windows of pictures and sound, against diffusers' own call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from diffusers.pipelines.ltx2.pipeline_ltx2_latent_upsample import LTX2LatentUpsamplePipeline
from diffusers.pipelines.ltx2.pipeline_output import LTX2PipelineOutput
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES, STAGE_2_DISTILLED_SIGMA_VALUES
from PIL import Image
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from pipeline.engines.av_latents import AVLatents, pack, unpack
from pipeline.engines.base import FirstPass, SamplingParams, WindowContext
from pipeline.engines.ltx2 import LTX2Engine, _round_positions
from pipeline.engines.ltx2_audio import SoundCodec
from pipeline.models.registry import MODELS
from pipeline.runtime.loading import LoadedModel, load_model, load_upsampler
from pipeline.runtime.private_api import pack_audio
from tests.tiny import Calls, load_whole, picture
from tests.tiny_ltx2 import LTX2, save_tiny_ltx2, tiny_ltx2, tiny_ltx2_row

SIDE, FPS = 64, 24
ASKED = SamplingParams(seed=5, num_inference_steps=8)
# What makes one pass of the transformer a step out of three.
ONE_PASS = {
    "guidance_scale": 1,
    "stg_scale": 0,
    "modality_scale": 1,
    "guidance_rescale": 0,
    "audio_guidance_scale": 1,
    "audio_stg_scale": 0,
    "audio_modality_scale": 1,
    "audio_guidance_rescale": 0,
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp(LTX2)
    save_tiny_ltx2(folder)
    return load_upsampler(load_whole(tiny_ltx2_row(folder)))


@pytest.fixture
def engine(model: LoadedModel) -> LTX2Engine:
    return LTX2Engine(model, width=SIDE, height=SIDE)


def frames(count: int) -> np.ndarray:
    """Return frames (F, H, W, 3), each one brighter than the last."""
    bright = np.linspace(0.3, 1, count)[:, None, None, None]
    return (picture(SIDE, SIDE) * bright).astype(np.uint8)


def hum(seconds: float, rate: int = 16_000) -> np.ndarray:
    """Return a tone for both ears, (N, 2)."""
    t = np.arange(round(seconds * rate)) / rate
    return np.stack([np.sin(2 * np.pi * f * t) for f in (440, 550)], axis=1).astype(np.float32) / 2


def shown(engine: LTX2Engine, given: WindowContext, *parts: torch.Tensor) -> np.ndarray:
    return np.concatenate(list(engine.decode_shot(given, parts)))


def heard(
    engine: LTX2Engine, given: WindowContext, *parts: torch.Tensor
) -> tuple[float, np.ndarray]:
    start, blocks = engine.decode_sound(given, parts)
    return start, np.concatenate(list(blocks))


@pytest.mark.parametrize("task", ["words", "picture", "clip"])
def test_a_window_is_what_diffusers_own_call_makes(
    model: LoadedModel, engine: LTX2Engine, task: str
) -> None:
    prompt = engine.encode_prompt("a red car", "", 1.0)
    num_given = {"words": 0, "picture": 1, "clip": 17}[task]
    given, conditions = WindowContext(is_start=True), None
    if num_given:
        before = engine.encode(frames(num_given), torch.Generator())
        given = WindowContext(is_start=True, before=before, is_picture=task == "picture")
        images = [Image.fromarray(frame) for frame in frames(num_given)]
        conditions = [LTX2VideoCondition(frames=images, index=0, crf=0)]
    num_before = 0 if given.before is None else given.num_before
    part = engine.make(5 - num_before, prompt, given, ASKED)
    video = shown(engine, given, part)
    start, audio = heard(engine, given, part)
    with pytest.MonkeyPatch.context() as patch:
        # In pieces, as the engine does.
        patch.setattr(model.pipe.vae, "use_framewise_decoding", True)
        out = model.pipe(
            conditions=conditions,
            prompt="a red car",
            height=SIDE,
            width=SIDE,
            num_frames=33,
            frame_rate=FPS,
            sigmas=DISTILLED_SIGMA_VALUES,
            num_inference_steps=8,
            max_sequence_length=32,
            # As many latents of sound as a window has: a little more than of pictures.
            audio_latents=torch.zeros(1, 2, unpack(part).audio.shape[1], 2),
            generator=torch.Generator().manual_seed(5),
            output_type="np",
            **ONE_PASS,
        )
    expected = np.rint(out.frames[0] * 255)[0 if task == "picture" else num_given :]
    assert np.abs(video.astype(int) - expected).max() <= 1
    np.testing.assert_allclose(audio, out.audio[0].T.numpy(), atol=1e-3)
    assert start == pytest.approx(-17 / FPS if task == "clip" else 0, abs=1e-6)


def test_every_step_can_be_shown_in_small(engine: LTX2Engine) -> None:
    prompt, told = engine.encode_prompt("a red car", "", 1.0), []
    params = replace(ASKED, num_inference_steps=2)
    engine.make(2, prompt, WindowContext(is_start=True), params, lambda *x: told.append(x))
    assert [step for step, _ in told] == [*range(1, 9)]
    shown = [engine.preview(estimate) for _, estimate in told]
    assert {picture.shape for picture in shown} == {(256, 256, 3)}
    assert np.abs(shown[0].astype(int) - shown[-1]).mean() > 1


@pytest.mark.parametrize("task", ["words", "picture"])
def test_two_passes_are_what_diffusers_own_two_calls_make(
    model: LoadedModel, engine: LTX2Engine, task: str
) -> None:
    """First at half the sides; the second one gets its video enlarged, and its sound."""
    prompt = engine.encode_prompt("a red car", "", 1.0)
    large = LTX2Engine(model, width=2 * SIDE, height=2 * SIDE)
    given, large_given, conditions = (
        WindowContext(is_start=True),
        WindowContext(is_start=True),
        None,
    )
    if task == "picture":
        still = picture(2 * SIDE, 2 * SIDE)[None]
        small = np.array(Image.fromarray(still[0]).resize((SIDE, SIDE)))[None]
        given, large_given = (
            WindowContext(True, before=each.encode(x, torch.Generator()), is_picture=True)
            for each, x in ((engine, small), (large, still))
        )
        conditions = [
            [LTX2VideoCondition(frames=[Image.fromarray(x[0])], index=0, crf=0)]
            for x in (small, still)
        ]
    num_new = 3 - given.num_before
    first = engine.make(num_new, prompt, given, ASKED)
    params = replace(ASKED, timesteps=model.spec.second_pass.timesteps)
    part = large.refine(FirstPass(num_new, first, given), prompt, large_given, params)

    def call(index: int, **values: object) -> LTX2PipelineOutput:
        side = (SIDE, 2 * SIDE)[index]
        return model.pipe(
            prompt="a red car",
            height=side,
            width=side,
            num_frames=17,
            frame_rate=FPS,
            max_sequence_length=32,
            conditions=conditions and conditions[index],
            num_inference_steps=len(values["sigmas"]),
            generator=torch.Generator().manual_seed(5),
            output_type="latent",
            **ONE_PASS,
            **values,
        )

    silence = torch.zeros(1, 2, unpack(first).audio.shape[1], 2)
    out = call(0, sigmas=DISTILLED_SIGMA_VALUES, audio_latents=silence)
    enlarge = LTX2LatentUpsamplePipeline(model.pipe.vae, model.upsampler)
    enlarged = enlarge(latents=out.frames, height=SIDE, width=SIDE, output_type="latent").frames
    out = call(1, sigmas=STAGE_2_DISTILLED_SIGMA_VALUES, latents=enlarged, audio_latents=out.audio)
    vae = model.pipe.vae
    video = model.pipe._normalize_latents(out.frames, vae.latents_mean, vae.latents_std)
    made = unpack(part)
    assert made.video.shape[3:] == (4, 4)
    torch.testing.assert_close(made.video, video[:, :, given.num_before :], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(made.audio, pack_audio(model.pipe, out.audio), rtol=1e-3, atol=1e-3)


def test_a_step_is_one_pass_at_the_noise_levels_of_the_distillation(
    model: LoadedModel, engine: LTX2Engine
) -> None:
    prompt = engine.encode_prompt("a red car", "", 1.0)
    with Calls(model) as calls:
        engine.make(2, prompt, WindowContext(is_start=True), ASKED)
    levels = [float(level) / 1000 for level in calls.of("sigma")]
    assert levels == pytest.approx(DISTILLED_SIGMA_VALUES, abs=1e-6)


def test_with_guidance_the_words_to_avoid_are_read_beside_the_prompt(
    model: LoadedModel, engine: LTX2Engine
) -> None:
    guided = engine.encode_prompt("a red car", "a boat", 3.0)
    plain = engine.encode_prompt("a red car", "a boat", 1.0)
    asked = replace(ASKED, guidance_scale=3.0)
    with Calls(model) as calls:
        part = engine.make(2, guided, WindowContext(is_start=True), asked)
    assert {len(x) for x in calls.of("hidden_states")} == {2}
    assert not torch.equal(part, engine.make(2, plain, WindowContext(is_start=True), ASKED))


def test_given_sound_is_kept_and_what_is_new_goes_on_at_its_pace(
    model: LoadedModel, engine: LTX2Engine
) -> None:
    prompt = engine.encode_prompt("a red car", "", 1.0)
    before = engine.encode(frames(17), torch.Generator())
    given = engine.hear(WindowContext(is_start=True, before=before), hum(17 / FPS), None)
    known = unpack(given.before).audio
    assert known.shape[1] == 18  # 0.708 s, a latent is 0.04 s and the first one a quarter of it
    with Calls(model) as calls:
        part = engine.make(3, prompt, given, ASKED)
    for tokens, level, t in zip(
        calls.of("audio_hidden_states"), calls.of("audio_timestep"), calls.of("sigma"), strict=True
    ):
        torch.testing.assert_close(tokens[:, :18], known)
        assert level[0, :18].eq(0).all()
        assert level[0, 18:].eq(t).all()
    times = calls.of("audio_coords")[0][0, 0]
    assert times[17, 1].item() == pytest.approx(17 / FPS)
    np.testing.assert_allclose(np.diff(times[1:, 0]), 0.04, atol=1e-6)
    av_latents = unpack(part)
    assert av_latents.lead == pytest.approx(0, abs=1e-6)
    assert av_latents.seconds == 1
    # All of the new frames are heard, and a little more, into which the next sound is mixed.
    assert 0.1 <= av_latents.lag < 0.14


def test_the_next_window_goes_on_from_the_latents_of_the_one_before(
    model: LoadedModel, engine: LTX2Engine
) -> None:
    prompt = engine.encode_prompt("a red car", "", 1.0)
    nothing = WindowContext(is_start=True)
    first = engine.make(5, prompt, nothing, ASKED)
    tail = engine.tail(nothing, [first], 2)
    with Calls(model) as calls:
        second = engine.make(3, prompt, WindowContext(False, first=3, before=tail), ASKED)
    whole, handed_on = unpack(first), unpack(tail)
    assert torch.equal(handed_on.video, whole.video[:, :, -2:])
    count = handed_on.audio.shape[1]
    place = round((whole.seconds - 16 / FPS + handed_on.lead - whole.lead) / 0.04)
    assert torch.equal(handed_on.audio, whole.audio[:, place : place + count])
    assert 0 <= handed_on.lead < 0.04
    assert abs(handed_on.lag) <= 0.021
    # Its first latent frame is no single one, and sound and pictures keep their distance.
    assert calls.of("video_coords")[0][0, 0, 0].tolist() == pytest.approx([1 / FPS, 9 / FPS])
    times = calls.of("audio_coords")[0][0, 0]
    assert times[0, 0].item() == pytest.approx(1 / FPS + handed_on.lead, abs=1e-5)
    start, audio = heard(engine, nothing, first, second)
    assert start == pytest.approx(0, abs=1e-6)
    assert 57 / FPS + 0.1 <= len(audio) / 48_000 < 57 / FPS + 0.15
    assert len(shown(engine, nothing, first, second)) == 57


def test_what_follows_is_kept_and_its_first_frame_is_a_keyframe(
    model: LoadedModel, engine: LTX2Engine
) -> None:
    prompt = engine.encode_prompt("a red car", "", 1.0)
    given = engine.encode_following(frames(17), torch.Generator())
    given = replace(engine.hear(given, None, hum(17 / FPS)), is_start=True)
    with Calls(model) as calls:
        part = engine.make(3, prompt, given, ASKED)
    tokens, coords = calls.of("hidden_states")[-1][0], calls.of("video_coords")[0][0, 0]
    per_frame = (SIDE // 32) ** 2
    assert len(tokens) == len(coords) == 6 * per_frame
    keyframe = given.keyframe[0].permute(1, 2, 3, 0).flatten(0, 2)
    torch.testing.assert_close(tokens[-per_frame:], keyframe)
    # The last of the 17 new frames is the clip's own first.
    assert coords[-1].tolist() == pytest.approx([16 / FPS, 17 / FPS])
    assert calls.of("timestep")[0][0].eq(0).tolist() == [False] * 12 + [True] * 12
    known = unpack(given.after).audio
    times = calls.of("audio_coords")[0][0, 0]
    torch.testing.assert_close(calls.of("audio_hidden_states")[-1][:, -len(known[0]) :], known)
    # The clip begins with its first frame, and its second latent of sound a hundredth later.
    assert times[-len(known[0]), 0].item() == pytest.approx(16 / FPS + 0.01, abs=1e-5)
    np.testing.assert_allclose(np.diff(times[2:, 0]), 0.04, atol=1e-5)
    assert len(shown(engine, given, part)) == 16


def test_backwards_an_earlier_window_ends_where_the_later_one_begins(engine: LTX2Engine) -> None:
    prompt = engine.encode_prompt("a red car", "", 1.0)
    given = engine.encode_following(frames(17), torch.Generator())
    given = engine.hear(given, None, hum(17 / FPS))
    later = engine.make(3, prompt, replace(given, first=3), ASKED)
    head = engine.head(given, [later], 2)
    earlier = engine.make(3, prompt, WindowContext(is_start=True, after=head), ASKED)
    assert unpack(earlier).lag == pytest.approx(unpack(later).lead, abs=1e-4)
    start, audio = heard(engine, given, earlier, later)
    assert -0.04 < start <= 0
    assert start + len(audio) / 48_000 == pytest.approx((17 + 24 - 1 + 17) / FPS, abs=0.02)
    assert len(shown(engine, given, earlier, later)) == 17 + 24 - 1


@pytest.mark.parametrize("offload", ["encode_first", "model", "group", "group_lean"])
def test_held_otherwise_it_makes_the_same_pictures_and_sound(
    model: LoadedModel, engine: LTX2Engine, offload: str
) -> None:
    """Moves to a card are moves from the CPU to itself here."""
    held = load_model(model.spec, replace(model.placement, offload=offload))
    other = LTX2Engine(held, width=SIDE, height=SIDE)
    made = []
    for each in (engine, other):
        prompt = each.encode_prompt("a red car", "", 1.0)
        given = WindowContext(is_start=True, before=each.encode(frames(17), torch.Generator()))
        given = each.hear(given, hum(17 / FPS), None)
        part = each.make(2, prompt, given, ASKED)
        made.append((part, shown(each, given, part), heard(each, given, part)[1]))
    torch.testing.assert_close(made[0][0], made[1][0], atol=1e-5, rtol=1e-5)
    assert np.abs(made[0][1].astype(int) - made[1][1]).max() <= 1
    np.testing.assert_allclose(made[0][2], made[1][2], atol=1e-5)


def test_a_strip_is_the_same_after_packing() -> None:
    av_latents = AVLatents(torch.randn(1, 8, 3, 2, 2), torch.randn(1, 7, 4), 0.75, 0.04, -0.03)
    packed = pack(av_latents)
    assert packed.shape[2] == 3
    back = unpack(packed)
    assert torch.equal(back.video, av_latents.video)
    assert torch.equal(back.audio, av_latents.audio)
    assert (back.seconds, back.period, back.lead) == pytest.approx((0.75, 0.04, -0.03))


def test_sound_decoded_in_stretches_is_that_decoded_at_once(model: LoadedModel) -> None:
    codec = SoundCodec(model.pipe, model.device)
    latents = torch.randn(1, 600, codec.width, generator=torch.Generator().manual_seed(0))
    blocks = list(codec.decode(latents))
    assert len(blocks) == 3
    np.testing.assert_allclose(np.concatenate(blocks), codec._decode(latents), atol=1e-5)


def test_sound_is_seen_by_the_autoencoder_as_its_authors_do(model: LoadedModel) -> None:
    """Against another implementation of the same spectrogram."""
    codec, samples = SoundCodec(model.pipe, model.device), hum(1.0)
    mel = codec._spectrogram(samples)
    assert mel.shape == (1, 2, 100, 8)
    filters = mel_filter_bank(513, 8, 0.0, 8000.0, 16_000, norm="slaney", mel_scale="slaney")
    expected = spectrogram(
        samples[:, 1],
        window_function(1024, "hann"),
        1024,
        160,
        power=1.0,
        mel_filters=filters,
        mel_floor=1e-5,
        log_mel="log",
    )
    np.testing.assert_allclose(mel[0, 1].T.numpy(), expected[:, :100], atol=1e-3)


def test_positions_can_be_computed_without_float64() -> None:
    """Apple's GPUs have none; what is lost is nothing beside bfloat16."""
    pipe = tiny_ltx2()
    ropes = [
        pipe.transformer.rope,
        pipe.transformer.audio_rope,
        pipe.connectors.video_connector.rope,
    ]
    coords = pipe.transformer.rope.prepare_video_coords(1, 16, 16, 24, torch.device("cpu"))
    exact = pipe.transformer.rope(coords)
    _round_positions(pipe)
    assert not any(rope.double_precision for rope in ropes)
    for a, b in zip(exact, pipe.transformer.rope(coords), strict=True):
        assert (a - b).abs().max() < 1e-2


def test_the_tiny_pipeline_has_the_ratios_of_its_row() -> None:
    pipe, spec = tiny_ltx2(), MODELS[LTX2]
    assert type(pipe).__name__ == spec.pipeline_name
    assert pipe.vae_temporal_compression_ratio == spec.temporal
    assert pipe.vae_spatial_compression_ratio == spec.spatial
    assert set(spec.parts) == {
        name for name, x in pipe.components.items() if isinstance(x, torch.nn.Module)
    }

"""Shots window by window: what each is given, in which order, and that it is handed on as it is."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.engines import open_engine
from pipeline.engines.base import Engine, SamplingParams, WindowContext
from pipeline.errors import OutputError
from pipeline.generation.conditioning import prepare_conditioning
from pipeline.generation.context import GenerationContext
from pipeline.generation.latent_cache import LatentCache
from pipeline.generation.shots import ShotLatents, sample_shots
from pipeline.generation.sources import (
    conditioning_frame,
    end_frames,
    open_source,
    picture_frame,
)
from pipeline.planning.plan import Plan, plan_generation
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from tests.sources import make_clip
from tests.tiny import LTX, MINI, Calls, picture


@pytest.fixture(params=[MINI, LTX])
def model(request: pytest.FixtureRequest, model_caches: dict[str, ModelCache]) -> LoadedModel:
    return model_caches[request.param].load(request.param)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    Image.fromarray(picture()).save(path)
    return path


NUM_CHANNELS = 12  # the embedded model's; the other has fewer


@dataclasses.dataclass
class Made:
    """What came of a request, and what its windows were given.

    Of LTX-Video, `inputs` are what the transformer was called with at the first step of each.
    """

    request: GenerationRequest
    plan: Plan
    engine: Engine
    shots_latents: list[ShotLatents]
    calls: list[tuple[int, WindowContext, SamplingParams]]  # the engine's, one a window
    inputs: list[dict[str, torch.Tensor]]
    steps: list[tuple[int, int]]

    @property
    def size(self) -> tuple[int, int]:
        """Return the height and the width of a latent frame."""
        spatial = self.engine.model.spec.spatial
        return self.plan.model_size.height // spatial, self.plan.model_size.width // spatial

    @property
    def num_tokens(self) -> int:
        """Count the tokens of a latent frame."""
        return self.size[0] * self.size[1]

    def given_to(self, window: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a window's tokens (T, h w, C) at its first step, and which are given (T,).

        The embedded model has no noise: what it is not given is zero.
        """
        if not self.inputs:
            return self._laid_out(window)
        arguments = self.inputs[window]
        tokens = arguments["hidden_states"][0].unflatten(0, (-1, self.num_tokens))
        timesteps = arguments["timestep"][0].reshape(-1, self.num_tokens)
        return tokens, timesteps[:, 0] == 0

    def _laid_out(self, window: int) -> tuple[torch.Tensor, torch.Tensor]:
        num_latents, context, _ = self.calls[window]
        new = torch.zeros(1, NUM_CHANNELS, num_latents, *self.size)
        parts = [x for x in (context.before, new, context.after) if x is not None]
        is_given = [torch.full((x.shape[2],), x is not new) for x in parts]
        latents = torch.cat([x[:, :NUM_CHANNELS] for x in parts], dim=2)
        return tokens_of(latents), torch.cat(is_given)

    def first_frame(self, window: int) -> float:
        """Return when a window begins, in frames: 0 if it begins with a single frame, else 1."""
        _, context, _ = self.calls[window]
        if not self.inputs:
            return 0 if context.is_start else 1
        index = self.num_tokens if context.keyframe is not None else 0
        seconds = self.inputs[window]["video_coords"][0, 0, index]
        return round(float(seconds) * self.engine.model.spec.fps, 3)


def make(
    model: LoadedModel,
    task: str,
    duration: float = 5.0,
    keep: Path | None = None,
    **values: object,
) -> Made:
    """Make a request's takes, and keep their windows in a folder if there is one."""
    if "shots" not in values:
        values |= {"prompt": "a red boat", "duration": duration}
    request = build_request(task, model=model.spec.id, **{"seed": 3} | values)
    source = open_source(request)
    plan = plan_generation(request, model.spec, source and source.facts)
    engine = open_engine(model, width=plan.model_size.width, height=plan.model_size.height)
    steps: list[tuple[int, int]] = []
    inputs: list[dict[str, torch.Tensor]] = []
    with listening(engine) as calls, contextlib.ExitStack() as stack:
        if model.spec.id == LTX:
            inputs = stack.enter_context(Calls(model)).arguments
        context = GenerationContext(engine, request, plan, source)
        conditioning = prepare_conditioning(context)
        shots_latents = []
        for shot_latents in sample_shots(
            context,
            conditioning,
            lambda window, step, _: steps.append((window, step)),
            LatentCache(keep),
        ):
            assert (
                latents_of(shot_latents).shape[0] == 1
            )  # made here, where the calls are listened to
            shots_latents.append(shot_latents)
    first_steps = inputs[:: plan.steps_per_window]
    return Made(request, plan, engine, shots_latents, calls, first_steps, steps)


@contextlib.contextmanager
def listening(engine: Engine) -> Iterator[list[tuple[int, WindowContext, SamplingParams]]]:
    """Note what an engine's windows are made from."""
    calls: list[tuple[int, WindowContext, SamplingParams]] = []
    make_window = type(engine).make

    def noted(
        engine: Engine,
        num_latents: int,
        prompt: object,
        context: WindowContext,
        params: SamplingParams,
        **options: object,
    ) -> torch.Tensor:
        calls.append((num_latents, context, params))
        return make_window(engine, num_latents, prompt, context, params, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(engine), "make", noted)
        yield calls


def latents_of(shot_latents: ShotLatents) -> torch.Tensor:
    """Return a shot's latents, without what an engine keeps beside them."""
    return torch.cat([part[:, :NUM_CHANNELS] for part in shot_latents.parts], dim=2)


def tokens_of(latents: torch.Tensor) -> torch.Tensor:
    """(1, C, T, h, w) -> (T, h w, C)."""
    return latents[0].flatten(2).permute(1, 2, 0)


def test_each_window_starts_on_the_very_latents_that_the_one_before_ended_with(
    model: LoadedModel,
) -> None:
    """Nothing is decoded and encoded again in between: the numbers are the same to the last bit."""
    made = make(model, "text_to_video")
    (shot_latents,) = made.shots_latents
    assert len(made.calls) == len(shot_latents.plan.windows) >= 2
    for window in shot_latents.plan.windows[1:]:
        tokens, is_given = made.given_to(window.index)
        overlap = model.spec.overlap_latents
        assert is_given.tolist() == [True] * overlap + [False] * window.num_latents
        tail = latents_of(shot_latents)[:, :, window.start_latent - overlap : window.start_latent]
        assert torch.equal(tokens[:overlap], tokens_of(tail))


def test_backwards_each_window_ends_on_the_very_latents_that_follow(
    model: LoadedModel, clip: Path
) -> None:
    made = make(model, "extend_video", 3.0, video=clip, direction="backward")
    (shot_latents,) = made.shots_latents
    total = latents_of(shot_latents).shape[2]
    assert len(made.calls) >= 2
    for window in shot_latents.plan.windows[1:]:
        tokens, is_given = made.given_to(window.index)
        overlap = model.spec.overlap_latents
        assert is_given.tolist() == [False] * window.num_latents + [True] * overlap
        begin = total - window.start_latent
        head = latents_of(shot_latents)[:, :, begin : begin + overlap]
        assert torch.equal(tokens[-overlap:], tokens_of(head))


def test_only_the_window_that_is_seen_first_begins_with_a_single_frame(
    model: LoadedModel, clip: Path
) -> None:
    forward = make(model, "text_to_video")
    assert [forward.first_frame(index) for index in range(len(forward.calls))] == [
        0,
        *[1] * (len(forward.calls) - 1),
    ]
    backward = make(model, "extend_video", 3.0, video=clip, direction="backward")
    assert [backward.first_frame(index) for index in range(len(backward.calls))] == [
        *[1] * (len(backward.calls) - 1),
        0,
    ]


def test_each_window_starts_from_the_noise_of_its_own_seed(
    model_caches: dict[str, ModelCache],
) -> None:
    made = make(model_caches[LTX].load(LTX), "text_to_video")
    for window in made.shots_latents[0].plan.windows:
        tokens, is_given = made.given_to(window.index)
        shape = (1, tokens.shape[2], len(tokens), *made.size)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(window.seed))
        assert torch.equal(tokens[~is_given], tokens_of(noise)[~is_given])


def test_each_window_has_a_seed_of_its_own(model: LoadedModel) -> None:
    made = make(model, "text_to_video")
    seeds = [params.seed for _, _, params in made.calls]
    assert seeds == [window.seed for window in made.shots_latents[0].plan.windows]
    assert len({*seeds}) == len(seeds) >= 2


def test_every_step_of_every_window_is_told_in_order(model: LoadedModel) -> None:
    """The embedded model makes a window in one step."""
    made = make(model, "text_to_video")
    steps = {MINI: (1,), LTX: (1, 2)}[model.spec.id]
    assert made.steps == [
        (window, step) for window in range(1, made.plan.num_windows + 1) for step in steps
    ]


def test_a_window_that_is_found_is_told_on_the_device_of_the_model(
    model: LoadedModel, tmp_path: Path
) -> None:
    """It was told on the CPU, so that a preview of it failed where the model is on a GPU.

    PyTorch's device "meta" stands in for the GPU: a window that is found needs no computing.
    """
    made = make(model, "text_to_video", 1.0, keep=tmp_path)
    context = GenerationContext(made.engine, made.request, made.plan, None)
    conditioning = prepare_conditioning(context)
    elsewhere = dataclasses.replace(model.placement, device="meta")
    made.engine.model = dataclasses.replace(model, placement=elsewhere)
    told: list[torch.device] = []
    made.engine.preview = lambda latents: told.append(latents.device)
    (shot,) = sample_shots(context, conditioning, lambda *_: None, LatentCache(tmp_path))
    assert {part.device for part in shot.parts} == {*told} == {torch.device("meta")}


def test_a_clip_of_words_only_is_given_nothing(model: LoadedModel) -> None:
    made = make(model, "text_to_video", 1.0)
    _, is_given = made.given_to(0)
    assert not is_given.any()
    assert made.shots_latents[0].num_frames == made.plan.num_frames


def test_a_picture_is_the_first_latent(model: LoadedModel, still: Path) -> None:
    made = make(model, "image_to_video", 1.0, image=still, aspect_ratio="auto")
    how = model.spec.given_picture
    opened = open_source(made.request).picture
    frame = conditioning_frame(opened, made.plan.model_size, how)
    is_changed = bool((frame != picture_frame(opened, made.plan.model_size)).any())
    assert is_changed is {MINI: False, LTX: True}[model.spec.id]
    tokens, is_given = made.given_to(0)
    assert is_given.tolist() == [True] + [False] * {MINI: 2, LTX: 3}[model.spec.id]
    encoded = made.engine.encode(frame, torch.Generator().manual_seed(made.request.seed))
    added = tokens[:1] - tokens_of(encoded)
    assert float(added.std()) == pytest.approx(how.noise, rel=0.3)  # at a noise level of 1
    assert made.first_frame(0) == 0


def test_a_picture_of_another_model_is_encoded_alike_for_the_same_seed(
    model_caches: dict[str, ModelCache], still: Path
) -> None:
    """Its autoencoder samples from the generator."""
    given = [
        make(model_caches[LTX].load(LTX), "image_to_video", 0.5, image=still, seed=seed)
        .shots_latents[0]
        .given.before
        for seed in (1, 1, 2)
    ]
    assert torch.equal(given[0], given[1])
    assert not torch.equal(given[0], given[2])


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_an_extension_is_given_the_end_of_the_clip_that_it_joins(
    model_caches: dict[str, ModelCache], clip: Path, direction: str
) -> None:
    model = model_caches[MINI].load(MINI)
    made = make(model, "extend_video", 0.5, video=clip, direction=direction)
    at_end = direction == "forward"
    frames = end_frames(
        open_source(made.request),
        at_end=at_end,
        fps=model.spec.fps,
        count=17,
        size=made.plan.model_size,
    )
    assert frames.shape == (17, made.plan.model_size.height, made.plan.model_size.width, 3)
    tokens, is_given = made.given_to(0)
    if at_end:
        assert is_given.tolist() == [True, True, True, False]
        assert torch.equal(tokens[:3], tokens_of(made.engine.encode(frames, torch.Generator())))
    else:
        assert is_given.tolist() == [False, False, True, True]
        encoded = made.engine.encode(np.concatenate([frames[:1], frames[:-1]]), torch.Generator())
        torch.testing.assert_close(tokens[-2:], tokens_of(encoded)[1:], rtol=1e-3, atol=1e-3)


def test_what_goes_on_from_a_clip_starts_on_its_end_to_the_last_bit(
    model_caches: dict[str, ModelCache], clip: Path
) -> None:
    """The transformer itself is given the latents of the clip's last frames, free of noise."""
    model = model_caches[LTX].load(LTX)
    made = make(model, "extend_video", 0.5, video=clip)
    ends = {"at_end": True, "fps": model.spec.fps, "count": 17, "size": made.plan.model_size}
    frames = end_frames(open_source(made.request), **ends)
    encoded = made.engine.encode(frames, torch.Generator().manual_seed(made.request.seed))
    tokens, is_given = made.given_to(0)
    assert is_given.tolist() == [True] * 3 + [False] * (len(tokens) - 3)
    assert len(tokens) > 3
    assert torch.equal(tokens[:3], tokens_of(encoded))


def test_a_causal_autoencoder_gives_its_first_frame_apart(
    model_caches: dict[str, ModelCache], clip: Path
) -> None:
    made = make(model_caches[LTX].load(LTX), "extend_video", 0.5, video=clip, direction="backward")
    given = made.shots_latents[0].given
    assert given.keyframe.shape[2] == 1
    assert given.after.shape[2] == 2
    # The keyframe is the clip's own first frame, in the place of the last new one.
    assert (
        made.shots_latents[0].num_frames == latents_of(made.shots_latents[0]).shape[2] * 8 - 7 - 1
    )


def test_what_leads_up_to_a_clip_has_no_frame_twice(
    model_caches: dict[str, ModelCache], clip: Path
) -> None:
    """17 frames are three latents, whose last frame is the clip's own: there were only 16."""
    model = model_caches[LTX].load(LTX)
    made = make(model, "extend_video", 17 / model.spec.fps, video=clip, direction="backward")
    assert made.shots_latents[0].num_frames >= 17


def test_a_shot_that_continues_starts_on_the_tail_of_the_one_before_and_a_cut_on_nothing(
    model: LoadedModel,
) -> None:
    shots = [
        Shot("a red boat", 1.0),
        Shot("a blue car", 1.0, transition="continue"),
        Shot("a cat", 0.5),
    ]
    made = make(model, "text_to_video", shots=shots)
    first, second, third = made.shots_latents
    tokens, is_given = made.given_to(1)
    overlap = model.spec.overlap_latents
    assert is_given.tolist() == [True] * overlap + [False] * latents_of(second).shape[2]
    assert torch.equal(tokens[:overlap], tokens_of(latents_of(first))[-overlap:])
    assert made.first_frame(1) == 1
    assert not made.given_to(2)[1].any()
    assert made.first_frame(2) == 0
    assert [shot_latents.num_frames for shot_latents in made.shots_latents] == [
        shot.num_frames for shot in made.plan.shots
    ]
    assert third.given.before is None


def test_each_shot_has_its_own_prompt_and_camera(model_caches: dict[str, ModelCache]) -> None:
    shots = [Shot("a red boat", 0.5), Shot("a blue car", 0.5), Shot("a blue car", 0.5)]
    made = make(model_caches[LTX].load(LTX), "text_to_video", shots=shots)
    prompts = [inputs["encoder_hidden_states"] for inputs in made.inputs]
    assert not torch.equal(prompts[0], prompts[1])
    assert torch.equal(prompts[1], prompts[2])
    moving = make(
        model_caches[LTX].load(LTX), "text_to_video", shots=[Shot("a red boat", 0.5, "zoom in")]
    )
    assert not torch.equal(moving.inputs[0]["encoder_hidden_states"], prompts[0])


def test_a_window_after_a_short_one_is_given_what_was_given_before_it_too(
    model_caches: dict[str, ModelCache], clip: Path
) -> None:
    """Only new latents were handed on, so that the window got fewer than it was planned with."""
    model = model_caches[LTX].load(LTX)
    tight = dataclasses.replace(model, spec=dataclasses.replace(model.spec, window_frames=25))
    for direction in ("forward", "backward"):
        made = make(tight, "extend_video", 1.0, video=clip, direction=direction)
        for window in made.shots_latents[0].plan.windows[1:]:
            assert int(made.given_to(window.index)[1].sum()) == window.num_context


def test_numbers_that_are_none_are_refused_before_anything_is_decoded(
    model_caches: dict[str, ModelCache], clip: Path
) -> None:
    model = model_caches[MINI].load(MINI)
    basis = model.pipe.vae.basis
    kept = basis.clone()
    basis[0] = torch.nan
    try:
        with pytest.raises(OutputError, match="try another seed"):
            make(model, "extend_video", 0.5, video=clip)
    finally:
        basis.copy_(kept)
    assert torch.isfinite(latents_of(make(model, "text_to_video", 0.5).shots_latents[0])).all()


def test_a_shot_that_continues_a_very_short_one_sees_what_was_before_it_too(
    model: LoadedModel,
) -> None:
    """A shot of one latent frame gave one, where two were planned with, and time jumped back."""
    shots = [
        Shot("a red boat", 1.0),
        Shot("a red boat", 0.5, transition="continue"),
        Shot("a red boat", 1.0, transition="continue"),
    ]
    made = make(model, "text_to_video", shots=shots)
    _, is_given = made.given_to(2)
    assert int(is_given.sum()) == model.spec.overlap_latents

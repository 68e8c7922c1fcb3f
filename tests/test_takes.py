"""Shots window by window: what each is given, in which order, and that it is handed on as it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.cues import write_cues
from pipeline.engines import open_engine
from pipeline.engines.ltx import LTXEngine
from pipeline.errors import OutputError
from pipeline.loader import Loader
from pipeline.plan import Plan, plan_generation
from pipeline.reading import LoadedModel
from pipeline.reel import Reel
from pipeline.request import GenerationRequest, Shot, build_request
from pipeline.sources import end_frames, open_source, picture_frame
from pipeline.takes import Take, make_takes
from tests.sources import make_clip
from tests.tiny import LTX, MINI, Calls, picture


@pytest.fixture(params=[MINI, LTX])
def model(request: pytest.FixtureRequest, loaders: dict[str, Loader]) -> LoadedModel:
    return loaders[request.param].load(request.param)


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
    """What came of a request, and what the transformer was called with."""

    request: GenerationRequest
    plan: Plan
    engine: LTXEngine
    takes: list[Take]
    windows: list[dict[str, torch.Tensor]]  # the first call of each
    steps: list[tuple[int, int]]

    @property
    def num_tokens(self) -> int:
        """Count the tokens of a latent frame."""
        return self.engine.width * self.engine.height

    def given_to(self, window: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a window's tokens (T, h w, C) at its first step, and which are given (T,)."""
        arguments = self.windows[window]
        tokens = arguments["hidden_states"][0].unflatten(0, (-1, self.num_tokens))
        timesteps = arguments["timestep"][0].reshape(-1, self.num_tokens)
        return tokens, timesteps[:, 0] == 0


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
    values = {"seed": 3, "num_inference_steps": 2} | values
    request = build_request(task, model=model.spec.id, **values)
    source = open_source(request)
    plan = plan_generation(request, model.spec, source and source.facts)
    engine = open_engine(model, width=plan.model_size.width, height=plan.model_size.height)
    steps: list[tuple[int, int]] = []
    with Calls(model) as calls:
        cues = write_cues(engine, request, plan, source)
        takes = []
        for take in make_takes(
            *(engine, request, plan, source, cues),
            lambda window, step, _: steps.append((window, step)),
            Reel(keep),
        ):
            assert latents_of(take).shape[0] == 1  # made here, where the calls are listened to
            takes.append(take)
    windows = calls.arguments[:: plan.num_inference_steps]
    return Made(request, plan, engine, takes, windows, steps)


def latents_of(take: Take) -> torch.Tensor:
    """Return a take's latents, without what an engine keeps beside them."""
    return torch.cat([part[:, :NUM_CHANNELS] for part in take.parts], dim=2)


def tokens_of(latents: torch.Tensor) -> torch.Tensor:
    """(1, C, T, h, w) -> (T, h w, C)."""
    return latents[0].flatten(2).permute(1, 2, 0)


def test_each_window_starts_on_the_very_latents_that_the_one_before_ended_with(
    model: LoadedModel,
) -> None:
    """Nothing is decoded and encoded again in between: the numbers are the same to the last bit."""
    made = make(model, "text_to_video")
    (take,) = made.takes
    assert len(made.windows) == len(take.plan.windows) >= 2
    for window in take.plan.windows[1:]:
        tokens, is_given = made.given_to(window.index)
        overlap = model.spec.overlap_latents
        assert is_given.tolist() == [True] * overlap + [False] * window.num_latents
        tail = latents_of(take)[:, :, window.start_latent - overlap : window.start_latent]
        assert torch.equal(tokens[:overlap], tokens_of(tail))


def test_backwards_each_window_ends_on_the_very_latents_that_follow(
    model: LoadedModel, clip: Path
) -> None:
    made = make(model, "extend_video", 3.0, video=clip, direction="backward")
    (take,) = made.takes
    total = latents_of(take).shape[2]
    assert len(made.windows) >= 2
    for window in take.plan.windows[1:]:
        tokens, is_given = made.given_to(window.index)
        overlap = model.spec.overlap_latents
        assert is_given.tolist() == [False] * window.num_latents + [True] * overlap
        begin = total - window.start_latent
        head = latents_of(take)[:, :, begin : begin + overlap]
        assert torch.equal(tokens[-overlap:], tokens_of(head))


def first_frames(made: Made, window: int) -> float:
    """Return when a window's grid begins, in frames: 0 if it begins with a single frame, else 1."""
    keyframe = made.takes[0].given.keyframe is not None and window == 0
    seconds = made.windows[window]["video_coords"][0, 0, made.num_tokens if keyframe else 0]
    return round(float(seconds) * made.engine.model.spec.fps, 3)


def test_only_the_window_that_is_seen_first_begins_with_a_single_frame(
    model: LoadedModel, clip: Path
) -> None:
    forward = make(model, "text_to_video")
    assert [first_frames(forward, index) for index in range(len(forward.windows))] == [
        0,
        *[1] * (len(forward.windows) - 1),
    ]
    backward = make(model, "extend_video", 3.0, video=clip, direction="backward")
    assert [first_frames(backward, index) for index in range(len(backward.windows))] == [
        *[1] * (len(backward.windows) - 1),
        0,
    ]


def test_each_window_starts_from_the_noise_of_its_own_seed(model: LoadedModel) -> None:
    made = make(model, "text_to_video")
    for window in made.takes[0].plan.windows:
        tokens, is_given = made.given_to(window.index)
        shape = (1, tokens.shape[2], len(tokens), made.engine.height, made.engine.width)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(window.seed))
        assert torch.equal(tokens[~is_given], tokens_of(noise)[~is_given])


def test_every_step_of_every_window_is_told_in_order(model: LoadedModel) -> None:
    made = make(model, "text_to_video")
    assert made.steps == [
        (window, step) for window in range(1, made.plan.num_windows + 1) for step in (1, 2)
    ]


def test_a_clip_of_words_only_is_given_nothing(model: LoadedModel) -> None:
    made = make(model, "text_to_video", 1.0)
    _, is_given = made.given_to(0)
    assert not is_given.any()
    assert made.takes[0].num_frames == made.plan.num_frames


def test_a_picture_is_the_first_latent(loaders: dict[str, Loader], still: Path) -> None:
    made = make(loaders[MINI].load(MINI), "image_to_video", 1.0, image=still, aspect_ratio="auto")
    frame = picture_frame(open_source(made.request).picture, made.plan.model_size)
    tokens, is_given = made.given_to(0)
    assert is_given.tolist() == [True, False, False]
    encoded = made.engine.encode(frame, torch.Generator())
    assert torch.equal(tokens[:1], tokens_of(encoded))
    assert first_frames(made, 0) == 0


def test_a_picture_of_another_model_is_encoded_alike_for_the_same_seed(
    loaders: dict[str, Loader], still: Path
) -> None:
    """Its autoencoder samples from the generator."""
    given = [
        make(loaders[LTX].load(LTX), "image_to_video", 0.5, image=still, seed=seed)
        .takes[0]
        .given.before
        for seed in (1, 1, 2)
    ]
    assert torch.equal(given[0], given[1])
    assert not torch.equal(given[0], given[2])


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_an_extension_is_given_the_end_of_the_clip_that_it_joins(
    loaders: dict[str, Loader], clip: Path, direction: str
) -> None:
    model = loaders[MINI].load(MINI)
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


def test_a_causal_autoencoder_gives_its_first_frame_apart(
    loaders: dict[str, Loader], clip: Path
) -> None:
    made = make(loaders[LTX].load(LTX), "extend_video", 0.5, video=clip, direction="backward")
    given = made.takes[0].given
    assert given.keyframe.shape[2] == 1
    assert given.after.shape[2] == 2
    # The keyframe is the clip's own first frame, in the place of the last new one.
    assert made.takes[0].num_frames == latents_of(made.takes[0]).shape[2] * 8 - 7 - 1


def test_what_leads_up_to_a_clip_has_no_frame_twice(loaders: dict[str, Loader], clip: Path) -> None:
    """17 frames are three latents, whose last frame is the clip's own: there were only 16."""
    model = loaders[LTX].load(LTX)
    made = make(model, "extend_video", 17 / model.spec.fps, video=clip, direction="backward")
    assert made.takes[0].num_frames >= 17


def test_a_shot_that_continues_starts_on_the_tail_of_the_one_before_and_a_cut_on_nothing(
    model: LoadedModel,
) -> None:
    shots = [
        Shot("a red boat", 1.0),
        Shot("a blue car", 1.0, transition="continue"),
        Shot("a cat", 0.5),
    ]
    made = make(model, "text_to_video", shots=shots)
    first, second, third = made.takes
    tokens, is_given = made.given_to(1)
    overlap = model.spec.overlap_latents
    assert is_given.tolist() == [True] * overlap + [False] * latents_of(second).shape[2]
    assert torch.equal(tokens[:overlap], tokens_of(latents_of(first))[-overlap:])
    assert first_frames(made, 1) == 1
    assert not made.given_to(2)[1].any()
    assert first_frames(made, 2) == 0
    assert [take.num_frames for take in made.takes] == [shot.num_frames for shot in made.plan.shots]
    assert third.given.before is None


def test_each_shot_has_its_own_prompt_and_camera(loaders: dict[str, Loader]) -> None:
    shots = [Shot("a red boat", 0.5), Shot("a blue car", 0.5), Shot("a blue car", 0.5)]
    made = make(loaders[LTX].load(LTX), "text_to_video", shots=shots)
    prompts = [window["encoder_hidden_states"] for window in made.windows]
    assert not torch.equal(prompts[0], prompts[1])
    assert torch.equal(prompts[1], prompts[2])
    moving = make(
        loaders[LTX].load(LTX), "text_to_video", shots=[Shot("a red boat", 0.5, "zoom in")]
    )
    assert not torch.equal(moving.windows[0]["encoder_hidden_states"], prompts[0])


def test_a_window_after_a_short_one_is_given_what_was_given_before_it_too(
    loaders: dict[str, Loader], clip: Path
) -> None:
    """Only new latents were handed on, so that the window got fewer than it was planned with."""
    model = loaders[LTX].load(LTX)
    tight = dataclasses.replace(model, spec=dataclasses.replace(model.spec, window_frames=25))
    for direction in ("forward", "backward"):
        made = make(tight, "extend_video", 1.0, video=clip, direction=direction)
        for window in made.takes[0].plan.windows[1:]:
            assert int(made.given_to(window.index)[1].sum()) == window.num_context


def test_numbers_that_are_none_are_refused_before_anything_is_decoded(
    loaders: dict[str, Loader],
) -> None:
    model = loaders[MINI].load(MINI)
    bias = model.pipe.transformer.guide.guess.bias.data
    kept = bias.clone()
    bias[0] = torch.nan
    try:
        with pytest.raises(OutputError, match="try another seed"):
            make(model, "text_to_video", 0.5)
    finally:
        bias.copy_(kept)
    assert torch.isfinite(latents_of(make(model, "text_to_video", 0.5).takes[0])).all()


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

"""What a request comes to, worked out by hand and held against the plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InvalidRequestError
from pipeline.geometry import ASPECT_RATIOS
from pipeline.models.registry import MODELS
from pipeline.planning.plan import (
    MAX_GPU_SECONDS,
    Plan,
    Source,
    check_windows_fit_calls,
    estimate_seconds,
    num_steps,
    plan_generation,
)
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.planning.windows import window_seed

MINI, LTX, WAN = (MODELS[x] for x in ("kinora-mini", "ltx-video-2b", "wan-2.2-5b"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is there; no plan opens it."""
    (tmp_path / "source").touch()
    return tmp_path / "source"


def text_request(duration: float = 5.0, **values: object) -> GenerationRequest:
    return build_request(
        "text_to_video", model="kinora-mini", prompt="a cat", duration=duration, **values
    )


def wan_request(duration: float = 5.0, **values: object) -> GenerationRequest:
    """Ask a model that has steps and guidance."""
    return build_request("text_to_video", model=WAN.id, prompt="a cat", duration=duration, **values)


def extension(file: Path, duration: float = 5.0, **values: object) -> GenerationRequest:
    values = {"model": "kinora-mini", "prompt": "a cat"} | values
    return build_request("extend_video", duration=duration, video=file, **values)


def new_latents(plan: Plan) -> int:
    return sum(window.num_latents for shot in plan.shots for window in shot.windows)


@pytest.mark.parametrize("aspect_ratio", ASPECT_RATIOS)
def test_five_seconds_are_eighty_one_frames_in_two_windows(aspect_ratio: str) -> None:
    plan = plan_generation(text_request(aspect_ratio=aspect_ratio), MINI)
    assert (plan.num_frames, plan.fps, plan.num_windows) == (81, 16.0, 2)
    assert plan.size == plan.model_size == MINI.size_for(aspect_ratio)
    assert plan.seconds == 81 / 16
    assert new_latents(plan) == 11


@pytest.mark.parametrize("duration", [0.5, 0.51, 1, 2.5, 3, 3.07, 5, 10, 60])
def test_a_new_clip_lasts_as_long_as_asked_but_less_than_a_latent_longer(duration: float) -> None:
    plan = plan_generation(text_request(duration), MINI)
    assert duration <= plan.seconds < duration + MINI.temporal / MINI.fps
    assert plan.num_frames == (new_latents(plan) - 1) * MINI.temporal + 1


def test_a_picture_takes_the_place_of_the_first_latent(file: Path) -> None:
    request = build_request(
        "image_to_video", model="kinora-mini", prompt="a cat", image=file, aspect_ratio="auto"
    )
    plan = plan_generation(request, MINI, Source(1000, 1400))
    assert plan.model_size == MINI.size_for("3:4")
    assert plan.num_frames == 81
    assert plan.shots[0].windows[0].num_context == 1
    assert new_latents(plan) == 10


@pytest.mark.parametrize(("fps", "num_frames"), [(16, 80), (24, 120), (30000 / 1001, 150), (7, 35)])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_an_extension_has_the_clips_size_and_rate_and_the_duration_asked_for(
    file: Path, direction: str, fps: float, num_frames: int
) -> None:
    request = extension(file, direction=direction)
    plan = plan_generation(request, MINI, Source(721, 405, fps, 48))
    assert plan.size == (720, 404)
    assert (plan.fps, plan.num_frames) == (fps, num_frames)
    assert plan.model_size == (512, 288)


def test_an_extension_sees_the_end_or_the_beginning_of_the_clip(file: Path) -> None:
    source = Source(64, 64, 16.0, 48)
    forward = plan_generation(extension(file, direction="forward"), MINI, source)
    backward = plan_generation(extension(file, direction="backward"), MINI, source)
    assert forward.shots[0].windows[0].num_context == MINI.num_source_latents
    assert backward.shots[0].windows[0].num_context == MINI.num_source_latents - 1
    # Forward, every latent follows others and holds eight frames; backward, the first holds one.
    assert new_latents(forward) * 8 == 80
    assert new_latents(backward) * 8 - 7 == 81


def test_a_clip_is_led_up_to_with_a_frame_to_spare(file: Path) -> None:
    """Of 17 new frames LTX-Video's last is the clip's own first; one was shown twice."""
    request = extension(file, direction="backward", duration=17 / 16)
    assert new_latents(plan_generation(request, MINI, Source(64, 64, 16.0, 48))) == 4


def test_a_portrait_clip_is_continued_at_a_portrait_size(file: Path) -> None:
    plan = plan_generation(extension(file), MINI, Source(1080, 1920, 30.0, 48))
    assert plan.model_size == MINI.size_for("9:16") == (288, 512)


def test_a_film_is_its_shots_one_after_the_other() -> None:
    shots = [Shot("a", 1.0), Shot("b", 2.0, transition="continue"), Shot("c", 1.0)]
    request = build_request("text_to_video", model="kinora-mini", shots=shots, seed=5)
    plan = plan_generation(request, MINI)
    assert [shot.num_frames for shot in plan.shots] == [17, 32, 17]
    assert [shot.continues for shot in plan.shots] == [False, True, False]
    assert plan.num_frames == 66
    assert [shot.windows[0].num_context for shot in plan.shots] == [0, MINI.overlap_latents, 0]
    seeds = [window.seed for shot in plan.shots for window in shot.windows]
    assert seeds == [window_seed(5, index, 0) for index in range(3)]


def test_a_model_that_makes_chunks_makes_them_after_a_picture_and_after_a_clip(file: Path) -> None:
    spec = MODELS["helios-distilled"]
    shots = [Shot("a", 5.0), Shot("b", 2.0, transition="continue"), Shot("c", 5.0, image=file)]
    request = build_request("text_to_video", model=spec.id, shots=shots)
    film = plan_generation(request, spec)
    # Three chunks and 21 frames; one and 17; and the picture itself, before three and 21.
    assert [shot.num_frames for shot in film.shots] == [120, 50, 121]
    counts = [[window.num_latents for window in shot.windows] for shot in film.shots]
    assert counts == [[27 + 6], [9 + 5], [27 + 6]]
    assert {window.num_context for shot in film.shots for window in shot.windows} == {0}
    minute = plan_generation(extension(file, 60.0, model=spec.id), spec, Source(64, 64, 24.0, 99))
    assert [window.num_latents for window in minute.shots[0].windows] == [36] * 10 + [33]
    assert minute.num_frames == 1440


def test_a_first_shot_continues_nothing() -> None:
    shots = [Shot("a", 1.0, transition="continue")]
    plan = plan_generation(build_request("text_to_video", model="kinora-mini", shots=shots), MINI)
    assert not plan.shots[0].continues


def test_a_request_overrides_the_models_defaults_but_no_distilled_schedule() -> None:
    request = wan_request(num_inference_steps=3, guidance_scale=1.5)
    plan = plan_generation(request, WAN)
    assert (plan.num_inference_steps, plan.guidance_scale) == (3, 1.5)
    assert plan.steps_per_window == 3
    plan = plan_generation(wan_request(), WAN)
    assert plan.num_inference_steps == WAN.default_num_inference_steps
    assert plan.guidance_scale == WAN.default_guidance_scale
    assert num_steps(request, LTX) == len(LTX.timesteps)


def test_a_model_without_steps_makes_a_window_at_once() -> None:
    plan = plan_generation(text_request(), MINI)
    assert plan.num_inference_steps is plan.guidance_scale is None
    assert plan.steps_per_window == 1


@pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS.keys())
def test_a_gpu_is_asked_for_longer_the_more_there_is_to_do(file: Path, spec: object) -> None:
    durations = (0.5, 2, 5, 10, 20, 40, 60)
    for make in (text_request, lambda duration: extension(file, duration)):
        seconds = [estimate_seconds(make(duration), spec) for duration in durations]
        assert seconds == sorted(seconds)
        assert all(15 <= value <= MAX_GPU_SECONDS for value in seconds)
        assert seconds[-1] > seconds[0] or seconds[0] == MAX_GPU_SECONDS


def test_a_gpu_is_asked_for_longer_the_more_steps_there_are() -> None:
    seconds = [
        estimate_seconds(wan_request(1.0, num_inference_steps=steps), WAN)
        for steps in range(1, 101)
    ]
    assert seconds == sorted(seconds)
    assert seconds[-1] > seconds[0]


def test_a_window_that_no_call_could_finish_is_refused_with_the_steps_that_fit() -> None:
    def request(model: str, **values: object) -> GenerationRequest:
        return build_request("text_to_video", model=model, prompt="a cat", **values)

    check_windows_fit_calls(request("ltx-video-13b", duration=60), MODELS["ltx-video-13b"])
    with pytest.raises(
        InvalidRequestError, match=r"50 steps.*choose (\d+) steps or fewer"
    ) as caught:
        check_windows_fit_calls(request(WAN.id), WAN)
    steps = int(str(caught.value).split("choose ")[1].split()[0])
    assert 1 < steps < 50
    check_windows_fit_calls(request(WAN.id, num_inference_steps=steps), WAN)
    with pytest.raises(InvalidRequestError):
        check_windows_fit_calls(request(WAN.id, num_inference_steps=steps + 1), WAN)


def test_a_gpu_is_never_asked_for_longer_than_is_given() -> None:
    assert estimate_seconds(wan_request(60, num_inference_steps=100), WAN) == MAX_GPU_SECONDS

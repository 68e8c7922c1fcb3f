"""HD: what it shares with the standard clip, what is handed on, and what is kept of it."""

from __future__ import annotations

import pkgutil
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.pipelines.ltx2.utils import DISTILLED_SIGMA_VALUES, STAGE_2_DISTILLED_SIGMA_VALUES
from safetensors.torch import load_file

from pipeline.errors import GenerationCancelledError, InvalidRequestError
from pipeline.generation.generate import Clip, generate
from pipeline.generation.progress import Progress
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.models.registry import MODELS
from pipeline.planning.plan import plan_generation
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import CPU, LTX, MINI, Calls, tiny_models

SECOND_STEPS = 3
LTX_FIRST = [1.0000, 0.9937, 0.9875, 0.9812, 0.9750, 0.9094, 0.7250]
LTX_SECOND = [0.9094, 0.7250, 0.4219]


@pytest.fixture
def model_cache(model_caches: dict[str, ModelCache]) -> ModelCache:
    return model_caches[LTX]


def ask(quality: str, seconds: float = 3.0, **values: object) -> GenerationRequest:
    values = {"prompt": "a red boat", "duration": seconds, "aspect_ratio": "1:1"} | values
    return build_request("text_to_video", model=LTX, models=None, seed=3, quality=quality, **values)


def run(
    model_cache: ModelCache,
    request: GenerationRequest,
    folder: Path,
    told: list[Progress] | None = None,
    num_allowed: int = 99,
) -> Clip:
    """Make a clip until so many of its windows' passes are kept."""
    folder.mkdir(exist_ok=True)
    return generate(
        request,
        model_cache=model_cache,
        output=folder / "clip.mp4",
        on_progress=([] if told is None else told).append,
        is_cancelled=lambda: len(kept_in(folder)) >= num_allowed,
        keep=folder,
    )


def kept_in(folder: Path) -> dict[str, torch.Tensor]:
    files = sorted(folder.glob("windows/*.safetensors"), key=lambda file: file.stat().st_mtime_ns)
    return {file.name: load_file(file)["latents"] for file in files}


def frames_of(folder: Path) -> np.ndarray:
    path = folder / "clip.mp4"
    return np.concatenate(list(iterate_frames(path, probe_clip(path))))


def test_the_first_pass_is_the_standard_clip_which_hd_does_not_make_again(
    model_cache: ModelCache, tmp_path: Path
) -> None:
    """With the standard clip's windows in its folder, as a job that is based on it has them."""
    standard = run(model_cache, ask("standard"), tmp_path / "standard")
    assert len(standard.recipe["windows"]) == 3
    shutil.copytree(tmp_path / "standard" / "windows", tmp_path / "based" / "windows")
    steps = {}
    for name in ("whole", "based"):
        with Calls(model_cache.load(LTX, quality="hd")) as calls:
            run(model_cache, ask("hd"), tmp_path / name)
        steps[name] = len(calls.arguments)
    assert steps == {"whole": 3 * (2 + SECOND_STEPS), "based": 3 * SECOND_STEPS}
    of_standard, of_hd = kept_in(tmp_path / "standard"), kept_in(tmp_path / "whole")
    assert {name: of_hd[name].tolist() for name in of_standard} == {
        name: latents.tolist() for name, latents in of_standard.items()
    }
    assert len(of_hd) == 2 * len(of_standard)
    np.testing.assert_array_equal(frames_of(tmp_path / "whole"), frames_of(tmp_path / "based"))


def test_a_first_pass_may_have_timesteps_of_its_own(folder: Path, tmp_path: Path) -> None:
    row, first = tiny_models(folder)[LTX], tuple(1000 * sigma for sigma in LTX_FIRST)
    row = replace(row, second_pass=replace(row.second_pass, first_timesteps=first))
    model_cache = ModelCache(CPU, {LTX: row})
    told: list[Progress] = []
    with Calls(model_cache.load(LTX, quality="hd")) as calls:
        run(model_cache, ask("hd", seconds=1.0), tmp_path, told)
    levels = [float(timestep.max()) / 1000 for timestep in calls.of("timestep")]
    assert levels == pytest.approx([*LTX_FIRST, *LTX_SECOND])
    assert told[-1].num_steps == 10


def test_a_second_pass_goes_on_from_its_own_latents_at_noise_level_zero(
    model_cache: ModelCache, tmp_path: Path
) -> None:
    with Calls(model_cache.load(LTX, quality="hd")) as calls:
        run(model_cache, ask("hd"), tmp_path)
    per_frame = 4 * 4
    large = [x for x in kept_in(tmp_path).values() if x.shape[-1] == 4]
    assert [x.shape[2] for x in large] == [4, 3, 3]
    of_second_pass = [x for x in calls.arguments if x["hidden_states"].shape[1] % per_frame == 0]
    of_second_pass = [x for x in of_second_pass if x["hidden_states"].shape[1] >= 4 * per_frame]
    assert len(of_second_pass) == 3 * SECOND_STEPS
    for window in (1, 2):
        before = torch.cat(large[:window], dim=2)[:, :, -2:]
        for call in of_second_pass[SECOND_STEPS * window :][:SECOND_STEPS]:
            tokens = call["hidden_states"][0].unflatten(0, (-1, per_frame))
            given = before[0].permute(1, 2, 3, 0).flatten(1, 2)
            assert torch.equal(tokens[:2], given)
            levels = call["timestep"][0].unflatten(0, (-1, per_frame))[:, 0]
            assert levels.eq(0).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("num_kept", [1, 2, 3, 5])
def test_a_clip_in_hd_goes_on_from_the_last_pass_that_was_finished(
    model_cache: ModelCache, tmp_path: Path, num_kept: int
) -> None:
    """Kept in turn: the first pass over a window, then the second; then the next window."""
    model = model_cache.load(LTX, quality="hd")
    with Calls(model) as calls:
        run(model_cache, ask("hd"), tmp_path / "whole")
    num_whole = len(calls.arguments)
    with pytest.raises(GenerationCancelledError):
        run(model_cache, ask("hd"), tmp_path / "stopped", num_allowed=num_kept)
    kept = kept_in(tmp_path / "stopped")
    assert [x.shape[-1] for x in kept.values()] == [2, 4, 2, 4, 2, 4][:num_kept]
    with Calls(model) as calls:
        run(model_cache, ask("hd"), tmp_path / "stopped")
    saved = [2, SECOND_STEPS] * 3
    assert len(calls.arguments) == num_whole - sum(saved[:num_kept])
    np.testing.assert_array_equal(frames_of(tmp_path / "whole"), frames_of(tmp_path / "stopped"))


def test_steps_count_through_both_passes_and_the_second_ones_weigh_more(
    model_cache: ModelCache, tmp_path: Path
) -> None:
    told: list[Progress] = []
    run(model_cache, ask("hd", seconds=1.0), tmp_path, told)
    steps = [news.step for news in told if news.stage == "sampling"]
    assert list(dict.fromkeys(steps)) == [0, 1, 2, 3, 4, 5]
    assert {news.num_steps for news in told} == {5}
    fractions = [news.fraction for news in told]
    assert fractions == sorted(fractions)
    done = {news.step: news.fraction for news in told if news.stage == "sampling"}
    assert done[3] - done[2] > 2 * (done[2] - done[1])


def test_a_film_in_hd_has_each_of_its_shots_and_remakes_only_the_changed_one(
    model_cache: ModelCache, tmp_path: Path
) -> None:
    shots = [
        Shot("a red boat", 1.0),
        Shot("a cat", 1.0, transition="continue"),
        Shot("a car", 1.0, transition="dissolve"),
    ]
    film = run(model_cache, ask("hd", shots=shots), tmp_path)
    standard = plan_generation(ask("standard", shots=shots), model_cache.spec(LTX))
    assert (film.width, film.height, film.num_frames) == (96, 96, standard.num_frames)
    shots[2] = Shot("a blue car", 1.0, transition="dissolve")
    with Calls(model_cache.load(LTX, quality="hd")) as calls:
        run(model_cache, ask("hd", shots=shots), tmp_path)
    assert len(calls.arguments) == len(standard.shots[2].windows) * (2 + SECOND_STEPS)


def test_the_recipe_says_both_passes(model_cache: ModelCache, tmp_path: Path) -> None:
    clip = run(model_cache, ask("hd", seconds=1.0), tmp_path)
    assert clip.recipe["quality"] == "hd"
    assert clip.recipe["passes"] == [
        {"size": [64, 64], "steps": 2},
        {"size": [128, 128], "steps": SECOND_STEPS},
    ]
    assert (clip.recipe["width"], clip.recipe["height"]) == (96, 96)


@pytest.mark.parametrize(
    ("name", "quality", "aspect_ratio", "size", "model_size", "steps"),
    [
        # Lightricks/LTX-Video: 1216x704 by default, a first pass of two thirds of it.
        ("ltx-video-2b", "hd", "16:9", (1216, 704), (1600, 896), 3),
        ("ltx-video-13b", "hd", "9:16", (704, 1216), (896, 1600), 3),
        ("ltx-video-13b", "hd", "1:1", (864, 864), (1152, 1152), 3),
        ("ltx-video-2b", "standard", "16:9", (800, 448), (800, 448), 0),
        ("ltx-video-2b", "draft", "16:9", (512, 288), (512, 288), 0),
        # Lightricks/LTX-2: twice the first stage.
        ("ltx-2.3", "hd", "16:9", (1664, 960), (1664, 960), 3),
    ],
)
def test_a_plan_has_the_published_sizes_and_steps(
    name: str,
    quality: str,
    aspect_ratio: str,
    size: tuple[int, int],
    model_size: tuple[int, int],
    steps: int,
) -> None:
    request = build_request(
        "text_to_video", model=name, prompt="a cat", aspect_ratio=aspect_ratio, quality=quality
    )
    plan = plan_generation(request, MODELS[name])
    assert (plan.size, plan.model_size) == (size, model_size)
    assert plan.steps_per_window - plan.num_inference_steps == steps


@pytest.mark.parametrize(
    ("name", "first", "second", "adain_factor", "tone_map_ratio"),
    [
        # Lightricks/LTX-Video, configs/ltxv-2b-0.9.8-distilled.yaml and its sister of 13B.
        ("ltx-video-2b", LTX_FIRST, LTX_SECOND, 1.0, 0.0),
        ("ltx-video-13b", LTX_FIRST, LTX_SECOND, 1.0, 0.6),
        ("ltx-2.3", DISTILLED_SIGMA_VALUES, STAGE_2_DISTILLED_SIGMA_VALUES, 0.0, 0.0),
    ],
)
def test_both_passes_are_the_published_ones(
    name: str, first: list[float], second: list[float], adain_factor: float, tone_map_ratio: float
) -> None:
    request = build_request("text_to_video", model=name, prompt="a cat", quality="hd")
    plan, second_pass = plan_generation(request, MODELS[name]), MODELS[name].second_pass
    of_first = plan.first_pass.timesteps or MODELS[name].timesteps
    assert [t / 1000 for t in of_first] == pytest.approx(first)
    assert [t / 1000 for t in plan.timesteps] == pytest.approx(second)
    assert (plan.num_inference_steps, plan.second_pass.num_steps) == (len(first), len(second))
    assert (second_pass.adain_factor, second_pass.tone_map_ratio) == (adain_factor, tone_map_ratio)
    with torch.device("meta"):
        make = pkgutil.resolve_name(second_pass.upsampler)
        upsampler = make(**second_pass.upsampler_options)
        latents = upsampler(torch.zeros(1, 128, 3, 4, 6))
    assert latents.shape == (1, 128, 3, 8, 12)
    assert sum(x.numel() for x in upsampler.parameters()) == second_pass.part.num_parameters


def test_a_model_with_one_quality_refuses_the_others() -> None:
    for quality in ("draft", "hd"):
        with pytest.raises(InvalidRequestError, match="does not make clips of the quality"):
            build_request("text_to_video", model=MINI, prompt="a cat", quality=quality)
    with pytest.raises(InvalidRequestError, match="one of draft, standard, hd"):
        build_request("text_to_video", model=LTX, prompt="a cat", quality="4k")

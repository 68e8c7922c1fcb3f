"""Clips made anew with other words: how much of them stays, and what is left alone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from pipeline.engines import open_engine
from pipeline.engines.pipeline_call import GivenFrames
from pipeline.engines.wan import condition_on_frames
from pipeline.errors import GenerationCancelledError, InvalidRequestError
from pipeline.generation.context import GenerationContext
from pipeline.generation.generate import Clip, generate
from pipeline.generation.remixing import Remix
from pipeline.generation.sources import open_source
from pipeline.media.video_reader import probe_clip, read_first_frames
from pipeline.models.registry import MODELS
from pipeline.models.spec import ModelSpec
from pipeline.planning.plan import Source, plan_generation
from pipeline.planning.request import GenerationRequest
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.sources import make_clip, read_all, read_numbers
from tests.tiny import LTX, MINI

WORDS = "a red boat by night"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make three seconds, more than a window, in the size and rate of the tiny LTX-Video."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return make_clip(path, "-vf", "scale=64:64", "-pix_fmt", "yuv420p", num_frames=73)


def ask(name: str, clip: Path, strength: float, prompt: str = WORDS) -> GenerationRequest:
    fields = {"prompt": prompt, "seed": 3, "model": name, "models": None}
    return build_request("remix_video", video=clip, strength=strength, **fields)


def run(
    model_caches: dict[str, ModelCache], request: GenerationRequest, folder: Path, **how: object
) -> Clip:
    folder.mkdir(exist_ok=True)
    options = {"on_progress": lambda _: None, "is_cancelled": lambda: False} | how
    return generate(
        request,
        model_cache=model_caches[request.model],
        output=folder / "clip.mp4",
        keep=folder,
        **options,
    )


def windows_of(folder: Path) -> dict[str, torch.Tensor]:
    """Return the finished windows by their keys, in the order in which they were made."""
    paths = sorted(folder.glob("windows/*.safetensors"), key=lambda x: x.stat().st_mtime_ns)
    return {path.name: load_file(path)["latents"] for path in paths}


def test_the_less_is_to_change_the_nearer_the_latents_are_to_those_of_the_clip(
    model_caches: dict[str, ModelCache], tmp_path: Path, clip: Path
) -> None:
    engine = open_engine(model_caches[LTX].load(LTX), width=64, height=64)
    frames = read_first_frames(clip, probe_clip(clip), 73, fps=24, size=(64, 64))
    shown = engine.encode_source(frames, 10)
    distances = []
    for strength in (0.01, 0.3, 0.9):
        folder = tmp_path / str(strength)
        run(model_caches, ask(LTX, clip, strength), folder)
        made = torch.cat([*windows_of(folder).values()], dim=2)
        assert made.shape == shown.shape
        distances.append((made - shown).square().mean((0, 1, 3, 4)).sqrt())  # (T,)
    assert distances[0][:4].max() < 0.1 * shown.std()  # the first window's
    assert (distances[0] < distances[1]).all()
    assert distances[1].mean() < distances[2].mean()


def test_each_window_starts_from_what_the_clip_shows_at_its_time(
    model_caches: dict[str, ModelCache], clip: Path
) -> None:
    request, spec = ask(LTX, clip, 0.5), model_caches[LTX].spec(LTX)
    source = open_source(request)
    plan = plan_generation(request, spec, source.facts)
    engine = open_engine(model_caches[LTX].load(LTX), width=64, height=64)
    remix = Remix(GenerationContext(engine, request, plan, source))
    for window in plan.shots[0].windows:
        first, end = (window.start_latent + x for x in (0, window.num_latents))
        new = [*range(max(0, 8 * first - 7), 8 * end - 7)]
        assert read_numbers(remix.frames_of(window, source))[-len(new) :] == new
        assert remix.source_of(window).shape[2] == window.num_latents
    assert end == 10


def test_at_full_strength_the_windows_are_those_of_the_words_alone(
    model_caches: dict[str, ModelCache], tmp_path: Path, clip: Path
) -> None:
    run(model_caches, ask(LTX, clip, 1.0), tmp_path / "remix")
    fields = {"prompt": WORDS, "seed": 3, "model": LTX, "models": None, "aspect_ratio": "1:1"}
    text = build_request("text_to_video", duration=73 / 24, **fields)
    run(model_caches, text, tmp_path / "text")
    assert windows_of(tmp_path / "remix").keys() == windows_of(tmp_path / "text").keys()


@pytest.mark.parametrize(
    "spec", [x for x in MODELS.values() if x.remixes in ("latents", "control")], ids=lambda x: x.id
)
def test_at_full_strength_every_model_plans_what_it_does_for_the_words_alone(
    spec: ModelSpec,
) -> None:
    seconds = min(3.0, spec.max_shot_seconds or 3.0)
    source = Source(1600, 900, fps=Fraction(24), num_frames=round(24 * seconds))
    fields = {"prompt": WORDS, "seed": 3, "model": spec.id}
    clip = build_request("remix_video", video=Path(__file__), strength=1.0, **fields)
    text = build_request("text_to_video", duration=seconds, aspect_ratio="16:9", **fields)
    remix, plain = plan_generation(clip, spec, source), plan_generation(text, spec)
    # Not the size, which is the one nearest to the clip's shape.
    same = ("num_inference_steps", "guidance_scale", "shift", "negative_prompt", "strength")
    for name in (*same, "timesteps", "noise_size"):
        assert getattr(remix, name) == getattr(plain, name), name
    assert [x.windows for x in remix.shots] == [x.windows for x in plain.shots]


def test_with_no_strength_nothing_is_made(
    model_caches: dict[str, ModelCache], tmp_path: Path, clip: Path
) -> None:
    made = run(model_caches, ask(LTX, clip, 0.0), tmp_path / "remix")
    assert windows_of(tmp_path / "remix") == {}
    shown, given = (read_all(x, probe_clip(x)).astype(int) for x in (made.path, clip))
    assert np.abs(shown - given).mean() < 4
    assert (made.recipe["new_spans"], len(made.recipe["kept"])) == ([], 1)


def test_a_remix_that_was_stopped_goes_on_from_its_finished_windows(
    model_caches: dict[str, ModelCache], tmp_path: Path, clip: Path
) -> None:
    request = ask(LTX, clip, 0.5)
    run(model_caches, request, tmp_path / "whole")
    stopped = tmp_path / "stopped"
    with pytest.raises(GenerationCancelledError):
        run(model_caches, request, stopped, is_cancelled=lambda: bool(windows_of(stopped)))
    first = windows_of(stopped)
    assert len(first) == 1
    run(model_caches, request, stopped)
    assert first.keys() < windows_of(stopped).keys() == windows_of(tmp_path / "whole").keys()
    frames = [
        read_all(x / "clip.mp4", probe_clip(x / "clip.mp4")) for x in (tmp_path / "whole", stopped)
    ]
    np.testing.assert_array_equal(*frames)


def test_kinora_mini_makes_its_own_scene_again_and_changes_what_is_named(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    fields = {"prompt": WORDS, "seed": 3, "model": MINI, "models": None, "duration": 1.0}
    own = run(model_caches, build_request("text_to_video", **fields), tmp_path / "own")
    same = run(model_caches, ask(MINI, own.path, 0.5), tmp_path / "same")
    shown, given = (read_all(x.path, probe_clip(x.path)).astype(int) for x in (same, own))
    assert shown.shape == given.shape
    assert np.abs(shown - given).mean() < 1
    other = run(model_caches, ask(MINI, own.path, 0.5, "a blue car"), tmp_path / "other")
    scenes = [x.recipe["memories"]["first"]["staging"]["scene"] for x in (own, other)]
    named = model_caches[MINI].load(MINI).pipe.parse_prompt("a blue car")
    kept = [name for name, value in named.items() if value is None]
    new = run(
        model_caches,
        build_request("text_to_video", **fields | {"prompt": "a blue car"}),
        tmp_path / "new",
    )
    full = run(model_caches, ask(MINI, own.path, 1.0, "a blue car"), tmp_path / "full")
    assert windows_of(new.path.parent).keys() == windows_of(full.path.parent).keys()
    assert scenes[0]["seed"] == scenes[1]["seed"]
    assert [scenes[1][x] for x in kept] == [scenes[0][x] for x in kept]


@pytest.mark.parametrize(
    ("name", "num_frames", "message"),
    [(MINI, 24, "only clips that it has made itself"), (LTX, 8, "a remix takes 0.5 to 60 s")],
)
def test_a_clip_that_cannot_be_remixed_is_refused_with_one_sentence(
    model_caches: dict[str, ModelCache], tmp_path: Path, name: str, num_frames: int, message: str
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", num_frames=num_frames)
    with pytest.raises(InvalidRequestError, match=message):
        run(model_caches, ask(name, clip, 0.5), tmp_path / "remix")


@pytest.mark.parametrize(
    ("task", "fields", "message"),
    [
        ("remix_video", {"model": LTX, "quality": "hd"}, "keeps the size of its clip"),
        ("remix_video", {"model": LTX, "strength": 1.5}, "must be a number from 0 to 1"),
        (
            "remix_video",
            {"model": "skyreels-v2-1.3b"},
            "cannot do remix_video: .* It can do text_to_",
        ),
        ("extend_video", {"model": LTX, "strength": 0.5}, "Only a remix has a strength"),
        ("extend_video", {"model": LTX, "start": 0.5}, "Only a retake has a start"),
        ("retake_video", {"model": "skyreels-v2-1.3b", "start": 0.5}, "cannot do retake_video"),
    ],
)
def test_what_a_model_cannot_change_is_refused_with_one_sentence(
    clip: Path, task: str, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        build_request(task, video=clip, prompt=WORDS, **fields)


@pytest.mark.parametrize(("strength", "contrast"), [(0.25, 0.75), (0.75, 0.25)])
def test_vace_is_shown_the_clip_without_colour_with_less_contrast_the_more_is_to_change(
    strength: float, contrast: float
) -> None:
    kept = Image.new("RGB", (32, 32), (255, 0, 0))
    ramp = np.arange(0, 256, 8, dtype=np.uint8)
    source = [Image.fromarray(np.broadcast_to(ramp[:, None], (32, 32)).copy()).convert("RGB")] * 4
    given = GivenFrames([kept], [], 5, source, strength)
    _, how = condition_on_frames(None, given)
    assert how["video"][0] is kept
    assert [np.asarray(x).max() for x in how["mask"]] == [0, 255, 255, 255, 255]
    seen = np.asarray(how["video"][2]).astype(float)
    assert np.ptp(seen) == pytest.approx(contrast * np.ptp(ramp), abs=2)
    assert (seen == seen[..., :1]).all()

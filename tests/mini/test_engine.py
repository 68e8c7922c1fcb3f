"""The embedded model's engine: what it reads out of a prompt, and the windows that it renders."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.engines import open_engine
from pipeline.engines.base import SamplingParams, ShotContext, WindowContext
from pipeline.generation.generate import generate
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.mini.engine import MiniEngine
from pipeline.mini.renderer import ScenePrompt
from pipeline.models.registry import MODELS
from pipeline.planning.request import Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import CPU, MINI, picture, tiny_models

PROMPT = "a red car pans by night"
ONCE = SamplingParams(seed=1)
NOTHING = WindowContext(is_start=True)


@pytest.fixture(scope="module")
def shipped() -> MiniEngine:
    return open_engine(ModelCache().load(MINI), width=512, height=288)


@pytest.fixture
def model(model_caches: dict[str, ModelCache]) -> LoadedModel:
    return model_caches[MINI].load(MINI)


def track(prompt: ScenePrompt, times: Sequence[float]) -> np.ndarray:
    """Return where the camera and everybody are at times of a shot (T, D)."""
    rows = []
    for time in times:
        figures = prompt.paths.figures(prompt.seconds + time)
        rows.append([*prompt.camera_at(time), *(x for f in figures for x in (f.x, f.y, f.height))])
    return np.array(rows)


def test_each_model_has_the_engine_of_its_row(model_caches: dict[str, ModelCache]) -> None:
    engines = {
        name: type(open_engine(model_cache.load(name), width=64, height=64))
        for name, model_cache in model_caches.items()
    }
    assert engines[MINI] is MiniEngine
    assert [name for name, engine in engines.items() if engine is MiniEngine] == [MINI]
    assert MODELS[MINI].engine == "pipeline.mini.engine:MiniEngine"


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("a red car", {"subject": "car", "colour": "red"}),
        (
            "a huge blue elephant jumps on the beach at night, tracking shot",
            {
                "subject": "elephant", "colour": "blue", "place": "beach", "time": "night",
                "motion": "bounce", "camera": "follow", "size": "large",
            },
        ),
        (
            "a happy girl to the left of a yellow kitten, snowfall, paper cut style",
            {
                "subject": "child", "emotion": "happy", "relation": "left of",
                "companion": "cat", "companion_colour": "yellow", "weather": "snow",
                "style": "papercut",
            },
        ),
        ("the camera pans left", {"camera": "pan left"}),
        ("", {}),
    ],
)  # fmt: skip
def test_the_shipped_encoder_reads_what_a_prompt_names(
    shipped: MiniEngine, prompt: str, named: dict[str, str]
) -> None:
    read = shipped.model.pipe.parse_prompt(prompt)
    assert {name: value for name, value in read.items() if value} == named


def test_words_alone_make_a_scene_whose_windows_hold_nothing_else(model: LoadedModel) -> None:
    engine = open_engine(model, width=96, height=64)
    prompt = engine.encode_prompt(PROMPT, "", 1.0, ShotContext(seed=4))
    part = engine.make(3, prompt, NOTHING, ONCE)
    assert part.shape == (1, 13, 3, 2, 3)
    assert bool(part[:, -1].all())
    assert not part[:, :-1].any()


def test_of_something_given_the_engine_claims_nothing_but_the_camera(model: LoadedModel) -> None:
    engine = open_engine(model, width=96, height=64)
    prompt = engine.encode_prompt(PROMPT, "", 1.0, ShotContext(given="picture"))
    assert prompt.paths is None
    assert prompt.camera_at(2.0) != prompt.camera_at(0.0)
    given = torch.zeros(1, 12, 1, 2, 3)
    part = engine.make(3, prompt, WindowContext(is_start=True, before=given), ONCE)
    assert part.shape == (1, 12, 3, 2, 3)  # pictures, not a scene


@pytest.mark.parametrize(
    ("given", "prompt", "camera"),
    [
        ("picture", "a cat", "zoom in"),
        ("picture", "a cat, the camera pans left", "pan left"),
        ("clip", "a cat", "static"),
    ],
)
def test_over_a_picture_the_camera_moves_unless_it_is_told_how(
    shipped: MiniEngine, given: str, prompt: str, camera: str
) -> None:
    assert shipped.encode_prompt(prompt, "", 1.0, ShotContext(given=given)).camera == camera


def test_a_shot_without_a_cut_begins_where_the_last_one_came_to(model: LoadedModel) -> None:
    engine = open_engine(model, width=96, height=64)
    first = engine.encode_prompt(PROMPT, "", 1.0, ShotContext(seed=4))
    second = engine.encode_prompt(
        PROMPT, "", 1.0, ShotContext(seed=4, follows=engine.remember(first, 2.0))
    )
    before, start = track(second, [-0.5, 0.0])
    was = track(first, [1.5, 2.0])
    np.testing.assert_array_equal(before, was[0])
    np.testing.assert_allclose(start, was[1], atol=1e-6)
    assert second.paths.scene.subject == first.paths.scene.subject


def test_the_seed_chooses_the_path(model: LoadedModel) -> None:
    engine = open_engine(model, width=384, height=256)  # starts are on a grid of 32 pixels
    seeds = (1, 1, 2, 3, 4, 5)
    prompts = [engine.encode_prompt(PROMPT, "", 1.0, ShotContext(seed)) for seed in seeds]
    first, again, *others = (track(prompt, [0.0, 1.0]) for prompt in prompts)
    np.testing.assert_array_equal(first, again)
    assert not all(np.array_equal(first, other) for other in others)


def test_a_clip_of_kinoras_own_goes_on_where_its_paths_had_come_to(model: LoadedModel) -> None:
    engine = open_engine(model, width=96, height=64)
    first = engine.encode_prompt(PROMPT, "", 1.0, ShotContext(seed=4))
    memory = json.loads(json.dumps(engine.remember(first, 2.0)))
    longer = engine.encode_prompt(
        PROMPT, "", 1.0, ShotContext(seed=9, given="clip", follows=memory)
    )
    np.testing.assert_array_equal(track(longer, [-1.0]), track(first, [1.0]))
    earlier = engine.encode_prompt(PROMPT, "", 1.0, ShotContext(given="clip", leads_to=memory))
    np.testing.assert_array_equal(track(earlier, [0.0]), track(first, [2.0]))


@pytest.mark.parametrize(
    "forged",
    [
        {"seconds": 1.0},
        {"seconds": "soon", "staging": {}},
        {"seconds": 1.0, "staging": {"scene": {"subject": "dragon"}, "since": 0}},
        {"seconds": 1.0, "staging": {"scene": [], "since": 0}},
        {"seconds": 1.0, "staging": "x" * 1000},
    ],
)
def test_what_a_file_claims_falsely_of_its_scene_is_as_if_it_said_nothing(
    model: LoadedModel, forged: dict[str, object]
) -> None:
    engine = open_engine(model, width=96, height=64)
    prompt = engine.encode_prompt(PROMPT, "", 1.0, ShotContext(given="clip", follows=forged))
    assert prompt.paths is None


def test_a_chain_of_scenes_without_an_end_is_refused(model: LoadedModel) -> None:
    engine = open_engine(model, width=96, height=64)
    memory = engine.remember(engine.encode_prompt(PROMPT, "", 1.0, ShotContext(seed=4)), 1.0)
    staging = memory["staging"]
    for _ in range(100):
        staging = staging | {"before": staging}
    forged = {"seconds": 1.0, "staging": staging}
    assert (
        engine.encode_prompt(PROMPT, "", 1.0, ShotContext(given="clip", follows=forged)).paths
        is None
    )


def test_a_clip_that_does_not_look_like_its_scene_is_taken_for_one_from_elsewhere(
    model: LoadedModel,
) -> None:
    engine = open_engine(model, width=96, height=64)
    memory = engine.remember(engine.encode_prompt(PROMPT, "", 1.0, ShotContext(seed=4)), 1.0)
    prompt = engine.encode_prompt(PROMPT, "", 1.0, ShotContext(given="clip", follows=memory))
    assert prompt.is_claimed
    context = WindowContext(is_start=True, first=-1, before=3 * torch.ones(1, 12, 2, 2, 3))
    part = engine.make(1, prompt, context, SamplingParams(seed=0))
    assert part.shape[1] == 12  # pictures, not a scene
    elsewhere = engine.encode_prompt(PROMPT, "", 1.0, ShotContext(given="clip"))
    assert torch.equal(part, engine.make(1, elsewhere, context, SamplingParams(seed=0)))


def test_what_anybody_looks_like_is_painted_once_a_period(
    shipped: MiniEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(shipped.model, width=512, height=288)  # which has painted nobody yet
    prompt = engine.encode_prompt(
        "a red car drives right in a meadow", "", 1.0, ShotContext(seed=1)
    )
    part = engine.make(33, prompt, NOTHING, ONCE)  # a single frame, and twice eight seconds
    painted: list[str] = []
    painter = engine.model.pipe.painter
    paint = painter.paint
    monkeypatch.setattr(
        painter, "paint", lambda kind, *how: painted.append(kind) or paint(kind, *how)
    )
    for _ in engine.decode_shot(NOTHING, [part], prompt):
        pass
    assert painted.count("car") == 1 + 16


@pytest.mark.parametrize(
    "prompt",
    [
        "a red car bounces in a meadow",
        "a red car goes in circles over a meadow",
        "a red car drives back and forth in a meadow",
        "a red car in a meadow, the camera tilts up",
        "a red car in a meadow, the camera zooms in",
    ],
)
def test_the_same_words_go_on_with_the_same_movement(shipped: MiniEngine, prompt: str) -> None:
    """A circle began anew, 32 pixels higher, and a tilt came to rest and set off again."""
    first = shipped.encode_prompt(prompt, "", 1.0, ShotContext(seed=4))
    memory = shipped.remember(first, 2.8)
    longer = shipped.encode_prompt(
        prompt, "", 1.0, ShotContext(seed=9, given="clip", follows=memory)
    )
    times = np.arange(0, 4, 0.25)
    np.testing.assert_allclose(track(longer, times), track(first, times + 2.8), atol=1e-5)


def goes_on(engine: MiniEngine, first: ScenePrompt, words: str, seconds: float) -> ScenePrompt:
    memory = engine.remember(first, seconds)
    return engine.encode_prompt(words, "", 1.0, ShotContext(seed=9, given="clip", follows=memory))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a red car drives right", "a red car goes in circles"),
        ("a red car goes in circles", "a red car stands still"),
        ("a red car goes in circles", "a red car paces back and forth"),
        ("a red bird in the air", "a red bird goes in circles"),
    ],
)
def test_another_movement_begins_where_the_last_has_come_to(
    shipped: MiniEngine, before: str, after: str
) -> None:
    first = shipped.encode_prompt(f"{before} in a meadow", "", 1.0, ShotContext(seed=4))
    second = goes_on(shipped, first, after, 1.5)
    assert second.paths.scene.motion != first.paths.scene.motion
    (was,), (now,) = first.paths.figures(1.5), second.paths.figures(0.0)
    assert (now.x, now.y) == pytest.approx((was.x, was.y))


def test_circles_begun_again_and_again_stay_in_the_picture(shipped: MiniEngine) -> None:
    prompt = shipped.encode_prompt(
        "a red car goes in circles in a meadow", "", 1.0, ShotContext(seed=4)
    )
    for _ in range(4):
        for words in ("a red car stands still", "a red car goes in circles"):
            prompt = goes_on(shipped, prompt, words, 2.0)
    for time in np.linspace(0, 4, 9):
        (figure,) = prompt.paths.figures(time)
        assert figure.y + figure.height / 2 <= 288


@pytest.mark.parametrize(
    "after", ["a red cat and a blue robot in a meadow", "a blue robot in a meadow", "a meadow"]
)
@torch.no_grad()
def test_somebody_may_come_or_go_where_a_clip_goes_on(shipped: MiniEngine, after: str) -> None:
    """In the half second before the join, pictures have as many bodies as before and one more."""
    words = "a red cat sits in a meadow"
    first = shipped.encode_prompt(words, "", 1.0, ShotContext(seed=4))
    clip = show(shipped, first, NOTHING, make_all(shipped, first, NOTHING, [3]))  # 17 frames
    longer = goes_on(shipped, first, after, 1.0)
    given = WindowContext(is_start=True, before=shipped.encode(clip, torch.Generator()))
    parts = make_all(shipped, longer, given, [2])
    assert bool(parts[0][:, -1:].all())  # it is the scene that goes on, and no camera alone
    assert torch.isfinite(parts[0]).all()
    assert show(shipped, longer, given, parts).shape == (16, 288, 512, 3)


def make_all(
    engine: MiniEngine, prompt: ScenePrompt, given: WindowContext, counts: Sequence[int]
) -> list[torch.Tensor]:
    """Return the parts of a shot that goes on after a clip, or begins with nothing."""
    parts: list[torch.Tensor] = []
    first = 0 if given.before is None else 1 - given.num_before
    for count in counts:
        context = replace(given, first=first)
        if parts:
            before = engine.tail(given, parts, 2)
            num_seen = sum(part.shape[2] for part in parts) + (given.before is not None)
            context = WindowContext(is_start=False, first=num_seen - 2, before=before)
        parts.append(engine.make(count, prompt, context, ONCE))
    return parts


def show(
    engine: MiniEngine, prompt: ScenePrompt, given: WindowContext, parts: Sequence[torch.Tensor]
) -> np.ndarray:
    return np.concatenate(list(engine.decode_shot(given, parts, prompt)))


def test_everybody_is_sharper_than_if_they_were_encoded_with_the_land(shipped: MiniEngine) -> None:
    prompt = shipped.encode_prompt(
        "a large red car drives right in a desert", "", 1.0, ShotContext(seed=1)
    )
    parts = make_all(shipped, prompt, NOTHING, [3])
    encoded = shipped._renderer.encode(prompt, 0, 3, is_start=True)
    soft = show(shipped, prompt, NOTHING, [encoded])
    sharp = show(shipped, prompt, NOTHING, parts)
    (figure,) = prompt.paths.figures((len(sharp) - 1) / 16)
    half = figure.width / 2, figure.height / 2
    left, right = round(figure.x - half[0]), round(figure.x + half[0])
    top, bottom = round(figure.y - half[1]), round(figure.y + half[1])
    edges = [
        np.percentile(np.abs(np.diff(x[-1, top:bottom, left:right].astype(int), axis=1)), 99)
        for x in (soft, sharp)
    ]
    assert edges[1] > 1.5 * edges[0]


def test_a_shot_in_many_windows_is_the_shot_in_one(shipped: MiniEngine) -> None:
    prompt = shipped.encode_prompt(
        "a red car drives right in a meadow", "", 1.0, ShotContext(seed=1)
    )
    whole, cut = (
        show(shipped, prompt, NOTHING, make_all(shipped, prompt, NOTHING, counts))
        for counts in ([6], [2, 1, 3])
    )
    apart = np.abs(whole.astype(int) - cut)
    assert apart.max() <= 1


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_a_clip_of_kinoras_own_is_shown_at_the_join_as_it_is(
    shipped: MiniEngine, direction: str
) -> None:
    """What is lacking of its frames there is the land's error and the file's: no rim of bodies."""
    words = "a red car drives right in a meadow, the camera zooms in"
    first = shipped.encode_prompt(words, "", 1.0, ShotContext(seed=1))
    clip = show(shipped, first, NOTHING, make_all(shipped, first, NOTHING, [7]))  # 49 frames
    if direction == "forward":
        memory = shipped.remember(first, 48 / 16)
        prompt = shipped.encode_prompt(words, "", 1.0, ShotContext(given="clip", follows=memory))
        given = WindowContext(is_start=True, before=shipped.encode(clip[-17:], torch.Generator()))
        parts = make_all(shipped, prompt, given, [2])
        shown, frame = shipped.decode_last_given(given, parts, prompt), clip[-1]
        step = np.abs(clip[-1].astype(int) - clip[-2]).mean()
        new = show(shipped, prompt, given, parts)[0]
    else:
        memory = shipped.remember(first, -49 / 16)  # so long before is the first new frame
        prompt = shipped.encode_prompt(words, "", 1.0, ShotContext(given="clip", leads_to=memory))
        after = shipped.encode_following(clip[:17], torch.Generator()).after
        given = WindowContext(is_start=False, after=after)
        part = shipped.make(7, prompt, replace(given, is_start=True), ONCE)
        shown, frame = shipped.decode_first_following(given, [part], prompt), clip[0]
        step = np.abs(clip[1].astype(int) - clip[0]).mean()
        new = show(shipped, prompt, given, [part])[-1]
    assert np.abs(shown.astype(int) - frame).mean() < 1.5
    assert np.abs(new.astype(int) - shown).mean() < 2 * step


@pytest.mark.parametrize("seconds", [0.5, 4.0])  # the second is made in two windows
def test_a_shot_may_go_on_after_one_that_begins_with_a_picture(
    model_caches: dict[str, ModelCache], tmp_path: Path, seconds: float
) -> None:
    """It crashed: the end of the shot before has one channel more than the pictures decoded."""
    Image.fromarray(picture()).save(tmp_path / "still.png")
    shots = (
        Shot("a red boat", 0.5),
        Shot("a cat, the camera pans left", 0.5, image=tmp_path / "still.png"),
        Shot("a blue car", seconds, transition="continue"),
        Shot("a green car", 0.5, transition="continue"),
    )
    request = build_request("text_to_video", shots=shots, model=MINI, models=None, seed=3)
    clip = generate(
        request,
        model_cache=model_caches[MINI],
        output=tmp_path / "film.mp4",
        on_progress=lambda _: None,
        is_cancelled=lambda: False,
    )
    frames = np.concatenate(list(iterate_frames(clip.path, probe_clip(clip.path)))).astype(int)
    assert len(frames) == clip.num_frames == 9 + 9 + round(16 * seconds) + 8
    cut, join = (np.abs(frames[at] - frames[at - 1]).mean() for at in (9, 18))
    assert join < cut / 4  # it goes on with what is seen, where another shot begins anew


def test_an_engine_is_gone_when_nobody_has_it(folder: Path) -> None:
    """It held itself by the sprites it had painted, and those with it."""
    engine = open_engine(ModelCache(CPU, tiny_models(folder)).load(MINI), width=64, height=64)
    prompt = engine.encode_prompt("a red boat", "", 1.0, ShotContext(seed=1))
    for _ in engine.decode_shot(NOTHING, [engine.make(2, prompt, NOTHING, ONCE)], prompt):
        pass
    gone = weakref.ref(engine)
    gc.disable()
    try:
        del engine
        assert gone() is None
    finally:
        gc.enable()

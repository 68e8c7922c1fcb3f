"""The ways to hand a window on, and the tables that compare them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.engines import open_engine
from pipeline.engines.base import ShotContext, WindowContext
from pipeline.generation.generate import generate
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.mini.engine import MiniEngine
from pipeline.models.registry import MODELS
from pipeline.planning.plan import Plan, plan_generation
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import MINI
from training.evaluation.comparison import bands_of, summarize_drift, summarize_joins, table_of
from training.evaluation.handovers import make_from_last_frames
from training.evaluation.long_clips import (
    JOIN_MEASURES,
    Reading,
    read_long_clip,
    seconds_of,
    window_joins,
)
from training.measures.drift import Looks
from training.sampling import make_window

SIZE = 64
PROMPT = "a red car by night"
SPEC = MODELS[MINI]


def request_of(num_windows: int) -> GenerationRequest:
    shots = (Shot(PROMPT, seconds_of(num_windows, SPEC)),)
    return build_request("text_to_video", shots=shots, model=MINI, seed=3, aspect_ratio="1:1")


def plan_of(model_caches: dict[str, ModelCache], num_windows: int) -> Plan:
    return plan_generation(request_of(num_windows), model_caches[MINI].spec(MINI))


def tiny_engine(model_caches: dict[str, ModelCache]) -> MiniEngine:
    return open_engine(model_caches[MINI].load(MINI), width=SIZE, height=SIZE)


@pytest.mark.parametrize("num_windows", [1, 2, 4, 8, 12])
def test_a_shot_of_so_many_seconds_has_so_many_full_windows(num_windows: int) -> None:
    plan = plan_generation(request_of(num_windows), SPEC)
    assert plan.num_windows == num_windows
    assert {window.total_latents for window in plan.shots[0].windows} == {SPEC.window_latents}


def test_a_short_clip_is_the_beginning_of_a_long_one() -> None:
    """Only the longest clips are made; the shorter ones are read off their beginnings."""
    short, long = (plan_generation(request_of(count), SPEC) for count in (4, 12))
    assert long.shots[0].windows[:4] == short.shots[0].windows
    assert window_joins(long)[:3] == window_joins(short) == [49, 89, 129]


def test_clips_of_last_frames_begin_as_kinoras_and_are_as_long(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    frames = make_from_last_frames(tiny_engine(model_caches), plan_of(model_caches, 3), PROMPT, 3)
    clip = generate(
        request_of(3),
        model_cache=model_caches[MINI],
        output=tmp_path / "clip.mp4",
        on_progress=lambda _: None,
        is_cancelled=lambda: False,
    )
    kinora = np.concatenate(list(iterate_frames(clip.path, probe_clip(clip.path))))
    assert frames.shape == kinora.shape
    assert frames.dtype == np.uint8
    error = np.abs(kinora[:40].astype(int) - frames[:40]).mean()
    assert error < 4  # grey levels that H.264 costs
    assert error < np.abs(kinora[40:80].astype(int) - frames[:40]).mean()


def test_the_next_window_is_given_the_last_frame_as_a_picture_and_no_scene(
    model_caches: dict[str, ModelCache],
) -> None:
    engine, plan = tiny_engine(model_caches), plan_of(model_caches, 2)
    made = make_from_last_frames(engine, plan, PROMPT, 3)
    painted: list[object] = []
    hook = engine.model.pipe.background.register_forward_pre_hook(lambda *_: painted.append(None))
    again = make_from_last_frames(engine, plan, PROMPT, 3)
    hook.remove()
    np.testing.assert_array_equal(again, made)
    assert len(painted) == 1  # a scene is in the first window alone
    given = engine.encode(made[48:49], torch.Generator())
    words = engine.encode_prompt(PROMPT, "", 1.0, ShotContext(3, "picture"))
    window, context = (
        plan.shots[0].windows[1],
        WindowContext(is_start=True, before=given, is_picture=True),
    )
    expected = make_window(engine, window.num_latents, words, context, window.seed)
    np.testing.assert_array_equal(made[49:], expected[1:])


def looks(saturation: np.ndarray) -> Looks:
    times = np.arange(len(saturation)) / 2
    still = np.full(len(saturation), 0.5)
    return Looks(times, saturation, still, still, np.stack([100 * saturation, still, still], 1))


def reading(step: float, saturation: float) -> Reading:
    """Invent a clip of four windows with steps of this size at the joins, and this drift."""
    joins = {name: [1.0, 1.0, 1.0] for name in JOIN_MEASURES}
    slope = looks(np.linspace(0.5, 0.5 + saturation, 22))
    return Reading({**joins, "step ratio": [step] * 3}, joins, slope, {2: 20.0, 4: 10.0})


def test_joins_are_counted_inside_the_band_of_the_renders() -> None:
    bands = bands_of([reading(step, 0.0) for step in (0.9, 1.0, 1.1)])
    assert bands["step ratio"] == pytest.approx((0.9, 1.1))
    figures = summarize_joins([reading(1.05, 0), reading(1.3, 0)], 4, bands)
    assert figures["joins"] == 6
    assert figures["step ratio"]["inside"] == figures["inside all"] == 0.5
    assert figures["step ratio"]["inside in mid-window"] == figures["flow jump"]["inside"] == 1.0
    assert figures["step ratio"]["median"] == pytest.approx(1.175)


def test_a_jump_smaller_than_any_render_is_no_flaw_but_a_small_step_is_one() -> None:
    bands = bands_of([reading(step, 0.0) for step in (0.9, 1.0, 1.1)])
    low = {name: [0.0] for name in JOIN_MEASURES}
    figures = summarize_joins([Reading(low, low, looks(np.zeros(6)), {2: 0.0})], 2, bands)
    assert [figures[name]["inside"] for name in JOIN_MEASURES] == [0.0, 1.0, 1.0]


def test_drift_is_told_alone_and_beyond_that_of_the_render() -> None:
    clips, truths = [reading(1, 0.1)] * 3, [reading(1, 0.08)] * 3
    figures = summarize_drift(clips, truths, 4, SPEC)
    assert figures["clips"] == 3
    alone, beyond = (figures["saturation"][name] for name in ("drift", "beyond render"))
    assert beyond == pytest.approx(alone / 5, abs=1e-4)
    assert figures["colour, Delta E"]["drift"] == pytest.approx(100 * alone, abs=0.01)
    assert figures["clips with no drift above 0.02 beyond render"] == 1.0
    assert figures["dynamic degree"] == 10.0
    assert summarize_drift(clips, truths, 2, SPEC)["saturation"]["drift"] < alone


def test_the_table_has_a_row_for_each_way_and_count() -> None:
    clips = [reading(1, 0.1)] * 2
    bands = bands_of(clips)
    row = {
        "joins": summarize_joins(clips, 4, bands),
        "drift": summarize_drift(clips, clips, 4, SPEC),
    }
    table = table_of({"windows": {"2": {"Kinora": row}, "4": {"Kinora": row, "render": row}}})
    assert "2 clips a row" in table
    header, rule, *rows = (line for line in table.splitlines() if line.startswith("|"))
    assert [line.count("|") for line in (header, rule, *rows)] == [8] * 5
    assert rows[2].startswith("| 4 | render | 100 % / 100 % / 100 % |")


def test_a_clip_is_read_at_its_joins_and_between_them() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (129, 64, 64, 3), np.uint8)
    frames[89:] //= 2
    found = read_long_clip(frames, [49, 89], SPEC, [2])
    assert all(len(x) == 2 for x in (*found.joins.values(), *found.middles.values()))
    assert int(np.argmax(found.joins["colour jump"])) == 1
    assert found.joins["colour jump"][1] > 10 > max(found.middles["colour jump"])
    assert set(found.degrees) == {2}

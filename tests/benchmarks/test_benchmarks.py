"""The benchmarks: that they measure what they say, on models and clips of a moment."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.__main__ import GOALS, compare, describe_machine
from benchmarks.durations import Job, _watch, run_job
from benchmarks.film import measure_change
from benchmarks.job import make_clip, request_of
from benchmarks.overhead import make_by_hand, measure_overhead
from benchmarks.placements import measure_placements, watch
from pipeline.engines import open_engine
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.models.registry import MODELS
from pipeline.planning.plan import plan_generation
from pipeline.runtime.device import detect_machine
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import CPU, LTX, MINI
from tests.tiny_wan import save_tiny_wan

pytestmark = pytest.mark.alone  # times and processor shares are measured
ROOT = Path(__file__).resolve().parents[2]


def test_by_hand_are_the_same_windows_as_through_kinora(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    model_cache, request = model_caches[MINI], request_of(7.0, MINI)
    plan = plan_generation(request, model_cache.spec(MINI))
    assert plan.num_windows == 3
    engine = open_engine(
        model_cache.load(MINI), width=plan.model_size.width, height=plan.model_size.height
    )
    make_by_hand(engine, plan, request.seed, tmp_path / "by_hand.mp4")
    make_clip(request, model_cache, tmp_path / "clip.mp4")
    by_hand, clip = (_frames_of(tmp_path / f"{name}.mp4") for name in ("by_hand", "clip"))
    assert len(clip) == plan.num_frames
    np.testing.assert_array_equal(by_hand, clip)


def _frames_of(path: Path) -> np.ndarray:
    return np.concatenate(list(iterate_frames(path, probe_clip(path))))


def test_the_overhead_is_told_with_what_it_is_the_ratio_of(
    model_caches: dict[str, ModelCache],
) -> None:
    num_threads = torch.get_num_threads()
    figures = measure_overhead(model_caches[MINI], MINI, 2.0, runs=1)
    assert torch.get_num_threads() == num_threads
    assert all(figures[name] > 0 for name in figures if name != "overhead")
    through, by_hand = (figures[f"{way}, processor s"] for way in ("generate", "by hand"))
    rounded = through / by_hand * (5e-4 / through + 5e-4 / by_hand) + 1e-4  # off by so much
    assert abs(figures["overhead"] - (through / by_hand - 1)) <= 1.01 * rounded  # of one run


def test_one_changed_shot_is_a_part_of_the_film(model_caches: dict[str, ModelCache]) -> None:
    figures = measure_change(model_caches[MINI], MINI, 12.0, runs=1)
    assert 0 < figures["one shot of it changed, s"] < figures["film, s"]
    assert figures["changed shot's share"] < 0.7  # the processes that are started count here


def test_memory_is_that_of_the_process_and_its_children_while_they_last() -> None:
    inner = "x = bytearray(120_000_000); import time; time.sleep(0.5)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    outer = "x = bytearray(80_000_000); " + outer
    with subprocess.Popen([sys.executable, "-c", outer]) as process:
        peak = _watch(process)
    assert 200e6 < peak < 300e6


def test_a_job_is_measured_in_a_process_of_its_own() -> None:
    """The embedded model itself, for half a second of video: no other can be named there."""
    job = run_job(0.5, MINI)
    assert job.figures["num_frames"] == 9
    assert job.figures["size"] == [512, 288]
    assert job.figures["processor"] > 0
    assert job.figures["making"] > 0
    assert job.peak > 150


def job(making: float, peak: float) -> Job:
    figures = {
        "making": making,
        "processor": 3 * making,
        "loading": 1.0,
        "num_frames": 9,
        "threads": 2,
    }
    return Job(figures | {"size": [512, 288], "fps": 16.0}, peak)


def test_the_longest_job_is_compared_with_the_first_in_memory_and_the_second_in_time() -> None:
    jobs = {
        10: [job(4.0, 500.0), job(9.0, 510.0), job(4.0, 505.0)],
        15: [job(5.0, 600.0), job(10.0, 600.0), job(5.0, 600.0)],
        60: [job(20.0, 540.0), job(42.0, 550.0), job(19.0, 545.0)],
    }
    figures = compare(jobs)
    assert figures["more memory, MB"] == 40
    assert figures["times as long"] == 4  # a slow minute slows both that are compared
    assert figures["jobs"]["60 s"]["making, s"] == 20
    assert figures["jobs"]["15 s"]["processor, s"] == 15
    assert figures["times the processor time"] == 4
    assert figures["size"] == [512, 288]
    assert figures["runs"] == 3
    assert set(GOALS) - set(figures) == {"overhead", "changed shot's share"}


def test_the_report_says_what_it_ran_on() -> None:
    machine = describe_machine()
    assert machine["cores"] == len(os.sched_getaffinity(0))
    assert {"load before", "torch", "python", "processor"} <= set(machine)
    assert json.dumps(machine)


def test_every_placement_of_a_model_is_measured_beside_what_was_computed(
    model_caches: dict[str, ModelCache],
) -> None:
    machine = replace(CPU, has_fast_bf16=False)
    rows = list(measure_placements(model_caches[LTX].spec(LTX), 1.0, machine))
    plain = [row for row in rows if "switch" not in row]
    assert [(row["type"], row["weights"]) for row in plain] == [
        ("float32", "full"),
        ("float32", "bf16"),
    ]
    for row in plain:
        assert row["frames"] == 25
        assert row["making, s"] > 0
        assert (
            row["computed, GB"] > row["peak, GB"]
        )  # that is of the real model, this of a tiny one


def test_every_switch_that_can_run_is_measured_beside_the_plain_clip(tmp_path: Path) -> None:
    save_tiny_wan("wan-2.2-5b", tmp_path)
    spec = replace(
        MODELS["wan-2.2-5b"],
        repository=str(tmp_path),
        revision=None,
        num_pixels=64 * 64,
        sizes={},
        window_frames=9,
        default_num_inference_steps=20,
    )
    machine = replace(CPU, has_fast_bf16=False, has_compiler=detect_machine().has_compiler)
    # The second placement has the same switches.
    rows = takewhile(lambda row: row["weights"] == "full", measure_placements(spec, 0.5, machine))
    switched = [row for row in rows if "switch" in row]
    assert all("error" not in row for row in switched)
    by_switch = {next(iter(row["switch"])): row for row in switched}
    names = {"attention", "cache_threshold"} | ({"is_compiled"} if machine.has_compiler else set())
    assert set(by_switch) == names
    for row in switched:
        assert row["making, s"] > 0
        assert row["PSNR, dB"] is None or row["PSNR, dB"] > 15
    if machine.has_compiler:
        compiled = by_switch["is_compiled"]
        assert compiled["first time, s"] > compiled["making, s"]
    assert by_switch["cache_threshold"]["PSNR, dB"] is not None


def test_memory_is_watched_beyond_what_was_in_use_before() -> None:
    gc.collect()  # what goes while it is watched makes room for what is held
    with watch("cpu") as peak:
        held = bytearray(400_000_000)
        held[::4096] = b"x" * len(held[::4096])
        time.sleep(0.2)
    assert 200e6 < peak.num_bytes < 600e6


def test_the_command_for_one_model_prints_a_row_for_each_placement(tmp_path: Path) -> None:
    output = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks", "gpu", MINI, "--seconds", "0.5"]
    subprocess.run([*command, "--output", str(output)], cwd=ROOT, check=True)
    rows = [row for row in json.loads(output.read_text()) if "switch" not in row]
    assert {row["offload"] for row in rows} == {"none"}
    assert all(row["frames"] == 9 for row in rows)

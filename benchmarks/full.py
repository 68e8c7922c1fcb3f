"""Measures a clip of a model at full size with random weights: time by phase, and memory."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

from benchmarks.full_size import save_random
from benchmarks.job import request_of
from benchmarks.placements import watch
from pipeline.generation.generate import generate
from pipeline.generation.progress import Progress
from pipeline.models.spec import ModelSpec
from pipeline.runtime.device import Machine, detect_machine
from pipeline.runtime.memory_needs import estimate
from pipeline.runtime.memory_plan import candidates
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Footage, Offload

_GIGABYTE = 1e9


@dataclass(frozen=True)
class Clip:
    """What to make: seconds of video, and about how many pixels a frame (None: the row's)."""

    seconds: float = 2.0
    num_pixels: int | None = None


class _Clock:
    """Notes when the steps of a job end."""

    def __init__(self) -> None:
        self.times: dict[tuple[int, int], float] = {}  # by window and step

    def __call__(self, progress: Progress) -> None:
        if progress.stage == "sampling":
            self.times.setdefault((progress.window, progress.step), time.perf_counter())


def at_full_size(spec: ModelSpec, folder: Path, num_pixels: int | None = None) -> ModelSpec:
    """Save a model's random weights in `folder`, unless they are there; return a row of them."""
    save_random(spec, folder)
    num_pixels = num_pixels or spec.num_pixels
    return replace(spec, repository=folder, checkpoint=None, revision=None, num_pixels=num_pixels)


def measure_full(
    spec: ModelSpec,
    folder: Path,
    what: Clip,
    offload: Offload | None = None,
    machine: Machine | None = None,
) -> dict[str, object]:
    """Make a clip twice through Kinora's loader, placement and engine; the weights are random.

    `folder` keeps the weights. Without `offload` the placement is the one that Kinora chooses.
    """
    spec = at_full_size(spec, folder, what.num_pixels)
    machine = machine or detect_machine()
    model_cache = ModelCache(machine, {spec.id: spec})
    if offload is not None:
        chosen = next(x for x in candidates(spec, machine) if x.offload == offload)
        model_cache.hold(spec.id, chosen)
    return measure_clip(model_cache, spec, what.seconds)


def measure_clip(model_cache: ModelCache, spec: ModelSpec, seconds: float) -> dict[str, object]:
    """Make a clip twice; return its placement, the seconds of its phases and its peak memory."""
    placement = model_cache.placement(spec.id)
    size = spec.size_for("16:9")
    needs = estimate(spec, placement, Footage(*size, spec.num_frames_for(seconds)))
    computed = needs.card_bytes if placement.device == "cuda" else needs.ram_bytes
    row: dict[str, object] = {
        "model": f"{spec.id}, random weights",
        "offload": placement.offload,
        "weights": placement.weights,
        "type": placement.dtype,
        "size": [*size],
    }
    with watch(placement.device) as peak:
        row |= _make(model_cache, spec, seconds)
        again = _make(model_cache, spec, seconds)
    held = model_cache.placement(spec.id)
    return row | {
        "again with the same words, s": again["all, s"],
        "peak, GB": round(peak.num_bytes / _GIGABYTE, 2),
        "computed peak, GB": round(computed / _GIGABYTE, 2),
        # If the GPU ran out of memory, another placement was used in the end.
        **({} if held == placement else {"ended as": held.offload}),
    }


def _make(model_cache: ModelCache, spec: ModelSpec, seconds: float) -> dict[str, object]:
    """Make one clip; return the seconds of its phases."""
    clock, began = _Clock(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        clip = generate(
            request_of(seconds, spec.id),
            model_cache=model_cache,
            output=Path(folder) / "clip.mp4",
            on_progress=clock,
            is_cancelled=lambda: False,
        )
    ended, times = time.perf_counter(), [*clock.times.values()]
    steps = [later - earlier for earlier, later in pairwise(times)]
    step = median(steps)
    return {
        "frames": clip.num_frames,
        "loading, s": round(times[0] - began, 2),
        "reading the words, s": round(max(0.0, steps[0] - step), 2),
        "a step, s": round(step, 4),
        "steps": len(steps),
        "decoding and writing, s": round(ended - times[-1], 2),
        "all, s": round(ended - began, 2),
    }

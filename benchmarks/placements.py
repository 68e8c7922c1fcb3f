"""Measures every placement of a model and every optimization.

Figures are times, peak memory as the driver reports it, and the difference from the plain clip.
"""

from __future__ import annotations

import math
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch

from benchmarks.job import make_clip, request_of
from pipeline.errors import KinoraError
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.models.spec import ModelSpec
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.acceleration import NATIVE, AccelerationSettings, list_accelerations
from pipeline.runtime.acceleration_hooks import can_run, local_backends
from pipeline.runtime.device import Machine, detect_machine
from pipeline.runtime.layer_offload import PinnedMemoryError
from pipeline.runtime.memory_needs import estimate
from pipeline.runtime.memory_plan import candidates
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Placement

_SECONDS_BETWEEN_LOOKS = 0.02
_GIGABYTE = 1e9


@dataclass
class Peak:
    """The peak memory while watching, beyond the memory used before, in bytes."""

    num_bytes: int = 0


def measure_placements(
    spec: ModelSpec, seconds: float, machine: Machine | None = None
) -> Iterator[dict[str, object]]:
    """Make a clip with every placement that the machine supports; yield a row for each.

    Each row has the computed memory of a placement and the measured one: the GPU's, or the
    computer's if there is none. A placement that does not fit gives a row with an error. Each one
    that fits is followed by rows for single optimizations, with the difference from its clip.
    """
    machine = machine or detect_machine()
    attentions = [name for name in local_backends() if name != NATIVE and can_run(name, machine)]
    for placement in candidates(spec, machine):
        needs = estimate(spec, placement)
        computed = needs.card_bytes if placement.device == "cuda" else needs.ram_bytes
        row = {
            "offload": placement.offload,
            "autoencoder": "by layer" if placement.splits_autoencoder else "whole",
            "weights": placement.weights,
            "type": placement.dtype,
            "computed, GB": round(computed / _GIGABYTE, 2),
        }
        model_cache = ModelCache(machine, {spec.id: spec})
        model_cache.hold(spec.id, placement)
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "plain.mp4"
            try:
                yield row | _measure_plain(
                    model_cache, placement, request_of(seconds, spec.id), plain
                )
            except (torch.OutOfMemoryError, PinnedMemoryError):
                yield row | {"error": "out of memory"}
                continue
            for acceleration in list_accelerations(
                spec, model_cache.placement(spec.id), machine, attentions
            ):
                model_cache.settings = AccelerationSettings(always=acceleration)
                switch = {
                    "offload": model_cache.placement(spec.id).offload,
                    "switch": acceleration.facts,
                }
                yield (
                    row | switch | _measure_switch(model_cache, request_of(seconds, spec.id), plain)
                )
        model_cache.release()


def _measure_plain(
    model_cache: ModelCache, placement: Placement, request: GenerationRequest, output: Path
) -> dict[str, object]:
    """Load a model and make a clip with it."""
    with watch(placement.device) as peak:
        begin = time.perf_counter()
        model_cache.load(request.model)
        loaded = time.perf_counter()
        clip = make_clip(request, model_cache, output)
        made = time.perf_counter()
    held = model_cache.placement(request.model)
    return {
        "loading, s": round(loaded - begin, 2),
        "making, s": round(made - loaded, 2),
        "frames": clip.num_frames,
        "peak, GB": round(peak.num_bytes / _GIGABYTE, 2),
        # If the GPU ran out of memory, another placement was used in the end.
        **({} if held == placement else {"ended as": held.offload}),
    }


def _measure_switch(
    model_cache: ModelCache, request: GenerationRequest, plain: Path
) -> dict[str, object]:
    """Make the clip twice more with an optimization: the first time may include compiling.

    The peak is measured beyond the memory in use before, which includes the weights. The difference
    between the written clips is in dB; higher is closer.
    """
    output, times = plain.with_name("switched.mp4"), []
    try:
        with watch(model_cache.placement(request.model).device) as peak:
            for _ in range(2):
                begin = time.perf_counter()
                make_clip(request, model_cache, output)
                times.append(time.perf_counter() - begin)
    except (
        RuntimeError,
        ValueError,
        KinoraError,
    ) as exc:  # torch's errors, one for each way to fail
        model_cache.release()
        return {"error": f"{type(exc).__name__}: {str(exc).strip().splitlines()[0]}"}
    return {
        "first time, s": round(times[0], 2),
        "making, s": round(times[1], 2),
        "more at the peak, GB": round(peak.num_bytes / _GIGABYTE, 2),
        "PSNR, dB": difference(plain, output),
    }


def difference(clip: Path, other: Path) -> float | None:
    """Return the peak signal-to-noise ratio of two clips in dB; None if they are identical."""
    errors = [
        np.square(frames.astype(np.float32) - others).mean()
        for frames, others in zip(
            *(iterate_frames(x, probe_clip(x)) for x in (clip, other)), strict=True
        )
    ]
    error = float(np.mean(errors))
    return round(10 * math.log10(255**2 / error), 1) if error else None


@contextmanager
def watch(device: str) -> Iterator[Peak]:
    """Sample the memory in use while the `with` block runs."""
    before, peak, is_over = _used(device), Peak(), threading.Event()

    def look() -> None:
        while not is_over.wait(_SECONDS_BETWEEN_LOOKS):
            peak.num_bytes = max(peak.num_bytes, _used(device) - before)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        is_over.set()
        thread.join()


def _used(device: str) -> int:
    """Return the bytes in use: on the GPU by all processes, or in RAM by this process."""
    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        return total - free
    return psutil.Process().memory_info().rss

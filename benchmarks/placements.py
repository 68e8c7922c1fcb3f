"""What each way of holding a model costs, and what each switch that makes it faster brings.

Seconds, the peak of memory as the driver sees it, and how far from the plain clip it takes.
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
from pipeline.runtime.device import detect_machine
from pipeline.runtime.memory_plan import Placement, candidates, estimate
from pipeline.runtime.device import Machine
from pipeline.runtime.model_cache import ModelCache

_SECONDS_BETWEEN_LOOKS = 0.02
_GIGABYTE = 1e9


@dataclass
class Peak:
    """The most memory that was in use while somebody looked, beyond what was before, in bytes."""

    num_bytes: int = 0


def measure_placements(
    spec: ModelSpec, seconds: float, machine: Machine | None = None
) -> Iterator[dict[str, object]]:
    """Make a clip with a model held in every way that the machine can; yield a row for each.

    What is computed for a placement stands beside what was measured: the card's memory, or the
    computer's where there is none. A row of what does not fit says so. Each placement that fits is
    followed by the switches that can run with it, alone, and how near their clips are to the first.
    """
    machine = machine or detect_machine()
    attentions = [name for name in local_backends() if name != NATIVE and can_run(name, machine)]
    for placement in candidates(spec, machine):
        needs = estimate(spec, placement)
        computed = needs.card_bytes if placement.device == "cuda" else needs.ram_bytes
        row = {
            "offload": placement.offload,
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
            except torch.OutOfMemoryError:
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
        # A card that was too full for the placement has gone on with a more frugal one.
        **({} if held == placement else {"ended as": held.offload}),
    }


def _measure_switch(
    model_cache: ModelCache, request: GenerationRequest, plain: Path
) -> dict[str, object]:
    """Make the clip again with a switch on: twice, for the first time may have to compile.

    The peak is beyond what was in use already, the weights among it. The difference is that of the
    clips as they were written, in dB, more being nearer.
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
        "PSNR, dB": _psnr(plain, output),
    }


def _psnr(clip: Path, other: Path) -> float | None:
    """Return the peak signal-to-noise ratio of two clips, in dB; None for the same frames."""
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
    """Look again and again how much memory is in use while the `with` block lasts."""
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
    """Return the bytes in use: on the card by anybody, as the driver says, or by this process."""
    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        return total - free
    return psutil.Process().memory_info().rss

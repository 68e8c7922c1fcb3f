"""What each way of holding a model costs: seconds, and the peak of memory as the driver sees it."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from benchmarks.job import make_clip, request_of
from pipeline.loader import Loader
from pipeline.machine import detect_machine
from pipeline.placement import Machine, Placement, candidates, estimate
from pipeline.spec import ModelSpec

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
    computer's where there is none. A row of what does not fit says so.
    """
    machine = machine or detect_machine()
    for placement in candidates(spec, machine):
        needs = estimate(spec, placement)
        computed = needs.card_bytes if placement.device == "cuda" else needs.ram_bytes
        row = {
            "offload": placement.offload,
            "weights": placement.weights,
            "type": placement.dtype,
            "computed, GB": round(computed / _GIGABYTE, 2),
        }
        try:
            row |= _measure(spec, placement, machine, seconds)
        except torch.OutOfMemoryError:
            row["error"] = "out of memory"
        yield row


def _measure(
    spec: ModelSpec, placement: Placement, machine: Machine, seconds: float
) -> dict[str, object]:
    loader = Loader(machine, {spec.id: spec})
    loader.hold(spec.id, placement)
    request = request_of(seconds, spec.id)
    with tempfile.TemporaryDirectory() as folder, watch(placement.device) as peak:
        begin = time.perf_counter()
        loader.load(spec.id)
        loaded = time.perf_counter()
        clip = make_clip(request, loader, Path(folder) / "clip.mp4")
        made = time.perf_counter()
    held = loader.placement(spec.id)
    loader.release()
    return {
        "loading, s": round(loaded - begin, 2),
        "making, s": round(made - loaded, 2),
        "frames": clip.num_frames,
        "peak, GB": round(peak.num_bytes / _GIGABYTE, 2),
        # A card that was too full for the placement has gone on with a more frugal one.
        **({} if held == placement else {"ended as": held.offload}),
    }


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

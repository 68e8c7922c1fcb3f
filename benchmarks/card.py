"""Checks models at full size, with random weights, on a GPU of less and less memory.

Each model runs in a process of its own, so that a crash ends only its own checks. What has not
begun when the time is up is left out, and said to be.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.full import at_full_size, measure_clip
from benchmarks.job import make_clip, request_of
from benchmarks.placements import difference, watch
from pipeline.errors import GenerationCancelledError, KinoraError
from pipeline.generation.generate import generate
from pipeline.models.registry import SHIPPED
from pipeline.models.spec import ModelSpec
from pipeline.runtime.device import GIGABYTE, Machine, detect_machine
from pipeline.runtime.memory_needs import estimate
from pipeline.runtime.memory_plan import candidates
from pipeline.runtime.model_cache import ModelCache

CAPS = (12, 16, 24, 48, 80)  # GB of GPU memory
_SHORT_SECONDS = 0.5  # of the clips that only show that something works
Row = dict[str, object]


@dataclass(frozen=True)
class CardCheck:
    """The GPU memory sizes to check, in GB, and the seconds and pixels of the main clip."""

    caps: tuple[int, ...] = CAPS
    seconds: float = 5.0
    num_pixels: int | None = None


def check_models(model_ids: Sequence[str], minutes: float, options: Sequence[str]) -> Iterator[Row]:
    """Check each model in a process of its own, then two in turn; yield a row for each result.

    `options` are those of `main`. A row says so if a model failed or the time was up.
    """
    deadline = time.monotonic() + 60 * minutes
    together = [model_ids[:2]] if len(model_ids) > 1 else []
    for names in [[name] for name in model_ids] + together:
        left, model_id = deadline - time.monotonic(), " and ".join(names)
        if left <= 0:
            yield {"model": model_id, "error": "not begun: the time is up"}
            continue
        command = [sys.executable, "-m", "benchmarks.card", *names]
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as log:
            error = _run([*command, *options], output, log, left)
            output.seek(0)
            yield from map(json.loads, output)
            if error is not None:
                log.seek(0)
                yield {"model": model_id, "error": error, "log": log.read().splitlines()[-3:]}


def _run(command: list[str], output: object, log: object, seconds: float) -> str | None:
    """Run a command; return what went wrong, if anything."""
    try:
        code = subprocess.run(command, stdout=output, stderr=log, timeout=seconds).returncode  # type: ignore[call-overload]
    except subprocess.TimeoutExpired:
        return "ended: the time is up"
    return f"ended with code {code}" if code else None


def check_model(spec: ModelSpec, folder: Path, what: CardCheck, machine: Machine) -> Iterator[Row]:
    """Check a model with every cap, the largest first; yield a row for each result.

    Without a GPU there is one run, with the computer's own memory.
    """
    begin = time.perf_counter()
    spec = at_full_size(spec, folder / spec.id, what.num_pixels)
    yield {"check": "weights", "model": spec.id, "s": round(time.perf_counter() - begin, 1)}
    capped = [_cap(machine, cap) for cap in sorted(what.caps, reverse=True)]
    capped = [each for each in capped if each is not None] or [machine]
    for at, each in enumerate(capped):
        checks = {"clip": _check_clip, "stop": _check_stop, "step down": _check_step_down}
        if at == 0:
            checks["same frames"] = _check_frames
        model_cache = ModelCache(each, {spec.id: spec})
        for name, check in checks.items():
            row: Row = {"check": name, "model": spec.id}
            row["memory, GB"] = round(each.memory_bytes / GIGABYTE)
            try:
                yield row | check(model_cache, spec, what)
            except (KinoraError, RuntimeError, ValueError) as exc:  # torch's errors are many
                yield row | {"error": f"{type(exc).__name__}: {str(exc).strip()[:300]}"}
        model_cache.release()


def _cap(machine: Machine, cap: int) -> Machine | None:
    """Return the machine with less GPU memory; None if it has no more itself, or no GPU."""
    if machine.device != "cuda" or cap * GIGABYTE > machine.memory_bytes:
        return None
    return replace(machine, memory_bytes=cap * GIGABYTE)


def _limit(machine: Machine) -> None:
    """Make torch run out of GPU memory at a machine's memory."""
    if machine.device == "cuda":
        whole = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, machine.memory_bytes / whole))


def _check_clip(model_cache: ModelCache, spec: ModelSpec, what: CardCheck) -> Row:
    _limit(model_cache.machine)
    return measure_clip(model_cache, spec, what.seconds)


def _check_stop(model_cache: ModelCache, spec: ModelSpec, what: CardCheck) -> Row:
    """Stop at the second step, and say how long it took to end."""
    asked: list[float] = []

    def is_cancelled() -> bool:
        return bool(asked)

    def stop(progress: object) -> None:
        if getattr(progress, "step", 0) >= 2 and not asked:
            asked.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        try:
            generate(
                request_of(what.seconds, spec.id),
                model_cache=model_cache,
                output=Path(folder) / "clip.mp4",
                on_progress=stop,
                is_cancelled=is_cancelled,
            )
        except GenerationCancelledError:
            return {"stopped after, s": round(time.perf_counter() - asked[0], 2)}
    return {"error": "it was not stopped"}


def _check_step_down(model_cache: ModelCache, spec: ModelSpec, _what: CardCheck) -> Row:
    """Begin with a placement that is too large for the GPU."""
    machine, chosen = model_cache.machine, model_cache.placement(spec.id)
    largest = candidates(spec, machine)[0]
    if machine.device != "cuda" or estimate(spec, largest).card_bytes < machine.memory_bytes:
        return {"skipped": "everything fits"}
    model_cache.release()
    model_cache.hold(spec.id, largest)
    try:
        return measure_clip(model_cache, spec, _SHORT_SECONDS)
    finally:
        model_cache.hold(spec.id, chosen)


def _check_frames(model_cache: ModelCache, spec: ModelSpec, _what: CardCheck) -> Row:
    """Compare a short clip of each placement that stores full weights with the first one's."""
    chosen, found = model_cache.placement(spec.id), dict[str, float | None]()
    placements = [
        x for x in candidates(spec, model_cache.machine) if x.weights == x.encoder_weights == "full"
    ]
    request = request_of(_SHORT_SECONDS, spec.id)
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "first.mp4"
        for placement in placements:
            model_cache.hold(spec.id, placement)
            output = Path(folder) / "other.mp4" if first.exists() else first
            make_clip(request, model_cache, output)
            name = placement.offload + (" by layer" if placement.splits_autoencoder else "")
            found[name] = difference(first, output)
    model_cache.hold(spec.id, chosen)
    return {"PSNR to the first, dB (none: the same)": found}


def check_turns(specs: Sequence[ModelSpec], machine: Machine) -> Row:
    """Make a short clip with each model and again with the first: each makes room for the next."""
    _limit(machine)
    model_cache, rows = ModelCache(machine, {spec.id: spec for spec in specs}), []
    for spec in [*specs, specs[0]]:
        with watch(machine.device) as peak, tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            make_clip(request_of(_SHORT_SECONDS, spec.id), model_cache, Path(folder) / "a.mp4")
            seconds = time.perf_counter() - begin
        rows.append({"model": spec.id, "s": round(seconds, 1), "more, GB": peak.num_bytes / 1e9})
    model_cache.release()
    return {"check": "turns", "rows": rows}


def main() -> None:
    """Check one model, or several in turn, and print each result as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--caps", type=int, nargs="+", default=CAPS, metavar="GB")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--pixels", type=int)
    args = parser.parse_args()
    what = CardCheck(tuple(args.caps), args.seconds, args.pixels)
    machine, specs = detect_machine(), [SHIPPED.find(model_id) for model_id in args.models]
    if len(specs) == 1:
        rows = check_model(specs[0], args.folder, what, machine)
    else:
        held = [at_full_size(x, args.folder / x.id, what.num_pixels) for x in specs]
        rows = iter([check_turns(held, machine)])
    for row in rows:
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

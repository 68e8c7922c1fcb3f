"""Measures Kinora's overhead: `generate` compared with calling the engine directly."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.job import PROMPT, make_clip, request_of
from pipeline.engines import open_engine
from pipeline.engines.base import SamplingParams, ShotContext, WindowContext
from pipeline.media.video_writer import ClipWriter
from pipeline.mini.engine import MiniEngine
from pipeline.planning.plan import Plan, plan_generation
from pipeline.runtime.model_cache import ModelCache


def frames_by_hand(
    engine: MiniEngine, plan: Plan, seed: int, words: str = PROMPT
) -> Iterator[np.ndarray]:
    """Make and decode the windows of a plan's only shot; yields (F, H, W, 3) uint8 each."""
    prompt = engine.encode_prompt(words, "", 1.0, ShotContext(seed))
    made: torch.Tensor | None = None
    for window in plan.shots[0].windows:
        context = WindowContext(
            is_start=made is None,
            first=window.start_latent - window.num_context,
            before=None if made is None else made[:, :, -window.num_context :],
        )
        new = engine.make(window.num_latents, prompt, context, SamplingParams(window.seed))
        made = new if made is None else torch.cat([made, new], dim=2)
    yield from engine.decode_shot(WindowContext(is_start=True), [made], prompt)


def make_by_hand(engine: MiniEngine, plan: Plan, seed: int, output: Path) -> None:
    """Make, decode and write the frames as they come, as `generate` does."""
    width, height = plan.size
    with ClipWriter(output, width=width, height=height, fps=plan.fps) as writer:
        for chunk in frames_by_hand(engine, plan, seed):
            for frame in chunk:
                writer.write(frame)


def measure_overhead(
    model_cache: ModelCache, model_id: str, seconds: float, runs: int
) -> dict[str, float]:
    """Return median times of a clip made by hand and through `generate`, in turn.

    Times are wall-clock seconds, and seconds of this process's processor time, which other load
    hardly affects; the overhead is the relative increase of the latter. Both ways write their clip,
    because ffmpeg slows down decoding. torch uses one thread: idle threads would spin, which counts
    as processor time.
    """
    request = request_of(seconds, model_id)
    plan = plan_generation(request, model_cache.spec(model_id))
    size = plan.model_size
    engine = open_engine(model_cache.load(model_id), width=size.width, height=size.height)
    rows, num_threads = [], torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "clip.mp4"
            make_by_hand(engine, plan, request.seed, output)  # warms up
            for _ in range(runs):
                by_hand = _timed(lambda: make_by_hand(engine, plan, request.seed, output))
                through = _timed(lambda: make_clip(request, model_cache, output))
                rows.append((*by_hand, *through))
    finally:
        torch.set_num_threads(num_threads)
    columns = [round(median(column), 3) for column in zip(*rows, strict=True)]
    names = [f"{name}, {unit}" for name in ("by hand", "generate") for unit in ("s", "processor s")]
    overhead = median(through / by_hand - 1 for _, by_hand, _, through in rows)
    return dict(zip(names, columns, strict=True)) | {"overhead": round(overhead, 4)}


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall-clock seconds and seconds of this process's processor time of a call."""
    begin, begin_own = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - begin_own

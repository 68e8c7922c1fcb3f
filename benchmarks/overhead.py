"""What Kinora's path costs beside the model: `generate` against the engine called by hand."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.job import PROMPT, make_clip, request_of
from pipeline.engines import open_engine
from pipeline.engines.ltx import Context, LTXEngine
from pipeline.loader import Loader
from pipeline.plan import Plan, plan_generation
from pipeline.writer import ClipWriter


def denoise_by_hand(engine: LTXEngine, plan: Plan, seed: int) -> torch.Tensor:
    """Denoise the windows of a plan's only shot, as `generate` does: latents (1, C, T, h, w)."""
    prompt = engine.encode_prompt(PROMPT, "", plan.guidance_scale, seed=seed)
    made: torch.Tensor | None = None
    for window in plan.shots[0].windows:
        context = Context(
            is_start=made is None,
            first=window.start_latent - window.num_context,
            before=None if made is None else made[:, :, -window.num_context :],
        )
        latents = engine.denoise(
            window.num_latents,
            prompt,
            context,
            num_inference_steps=plan.num_inference_steps,
            guidance_scale=plan.guidance_scale,
            seed=window.seed,
        )
        new = latents[:, :, context.num_before :]
        made = new if made is None else torch.cat([made, new], dim=2)
    return made


def make_by_hand(engine: LTXEngine, plan: Plan, seed: int) -> list[np.ndarray]:
    """Denoise and decode: chunks of frames (F, H, W, 3) uint8."""
    return list(engine.decode(denoise_by_hand(engine, plan, seed), is_generated=True))


def measure_overhead(loader: Loader, model_id: str, seconds: float, runs: int) -> dict[str, float]:
    """Return medians of what a clip takes by hand, through `generate`, and to be written.

    Seconds of the clock, and of this process's processor time, which neither ffmpeg nor other work
    on the machine adds to; the overhead is the share by which the latter grows. Each run does all
    three, one after another.
    """
    request = request_of(seconds, model_id)
    plan = plan_generation(request, loader.spec(model_id))
    size = plan.model_size
    engine = open_engine(loader.load(model_id), width=size.width, height=size.height)
    frames = make_by_hand(engine, plan, request.seed)  # and warm up
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "clip.mp4"
        for _ in range(runs):
            by_hand = _timed(lambda: make_by_hand(engine, plan, request.seed))
            through = _timed(lambda: make_clip(request, loader, output))
            writing = _timed(lambda: _write(output, frames, plan))
            rows.append((*by_hand, *through, *writing))
    columns = [round(median(column), 3) for column in zip(*rows, strict=True)]
    names = ("by hand", "generate", "writing alone")
    names = [f"{name}, {unit}" for name in names for unit in ("s", "processor s")]
    return dict(zip(names, columns, strict=True)) | {
        "overhead": round(median((x[3] - x[5]) / x[1] - 1 for x in rows), 4),
        "overhead with writing": round(median(x[3] / x[1] - 1 for x in rows), 4),
    }


def _write(output: Path, frames: list[np.ndarray], plan: Plan) -> None:
    width, height = plan.size
    with ClipWriter(output, width=width, height=height, fps=plan.fps) as writer:
        for chunk in frames:
            for frame in chunk:
                writer.write(frame)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that something takes, and those of this process's processor time."""
    begin, begin_own = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begin, time.process_time() - begin_own

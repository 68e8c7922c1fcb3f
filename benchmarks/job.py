"""Run one job as the app does, in a process that does nothing else.

Run: python -m benchmarks.job --seconds 10 --output figures.json
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import torch

from pipeline.generation.generate import Clip, generate
from pipeline.models.registry import EMBEDDED
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache

PROMPT = "a red car moves to the right in a city at sunset"


def request_of(seconds: float, model_id: str) -> GenerationRequest:
    """Return a request for one shot of `seconds`."""
    return build_request("text_to_video", shots=(Shot(PROMPT, seconds),), model=model_id, seed=1)


def make_clip(
    request: GenerationRequest, model_cache: ModelCache, output: Path, keep: Path | None = None
) -> Clip:
    """Make the clip, without reporting progress or checking for cancellation."""
    return generate(
        request,
        model_cache=model_cache,
        output=output,
        on_progress=lambda _: None,
        is_cancelled=lambda: False,
        keep=keep,
    )


def time_job(request: GenerationRequest, model_cache: ModelCache) -> dict[str, object]:
    """Load the model and make the clip; return both times in seconds, and the clip's size.

    `processor` is the processor time of making the clip, including ffmpeg's; other load on the
    machine hardly affects it.
    """
    begin = time.perf_counter()
    model_cache.load(request.model)
    loaded, loaded_times = time.perf_counter(), sum(os.times()[:4])
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(request, model_cache, Path(folder) / "clip.mp4")
    return {
        "loading": loaded - begin,
        "making": time.perf_counter() - loaded,
        "processor": sum(os.times()[:4]) - loaded_times,
        "size": [clip.width, clip.height],
        "fps": float(clip.fps),
        "num_frames": clip.num_frames,
        "threads": torch.get_num_threads(),
    }


def main() -> None:
    """Run the job and write its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--model", default=EMBEDDED)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    figures = time_job(request_of(args.seconds, args.model), ModelCache())
    args.output.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()

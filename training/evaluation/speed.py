"""Measures the time and memory that a minute of video takes."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from pipeline.generation.generate import generate
from pipeline.planning.request import Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from training.evaluation.setup import Setup
from training.evaluation.studio import Studio
from training.sampling import SHIPPED


def evaluate_speed(setup: Setup, studio: Studio) -> dict[str, object]:
    """Time a minute of video in a process of its own, loading included, and its peak of memory."""
    command = [sys.executable, "-m", "training.evaluate", "--model", str(setup.folder)]
    output = studio.path(".json")
    subprocess.run([*command, "--minute", str(output)], check=True)
    return json.loads(output.read_text())


def time_minute(folder: Path, output: Path) -> None:
    """Make one minute of video and write how long it took and how much memory it needed."""
    with tempfile.TemporaryDirectory() as scratch:
        begin = time.monotonic()
        spec = replace(SHIPPED, repository=folder.resolve())
        request = build_request(
            "text_to_video",
            shots=(Shot("a red car moves to the right in a city at sunset", 60.0),),
            model=spec.id,
            seed=1,
        )
        clip = generate(
            request,
            model_cache=ModelCache(models={spec.id: spec}),
            output=Path(scratch) / "minute.mp4",
            on_progress=lambda _: None,
            is_cancelled=lambda: False,
        )
        seconds = time.monotonic() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {
        "seconds of video a second": round(float(clip.num_frames / clip.fps) / seconds, 2),
        "seconds": round(seconds, 1),
        "peak memory in GB": round(peak / 1e9, 2),
        "size": [clip.width, clip.height, float(clip.fps)],
        "threads": torch.get_num_threads(),
    }
    output.write_text(json.dumps(figures))

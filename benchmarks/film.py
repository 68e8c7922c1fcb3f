"""Measures the cost of changing one shot of a film, compared with making the whole film."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.job import make_clip
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache

_SCENES = ("a red car in a city", "a boat on the sea", "a cat in a garden")


def film_of(num_shots: int, seconds: float, model_id: str) -> GenerationRequest:
    """Return a request for a film of `num_shots` shots that last `seconds` together."""
    shots = [Shot(_SCENES[i % len(_SCENES)], seconds / num_shots) for i in range(num_shots)]
    return build_request("text_to_video", shots=shots, model=model_id, seed=1)


def measure_change(
    model_cache: ModelCache, model_id: str, seconds: float, runs: int, num_shots: int = 6
) -> dict[str, float]:
    """Return median times in seconds of a film, and of the film with its middle shot changed.

    The model is loaded before; each run makes both, one after the other.
    """
    film = film_of(num_shots, seconds, model_id)
    middle = num_shots // 2
    other = replace(film.shots[middle], prompt="a dog on a beach")
    changed = replace(film, shots=(*film.shots[:middle], other, *film.shots[middle + 1 :]))
    model_cache.load(model_id)
    rows = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            whole = _timed(film, model_cache, Path(folder) / "film")
            shutil.copytree(Path(folder) / "film", Path(folder) / "changed")
            rows.append((whole, _timed(changed, model_cache, Path(folder) / "changed")))
    return {
        "film, s": round(median(row[0] for row in rows), 2),
        "one shot of it changed, s": round(median(row[1] for row in rows), 2),
        "changed shot's share": round(median(row[1] / row[0] for row in rows), 4),
    }


def _timed(request: GenerationRequest, model_cache: ModelCache, keep: Path) -> float:
    begin = time.perf_counter()
    make_clip(request, model_cache, keep.with_suffix(".mp4"), keep)
    return time.perf_counter() - begin

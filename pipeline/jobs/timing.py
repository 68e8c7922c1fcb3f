"""Measures how fast this machine makes clips, and estimates how long a request will take."""

from __future__ import annotations

import logging
from pathlib import Path

from pipeline.jobs.files import read_json, write_json
from pipeline.planning.request import GenerationRequest

logger = logging.getLogger(__name__)
_NEWEST_SHARE = 0.3  # of the newest measurement in the running average


class Timing:
    """Measured seconds of work per second of video, for each kind of request, kept in a file."""

    def __init__(self, path: Path) -> None:
        """Use a file, which need not exist yet."""
        self._path = path

    def note(self, request: GenerationRequest, seconds: float) -> None:
        """Record how many seconds a request took."""
        if not request.model:
            return  # cutting takes as long as its clips are large, not as the new one is
        timings, key = read_json(self._path) or {}, _key(request)
        measured = seconds / request.duration
        known = timings.get(key)
        if isinstance(known, int | float):
            measured = _NEWEST_SHARE * measured + (1 - _NEWEST_SHARE) * known
        try:
            write_json(self._path, timings | {key: measured})
        except OSError:
            logger.exception("The measured speed of this machine cannot be written")

    def estimate(self, request: GenerationRequest) -> float | None:
        """Estimate how many seconds a request takes; None if nothing like it was made yet."""
        known = (read_json(self._path) or {}).get(_key(request))
        return known * request.duration if isinstance(known, int | float) else None


def _key(request: GenerationRequest) -> str:
    shape = "clip" if request.video else request.aspect_ratio
    if request.task == "remix_video":
        shape = f"remix {request.strength:.1f}"
    quality = "" if request.quality == "standard" else f" {request.quality}"
    return f"{request.model} {shape} {request.num_inference_steps or 'default'} steps{quality}"

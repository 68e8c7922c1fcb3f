"""Measures how fast this machine makes clips, and estimates how long a request will take.

A clip takes a fixed time and a time for each second of video: both are fitted to the last clips of
the same model, quality, steps and placement.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.jobs.files import read_json, write_json
from pipeline.planning.request import GenerationRequest

logger = logging.getLogger(__name__)
# Chosen on recorded jobs, see tests/jobs/test_timing.py.
_NUM_KEPT = 24  # of the last clips of each kind
_AGEING = 0.8  # of a clip's weight, with every newer one
_OTHER_SHAPE = 0.3  # of the weight, for a clip of another shape: it has about as many pixels
_FIXED_SECONDS = 1.5  # of video, which take as long as the fixed part; until measured
_PRIOR = 0.3  # weight of that assumption, in clips
_SPREAD, _FIRST_SPREAD = 0.25, 0.5  # of the estimate on either side: at least, and after one clip
_SPREAD_OF_OCTAVE = 0.1  # more for each doubling of the length beyond those that were measured
_SURE_FROM = 0.3  # the share of a job after which its own pace says how long the rest takes


@dataclass(frozen=True)
class Expected:
    """How many seconds a request takes: the likeliest number, and a range around it.

    `fixed` of them do not depend on the length.
    """

    seconds: float
    low: float
    high: float
    fixed: float


@dataclass(frozen=True)
class _Clip:
    """A finished clip: its shape, its length in seconds, and how many seconds it took."""

    shape: str
    length: float
    seconds: float


class Timing:
    """What finished clips took, kept in a file."""

    def __init__(
        self, path: Path, place_of: Callable[[GenerationRequest], str] = lambda _request: ""
    ) -> None:
        """Use a file, which need not exist yet; `place_of` names where a model is computed."""
        self._path = path
        self._place_of = place_of

    def note(self, request: GenerationRequest, seconds: float) -> None:
        """Record how many seconds a request took."""
        if not request.model:
            return  # cutting takes as long as its clips are large, not as the new one is
        timings, key = read_json(self._path) or {}, self._key(request)
        known = timings.get(key)
        clips = known if isinstance(known, list) else []
        clips = [*clips, [_shape(request), request.duration, round(seconds, 3)]][-_NUM_KEPT:]
        try:
            write_json(self._path, timings | {key: clips})
        except OSError:
            logger.exception("The measured speed of this machine cannot be written")

    def estimate(self, request: GenerationRequest) -> float | None:
        """Estimate how many seconds a request takes; None if nothing like it was made yet."""
        expected = self.expect(request)
        return None if expected is None else expected.seconds

    def expect(self, request: GenerationRequest) -> Expected | None:
        """Estimate the seconds of a request with a range; None if nothing like it was made yet."""
        clips = _read_clips((read_json(self._path) or {}).get(self._key(request)))
        return expect(clips, _shape(request), request.duration) if clips else None

    def _key(self, request: GenerationRequest) -> str:
        steps = f"{request.num_inference_steps or 'default'} steps"
        kind = "clip" if request.video else "new"
        if request.task == "remix_video":
            kind = f"remix {request.strength:.1f}"
        place = self._place_of(request)
        return " ".join(filter(None, [request.model, kind, request.quality, steps, place]))


def expect(clips: Sequence[_Clip], shape: str, length: float) -> Expected:
    """Fit a fixed part and a part per second of video to clips, oldest first; extrapolate it."""
    lengths = np.array([clip.length for clip in clips])
    taken = np.array([clip.seconds for clip in clips])
    weights = _AGEING ** np.arange(len(clips))[::-1]
    weights = weights * [1.0 if clip.shape == shape else _OTHER_SHAPE for clip in clips]
    fixed, rate = _fit(lengths, taken, weights)
    seconds = fixed + rate * length
    errors = np.abs(np.log((fixed + rate * lengths) / taken))
    spread = max(_SPREAD, 2 * float(np.average(errors, weights=weights)))
    spread = max(spread, _FIRST_SPREAD / len(clips))
    beyond = max(length / lengths.max(), lengths.min() / length, 1.0)
    spread += _SPREAD_OF_OCTAVE * math.log2(beyond)
    return Expected(seconds, seconds / (1 + spread), seconds * (1 + spread), fixed)


def seconds_left(
    elapsed: float, done: float, before: float, expected: Expected | None
) -> float | None:
    """Estimate how long a job still takes, `elapsed` seconds after it began; None if unknown.

    `done` is the finished share of it and `before` the share that was finished when it began. The
    `expected` time counts at first, the job's own pace later. What comes after the last frame has
    no share: the fixed time is kept for it.
    """
    rest, begun = 1 - done, done - before
    paced = None if begun <= 0 else elapsed / begun * rest
    if expected is None:
        return paced if begun > _SURE_FROM / 2 else None
    planned = (expected.seconds - expected.fixed) * rest
    sureness = min(1.0, max(0.0, begun) / _SURE_FROM)
    left = planned if paced is None else (1 - sureness) * planned + sureness * paced
    return left + expected.fixed / 2


def _fit(lengths: np.ndarray, taken: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return the seconds of the fixed part, and for each second of video; errors are relative.

    The assumption that the fixed part takes as long as `_FIXED_SECONDS` of video is one more row:
    clips of a single length could not tell the two apart.
    """
    scale = float(np.average(taken, weights=weights))
    rows = np.stack([1 / taken, lengths / taken], axis=1)
    prior = np.array([[1.0, -_FIXED_SECONDS]]) / scale
    strength = np.sqrt(np.append(weights, _PRIOR))
    matrix = np.concatenate([rows, prior]) * strength[:, None]
    fixed, rate = np.linalg.lstsq(matrix, np.append(np.ones(len(taken)), 0) * strength)[0]
    if fixed < 0:
        return 0.0, float(np.average(taken / lengths, weights=weights))
    if rate < 0:
        return scale, 0.0
    return float(fixed), float(rate)


def _read_clips(saved: object) -> list[_Clip]:
    """Return the clips of a saved list; the ones that cannot be read are left out."""
    clips = []
    for row in saved if isinstance(saved, list) else ():
        try:
            shape, length, seconds = row
            clip = _Clip(str(shape), float(length), float(seconds))
        except (TypeError, ValueError):
            continue
        if 0 < clip.length < math.inf and 0 < clip.seconds < math.inf:
            clips.append(clip)
    return clips


def _shape(request: GenerationRequest) -> str:
    return request.aspect_ratio

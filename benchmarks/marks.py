"""Measures what the invisible mark survives, what it costs, and its false positives."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from benchmarks.attacks import attacked, decode, deliver, encode_again
from benchmarks.footage import Footage, all_footage
from benchmarks.job import request_of, time_job
from pipeline.runtime.model_cache import ModelCache
from pipeline.trust.watermark.detection import LEAST_SCORE, gather, look_for
from pipeline.trust.watermark.mark import Marker
from pipeline.trust.watermark.pattern import Tile

_KEY = bytes(range(32))
_WINDOWS = (slice(0, 16), slice(16, 32), slice(32, 48), slice(24, 25))  # of unmarked clips


@dataclass(frozen=True)
class _Result:
    """The measurements of one clip."""

    footage: Footage
    figures: dict[str, float]
    found: dict[str, tuple[float, bool]]  # by attack: the score, and whether the id was right
    num_wrong_ids: int  # over all attacks
    unmarked: list[float]  # scores of its unmarked windows, one for each key
    num_unmarked_ids: int


def measure_marks(
    model_cache: ModelCache, footage: Sequence[Footage] | None = None, num_keys: int = 66
) -> dict[str, object]:
    """Mark clips, alter them and detect the marks; also try many keys on unmarked clips."""
    footage = all_footage(model_cache) if footage is None else footage
    tiles = [Tile(bytes([number, 1]) * 16) for number in range(num_keys)]
    lock = threading.Lock()  # the model can make only one clip at a time
    with ThreadPoolExecutor(max_workers=2) as executor:
        results = list(executor.map(lambda clip: _measure(clip, tiles, lock), footage))
    halves = {
        "tuned on": [result for result in results if result.footage.is_for_tuning],
        "never tuned on": [result for result in results if not result.footage.is_for_tuning],
    }
    scores = np.concatenate([result.unmarked for result in results])
    return {
        "clips": len(results),
        **{name: _survival(some) for name, some in halves.items() if some},
        "costs": {
            kind: _costs([result for result in results if result.footage.kind == kind])
            for kind in dict.fromkeys(result.footage.kind for result in results)
        }
        | {"all": _costs(results)},
        "unmarked windows": {
            "looked at": len(scores),
            "taken for marked": int((scores >= LEAST_SCORE).sum()),
            "ids read": sum(result.num_unmarked_ids for result in results),
            "score, mean": round(float(scores.mean()), 2),
            "score, 99.9 %": round(float(np.quantile(scores, 0.999)), 2),
            "score, highest": round(float(scores.max()), 2),
        },
        "by clip": {
            f"{result.footage.kind}: {result.footage.name}": result.figures
            | {
                name: [round(score, 1), is_right]
                for name, (score, is_right) in result.found.items()
            }
            | {"wrong ids": result.num_wrong_ids}
            for result in results
        },
    }


def measure_time(
    model_cache: ModelCache, model_id: str, seconds: float = 10.0
) -> dict[str, object]:
    """Measure the time of marking and detecting, and marking as a share of making a clip."""
    rows = {}
    for width, height in ((512, 288), (832, 480), (1280, 704)):
        rows[f"{width}x{height}"] = _time_marking(width, height)
    job = time_job(request_of(seconds, model_id), model_cache)
    a_frame = 1000 * job["making"] / job["num_frames"]
    size = "x".join(map(str, job["size"]))
    return {
        "time": rows,
        "making a frame, ms": round(a_frame, 2),
        "marking, share of making": round(rows[size]["marking a frame, ms"] / a_frame, 4),
    }


def _time_marking(width: int, height: int, runs: int = 60) -> dict[str, float]:
    marker = Marker(_KEY)
    noise = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    frame = np.kron(noise, np.ones((8, 8, 1), np.uint8))
    begin = time.perf_counter()
    marker.embed(frame, marker.id_of("first"))
    first = time.perf_counter() - begin
    marking = [_seconds(lambda: marker.embed(frame, marker.id_of("first"))) for _ in range(runs)]
    looking = [_seconds(lambda: look_for(Tile(_KEY), gather([frame] * 24))) for _ in range(3)]
    return {
        "marking a frame, ms": round(1000 * median(marking), 3),
        "first frame of an id, ms": round(1000 * first, 2),
        "looking into a window, ms": round(1000 * median(looking), 1),
    }


def _seconds(work: object) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _measure(footage: Footage, tiles: Sequence[Tile], lock: threading.Lock) -> _Result:
    with lock:
        frames = footage.make()
    marker = Marker(_KEY)
    mark_id = marker.id_of(footage.name)
    marked = np.stack([marker.embed(frame, mark_id) for frame in frames])
    shape = frames.shape[1:3]
    with tempfile.TemporaryDirectory() as folder:
        plain, delivered = Path(folder) / "plain.mp4", Path(folder) / "marked.mp4"
        again = Path(folder) / "again.mp4"
        sizes = [deliver(frames, plain), deliver(marked, delivered)]
        coarse = [encode_again(path, "H.264, crf 23", again, shape) for path in (plain, delivered)]
        looks = {name: _look(make()) for name, make in attacked(delivered, shape).items()}
        unmarked = decode(plain)
    found = {name: (score, seen == mark_id) for name, (score, seen) in looks.items()}
    num_wrong = sum(seen not in (None, mark_id) for _, seen in looks.values())
    figures = _likeness(frames, marked) | {
        "growth, crf 18": round(sizes[1] / sizes[0], 3),
        "growth, crf 23": round(coarse[1] / coarse[0], 3),
        "kbit/s more, crf 18": round((sizes[1] - sizes[0]) * 8 / 1000 / (len(frames) / 24), 1),
    }
    return _Result(footage, figures, found, num_wrong, *_look_where_none_is(unmarked, tiles))


def _likeness(frames: np.ndarray, marked: np.ndarray) -> dict[str, float]:
    """Return the PSNR in dB over all frames, and the mean SSIM of three of them."""
    some = range(0, len(frames), max(1, len(frames) // 3))
    ssim = [structural_similarity(frames[i], marked[i], channel_axis=2) for i in some]
    psnr = peak_signal_noise_ratio(frames, marked)
    return {"PSNR, dB": round(float(psnr), 2), "SSIM": round(float(np.mean(ssim)), 4)}


def _look(frames: list[np.ndarray]) -> tuple[float, str | None]:
    return look_for(Tile(_KEY), gather(frames))


def _look_where_none_is(frames: list[np.ndarray], tiles: Sequence[Tile]) -> tuple[list[float], int]:
    """Return the scores of unmarked windows, for each key, and how many ids were read."""
    windows = [gather(frames[part]) for part in _WINDOWS]
    looks = [look_for(tile, window) for window in windows for tile in tiles]
    return [score for score, _ in looks], sum(seen is not None for _, seen in looks)


def _survival(results: Sequence[_Result]) -> dict[str, object]:
    """Return, for each attack, how many marks were detected and read, and their scores."""
    rows = {}
    for name in results[0].found:
        scores = [result.found[name][0] for result in results]
        rows[name] = {
            "marked": sum(score >= LEAST_SCORE for score in scores),
            "id right": sum(result.found[name][1] for result in results),
            "score, median": round(median(scores), 1),
            "score, lowest": round(min(scores), 1),
        }
    num_wrong = sum(result.num_wrong_ids for result in results)
    return {"clips": len(results), "after": rows, "wrong ids": num_wrong}


def _costs(results: Iterable[_Result]) -> dict[str, dict[str, float]]:
    """Return median and worst of each cost of marking."""
    figures = [result.figures for result in results]
    rows = {}
    for name in figures[0]:
        values = [each[name] for each in figures]
        worst = min(values) if name in ("PSNR, dB", "SSIM") else max(values)
        rows[name] = {"median": round(median(values), 4), "worst": worst}
    return rows

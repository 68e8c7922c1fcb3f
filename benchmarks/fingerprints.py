"""Measures how far clips' fingerprints are from those of altered copies and of other clips."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.attacks import CORNERS, deliver, encode_again
from benchmarks.footage import Footage, all_footage
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.runtime.model_cache import ModelCache
from pipeline.trust.provenance.fingerprint import (
    MOST_BITS,
    Fingerprint,
    distance,
    hash_made_and_given,
)

_ATTACKS = (
    *("H.264, crf 28", "half size and back", "15 frames a second", "30 frames a second"),
    *("10 % cropped", *CORNERS, "mirrored"),
)


@dataclass(frozen=True)
class _Seen:
    """The hashes of one clip: as stored when it was made, and after each attack."""

    footage: Footage
    known: np.ndarray
    after: dict[str, np.ndarray]


def measure_fingerprints(
    model_cache: ModelCache, footage: Sequence[Footage] | None = None
) -> dict[str, object]:
    """Alter clips and count how many are recognized, for each half of the footage.

    Clips are compared within their half, in which no two come from the same film.
    """
    clips = [_watch(clip) for clip in (all_footage(model_cache) if footage is None else footage)]
    halves = {
        "tuned on": [clip for clip in clips if clip.footage.is_for_tuning],
        "never tuned on": [clip for clip in clips if not clip.footage.is_for_tuning],
    }
    return {
        "most bits": MOST_BITS,
        **{name: _distances(half) for name, half in halves.items() if half},
    }


def _watch(footage: Footage) -> _Seen:
    frames = footage.make()
    with tempfile.TemporaryDirectory() as folder:
        delivered, again = Path(folder) / "delivered.mp4", Path(folder) / "again.mp4"
        deliver(frames, delivered)
        known, _ = hash_made_and_given(delivered, {}, ())
        after = {"delivered": look_at(delivered)}
        for name in _ATTACKS:
            encode_again(delivered, name, again, frames.shape[1:3])
            after[name] = look_at(again)
        return _Seen(footage, known, after)


def look_at(path: Path) -> np.ndarray:
    """Hash a file as the check of a clip's origin does."""
    info = probe_clip(path)
    fingerprint = Fingerprint(info.fps)
    for chunk in iterate_frames(path, info):
        for _ in fingerprint.watch(chunk):
            pass
    return fingerprint.hashes


def _distances(clips: Sequence[_Seen]) -> dict[str, object]:
    """Return, for each attack, clips' distances from themselves and from the nearest other."""
    rows = {}
    for name in clips[0].after:
        own = [distance(clip.after[name], clip.known) for clip in clips]
        others = [_nearest_other(clip, name, clips) for clip in clips]
        rows[name] = {
            "known again": sum(
                bits <= MOST_BITS and bits < other for bits, other in zip(own, others, strict=True)
            ),
            "from itself, median": median(own),
            "from itself, most": max(own),
            "from another, median": median(others),
            "from another, least": min(others),
            "another within": sum(other <= MOST_BITS for other in others),
            "not known again": [
                clip.footage.name
                for clip, bits, other in zip(clips, own, others, strict=True)
                if bits > MOST_BITS or bits >= other
            ],
        }
    return {"clips": len(clips), "after": rows}


def _nearest_other(clip: _Seen, name: str, clips: Sequence[_Seen]) -> float:
    """Return the distance to the nearest other clip; 64, the maximum, if there is none."""
    others = [each.known for each in clips if each is not clip]
    return min((distance(clip.after[name], known) for known in others), default=64.0)

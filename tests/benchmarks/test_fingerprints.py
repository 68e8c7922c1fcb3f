"""The benchmark of fingerprints, on two short clips."""

from __future__ import annotations

from benchmarks.fingerprints import measure_fingerprints
from benchmarks.footage import Footage
from pipeline.runtime.model_cache import ModelCache
from pipeline.trust.provenance.fingerprint import MOST_BITS
from tests.footage import scene


def test_clips_are_known_again_and_their_mirrors_are_not() -> None:
    clips = [
        Footage("scene", "synthetic", True, lambda: scene(24)),
        Footage("upside down", "synthetic", True, lambda: scene(24)[:, ::-1].copy()),
    ]
    figures = measure_fingerprints(ModelCache(), clips)
    assert "never tuned on" not in figures
    after = figures["tuned on"]["after"]
    assert after["delivered"]["from itself, most"] <= 2
    for name in ("H.264, crf 28", "10 % cropped, top left kept", "30 frames a second"):
        assert after[name]["known again"] == 2
        assert after[name]["from another, least"] > MOST_BITS
    assert sorted(after["mirrored"]["not known again"]) == ["scene", "upside down"]

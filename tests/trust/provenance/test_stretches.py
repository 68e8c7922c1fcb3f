"""Which parts of a file Verify says carry a mark, when other footage lies between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.trust.provenance.fingerprint import hash_made_and_given
from pipeline.trust.provenance.registry import FILE, Registry
from pipeline.trust.provenance.report import Verifier
from pipeline.trust.watermark.mark import Marker
from tests.credentials import ask, recipe_of
from tests.footage import HEIGHT, WIDTH, scene
from tests.sources import H264, ffmpeg

FPS, KEY, MARK = 24, bytes(range(32)), "0123456789ab"


def own(seconds: int) -> np.ndarray:
    """Return marked frames that are made here."""
    marker = Marker(KEY)
    return np.stack([marker.embed(frame, MARK) for frame in scene(seconds * FPS)])


def foreign(seconds: int) -> np.ndarray:
    """Return unmarked frames of something else: bars that move down, on a slope."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    count = range(seconds * FPS)
    frames = [((y + 2 * index) // 24 % 2 * 90 + x * 150 // WIDTH) for index in count]
    return np.repeat(np.stack(frames)[..., None], 3, -1).astype(np.uint8)


def write(path: Path, *parts: np.ndarray) -> Path:
    frames = np.concatenate(parts)
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS))
    ffmpeg(*raw, "-i", "pipe:0", *H264, path, stdin=frames.tobytes())
    return path


@pytest.fixture
def verifier(tmp_path: Path) -> Verifier:
    registry = Registry(tmp_path / FILE)
    made, given = hash_made_and_given(write(tmp_path / "own.mp4", own(5)), {}, ())
    recipe = recipe_of(ask()) | {"marks": [{"first_frame": 0, "num_frames": 120, "id": MARK}]}
    registry.record("job", recipe, {}, made, given)
    return Verifier(key=KEY, registry=registry)


def about_marks(report: dict[str, Any]) -> list[str]:
    return [said for said in report["conclusions"] if "carry a mark" in said]


def test_foreign_footage_between_own_parts_is_not_called_marked(
    verifier: Verifier, tmp_path: Path
) -> None:
    """3 s of ours, 20 s of others' and 2 s of ours were "between 0 and 25 s carry a mark"."""
    parts = (own(4), foreign(8), own(2))
    report = verifier.verify(write(tmp_path / "mixed.mp4", *parts))
    (said,) = about_marks(report)
    assert said.startswith("At least parts of its pixels between about 0 and 4 s and ")
    assert "between about 12 and 14 s carry a mark" in said
    assert "look like that clip. Marks" in said
    assert "0 and 14 s" not in said
    assert any("windows of 2 s" in said for said in report["conclusions"])
    assert report["nearest"] is None


def test_other_footage_with_a_copied_mark_is_judged_by_itself(
    verifier: Verifier, tmp_path: Path
) -> None:
    """The whole file was judged by the median, so most of it spoke for the rest."""
    marker = Marker(KEY)
    copied = np.stack([marker.embed(frame, MARK) for frame in foreign(2)])
    report = verifier.verify(write(tmp_path / "mixed.mp4", own(4), copied))
    assert [x["looks_like_known"] for x in report["marks"]] == [True, True, False]
    alike, unlike = about_marks(report)
    assert "between about 0 and 4 s carry" in alike
    assert "between about 4 and 6 s carry" in unlike
    assert "do not look like that clip" in unlike
    assert report["headline"].endswith("only part of it looks like it")
    assert any("At least half of it looks like a clip" in said for said in report["conclusions"])


def test_an_own_clip_without_its_signature_is_one_stretch(
    verifier: Verifier, tmp_path: Path
) -> None:
    (said,) = about_marks(verifier.verify(write(tmp_path / "again.mp4", own(5))))
    assert "between about 0 and 5 s carry a mark" in said
    assert "look like that clip. Marks" in said

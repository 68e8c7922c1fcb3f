"""What a clip looks like: known again after it was encoded, scaled and cropped, and no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.fingerprints import look_at
from pipeline.media.video_reader import sample_luma
from pipeline.trust.provenance.fingerprint import (
    HASHES_A_SECOND,
    MAX_SECONDS,
    MOST_BITS,
    PARTS,
    SIDE,
    distance,
    hash_made_and_given,
    likeness,
)
from tests.sources import H264, ffmpeg

SCENES = ("mandelbrot=s=512x288:r=15", "testsrc2=s=512x288:r=15", "cellauto=s=512x288:r=15")
ALTERATIONS = {
    "encoded again": ("-crf", "28"),
    "half as large": ("-vf", "scale=iw/2:ih/2"),
    "cropped": ("-vf", "crop=iw*0.9:ih*0.9,scale=512:288"),
    "larger": ("-vf", "scale=iw*3:ih*3", "-preset", "ultrafast"),
    "at another rate": ("-r", "24"),
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    paths = [folder / f"{number}.mp4" for number in range(len(SCENES))]
    for scene, path in zip(SCENES, paths, strict=True):
        ffmpeg("-f", "lavfi", "-i", scene, "-t", "2", *H264, path)
    return paths


@pytest.fixture(scope="module")
def known(clips: list[Path]) -> list[np.ndarray]:
    return [hash_made_and_given(path, {}, ())[0] for path in clips]


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_clip_is_nearest_to_itself(
    alteration: str, clips: list[Path], known: list[np.ndarray], tmp_path: Path
) -> None:
    path = tmp_path / "altered.mp4"
    ffmpeg("-i", clips[0], "-pix_fmt", "yuv420p", *ALTERATIONS[alteration], path)
    own, *others = (distance(look_at(path), one) for one in known)
    assert own <= 4
    assert min(others) > MOST_BITS


def test_frames_are_sampled_when_they_are_due_and_no_longer_than_is_asked(
    clips: list[Path], known: list[np.ndarray]
) -> None:
    """A rate at which half a second is between two frames: both ways take the later one."""
    frames = sample_luma(clips[0], HASHES_A_SECOND, MAX_SECONDS, SIDE)
    assert frames.shape == (4, 144, 256)
    assert len(sample_luma(clips[0], HASHES_A_SECOND, 1.0, SIDE)) == 2
    assert len(known[0]) == 4 * len(PARTS)
    seen = look_at(clips[0])
    assert len(seen) == 4
    assert np.bitwise_count(seen ^ known[0][:: len(PARTS)]).max() <= 4


def test_a_clip_that_was_made_anew_was_given_however_much_the_new_one_looks_like_it(
    clips: list[Path],
) -> None:
    recipe = {"fps": 15.0, "new_spans": [{"first_frame": 0, "num_frames": 900}]}
    seen = look_at(clips[0])
    assert likeness(seen, *hash_made_and_given(clips[0], recipe, ())) == "made"
    assert likeness(seen, *hash_made_and_given(clips[0], recipe, (), clips[:1])) == "given"


@pytest.mark.parametrize(("first_second", "num_hashes"), [(62, 4), (59, 10)])
def test_what_is_new_behind_a_long_source_is_hashed(
    tmp_path: Path, clips: list[Path], first_second: int, num_hashes: int
) -> None:
    """Only the first minute was, so nothing new behind a longer source was ever found again."""
    path = tmp_path / "extended.mp4"
    source = ("-f", "lavfi", "-i", "testsrc2=s=256x144:r=15:d=62")
    both = "[1:v]scale=256:144,setsar=1[b];[0:v]setsar=1[a];[a][b]concat"
    ffmpeg(*source, "-i", clips[0], "-filter_complex", both, *H264, path)
    span = {"first_frame": first_second * 15, "num_frames": (64 - first_second) * 15}
    made, given = hash_made_and_given(path, {"fps": 15.0, "new_spans": [span]}, ())
    assert len(made) == num_hashes * len(PARTS)
    assert len(given) == min(first_second, MAX_SECONDS) * HASHES_A_SECOND * len(PARTS)
    seen = look_at(clips[0])
    assert distance(seen, made) <= 4
    assert distance(seen, given) > MOST_BITS

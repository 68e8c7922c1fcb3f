"""Single pictures of clips, against the reader that decodes all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import MediaError
from pipeline.media.stills import frame_at, read_first_picture, read_sheet
from pipeline.media.video_reader import probe_clip, read_first_frames
from pipeline.media.video_writer import ClipWriter
from tests.sources import make_clip, numbered_frames, read_numbers


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a clip as jobs write theirs, of 24 numbered frames at 16 a second."""
    path = tmp_path_factory.mktemp("ours") / "result.mp4"
    with ClipWriter(path, width=96, height=64, fps=16) as writer:
        for frame in numbered_frames(24):
            writer.write(frame)
    return path


def test_the_first_picture_is_the_first_frame_to_the_last_bit(ours: Path) -> None:
    (first,) = read_first_frames(ours, probe_clip(ours), 1)
    assert np.array_equal(np.asarray(read_first_picture(ours)), first)


@pytest.mark.parametrize(
    ("seconds", "number"), [(0, 0), (0.062499, 1), (0.06, 0), (1.0, 16), (99, 23), (-1, 0)]
)
def test_the_frame_at_a_time_is_the_one_that_a_player_shows(
    ours: Path, seconds: float, number: int
) -> None:
    frame = frame_at(ours, probe_clip(ours), seconds)
    assert read_numbers(frame[None]) == [number]


def test_a_clip_that_begins_late_is_counted_from_its_first_frame(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "late.mp4", "-c:v", "libx264", "-output_ts_offset", "3")
    assert read_numbers(frame_at(path, probe_clip(path), 0.5)[None]) == [12]


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "result.mp4").write_bytes(b"no clip")
    with pytest.raises(MediaError, match="not a video"):
        read_first_picture(tmp_path / "result.mp4")


def test_a_sheet_has_frames_from_all_of_the_clip(clip: Path) -> None:
    sheet = np.asarray(read_sheet(clip), int)
    info = probe_clip(clip)
    height, width = sheet.shape[0] // 4, sheet.shape[1] // 4
    frames = read_first_frames(clip, info, info.num_frames, size=(width, height)).astype(int)
    for number in (0, 5, 10, 15):
        row, column = divmod(number, 4)
        part = sheet[row * height :, column * width :][:height, :width]
        errors = np.abs(frames - part).mean((1, 2, 3))
        assert abs(int(errors.argmin()) - number * info.num_frames / 16) <= 1


def test_a_clip_of_one_frame_has_a_sheet_too(tmp_path: Path) -> None:
    assert read_sheet(make_clip(tmp_path / "one.mp4", num_frames=1)).size == (384, 256)


def test_what_is_no_clip_has_no_sheet(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no clip")
    with pytest.raises(MediaError):
        read_sheet(tmp_path / "broken.mp4")

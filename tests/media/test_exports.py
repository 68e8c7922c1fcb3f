"""Clips as GIFs and WebMs, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from pipeline.errors import MediaError
from pipeline.media.exports import write_gif, write_webm
from pipeline.media.video_reader import probe_clip
from tests.sources import H264, make_clip, read_numbers


def test_a_gif_has_the_frames_of_its_clip_and_loops(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", *H264, num_frames=24, fps="16")
    write_gif(clip, tmp_path / "clip.gif", 16)
    with Image.open(tmp_path / "clip.gif") as gif:
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(gif)]
        assert gif.info["loop"] == 0
    assert read_numbers(np.stack([np.asarray(frame) for frame in frames])) == [*range(24)]


def test_a_fast_clip_has_half_its_frames_and_none_is_larger_than_it_was(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", num_frames=24, fps="24")
    write_gif(clip, tmp_path / "clip.gif", 24)
    with Image.open(tmp_path / "clip.gif") as gif:
        assert gif.n_frames == pytest.approx(12, abs=1)
        assert gif.size == (96, 64)


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "result.mp4").write_bytes(b"no clip")
    with pytest.raises(MediaError, match="not a video"):
        write_gif(tmp_path / "result.mp4", tmp_path / "clip.gif", 16)


def test_a_webm_has_the_frames_and_the_sound_of_its_clip(clip: Path, tmp_path: Path) -> None:
    write_webm(clip, tmp_path / "clip.webm")
    before, after = probe_clip(clip), probe_clip(tmp_path / "clip.webm")
    assert (after.width, after.height, after.num_frames) == (
        before.width,
        before.height,
        before.num_frames,
    )
    assert after.has_audio

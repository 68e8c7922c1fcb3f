"""Tells whether clips can be cut and joined without encoding their pictures again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.media.timeline import TIE_SECONDS, list_frames
from pipeline.media.video_reader import ClipInfo

_CODEC = "h264"  # what every browser plays, and what Kinora writes
Part = tuple[Path, ClipInfo]
"""A file, and which of its frames are used; see `ClipInfo.part`."""


def can_be_copied(parts: Sequence[Part]) -> bool:
    """Say whether parts may be joined as they are encoded; `is_same` tells if it has worked.

    All have one size and rate. Each begins at a keyframe, and ends before one or with its clip.
    """
    kinds = {(info.width, info.height, info.fps) for _, info in parts}
    is_plain = len(kinds) == 1 and all(_is_plain(info) for _, info in parts)
    return is_plain and all(_begins_and_ends(*part) for part in parts)


def is_same(path: Path, info: ClipInfo, parts: Sequence[Part]) -> bool:
    """Say whether the frames of a clip are exactly those of some parts, one behind the other."""
    wanted = [x for part in parts for x in _checksums(*part)]
    return _checksums(path, info) == wanted


def _is_plain(info: ClipInfo) -> bool:
    """Say whether a clip's frames are shown as they are stored, at a constant rate."""
    video, times = info.video, np.array(info.frame_times)
    is_constant = len(times) == (info.num_in_file or info.num_frames) and np.allclose(
        np.diff(times), float(1 / info.fps), atol=TIE_SECONDS
    )
    is_upright = (info.width, info.height) == (video.width, video.height)
    is_even = info.width % 2 == info.height % 2 == 0
    return video.codec == _CODEC and is_constant and is_upright and is_even and not info.notes


def _begins_and_ends(path: Path, info: ClipInfo) -> bool:
    """Say whether a part begins at a keyframe, and ends before one or with its clip."""
    keyframes = _keyframe_times(path, info)
    after = info.start + info.duration
    is_last = info.first_frame + info.num_frames == (info.num_in_file or info.num_frames)
    return _is_in(info.start, keyframes) and (is_last or _is_in(after, keyframes))


def _is_in(seconds: float, times: np.ndarray) -> bool:
    return bool(np.isclose(times, seconds, rtol=0, atol=TIE_SECONDS).any())


def _keyframe_times(path: Path, info: ClipInfo) -> np.ndarray:
    """Return when the frames are shown that need no others, in seconds."""
    writing, reading = ("-c:v", "wrapped_avframe"), ("-skip_frame", "nokey")
    rows, _ = list_frames(path, info.video, writing, reading)
    return np.array([int(row[2]) / 1e6 for row in rows])


def _checksums(path: Path, info: ClipInfo) -> list[str]:
    """Return a checksum of each frame of a part, as it is decoded."""
    end = info.first_frame + info.num_frames
    rows, _ = list_frames(path, info.video, ("-frames:v", str(end), "-pix_fmt", "yuv420p"))
    return [row[5] for row in rows[info.first_frame :]]

"""Reads a file's header, decoding nothing: the tracks that are used, and the duration.

PyAV reads it from libav's structures, in a process of its own; see stream_facts.py.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline import programs
from pipeline.errors import MediaError
from pipeline.media import ffmpeg
from pipeline.media.video_color import ColorTags

_PROGRAM = Path(__file__).with_name("stream_facts.py")
_UNDECODABLE = (
    "The video in this file cannot be read because its codec is not known here; "
    "use a file with H.264, HEVC, VP9 or AV1."
)
# Decoders that see the transparency beside a WebM's frames; ffmpeg's own do not.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True)
class VideoTrack:
    """The picture of a file; `rates` are those that it claims, the most trustworthy first."""

    index: int
    codec: str
    width: int
    height: int
    rates: tuple[Fraction, ...]
    colors: ColorTags
    has_alpha: bool
    is_interlaced: bool
    decoder: str | None = None  # in the place of ffmpeg's choice


@dataclass(frozen=True)
class AudioTrack:
    """The sound of a file."""

    index: int
    codec: str
    num_channels: int


@dataclass(frozen=True)
class Header:
    """What a container says of itself; `seconds` is 0 if it does not say how long it lasts."""

    video: VideoTrack | None
    audio: AudioTrack | None
    seconds: float


def file_version(path: Path) -> tuple[int, ...]:
    """Return what changes when a file does. Raises MediaError if it is not there."""
    if not path.is_file():
        raise MediaError(ffmpeg.MISSING)
    state = path.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns


def read_header(path: Path) -> Header:
    """Read what a file says of itself, in a moment. Raises MediaError if it cannot be used.

    A file that has not changed since is not read again.
    """
    return _read_header(path, file_version(path))


@lru_cache(maxsize=8)
def _read_header(path: Path, _version: tuple[int, ...]) -> Header:
    options = ffmpeg.input_options(path)
    if webp := _read_webp(path):
        return Header(webp, None, 0.0)
    arguments = [sys.executable, str(_PROGRAM), f"file:{path.absolute()}", json.dumps(options)]
    done = programs.run(arguments, ffmpeg.HEADER_TIMEOUT_SECONDS)
    if done.returncode:
        raise MediaError(ffmpeg.UNREADABLE)
    facts = json.loads(done.stdout)
    if facts["num_videos"] and not facts["video"]:
        raise MediaError(_UNDECODABLE)
    if not facts["num_videos"] and not facts["num_audios"]:
        raise MediaError(ffmpeg.UNREADABLE)
    video = _video_track(facts["video"]) if facts["video"] else None
    audio = AudioTrack(**facts["audio"]) if facts["audio"] else None
    return Header(video, audio, facts["seconds"])


def _video_track(facts: dict[str, Any]) -> VideoTrack:
    changed = {
        "rates": tuple(exact_rate(Fraction(*rate)) for rate in facts["rates"]),
        "colors": ColorTags(**facts["colors"]),
        "decoder": _ALPHA_DECODERS.get(facts["codec"]) if facts.pop("has_hidden_alpha") else None,
    }
    return VideoTrack(**facts | changed)


def exact_rate(rate: Fraction) -> Fraction:
    """Return the rate of television that one rounded by its container stands for, or itself.

    Matroska's 19001/317 is 60000/1001, off by 5e-8; AVI's 2997/100, off by 1e-6, is meant so.
    """
    television = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return television if television and abs(rate / television - 1) < 5e-7 else rate


def _read_webp(path: Path) -> VideoTrack | None:
    """Describe an animated WebP, which PyAV's libav does not know before its version 9.

    Its first chunk says by a bit that it is animated, and how large.
    """
    with path.open("rb") as file:
        start = file.read(30)
    if len(start) < 30 or (start[:4], start[8:16]) != (b"RIFF", b"WEBPVP8X") or not start[20] & 2:
        return None
    width, height = (1 + int.from_bytes(start[i : i + 3], "little") for i in (24, 27))
    return VideoTrack(0, "webp", width, height, (), ColorTags(), True, False)

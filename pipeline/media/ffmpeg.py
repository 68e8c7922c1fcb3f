"""ffmpeg as a program: how it is started, what it may open, what it says of a file undecoded.

The binary is imageio-ffmpeg's; no ffprobe and nothing on the PATH is needed. Only video_reader.py
and video_writer.py use it.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import imageio_ffmpeg
from moviepy.video.io.ffmpeg_reader import FFmpegInfosParser

from pipeline.errors import MediaError

UNREADABLE = (
    "The file is not a video that can be read; "
    "use an MP4, MOV, WebM, MKV, AVI or GIF file that plays elsewhere."
)
HEADER_TIMEOUT_SECONDS = 20
DECODE_TIMEOUT_SECONDS = 1200  # ten minutes of 4K HEVC take about as long on two cores
SCALE_FLAGS = "flags=lanczos+accurate_rnd+full_chroma_int"

# No playlists and no concat scripts: they would have ffmpeg open further files and addresses.
_CONTAINERS = "mov,matroska,avi,gif,mpeg,mpegts,flv,asf,ogg,apng,webp_anim"
# What a frame may have, whatever the container says of it: a little more than video_reader.py's
# limit, as codecs pad.
_MAX_FRAME_PIXELS = 4160 * 4160
# Browsers take untagged video for BT.709 from this height on, and for BT.601 below.
_HD_HEIGHT = 720

_STREAM = re.compile(r"^  Stream #0:(\d+)[^:]*: (Video|Audio): (.*)$", re.MULTILINE)
# The first sound whose codec ffmpeg knows: a telephone may add a spatial one that it does not.
_SOUND = re.compile(
    r"^  Stream #0:(\d+)[^:]*: Audio: (?!none|unknown)(\w+).*, [1-9]\d* Hz(?:, (mono))?",
    re.MULTILINE,
)
_DURATION = re.compile(r"^  Duration: (\d+):(\d+):(\d+\.\d+)", re.MULTILINE)
_COLOR_MATRIX = re.compile(r"[(, ](bt709|bt470bg|smpte170m|smpte240m|fcc|bt2020\w*|gbr|ycgco)\b")


@dataclass(frozen=True)
class Header:
    """What a container says of itself; its rate and duration are 0 if it does not say."""

    has_video: bool
    width: int
    height: int
    fps: float
    duration: float
    color_matrix: str
    audio_stream: str
    audio_codec: str
    is_mono: bool


def command(*arguments: str, loglevel: str = "error") -> list[str]:
    """Return the command line of a quiet ffmpeg that asks nothing."""
    executable = imageio_ffmpeg.get_ffmpeg_exe()
    return [executable, "-hide_banner", "-nostdin", "-loglevel", loglevel, *arguments]


def source(path: Path, *options: str) -> list[str]:
    """Return the arguments that make a file an input. Raises MediaError if it is not there."""
    if not path.is_file():
        raise MediaError("The clip is not there any more; upload it again.")
    guards = ("-protocol_whitelist", "file", "-format_whitelist", _CONTAINERS)
    guards += ("-max_pixels", str(_MAX_FRAME_PIXELS))
    return [*options, *guards, "-i", f"file:{path.absolute()}"]


def run(
    arguments: list[str], timeout: float, folder: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Wait for a command, in a folder if one is given, and return what it wrote.

    Raises MediaError after `timeout` seconds.
    """
    options = {"capture_output": True, "timeout": timeout, "cwd": folder}
    try:
        return subprocess.run(arguments, check=False, **options)
    except subprocess.TimeoutExpired as exc:
        raise MediaError("The clip takes too long to read; use a shorter or smaller one.") from exc


@contextlib.contextmanager
def running(arguments: list[str], **streams: int | IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command; when the block ends, however it does, nothing of it runs any more."""
    process = subprocess.Popen(arguments, **streams)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        with contextlib.suppress(OSError):  # frames still in the pipe's buffer have nowhere to go
            (process.stdin or process.stdout).close()


def read_header(path: Path) -> Header:
    """Read what a container says of itself, in a moment. Raises MediaError if it is no video."""
    arguments = command(*source(path), loglevel="info")
    text = run(arguments, HEADER_TIMEOUT_SECONDS).stderr.decode(errors="replace")
    # Cover art is a "video" too, of one picture that belongs to the sound.
    streams = [stream for stream in _STREAM.findall(text) if "(attached pic)" not in stream[2]]
    if not streams:
        raise MediaError(UNREADABLE)
    video = next((line for _, kind, line in streams if kind == "Video"), "")
    parsed = _parse_video_line(video) if video else {}
    width, height = parsed.get("size", (0, 0))
    is_untagged_hd = height >= _HD_HEIGHT and not _COLOR_MATRIX.search(video)
    sound = _SOUND.search(text)
    duration = _DURATION.search(text)
    hours, minutes, seconds = map(float, duration.groups()) if duration else (0.0, 0.0, 0.0)
    return Header(
        has_video=bool(video),
        width=width,
        height=height,
        fps=parsed.get("fps", 0.0),
        duration=hours * 3600 + minutes * 60 + seconds,
        color_matrix="bt709" if is_untagged_hd else "auto",
        audio_stream=sound[1] if sound else "",
        audio_codec=sound[2] if sound else "",
        is_mono=bool(sound and sound[3]),
    )


def _parse_video_line(line: str) -> dict[str, Any]:
    try:
        return FFmpegInfosParser("", "").parse_video_stream_data(f" {line}")
    except AttributeError as exc:  # no frame rate of any kind: ffmpeg does not know the codec
        raise MediaError(UNREADABLE) from exc

"""Builds ffmpeg command lines, and limits what ffmpeg may open.

The binary is imageio-ffmpeg's; nothing on the PATH is needed. Messages for people are not parsed.
"""

from __future__ import annotations

from pathlib import Path

import imageio_ffmpeg

from pipeline.errors import MediaError

UNREADABLE = (
    "The file is not a video that can be read; "
    "use an MP4, MOV, WebM, MKV, AVI or GIF file that plays elsewhere."
)
MISSING = "The clip is not there any more; upload it again."
HEADER_TIMEOUT_SECONDS = 20
DECODE_TIMEOUT_SECONDS = 1200  # ten minutes of 4K HEVC take about as long on two cores
SCALE_FLAGS = "flags=lanczos+accurate_rnd+full_chroma_int"

# No playlists and no concat scripts: they would have ffmpeg open further files and addresses.
_CONTAINERS = "mov,matroska,avi,gif,mpeg,mpegts,flv,asf,ogg,apng,webp_anim"
# What a frame may have, whatever the container says of it: a little more than video_reader.py's
# limit, as codecs pad.
_MAX_FRAME_PIXELS = 4160 * 4160


def command(*arguments: str) -> list[str]:
    """Return the command line of a quiet ffmpeg that asks nothing."""
    executable = imageio_ffmpeg.get_ffmpeg_exe()
    return [executable, "-hide_banner", "-nostdin", "-loglevel", "error", *arguments]


def input_options(path: Path) -> dict[str, str]:
    """Return what guards a file as an input. Raises MediaError if it is not there."""
    if not path.is_file():
        raise MediaError(MISSING)
    return {
        "protocol_whitelist": "file",
        "format_whitelist": _CONTAINERS,
        "max_pixels": str(_MAX_FRAME_PIXELS),
    }


def source(path: Path, *options: str) -> list[str]:
    """Return the arguments that make a file an input. Raises MediaError if it is not there."""
    guards = [word for name, value in input_options(path).items() for word in (f"-{name}", value)]
    return [*options, *guards, "-i", f"file:{path.absolute()}"]

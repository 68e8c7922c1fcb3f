"""Writes a clip that was made here as a GIF, for places that show no videos, or as a WebM.

Of a GIF, ffmpeg draws the palette from all frames: of the same clip, moviepy's GIF was 2.7 times as
large at the same error, and took three times as long.
"""

from __future__ import annotations

import math
from pathlib import Path

from pipeline import programs
from pipeline.errors import MediaError
from pipeline.media import ffmpeg

MAX_GIF_SECONDS = 15  # longer ones are too large to send
_MAX_GIF_FPS = 16
_MAX_GIF_SIDE = 512  # pixels, the longer one
_PALETTE = "palettegen=stats_mode=full"
_DRAWING = "paletteuse=dither=sierra2_4a:diff_mode=rectangle"

# VP9 at a constant quality, as fast as it goes: a minute of 1216 x 704 at 24 frames a second takes
# 33 s of CPU. With 7 it takes 40 s, for files that are 6 % smaller and look the same (SSIM 0.948).
_VP9 = ("-c:v", "libvpx-vp9", "-crf", "32", "-b:v", "0", "-deadline", "realtime")
_VP9_SPEED = ("-cpu-used", "8", "-row-mt", "1", "-pix_fmt", "yuv420p")


def write_webm(clip: Path, target: Path) -> None:
    """Write a clip as a WebM with its sound. Raises MediaError if the clip cannot be read."""
    _run(clip, *_VP9, *_VP9_SPEED, *("-c:a", "libopus", "-f", "webm"), target=target)


def write_gif(clip: Path, target: Path, fps: float) -> None:
    """Write the first seconds of a clip of `fps` frames a second as a GIF that loops.

    Raises MediaError if the clip cannot be read.
    """
    rate = fps / math.ceil(fps / _MAX_GIF_FPS)
    across, down = (f"round({x}*min(1,{_MAX_GIF_SIDE}/max(iw,ih)))" for x in ("iw", "ih"))
    frames = f"fps={rate:g},scale='{across}':'{down}':flags=lanczos,split[a][b]"
    _run(
        clip,
        *("-t", str(MAX_GIF_SECONDS)),
        *("-filter_complex", f"[0:v]{frames};[a]{_PALETTE}[palette];[b][palette]{_DRAWING}"),
        *("-loop", "0", "-f", "gif"),
        target=target,
    )


def _run(clip: Path, *options: str, target: Path) -> None:
    arguments = ffmpeg.command(*ffmpeg.source(clip), *options, "-y", f"file:{target.absolute()}")
    if programs.run(arguments, ffmpeg.DECODE_TIMEOUT_SECONDS).returncode:
        raise MediaError(ffmpeg.UNREADABLE)

"""Pictures of clips: the first one, quickly, the one at a given second, exactly, or a sheet."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline import programs
from pipeline.errors import MediaError
from pipeline.media import ffmpeg
from pipeline.media.timeline import TIE_SECONDS
from pipeline.media.video_reader import ClipInfo, probe_clip, read_first_frames, read_frame

SHEET_COLUMNS = SHEET_ROWS = 4
SHEET_FRAME_SIDE = 320  # pixels of the longer side of each frame


def read_first_picture(path: Path) -> Image.Image:
    """Return the first frame of a clip that was made here, without decoding the rest.

    `probe_clip` decodes a whole file: a minute takes a second. Raises MediaError.
    """
    arguments = ffmpeg.command(
        *(*ffmpeg.source(path), "-map", "0:V:0", "-frames:v", "1"),
        *("-vf", f"scale=in_color_matrix=bt709:{ffmpeg.SCALE_FLAGS},format=rgb24"),
        *("-c:v", "ppm", "-f", "image2pipe", "pipe:1"),
    )
    done = programs.run(arguments, ffmpeg.HEADER_TIMEOUT_SECONDS)
    if done.returncode or not done.stdout:
        raise MediaError(ffmpeg.UNREADABLE)
    picture = Image.open(io.BytesIO(done.stdout), formats=["PPM"])
    picture.load()
    return picture


def frame_at(path: Path, info: ClipInfo, seconds: float) -> np.ndarray:
    """Return the frame (H, W, 3) uint8 that a player shows at a time; the last one after the end.

    Raises MediaError if it cannot be read.
    """
    times = np.array(info.frame_times) - info.frame_times[0]
    index = int(np.searchsorted(times, seconds + TIE_SECONDS, side="right")) - 1
    return read_frame(path, info, min(max(index, 0), len(times) - 1))


def read_sheet(path: Path) -> Image.Image:
    """Return 16 frames of a clip, spread evenly, row by row in one picture. Raises MediaError."""
    info, count = probe_clip(path), SHEET_COLUMNS * SHEET_ROWS
    scale = min(1.0, SHEET_FRAME_SIDE / max(info.width, info.height))
    width, height = (max(2, round(side * scale)) for side in (info.width, info.height))
    frames = read_first_frames(path, info, count, count / info.duration, (width, height))
    rows = frames.reshape(SHEET_ROWS, SHEET_COLUMNS, height, width, 3)
    sheet = rows.swapaxes(1, 2).reshape(SHEET_ROWS * height, SHEET_COLUMNS * width, 3)
    return Image.fromarray(sheet)

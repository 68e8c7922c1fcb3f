"""Odd clips for the tests, made on the spot by ffmpeg, with frames that carry their own number."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from pipeline.errors import MediaError
from pipeline.media.video_reader import ClipInfo, iterate_frames

WIDTH, HEIGHT, NUM_BITS = 96, 64, 8
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "12")
BEEP = "aevalsrc='0.8*sin(2*PI*880*t)*between(t,0.5,1)':d=2:s=44100"  # heard from 0.5 s to 1 s


def ffmpeg(*arguments: str | Path, stdin: bytes | None = None) -> bytes:
    """Run ffmpeg and return what it writes to its standard output."""
    executable = imageio_ffmpeg.get_ffmpeg_exe()
    command = [executable, "-hide_banner", "-loglevel", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout


def describe(path: Path) -> str:
    """Return what ffmpeg says of a file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def numbered_frames(num_frames: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Return frames (F, H, W, 3) with their number in eight bars: black is 0, white is 1."""
    bits = np.arange(num_frames)[:, None] >> np.arange(NUM_BITS) & 1  # (F, 8)
    bars = np.repeat(bits, width // NUM_BITS, axis=1)  # (F, W)
    frames = np.broadcast_to(bars[:, None, :, None] * 255, (num_frames, height, width, 3))
    return frames.astype(np.uint8)


def read_numbers(frames: np.ndarray) -> list[int]:
    """Read back the numbers of frames (F, H, W, 3) made by `numbered_frames`."""
    num_frames, height, width, _ = frames.shape
    bars = frames.reshape(num_frames, height, NUM_BITS, width // NUM_BITS, 3).mean((1, 3, 4))
    return ((bars > 127) << np.arange(NUM_BITS)).sum(1).tolist()


def make_clip(
    path: Path, *options: str, num_frames: int = 48, fps: str = "24", sound: str = ""
) -> Path:
    """Write a clip of numbered frames with ffmpeg's output options, and perhaps a sound source."""
    audio = ("-f", "lavfi", "-i", sound) if sound else ()
    picture = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", fps)
    frames = numbered_frames(num_frames).tobytes()
    ffmpeg(*picture, "-i", "pipe:0", *audio, *(options or H264), path, stdin=frames)
    return path


def first_and_last_sound(path: Path) -> tuple[float, float]:
    """Return the seconds at which the sound of a clip is first and last loud, silence included."""
    pcm = ("-ac", "1", "-ar", "48000", "-f", "s16le", "pipe:1")
    samples = ffmpeg("-i", path, "-map", "0:a", "-af", "aresample=async=1:first_pts=0", *pcm)
    loud = np.flatnonzero(np.abs(np.frombuffer(samples, np.int16).astype(int)) > 1000)
    return loud[0] / 48000, loud[-1] / 48000


def read_all(path: Path, info: ClipInfo) -> np.ndarray:
    """Return all frames of a clip, (F, H, W, 3)."""
    return np.concatenate(list(iterate_frames(path, info)))


def boxes(path: Path) -> dict[str, int]:
    """Find the boxes of an mp4 and where they begin."""
    data, found, position = path.read_bytes(), {}, 0
    while position < len(data):
        found[data[position + 4 : position + 8].decode()] = position
        position += int.from_bytes(data[position : position + 4], "big")
    return found


def assert_one_sentence(error: pytest.ExceptionInfo[MediaError], *words: str) -> None:
    """Check that an error is one sentence for a person, with these words in it."""
    message = str(error.value)
    assert message.endswith(".")
    assert not any(trace in message for trace in ("/", "\\", "\n", ". ", "ffmpeg", "Error"))
    assert all(word in message for word in words)

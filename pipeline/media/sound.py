"""Reads the sound of clips: from the first frame on, in stereo, at any rate."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Generator
from pathlib import Path

import numpy as np

from pipeline import programs
from pipeline.errors import MediaError
from pipeline.media import ffmpeg
from pipeline.media.probe import AudioTrack
from pipeline.media.video_reader import CUT_SHORT, ClipInfo


def stereo_in_place(audio: AudioTrack) -> str:
    """Return the filters that put a track on the time line in stereo, silent where it has a gap.

    Both ears hear all of one channel; ffmpeg by itself would make it quieter by 3 dB. What is
    before zero is cut.
    """
    spread = "pan=stereo|c0=c0|c1=c0" if audio.num_channels == 1 else "aformat=cl=stereo"
    return f"aresample=async=1:first_pts=0,{spread}"


def iterate_sound(path: Path, info: ClipInfo, rate: int) -> Generator[np.ndarray, None, None]:
    """Yield a clip's sound from its first frame on, (N, 2) float32, about a second at a time.

    `rate` is in samples a second. Silence is where nothing is heard in between. Raises MediaError
    if the sound cannot be read.
    """
    audio = info.audio
    assert audio is not None  # only clips with sound are heard
    # Sound and picture need not begin together.
    shift = f"{-info.start:.6f}"
    arguments = ffmpeg.command(
        *(*ffmpeg.source(path, "-itsoffset", shift), "-map", f"0:{audio.index}"),
        *("-af", stereo_in_place(audio), "-ac", "2", "-ar", str(rate)),
        *("-f", "f32le", "pipe:1"),
    )
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with programs.running(arguments, None, **pipes) as process:
        assert process.stdout is not None  # a pipe
        while data := process.stdout.read(rate * 8):
            yield np.frombuffer(data, np.float32).reshape(-1, 2)
        if process.wait():
            raise MediaError(CUT_SHORT)


def read_sound(path: Path, info: ClipInfo, rate: int, start: float, seconds: float) -> np.ndarray:
    """Return what is heard in a clip for some seconds, (N, 2) float32, `start` after its first
    frame; what is before and behind its sound is silent.
    """
    first, count = round(start * rate), round(seconds * rate)
    heard = np.zeros((count, 2), np.float32)
    position = -first
    with contextlib.closing(iterate_sound(path, info, rate)) as blocks:
        for block in blocks:
            begin, end = max(0, position), min(count, position + len(block))
            if begin < end:
                heard[begin:end] = block[begin - position : end - position]
            position += len(block)
            if position >= count:
                break
    return heard

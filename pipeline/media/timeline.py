"""When the frames of a clip are shown, and the constant rate at which it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline import programs
from pipeline.errors import MediaError
from pipeline.media import ffmpeg
from pipeline.media.probe import VideoTrack

MIN_FPS = 1
# A telephone's slow motion. Faster cameras lose frames, and the user is told.
MAX_FPS = 240
# What clips of varying rate are read at, the lowest that will do.
_USUAL_RATES = (1, 5, 10, 12, 15, 20, 24, 25, 30, 50, 60, 100, 120, MAX_FPS)
# Each thread of a decoder holds frames; of 4K films with transparency, two of them held 900 MB.
_MANY_PIXELS, _FEW_THREADS = 2560 * 1440, "1"
# Of two frames equally near the earlier one is taken, whatever rounding (1 ms) did to their times.
TIE_SECONDS = 1e-3
# Times that jitter put two frames into one slot now and then, at any rate but a far higher one. A
# rate that loses more, or frames close to each other, is too low for a part of the clip.
_MAX_LOST, _MIN_LOST_APART = 0.02, 10


@dataclass(frozen=True)
class Timeline:
    """When the frames of a clip are shown, in seconds, and at which size."""

    frame_times: np.ndarray  # (N,), ascending
    last_frame_duration: float
    width: int
    height: int


def read_timeline(path: Path, video: VideoTrack, most: int, seconds: float) -> Timeline:
    """Decode a clip for the times of its first frames, so many and so long at most.

    Raises MediaError if no frame can be decoded.
    """
    # The frames themselves are not written: that took a tenth of the time.
    writing = ("-t", str(seconds), "-c:v", "wrapped_avframe", "-frames:v", str(most))
    rows, text = list_frames(path, video, writing)
    if not rows:
        raise MediaError(ffmpeg.UNREADABLE)
    times = np.maximum.accumulate([int(row[2]) / 1e6 for row in rows])
    described = dict(re.findall(r"^#(dimensions|sar) 0: (\S+)$", text, re.MULTILINE))
    width, height = map(int, described["dimensions"].split("x"))
    across, down = map(int, described["sar"].split("/"))  # the shape of a pixel; 0 is unknown
    if across and down:
        width = round(width * across / down)
    return Timeline(times, int(rows[-1][3]) / 1e6, width, height)


def list_frames(
    path: Path, video: VideoTrack, writing: Sequence[str], reading: Sequence[str] = ()
) -> tuple[list[list[str]], str]:
    """Decode a clip; return a row for each frame, and all that ffmpeg wrote.

    A row is: stream, decoding time, presentation time, duration, size in bytes, checksum. Times
    are in microseconds: they would be rounded to the frame rate that the container claims.
    `writing` and `reading` are further options of ffmpeg.
    """
    arguments = ffmpeg.command(
        *video_source(path, video, *reading),
        *("-fps_mode", "passthrough", "-enc_time_base", "1:1000000", *writing),
        *("-f", "framecrc", "pipe:1"),
    )
    text = programs.run(arguments, ffmpeg.DECODE_TIMEOUT_SECONDS).stdout.decode()
    return [line.split(",") for line in text.splitlines() if not line.startswith("#")], text


def video_source(path: Path, video: VideoTrack, *options: str) -> list[str]:
    """Return the arguments that make a track of a file an input, and what is taken from it."""
    decoder = ("-c:v", video.decoder) if video.decoder else ()
    is_large = video.width * video.height > _MANY_PIXELS
    threads = ("-threads", _FEW_THREADS) if is_large else ()
    return [*ffmpeg.source(path, *options, *decoder, *threads), "-map", f"0:{video.index}"]


def choose_rate(timeline: Timeline, claimed: tuple[Fraction, ...]) -> tuple[Fraction, int]:
    """Return the rate at which to read a clip, and the number of frames that yields.

    A source of constant rate keeps its exact rate and all its frames. Another one is read at the
    lowest usual rate that shows all its frames, or nearly all if they jitter, or as many as can be
    if some have the same time.
    """
    times, count = timeline.frame_times, len(timeline.frame_times)
    span = float(times[-1] - times[0])
    spacing = span / (count - 1) if span else float(1 / max([*claimed[:1], Fraction(MIN_FPS)]))
    exactly = Fraction(1 / spacing).limit_denominator(1001)
    for rate in [*claimed, Fraction(round(1 / spacing)), exactly]:
        if MIN_FPS <= rate <= MAX_FPS:
            slots = times[0] + np.arange(count) / float(rate)
            if np.array_equal(nearest(times, slots), np.arange(count)):
                return rate, count
    spacings = np.diff(times, append=times[-1] + (timeline.last_frame_duration or spacing))
    seconds = float(spacings.sum())
    # Matroska rounds times to milliseconds.
    fewest_lost, best = count, (Fraction(MAX_FPS), 1)
    for rate in _rates_from(1 / (float(np.median(spacings)) + TIE_SECONDS), claimed):
        num_frames = max(1, round(seconds * rate))
        lost = np.setdiff1d(np.arange(count), sample_indices(times, rate, num_frames))
        if len(lost) < fewest_lost:
            fewest_lost, best = len(lost), (rate, num_frames)
        if len(lost) <= _MAX_LOST * count and np.diff(lost).min(initial=count) >= _MIN_LOST_APART:
            break
    return best


def sample_indices(times: np.ndarray, rate: Fraction, num_frames: int) -> np.ndarray:
    """Return which frame is shown in each slot of a constant rate."""
    indices = nearest(times, times[0] + np.arange(num_frames) / float(rate))
    indices[-1] = len(times) - 1  # an extension goes on from the last frame: never skip it
    return indices


def num_left_out(times: np.ndarray, rate: Fraction, num_frames: int) -> int:
    """Count the frames that are shown in no slot of a constant rate."""
    return len(times) - len(np.unique(sample_indices(times, rate, num_frames)))


def nearest(frame_times: np.ndarray, sample_times: np.ndarray) -> np.ndarray:
    """Return for each sample the index of the frame nearest in time, the earlier one of a tie."""
    midpoints = (frame_times[1:] + frame_times[:-1]) / 2
    return np.searchsorted(midpoints, sample_times - TIE_SECONDS)


def _rates_from(lowest: float, claimed: tuple[Fraction, ...]) -> Iterator[Fraction]:
    """Yield the rates to be tried, one at least, ascending from the one that most frames have.

    The container's own are the average, which leaves out frames, and what all times fit.
    """
    rates = {*claimed[1:], *map(Fraction, _USUAL_RATES)}
    fitting = sorted(x for x in rates if max(MIN_FPS, lowest) <= x <= MAX_FPS)
    yield from fitting or [Fraction(MAX_FPS)]

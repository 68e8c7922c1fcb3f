"""Video files that are there: what a clip is, and its frames in time order.

ffmpeg is run directly: moviepy's reader takes every source for one of constant rate.
"""

from __future__ import annotations

import contextlib
import math
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from pathlib import Path

import numpy as np

from pipeline.errors import MediaError
from pipeline.media import ffmpeg

MAX_SOURCE_SECONDS = 600
MAX_SOURCE_FRAMES = 144_000  # ten minutes of a telephone's slow motion; each is remembered
MIN_SOURCE_SIDE = 16  # pixels
MAX_SOURCE_SIDE = 4096  # pixels
MIN_FPS = 1
MAX_FPS = 60

# Of two frames equally near the earlier one is taken, whatever rounding (1 ms) did to their times.
_TIE_SECONDS = 1e-3
# A tag of an ffmetadata file; a backslash stands before every = ; # \ and end of line within one.
_TAG = re.compile(r"^((?:\\.|[^\\=;#\n])+)=((?:\\.|[^\\\n])*)$", re.MULTILINE | re.DOTALL)

_CUT_SHORT = "The clip could not be read to its end because the file has changed; upload it again."


@dataclass(frozen=True)
class ClipInfo:
    """What a clip turned out to be when `probe_clip` decoded it; whoever reads the clip needs it.

    Width and height are those on screen: rotated, and with square pixels. `fps` is the constant
    rate at which it is read, `num_frames` what that yields. `frame_times` are the seconds at which
    the decoded frames are shown: their rate may vary, and may be above `fps`.
    """

    width: int
    height: int
    fps: float
    num_frames: int
    duration: float
    has_audio: bool
    frame_times: tuple[float, ...] = field(repr=False)
    color_matrix: str = field(repr=False)


@dataclass(frozen=True)
class _Timeline:
    """When the frames of a clip are shown, in seconds, and at which size."""

    frame_times: np.ndarray  # (N,), ascending
    last_frame_duration: float
    width: int
    height: int


def probe_clip(path: Path) -> ClipInfo:
    """Decode a clip once and say what it is. Raises MediaError if it cannot be used."""
    header = ffmpeg.read_header(path)
    if not header.has_video:
        raise MediaError("The file has sound but no picture; use a clip with video in it.")
    _refuse_side(header.width, header.height)
    _refuse_duration(header.duration)
    timeline = _read_timeline(path, MAX_SOURCE_FRAMES + 1)
    if len(timeline.frame_times) > MAX_SOURCE_FRAMES:
        raise MediaError(
            f"The clip has more than {MAX_SOURCE_FRAMES:,} frames; cut it, or use one with fewer "
            "frames a second."
        )
    _refuse_side(timeline.width, timeline.height)
    fps, num_frames = _choose_rate(timeline, header.fps)
    _refuse_duration(num_frames / fps)
    return ClipInfo(
        width=timeline.width,
        height=timeline.height,
        fps=fps,
        num_frames=num_frames,
        duration=num_frames / fps,
        has_audio=bool(header.audio_codec),
        frame_times=tuple(timeline.frame_times.tolist()),
        color_matrix=header.color_matrix,
    )


def read_first_frames(
    path: Path,
    info: ClipInfo,
    count: int,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Return the first frames of a clip, (count, H, W, 3) uint8, at `fps` and `size` (W, H).

    Each is the nearest in time, counted from the start; a clip too short repeats its last frame.
    """
    times = np.array(info.frame_times)
    indices = _nearest(times, times[0] + np.arange(count) / (fps or info.fps))
    return _stack(_frames_at(path, info, indices, size=size), count)


def read_last_frames(
    path: Path,
    info: ClipInfo,
    count: int,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Return the last frames of a clip, (count, H, W, 3) uint8 in time order, at `fps` and `size`.

    Each is the nearest in time, counted back from the last frame, which is always the last here
    too; a clip too short repeats its first frame.
    """
    times = np.array(info.frame_times)
    indices = _nearest(times, times[-1] - np.arange(count)[::-1] / (fps or info.fps))
    try:
        return _stack(_frames_at(path, info, indices, size=size, start=int(indices[0])), count)
    except MediaError:
        # A file without an index, or cut from a longer one, may have to be read from its start.
        return _stack(_frames_at(path, info, indices, size=size), count)


def iterate_frames(
    path: Path, info: ClipInfo, chunk: int = 16, size: tuple[int, int] | None = None
) -> Iterator[np.ndarray]:
    """Yield all frames of a clip at `info.fps`, `chunk` or fewer at a time, (F, H, W, 3) uint8.

    They have the clip's own size, unless another is given as (W, H).
    """
    times = np.array(info.frame_times)
    indices = _nearest(times, times[0] + np.arange(info.num_frames) / info.fps)
    indices[-1] = len(times) - 1  # an extension goes on from the last frame: never skip it
    with contextlib.closing(_frames_at(path, info, indices, size=size)) as frames:
        while batch := list(islice(frames, chunk)):
            yield np.stack(batch)


def sample_luma(path: Path, fps: float, seconds: float, side: int) -> np.ndarray:
    """Return some frames of a clip made here, grey, (N, H, W) uint8, as fast as it is decoded.

    `fps` a second, each the first one at its time or later, of the first `seconds`; `side` is how
    many pixels their longer one has at most. What is stored turned, or with pixels that are not
    square, stays so. Raises MediaError if the clip cannot be read.
    """
    header = ffmpeg.read_header(path)
    scale = min(1.0, side / max(header.width, header.height))
    width, height = (max(1, round(x * scale)) for x in (header.width, header.height))
    is_due = f"gte(t-start_t+{_TIE_SECONDS},selected_n/{fps})"
    arguments = ffmpeg.command(
        *(*ffmpeg.source(path), "-map", "0:V:0", "-frames:v", str(math.ceil(fps * seconds))),
        *("-vf", f"select='{is_due}',scale={width}:{height}:flags=area"),
        *("-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"),
    )
    done = ffmpeg.run(arguments, ffmpeg.DECODE_TIMEOUT_SECONDS)
    if done.returncode or not done.stdout:
        raise MediaError(ffmpeg.UNREADABLE)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width)


def iterate_sound(path: Path, rate: int) -> Iterator[np.ndarray]:
    """Yield a clip's sound from its first frame on, (N, 2) float32, about a second at a time.

    `rate` is in samples a second. Silence is where nothing is heard in between. Raises MediaError
    if the sound cannot be read.
    """
    header = ffmpeg.read_header(path)
    # Sound and picture need not begin together.
    shift = f"{-first_frame_time(path):.6f}"
    # Both ears hear all of one channel; ffmpeg by itself would make it quieter by 3 dB.
    spread = ",pan=stereo|c0=c0|c1=c0" if header.is_mono else ""
    arguments = ffmpeg.command(
        *(*ffmpeg.source(path, "-itsoffset", shift), "-map", f"0:{header.audio_stream}"),
        *("-af", f"aresample=async=1:first_pts=0{spread}", "-ac", "2", "-ar", str(rate)),
        *("-f", "f32le", "pipe:1"),
    )
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with ffmpeg.running(arguments, **pipes) as process:
        while data := process.stdout.read(rate * 8):
            yield np.frombuffer(data, np.float32).reshape(-1, 2)
        if process.wait():
            raise MediaError(_CUT_SHORT)


def read_sound(path: Path, rate: int, start: float, seconds: float) -> np.ndarray:
    """Return what is heard in a clip for some seconds, (N, 2) float32, `start` after its first
    frame; what is before and behind its sound is silent.
    """
    first, count = round(start * rate), round(seconds * rate)
    heard = np.zeros((count, 2), np.float32)
    position = -first
    with contextlib.closing(iterate_sound(path, rate)) as blocks:
        for block in blocks:
            begin, end = max(0, position), min(count, position + len(block))
            if begin < end:
                heard[begin:end] = block[begin - position : end - position]
            position += len(block)
            if position >= count:
                break
    return heard


def read_metadata(path: Path) -> dict[str, str]:
    """Return the tags of a file's container. Raises MediaError if the file cannot be read."""
    arguments = ffmpeg.command(*ffmpeg.source(path), "-map_chapters", "-1", "-f", "ffmetadata", "-")
    done = ffmpeg.run(arguments, ffmpeg.HEADER_TIMEOUT_SECONDS)
    if done.returncode:
        raise MediaError(ffmpeg.UNREADABLE)
    tags = _TAG.findall(done.stdout.decode(errors="replace"))
    return {_unescape(key): _unescape(value) for key, value in tags}


def first_frame_time(path: Path) -> float:
    """Return when the first frame of a file is shown, in seconds; 0 if it holds only sound."""
    if not ffmpeg.read_header(path).has_video:
        return 0.0
    return float(_read_timeline(path, 1).frame_times[0])


def _read_timeline(path: Path, most: int) -> _Timeline:
    """Decode a clip for the times of its first frames, so many at most.

    Raises MediaError if no frame can be decoded.
    """
    arguments = ffmpeg.command(
        *(*ffmpeg.source(path), "-map", "0:V:0", "-t", str(MAX_SOURCE_SECONDS + 1)),
        # In microseconds: times would be rounded to the frame rate that the container claims.
        *("-fps_mode", "passthrough", "-enc_time_base", "1:1000000"),
        *("-frames:v", str(most), "-f", "framecrc", "pipe:1"),
    )
    text = ffmpeg.run(arguments, ffmpeg.DECODE_TIMEOUT_SECONDS).stdout.decode()
    # A row: stream, decoding time, presentation time, duration, size in bytes, checksum.
    rows = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    if not rows:
        raise MediaError(ffmpeg.UNREADABLE)
    times = np.maximum.accumulate([int(row[2]) / 1e6 for row in rows])
    described = dict(re.findall(r"^#(dimensions|sar) 0: (\S+)$", text, re.MULTILINE))
    width, height = map(int, described["dimensions"].split("x"))
    across, down = map(int, described["sar"].split("/"))  # the shape of a pixel; 0 is unknown
    if across and down:
        width = round(width * across / down)
    return _Timeline(times, int(rows[-1][3]) / 1e6, width, height)


def _refuse_side(width: int, height: int) -> None:
    if min(width, height) < MIN_SOURCE_SIDE or max(width, height) > MAX_SOURCE_SIDE:
        raise MediaError(
            f"The clip has {width}x{height} pixels; "
            f"use one with sides of {MIN_SOURCE_SIDE} to {MAX_SOURCE_SIDE} pixels."
        )


def _refuse_duration(seconds: float) -> None:
    if seconds > MAX_SOURCE_SECONDS:
        raise MediaError(
            f"The clip lasts more than {MAX_SOURCE_SECONDS // 60} minutes; cut it to a shorter one."
        )


def _choose_rate(timeline: _Timeline, header_fps: float) -> tuple[float, int]:
    """Return the rate at which to read a clip, and the number of frames that yields.

    A source of constant rate keeps its rate and all its frames. Another one is read at its usual
    rate if it only misses frames, else at its average: a whole number, MIN_FPS to MAX_FPS.
    """
    times, count = timeline.frame_times, len(timeline.frame_times)
    span = times[-1] - times[0]
    spacing = span / (count - 1) if span else 1 / max(header_fps, MIN_FPS)
    for fps in (header_fps, float(round(1 / spacing)), round(1 / spacing, 3)):
        if MIN_FPS <= fps <= MAX_FPS:
            slots = times[0] + np.arange(count) / fps
            if np.array_equal(_nearest(times, slots), np.arange(count)):
                return fps, count
    end = times[-1] + (timeline.last_frame_duration or spacing)
    spacings = np.diff(times, append=end)
    usual, average = np.median(spacings), spacings.mean()
    fps = round(1 / (usual if usual > 0.9 * average else average))
    fps = float(min(max(fps, MIN_FPS), MAX_FPS))
    return fps, max(1, round(spacings.sum() * fps))


def _nearest(frame_times: np.ndarray, sample_times: np.ndarray) -> np.ndarray:
    """Return for each sample the index of the frame nearest in time, the earlier one of a tie."""
    midpoints = (frame_times[1:] + frame_times[:-1]) / 2
    return np.searchsorted(midpoints, sample_times - _TIE_SECONDS)


def _frames_at(
    path: Path,
    info: ClipInfo,
    indices: np.ndarray,
    *,
    size: tuple[int, int] | None = None,
    start: int = 0,
) -> Iterator[np.ndarray]:
    """Yield the decoded frames at some ascending indices, (H, W, 3); an index may be repeated.

    Decodes from frame `start` on. Raises MediaError if the clip ends earlier or later than it did.
    """
    width, height = size or (info.width, info.height)
    stop, num_frames = int(indices[-1]) + 1, len(info.frame_times)
    # Half-way between two frames, the rounding of their times cannot make ffmpeg start at another.
    seek = ("-ss", f"{sum(info.frame_times[start - 1 : start + 1]) / 2:.6f}") if start else ()
    # To the very end nothing is limited: one frame more or less tells that the start was missed.
    limit = ("-frames:v", str(stop - start)) if stop < num_frames else ()
    arguments = ffmpeg.command(
        *(*ffmpeg.source(path, *seek), "-map", "0:V:0", "-fps_mode", "passthrough", *limit),
        *(
            "-vf",
            f"scale={width}:{height}:in_color_matrix={info.color_matrix}:{ffmpeg.SCALE_FLAGS}",
        ),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"),
    )
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with ffmpeg.running(arguments, **pipes) as process:
        for repeats in np.bincount(indices, minlength=stop)[start:]:
            data = process.stdout.read(width * height * 3)
            if len(data) < width * height * 3:
                raise MediaError(_CUT_SHORT)
            frame = np.frombuffer(data, np.uint8).reshape(height, width, 3)
            yield from repeat(frame, repeats)
        if process.stdout.read(1):
            raise MediaError(_CUT_SHORT)


def _stack(frames: Iterator[np.ndarray], count: int) -> np.ndarray:
    """Gather `count` frames in one array without holding them twice."""
    first = next(frames)
    stacked = np.empty((count, *first.shape), np.uint8)
    for index, frame in enumerate(chain([first], frames)):
        stacked[index] = frame
    return stacked


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)

"""Reads video files: what a clip is, and its frames in time order.

ffmpeg is run directly: moviepy 2.2 assumes a constant rate for every source. It read 1 of the
25 frames of a screen recording, 11 of 12 at 60000/1001 a second, and no clip with a timecode.
"""

from __future__ import annotations

import contextlib
import math
import re
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import chain, islice, repeat
from pathlib import Path

import numpy as np

from pipeline import programs
from pipeline.errors import MediaError
from pipeline.media import ffmpeg
from pipeline.media.frame_filters import LUT_FILE, filter_chain, needs_lut
from pipeline.media.probe import AudioTrack, VideoTrack, file_version, read_header
from pipeline.media.timeline import (
    MAX_FPS,
    TIE_SECONDS,
    choose_rate,
    nearest,
    num_left_out,
    read_timeline,
    sample_indices,
    video_source,
)
from pipeline.media.video_color import lut_of

MAX_SOURCE_SECONDS = 600
MAX_SOURCE_FRAMES = MAX_SOURCE_SECONDS * MAX_FPS  # each is remembered
MIN_SOURCE_SIDE = 16  # pixels
MAX_SOURCE_SIDE = 4096  # pixels

# A tag of an ffmetadata file; a backslash stands before every = ; # \ and end of line within one.
_TAG = re.compile(r"^((?:\\.|[^\\=;#\n])+)=((?:\\.|[^\\\n])*)$", re.MULTILINE | re.DOTALL)

CUT_SHORT = "The clip could not be read to its end because the file has changed; upload it again."


@dataclass(frozen=True)
class ClipInfo:
    """What `probe_clip` found out about a clip by decoding it; needed to read its frames.

    Width and height are those on screen: rotated, and with square pixels. `fps` is the constant
    rate at which it is read, `num_frames` what that yields. `frame_times` are the seconds at which
    the decoded frames are shown: their rate may vary, and may be above `fps`. Of a `part` only the
    frames from `first_frame` on are read, so many of `num_in_file`.
    """

    width: int
    height: int
    fps: Fraction
    num_frames: int
    frame_times: tuple[float, ...] = field(repr=False)
    video: VideoTrack = field(repr=False)
    audio: AudioTrack | None = field(repr=False)
    first_frame: int = 0
    num_in_file: int | None = None  # at `fps`; None: `num_frames`

    @property
    def start(self) -> float:
        """Return the time in the file at which the first frame is shown, in seconds."""
        return self.frame_times[0] + float(self.first_frame / self.fps)

    @cached_property
    def indices(self) -> np.ndarray:
        """Say which decoded frame is shown in each slot of `fps`, (num_frames,)."""
        num_in_file = self.num_in_file or self.num_frames
        slots = sample_indices(np.array(self.frame_times), self.fps, num_in_file)
        return slots[self.first_frame : self.first_frame + self.num_frames]

    def part(self, first_frame: int, num_frames: int) -> ClipInfo:
        """Return the same clip, of which only some frames are read, counted at `fps`."""
        num_in_file = self.num_in_file or self.num_frames
        first_frame += self.first_frame
        return replace(
            self, first_frame=first_frame, num_frames=num_frames, num_in_file=num_in_file
        )

    @property
    def whole(self) -> ClipInfo:
        """Return all of the clip that this is a part of."""
        return replace(
            self, first_frame=0, num_frames=self.num_in_file or self.num_frames, num_in_file=None
        )

    @property
    def duration(self) -> float:
        """Return how many seconds the clip lasts."""
        return float(self.num_frames / self.fps)

    @property
    def has_audio(self) -> bool:
        """Return whether there is sound that can be read."""
        return self.audio is not None

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Say what is done to the clip that its owner would not expect."""
        lost = num_left_out(np.array(self.frame_times), self.fps, self.num_frames)
        notes = {
            f"{lost} frames are left out, for more than {self.fps} a second": (
                lost and self.fps == MAX_FPS
            ),
            "HDR becomes standard range": self.video.colors.kind == "HDR",
            "its wide colours become sRGB's": self.video.colors.kind == "wide",
            "it is deinterlaced": self.video.is_interlaced,
            "white lies behind what is transparent": self.video.has_alpha,
        }
        return tuple(note for note, is_true in notes.items() if is_true)

    def at_most(self, fps: int) -> ClipInfo:
        """Return the same clip, to be read at no more frames a second."""
        if self.fps <= fps:
            return self
        return replace(self, fps=Fraction(fps), num_frames=max(1, round(self.duration * fps)))


def probe_clip(path: Path) -> ClipInfo:
    """Decode a clip once and say what it is. Raises MediaError if it cannot be used.

    A file that has not changed since is not decoded again.
    """
    return _probe(path, file_version(path))


@lru_cache(maxsize=8)
def _probe(path: Path, _version: tuple[int, ...]) -> ClipInfo:
    header = read_header(path)
    video = header.video
    if video is None:
        raise MediaError("The file has sound but no picture; use a clip with video in it.")
    _refuse_side(video.width, video.height)
    _refuse_duration(header.seconds)
    timeline = read_timeline(path, video, MAX_SOURCE_FRAMES + 1, MAX_SOURCE_SECONDS + 1)
    if len(timeline.frame_times) > MAX_SOURCE_FRAMES:
        raise MediaError(
            f"The clip has more than {MAX_SOURCE_FRAMES:,} frames; cut it, or use one with fewer "
            "frames a second."
        )
    _refuse_side(timeline.width, timeline.height)
    fps, num_frames = choose_rate(timeline, video.rates)
    _refuse_duration(num_frames / fps)
    times = tuple(timeline.frame_times.tolist())
    return ClipInfo(timeline.width, timeline.height, fps, num_frames, times, video, header.audio)


def read_first_frames(
    path: Path,
    info: ClipInfo,
    count: int,
    fps: Fraction | float | None = None,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Return the first frames of a clip, (count, H, W, 3) uint8, at `fps` and `size` (W, H).

    Each is the nearest in time, counted from the start; a clip too short repeats its last frame.
    """
    return read_frames(path, info, np.arange(count) / float(fps or info.fps), size)


def read_frames(
    path: Path, info: ClipInfo, seconds: np.ndarray, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Return the frames of a clip nearest to ascending times (F,), (F, H, W, 3) uint8.

    The times are in seconds after its first frame; behind the last one that is repeated.
    """
    times, first, last = np.array(info.frame_times), info.indices[0], info.indices[-1]
    indices = nearest(times, times[first] + seconds).clip(first, last)
    return _stack(_frames_at(path, info, indices, size=size), len(seconds))


def read_last_frames(
    path: Path,
    info: ClipInfo,
    count: int,
    fps: Fraction | float | None = None,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Return the last frames of a clip, (count, H, W, 3) uint8 in time order, at `fps` and `size`.

    Each is the nearest in time, counted back from the last frame, which is always the last here
    too; a clip too short repeats its first frame.
    """
    times, first, last = np.array(info.frame_times), info.indices[0], info.indices[-1]
    indices = nearest(times, times[last] - np.arange(count)[::-1] / float(fps or info.fps))
    indices = indices.clip(first, last)
    try:
        # Where a part ends before the clip, nothing would tell that its start was missed.
        start = int(indices[0]) if last == len(times) - 1 else 0
        return _stack(_frames_at(path, info, indices, size=size, start=start), count)
    except MediaError:
        # A file without an index, or cut from a longer one, may have to be read from its start.
        return _stack(_frames_at(path, info, indices, size=size), count)


def read_frame(path: Path, info: ClipInfo, index: int) -> np.ndarray:
    """Return one of a clip's decoded frames, (H, W, 3) uint8. Raises MediaError."""
    indices = np.array([index])
    try:
        return _stack(_frames_at(path, info, indices, start=index), 1)[0]
    except MediaError:
        return _stack(_frames_at(path, info, indices), 1)[0]  # as in `read_last_frames`


def iterate_frames(
    path: Path, info: ClipInfo, chunk: int = 16, size: tuple[int, int] | None = None
) -> Iterator[np.ndarray]:
    """Yield all frames of a clip at `info.fps`, `chunk` or fewer at a time, (F, H, W, 3) uint8.

    They have the clip's own size, unless another is given as (W, H).
    """
    with contextlib.closing(_frames_at(path, info, info.indices, size=size)) as frames:
        while batch := list(islice(frames, chunk)):
            yield np.stack(batch)


def sample_luma(
    path: Path, fps: float, seconds: float, side: int, *, start: float = 0.0
) -> np.ndarray:
    """Return some frames of a clip made here, grey, (N, H, W) uint8, as fast as it is decoded.

    `fps` a second, each the first one at its time or later, of the `seconds` from `start` on;
    `side` is how many pixels their longer one has at most. What is stored turned, or with pixels
    that are not square, stays so. Raises MediaError if the clip cannot be read.
    """
    across, down = (f"max(1,round({x}*min(1,{side}/max(iw,ih))))" for x in ("iw", "ih"))
    seek = ("-ss", f"{start:.6f}") if start else ()
    is_due = f"gte(t-start_t+{TIE_SECONDS},selected_n/{fps})"
    arguments = ffmpeg.command(
        *(*ffmpeg.source(path, *seek), "-map", "0:V:0"),
        *("-frames:v", str(math.ceil(fps * seconds))),
        *("-vf", f"select='{is_due}',scale='{across}':'{down}':flags=area"),
        *("-fps_mode", "passthrough", "-f", "yuv4mpegpipe", "-pix_fmt", "gray", "pipe:1"),
    )
    done = programs.run(arguments, ffmpeg.DECODE_TIMEOUT_SECONDS)
    if done.returncode or not done.stdout:
        raise MediaError(ffmpeg.UNREADABLE)
    head, _, frames = done.stdout.partition(b"\n")
    sides = re.search(rb" W(\d+) H(\d+)", head)
    if sides is None:
        raise MediaError(ffmpeg.UNREADABLE)
    width, height = (int(side) for side in sides.groups())
    # Before each frame stands the word FRAME in a line of its own.
    rows = np.frombuffer(frames, np.uint8).reshape(-1, len(b"FRAME\n") + height * width)
    return rows[:, len(b"FRAME\n") :].reshape(-1, height, width)


def read_metadata(path: Path) -> dict[str, str]:
    """Return the tags of a file's container. Raises MediaError if the file cannot be read."""
    arguments = ffmpeg.command(*ffmpeg.source(path), "-map_chapters", "-1", "-f", "ffmetadata", "-")
    done = programs.run(arguments, ffmpeg.HEADER_TIMEOUT_SECONDS)
    if done.returncode:
        raise MediaError(ffmpeg.UNREADABLE)
    tags = _TAG.findall(done.stdout.decode(errors="replace"))
    return {_unescape(key): _unescape(value) for key, value in tags}


def _refuse_side(width: int, height: int) -> None:
    if min(width, height) < MIN_SOURCE_SIDE or max(width, height) > MAX_SOURCE_SIDE:
        raise MediaError(
            f"The clip has {width}x{height} pixels; "
            f"use one with sides of {MIN_SOURCE_SIDE} to {MAX_SOURCE_SIDE} pixels."
        )


def _refuse_duration(seconds: Fraction | float) -> None:
    if seconds > MAX_SOURCE_SECONDS:
        raise MediaError(
            f"The clip lasts more than {MAX_SOURCE_SECONDS // 60} minutes; cut it to a shorter one."
        )


def _frames_at(
    path: Path,
    info: ClipInfo,
    indices: np.ndarray,
    *,
    size: tuple[int, int] | None = None,
    start: int = 0,
) -> Generator[np.ndarray, None, None]:
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
        *(*video_source(path, info.video, *seek), "-fps_mode", "passthrough", *limit),
        *("-vf", filter_chain(info.video, (width, height))),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"),
    )
    with _running(arguments, info.video) as process:
        assert process.stdout is not None  # a pipe
        for repeats in np.bincount(indices, minlength=stop)[start:]:
            data = process.stdout.read(width * height * 3)
            if len(data) < width * height * 3:
                raise MediaError(CUT_SHORT)
            frame = np.frombuffer(data, np.uint8).reshape(height, width, 3)
            yield from repeat(frame, repeats)
        if process.stdout.read(1):
            raise MediaError(CUT_SHORT)


@contextlib.contextmanager
def _running(arguments: list[str], video: VideoTrack) -> Iterator[subprocess.Popen[bytes]]:
    """Start ffmpeg, in a folder with the table of colours if the track needs one."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with contextlib.ExitStack() as stack:
        folder = None
        if needs_lut(video):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            (folder / LUT_FILE).write_bytes(lut_of(video.colors))
        yield stack.enter_context(programs.running(arguments, folder, **pipes))


def _stack(frames: Iterator[np.ndarray], count: int) -> np.ndarray:
    """Gather `count` frames in one array without holding them twice."""
    first = next(frames)
    stacked = np.empty((count, *first.shape), np.uint8)
    for index, frame in enumerate(chain([first], frames)):
        stacked[index] = frame
    return stacked


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)

"""Writes a new clip frame by frame: in pieces that are encoded once and joined at the end.

ffmpeg is run directly: moviepy's writer rounds the rate to two decimals and guesses the colours. A
complete piece has a name and can be reused, in the same clip after a crash and in another clip that
contains it; joining copies the encoded data.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from pipeline import programs
from pipeline.errors import MediaError
from pipeline.media import ffmpeg
from pipeline.media.sound import stereo_in_place
from pipeline.media.video_reader import ClipInfo

logger = logging.getLogger(__name__)

PIECE_SUFFIX = ".mp4"  # of a piece that is whole
_COPIED_AUDIO = ("aac", "mp3")  # what an mp4 may hold and every browser plays
_MAX_LEAD_SECONDS = 0.05  # that copied sound may begin before its picture: about a packet
_AAC = ("-c:a", "aac", "-b:a", "192k", "-ac", "2")
_BT709 = (
    f"scale=out_color_matrix=bt709:out_range=tv:{ffmpeg.SCALE_FLAGS},format=yuv420p,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
)
# A fragment a second that can be played without the rest.
_FRAGMENTS = (
    *("-movflags", "+empty_moov+default_base_moof", "-frag_duration", "1000000"),
    *("-flush_packets", "1", "-f", "mp4", "-y"),
)
_UNWRITABLE = "The clip could not be written; make sure that the disk has free space and try again."


@dataclass(frozen=True)
class _Growing:
    """A piece that is being written: by which ffmpeg, where, from which frame of the clip on."""

    encoder: subprocess.Popen[bytes]
    path: Path
    first: int

    @property
    def pipe(self) -> IO[bytes]:
        """Return where the encoder takes frames."""
        assert self.encoder.stdin is not None  # a pipe
        return self.encoder.stdin


class ClipWriter:
    """Write frames into an H.264 mp4 that plays everywhere; use it in a `with` block.

    The file appears under its name when the block ends well; until then, and if the block raises,
    there is no such file or the one of before. Whole pieces stay in the folder `pieces`, which
    nothing else writes to; without one nothing is kept. A piece that grows can be played.
    `audio_from` is a clip whose sound is kept in place as long as its picture lasts, which begins
    at `audio_offset` seconds. `metadata` are the container's tags, none ending in a backslash; they
    may be set until the block ends, and so may `sound`: a file of samples, two float32 each, and
    their rate, that is heard in place of a clip's.
    """

    def __init__(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        fps: Fraction | float,
        audio_from: tuple[Path, ClipInfo] | None = None,
        audio_offset: float = 0.0,
        metadata: dict[str, str] | None = None,
        pieces: Path | None = None,
    ) -> None:
        """Prepare without writing. Raises MediaError for a size that H.264 in 4:2:0 cannot have."""
        if min(width, height) < 2 or width % 2 or height % 2:
            raise MediaError(
                f"A clip cannot have {width}x{height} pixels; use even sides from 2 on."
            )
        self._path = path
        self._is_kept = pieces is not None
        self._folder = pieces or path.with_name(f".{path.stem}.{secrets.token_hex(4)}")
        self._frame_shape = (height, width, 3)
        self._audio = _keep_audio(*audio_from, audio_offset) if audio_from else ([], [])
        self.metadata = metadata or {}
        self.sound: tuple[Path, int] | None = None
        self.num_frames = 0
        self._pieces: list[tuple[Path, int]] = []  # and how many frames each has
        self._growing: _Growing | None = None
        # A float of 30000/1001 is taken for what it stands for.
        rate = str(fps if isinstance(fps, Fraction) else Fraction(fps).limit_denominator(1001))
        self._arguments = ffmpeg.command(
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"),
            *("-r", rate, "-i", "pipe:0"),  # with -framerate 120000/1001 would become 120
            *("-vf", _BT709, "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p"),
            *_FRAGMENTS,
        )

    def __enter__(self) -> ClipWriter:
        """Make the folder of the pieces. Raises MediaError if that cannot be."""
        with contextlib.ExitStack() as stack:
            self._log = stack.enter_context(tempfile.TemporaryFile())
            try:
                self._folder.mkdir(parents=self._is_kept, exist_ok=True)
            except OSError as exc:
                raise self._failure() from exc
            stack.callback(self._clear_up)
            self._remove_drafts()  # a killed process's
            self._clean_up = stack.pop_all()
        return self

    def write(self, frames: np.ndarray) -> None:
        """Append frames, (F, H, W, 3) or (H, W, 3) uint8. Raises MediaError if ffmpeg has died."""
        frames = frames[np.newaxis] if frames.ndim == 3 else frames
        if frames.shape[1:] != self._frame_shape or frames.dtype != np.uint8:
            raise ValueError(
                f"frames of {self._frame_shape} uint8 expected, not {frames.shape} {frames.dtype}"
            )
        try:
            if self._growing is None:
                self._growing = self._begin()
            self._growing.pipe.write(np.ascontiguousarray(frames).data)
        except OSError as exc:
            raise self._failure() from exc
        self.num_frames += len(frames)

    @contextlib.contextmanager
    def piece(self, name: str) -> Iterator[None]:
        """Make a piece of the frames that the block writes, one at least.

        It is kept if the block ends well.
        """
        self._end()
        yield
        if self._growing is None:
            raise ValueError("a piece has at least one frame")
        self._end()
        (draft, num_frames), path = self._pieces[-1], self._find(name)
        try:
            _put(draft, path)
        except OSError as exc:
            raise self._failure() from exc
        self._pieces[-1] = path, num_frames

    def reuse(self, name: str, num_frames: int) -> bool:
        """Append a piece of `num_frames` that is there from before; False if it is not."""
        path = self._find(name)
        if not path.is_file():
            return False
        self._end()
        self._pieces.append((path, num_frames))
        self.num_frames += num_frames
        return True

    def copy(self, path: Path, start: float, num_frames: int) -> None:
        """Append frames of another H.264 file as they are encoded, from a keyframe at `start`.

        What is copied must have been encoded alike. Raises MediaError.
        """
        self._end()
        draft = self._new_draft()
        arguments = ffmpeg.command(
            *(*ffmpeg.source(path, "-ss", f"{start:.6f}"), "-map", "0:V:0", "-c", "copy"),
            *("-frames:v", str(num_frames), *_FRAGMENTS, f"file:{draft.absolute()}"),
        )
        done = programs.run(arguments, ffmpeg.DECODE_TIMEOUT_SECONDS)
        self._log.write(done.stderr)
        if done.returncode:
            raise self._failure()
        self._pieces.append((draft, num_frames))
        self.num_frames += num_frames

    def draft(self, name: str) -> Path:
        """Return a place for a file of the clip's that is gone when the block has ended."""
        return self._folder / f"{name}.part"

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Join the pieces and give the file its name, or leave things as they were."""
        with self._clean_up:
            if exc_type is None:
                self._finish()

    def _find(self, name: str) -> Path:
        return self._folder / f"{name}{PIECE_SUFFIX}"

    def _new_draft(self) -> Path:
        return self._folder / f"{secrets.token_hex(8)}.part"

    def _begin(self) -> _Growing:
        """Start a piece, under a name that no other process's ffmpeg can still be writing to."""
        draft = self._new_draft()
        arguments = [*self._arguments, f"file:{draft.absolute()}"]
        running = programs.running(arguments, stdin=subprocess.PIPE, stderr=self._log)
        return _Growing(self._clean_up.enter_context(running), draft, self.num_frames)

    def _end(self) -> None:
        """Wait until the piece that grows is whole, if there is one."""
        if self._growing is None:
            return
        piece, self._growing = self._growing, None
        try:
            piece.pipe.close()
        except OSError as exc:
            raise self._failure() from exc
        if piece.encoder.wait():
            raise self._failure()
        self._pieces.append((piece.path, self.num_frames - piece.first))

    def _finish(self) -> None:
        if not self.num_frames:
            raise MediaError("The clip has no frames; ask for at least one.")
        self._end()
        try:
            self._join().replace(self._path)
        except OSError as exc:
            raise self._failure() from exc

    def _join(self) -> Path:
        """Copy the pieces behind each other, with sound and tags, the index at the beginning."""
        listing, tags = self._folder / "listing.part", self._folder / "tags.part"
        draft = self._folder / "joined.part"
        lines = [f"file {path.name}\n" for path, _ in self._pieces]
        listing.write_text("ffconcat version 1.0\n" + "".join(lines))
        lines = [f"{_escape(key)}={_escape(value)}\n" for key, value in self.metadata.items()]
        tags.write_text(";FFMETADATA1\n" + "".join(lines), encoding="utf-8")
        audio_input, audio_output = self._audio if self.sound is None else _encode(*self.sound)
        arguments = ffmpeg.command(
            # By its bare name: what it lists is found beside it, however the folder is called.
            *("-progress", "pipe:1", "-f", "concat", "-i", listing.name),
            *("-f", "ffmetadata", "-i", f"file:{tags.absolute()}"),
            *(*audio_input, "-map", "0:v", "-c:v", "copy", *audio_output),
            *("-map_metadata", "1", "-map_chapters", "-1"),
            *("-movflags", "+faststart+use_metadata_tags", "-f", "mp4"),
            *("-y", f"file:{draft.absolute()}"),
        )
        if self._num_frames_of(arguments) != self.num_frames:
            for path, num_frames in self._pieces:
                copy = ("-i", path.name, "-map", "0:v", "-c", "copy", "-f", "null", "-")
                arguments = ffmpeg.command("-progress", "pipe:1", *copy)
                if self._num_frames_of(arguments) != num_frames:  # it is not what its name says
                    path.unlink(missing_ok=True)
            raise self._failure()
        return draft

    def _num_frames_of(self, arguments: list[str]) -> int | None:
        """Run ffmpeg in the folder; return how many frames it has written, None if it failed."""
        done = programs.run(arguments, ffmpeg.DECODE_TIMEOUT_SECONDS, self._folder)
        self._log.write(done.stderr)
        counts = re.findall(rb"^frame=\s*(\d+)", done.stdout, re.MULTILINE)
        return int(counts[-1]) if counts and not done.returncode else None

    def _failure(self) -> MediaError:
        """Log what ffmpeg said, and return the error that says it to a person."""
        self._log.seek(0)
        logger.error("ffmpeg did not write the clip: %s", self._log.read().decode(errors="replace"))
        return MediaError(_UNWRITABLE)

    def _clear_up(self) -> None:
        if self._is_kept:
            self._remove_drafts()
        else:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _remove_drafts(self) -> None:
        _remove(self._folder.glob("*.part"))

    def drop_rest(self) -> None:
        """Remove the pieces that are not in this clip."""
        used = {path for path, _ in self._pieces}
        _remove(path for path in self._folder.glob(f"*{PIECE_SUFFIX}") if path not in used)


def _remove(paths: Iterable[Path]) -> None:
    """Remove files, except those that a program has open where the system forbids that."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def _put(draft: Path, path: Path) -> None:
    """Give a file that is whole its name, not before it is on the disk."""
    with draft.open("r+b") as file:
        os.fsync(file.fileno())
    draft.replace(path)


def _keep_audio(path: Path, info: ClipInfo, offset: float) -> tuple[list[str], list[str]]:
    """Return ffmpeg's input and output options that keep a clip's sound in its place, if any.

    Sound and picture need not begin and end together: what is heard without the clip's own picture
    is left out.
    """
    if info.audio is None:
        return [], []
    lead, end = info.frame_times[0], offset + info.duration
    shift = offset - lead
    source, place = ["-itsoffset", f"{shift:.6f}"], ["-map", f"2:{info.audio.index}"]
    if info.audio.codec in _COPIED_AUDIO and shift >= 0 and lead < _MAX_LEAD_SECONDS:
        return ffmpeg.source(path, *source, "-t", f"{end:.6f}"), [*place, "-c:a", "copy"]
    filters = f"atrim={offset:.6f}:{end:.6f},{stereo_in_place(info.audio)}"
    return ffmpeg.source(path, *source), [*place, "-af", filters, *_AAC]


def _encode(path: Path, rate: int) -> tuple[list[str], list[str]]:
    """Return ffmpeg's input and output options that make samples a clip's sound."""
    samples = ["-f", "f32le", "-ar", str(rate), "-ac", "2", "-i", f"file:{path.absolute()}"]
    return samples, ["-map", "2:a", *_AAC]


def _escape(text: str) -> str:
    return re.sub(r"([=;#\\\n])", r"\\\1", text)

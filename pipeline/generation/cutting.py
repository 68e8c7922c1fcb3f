"""Cuts and joins clips without a model: a span of one, or several in order, with sound and recipe.

Pictures are copied as they are encoded where that gives the same frames, else encoded once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.errors import GenerationCancelledError
from pipeline.generation.progress import Progress
from pipeline.generation.soundtrack import FADE_SECONDS, Track, exactly
from pipeline.generation.sources import OpenedClip, frames_at, num_frames_at, open_pieces
from pipeline.geometry import Size
from pipeline.media import transitions
from pipeline.media.lossless import can_be_copied, is_same
from pipeline.media.sound import iterate_sound
from pipeline.media.video_reader import probe_clip
from pipeline.media.video_writer import ClipWriter
from pipeline.planning.plan import DISSOLVE_SECONDS
from pipeline.planning.recipe import RECIPE_TAG, build_cut_recipe
from pipeline.planning.request import GenerationRequest

_FRAMES_PER_REPORT = 8
_SOUND_RATE = 48_000  # of every clip that is cut, in Hz


@dataclass(frozen=True)
class Cut:
    """The pieces of a clip, at its size and rate, and how many first frames of each are mixed."""

    pieces: Sequence[OpenedClip]
    size: Size
    fps: Fraction
    num_dissolved: Sequence[int]

    @property
    def counts(self) -> list[int]:
        """Count the frames of each piece, with those that are mixed."""
        return [num_frames_at(piece, self.fps) for piece in self.pieces]

    @property
    def firsts(self) -> list[int]:
        """Return the frame of the clip at which each piece begins to come in."""
        firsts = [0]
        for count, num_mixed in zip(self.counts, self.num_dissolved[1:], strict=False):
            firsts.append(firsts[-1] + count - num_mixed)
        return firsts

    @property
    def num_frames(self) -> int:
        """Count the frames of the clip."""
        return self.firsts[-1] + self.counts[-1]


def cut_clips(
    request: GenerationRequest,
    output: Path,
    on_progress: Callable[[Progress], None],
    is_cancelled: Callable[[], bool],
) -> dict[str, Any]:
    """Write the clip that a request cuts from others, and return its recipe.

    It has the size and the rate of the first piece. Raises MediaError if a clip cannot be used,
    InvalidRequestError for a span outside its clip, GenerationCancelledError soon after
    `is_cancelled` returns True, and StorageError if the disk is full.
    """
    cut = plan_cut(request)
    recipe = _recipe(request, cut)

    def report(num_written: int) -> None:
        if is_cancelled():
            raise GenerationCancelledError("The clip was stopped.")
        on_progress(Progress("writing", 0, 0, 0, 0, num_written / cut.num_frames))

    report(0)
    parts = [(piece.path, piece.info) for piece in cut.pieces]
    if not any(cut.num_dissolved) and can_be_copied(parts):
        _write(cut, output, recipe | {"is_lossless": True}, _copy)
        report(cut.num_frames)
        if is_same(output, probe_clip(output), parts):
            return recipe | {"is_lossless": True}
    _write(cut, output, recipe, partial(_encode, report=report))
    return recipe


def plan_cut(request: GenerationRequest) -> Cut:
    """Open the pieces of a cut, and plan it. Raises as `cut_clips` does."""
    pieces = open_pieces(request)
    first = pieces[0].info
    size = Size(first.width - first.width % 2, first.height - first.height % 2)
    counts = [num_frames_at(piece, first.fps) for piece in pieces]
    num_dissolved = [0]
    for index, shot in enumerate(request.shots[1:], 1):
        most = min(counts[index - 1], counts[index]) // 2
        is_dissolve = shot.transition == "dissolve"
        num_dissolved.append(min(round(DISSOLVE_SECONDS * first.fps), most) if is_dissolve else 0)
    return Cut(pieces, size, first.fps, num_dissolved)


def _write(
    cut: Cut, output: Path, recipe: dict[str, Any], write: Callable[[Cut, ClipWriter], None]
) -> None:
    width, height = cut.size
    tags = {RECIPE_TAG: json.dumps(recipe)}
    with ClipWriter(output, width=width, height=height, fps=cut.fps, metadata=tags) as writer:
        write(cut, writer)
        if any(piece.info.has_audio for piece in cut.pieces):
            writer.sound = _lay_sound(cut, writer.draft("sound"))


def _copy(cut: Cut, writer: ClipWriter) -> None:
    for piece in cut.pieces:
        writer.copy(piece.path, piece.info.start, piece.info.num_frames)


def _encode(cut: Cut, writer: ClipWriter, report: Callable[[int], None]) -> None:
    frames = [partial(frames_at, piece, cut.fps, cut.size) for piece in cut.pieces]
    for stretch in transitions.cut(frames, cut.num_dissolved):
        for frame in stretch.frames():
            writer.write(frame)
            if writer.num_frames % _FRAMES_PER_REPORT == 0:
                report(writer.num_frames)


def _lay_sound(cut: Cut, path: Path) -> tuple[Path, int]:
    """Write the sound of all pieces; the end of each fades into the next one."""
    track = Track(path, _SOUND_RATE)
    for index, (piece, first, num_mixed) in enumerate(
        zip(cut.pieces, cut.firsts, cut.num_dissolved, strict=True)
    ):
        seconds = float(piece.info.num_frames / piece.info.fps) + FADE_SECONDS
        sound = piece.info.has_audio and iterate_sound(piece.path, piece.info, track.rate)
        fade = max(FADE_SECONDS, float(num_mixed / cut.fps)) if index else 0.0
        blocks = exactly(sound or (), round(seconds * track.rate))
        is_same = index > 0 and _goes_on(cut.pieces[index - 1], piece)
        track.lay(blocks, first / cut.fps, fade, is_same=is_same)
    track.finish(cut.num_frames / cut.fps)
    return track.path, track.rate


def _goes_on(before: OpenedClip, piece: OpenedClip) -> bool:
    """Say whether a piece begins where the one before it ends in the same clip."""
    end = before.info.first_frame + before.info.num_frames
    return before.path == piece.path and end == piece.info.first_frame


def _recipe(request: GenerationRequest, cut: Cut) -> dict[str, Any]:
    shots = tuple(
        replace(shot, duration=piece.info.duration)
        for shot, piece in zip(request.shots, cut.pieces, strict=True)
    )
    order = list(dict.fromkeys(piece.path for piece in cut.pieces))
    kept = [
        {
            "first_frame": first,
            "num_frames": count,
            "clip": order.index(piece.path),
            "start": float(piece.info.first_frame / piece.info.fps),
        }
        for piece, first, count in zip(cut.pieces, cut.firsts, cut.counts, strict=True)
    ]
    first, last = cut.pieces[0], cut.pieces[-1]
    memories = {"first": first.scene_at(0), "last": last.scene_at(last.info.num_frames - 1)}
    facts = {"num_frames": cut.num_frames, "kept": kept, "memories": memories}
    return build_cut_recipe(replace(request, shots=shots), cut.size, cut.fps) | facts

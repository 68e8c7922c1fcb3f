"""Writes segments to the finished file: label and mark, encoding, sound and the recipe in it."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.errors import GenerationCancelledError
from pipeline.generation.assembly import Segment
from pipeline.generation.context import GenerationContext
from pipeline.generation.kept_parts import PIECES
from pipeline.generation.progress import Reporter
from pipeline.generation.soundtrack import Soundtrack
from pipeline.generation.watermarking import FrameMarker
from pipeline.media.video_writer import PIECE_SUFFIX, ClipWriter
from pipeline.planning.recipe import RECIPE_TAG, public_recipe
from pipeline.trust.watermark.mark import Marker

_FRAMES_PER_REPORT = 8


@dataclass(frozen=True)
class Destination:
    """Where to write a clip, the folder for finished parts, and the invisible mark to embed."""

    output: Path
    keep: Path | None = None
    marker: Marker | None = None


def write_clip(
    context: GenerationContext,
    segments: Iterator[Segment],
    recipe: dict[str, Any],
    destination: Destination,
    reporter: Reporter,
) -> int:
    """Write the clip as frames arrive, reusing segments already encoded; return its frame count.

    A source clip's sound stays with its own frames. If the job is stopped, what is finished is
    written as a clip whose recipe says so, and GenerationCancelledError is raised.
    """
    request, plan = context.request, context.plan
    frame_marker = FrameMarker(destination.marker, request.label, plan.size, plan.fps)
    stopped = None
    with _open_writer(context, destination) as writer:
        soundtrack = None
        # A remix keeps the sound of its clip.
        if context.engine.model.spec.has_audio and not plan.is_remix:
            soundtrack = Soundtrack(context, writer.draft("sound"))
        segment: Segment | None = None
        try:
            for segment in segments:
                _write_segment(writer, segment, frame_marker, reporter)
                if soundtrack:
                    soundtrack.add(segment.shot_latents)
        except GenerationCancelledError as exc:
            if not _note_stop(context, writer.num_frames, recipe):
                raise
            stopped = exc
            if soundtrack and segment and segment.shot_latents.is_made:
                soundtrack.add(segment.shot_latents)
        if soundtrack:
            writer.sound = soundtrack.finish(writer.num_frames / plan.fps)
        _put_recipe(writer, recipe, frame_marker)
    if stopped:
        raise stopped
    if destination.keep:
        writer.drop_rest()
    return writer.num_frames


def write_pieces(
    context: GenerationContext,
    segments: Iterator[Segment],
    shots: Collection[int],
    destination: Destination,
    reporter: Reporter,
) -> None:
    """Make some shots and keep what `write_clip` reuses: their windows, and their encoded pieces.

    A shot that is mixed with another is not encoded: that may be made elsewhere.
    """
    plan, keep = context.plan, destination.keep
    assert keep is not None  # otherwise nothing would be left
    frame_marker = FrameMarker(destination.marker, context.request.label, plan.size, plan.fps)
    num_dissolved = [*(shot.num_dissolved for shot in plan.shots), 0]
    for index, segment in enumerate(segments):
        if index not in shots:
            continue
        for _ in segment.shot_latents.parts:
            pass
        path = keep / PIECES / f"{frame_marker.name_of(segment)}{PIECE_SUFFIX}"
        if any(num_dissolved[index : index + 2]) or path.is_file():
            continue
        # A folder of its own: a writer clears away what others began.
        folder = keep / f"{PIECES}-{index}"
        own = replace(destination, output=folder / "shot.mp4", keep=folder)
        with _open_writer(context, own) as writer:
            _write_segment(writer, segment, frame_marker, reporter)
        path.parent.mkdir(exist_ok=True)
        (folder / PIECES / path.name).replace(path)
        shutil.rmtree(folder, ignore_errors=True)


def _put_recipe(writer: ClipWriter, recipe: dict[str, Any], frame_marker: FrameMarker) -> None:
    """Complete the recipe with what is known of the written frames, and put it into the file."""
    recipe["num_frames"] = writer.num_frames
    if "kept" in recipe:
        recipe["kept"] = [x for x in recipe["kept"] if x["first_frame"] < writer.num_frames]
    recipe["new_spans"] = frame_marker.new_spans(writer.num_frames)
    recipe["marks"] = frame_marker.marks(writer.num_frames)
    writer.metadata = {RECIPE_TAG: json.dumps(public_recipe(recipe))}


def _open_writer(context: GenerationContext, destination: Destination) -> ClipWriter:
    plan, clip = context.plan, context.clip
    keep = destination.keep
    return ClipWriter(
        destination.output,
        width=plan.size.width,
        height=plan.size.height,
        fps=plan.fps,
        audio_from=(clip.path, clip.info.whole) if clip is not None else None,
        audio_offset=plan.seconds if context.request.direction == "backward" else 0.0,
        pieces=keep and keep / PIECES,
    )


def _note_stop(context: GenerationContext, num_written: int, recipe: dict[str, Any]) -> bool:
    """Record in the recipe how much of a stopped clip exists; False if it has no new frames."""
    plan, clip = context.plan, context.clip
    # Backward, the source comes last: everything before it is new.
    is_backward = context.request.direction == "backward"
    num_given = clip.info.num_frames if clip is not None and not plan.is_remix else 0
    if num_written <= (plan.num_frames if is_backward else num_given):
        return False
    num_new = num_written - (0 if is_backward else num_given)
    recipe["num_new_frames"] = min(plan.num_frames, num_new)
    recipe["memories"] = {**recipe["memories"], "last": None}
    return True


def _write_segment(
    writer: ClipWriter, segment: Segment, frame_marker: FrameMarker, reporter: Reporter
) -> None:
    """Append a segment to the clip, with its label and mark, and report progress."""
    frame_marker.note(segment, writer.num_frames)
    name = frame_marker.name_of(segment)
    if segment.is_kept and writer.reuse(name, segment.num_frames):
        reporter.found(segment.num_windows)
        reporter.writing(writer.num_frames)
        return
    # A shot that is only part of dissolves has no frames of its own.
    is_kept = segment.is_kept and segment.num_frames
    with writer.piece(name) if is_kept else contextlib.nullcontext():
        for index, frame in enumerate(frame_marker.frames(segment)):
            if index % _FRAMES_PER_REPORT == 0:
                reporter.writing(writer.num_frames)
            writer.write(frame)

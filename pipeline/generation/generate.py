"""The story, top to bottom: request -> plan -> windows -> frames -> clip."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from pipeline.engines import open_engine
from pipeline.engines.base import SceneState
from pipeline.errors import GenerationCancelledError, ModelError, OutputError
from pipeline.generation.assembly import Segment, assemble_segments, num_finished_frames
from pipeline.generation.conditioning import ShotConditioning, prepare_conditioning
from pipeline.generation.latent_cache import LatentCache
from pipeline.generation.progress import Progress, Reporter
from pipeline.generation.shots import sample_shots
from pipeline.generation.soundtrack import Soundtrack
from pipeline.generation.sources import OpenedSource, open_source
from pipeline.generation.watermarking import FrameMarker
from pipeline.media.video_writer import ClipWriter
from pipeline.planning.abilities import refuse_impossible
from pipeline.planning.plan import Plan, plan_generation
from pipeline.planning.recipe import RECIPE_TAG, build_recipe, public_recipe
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.acceleration import work_of
from pipeline.runtime.model_cache import ModelCache
from pipeline.trust.watermark.mark import Marker

_FRAMES_PER_REPORT = 8
PIECES = "pieces"  # the clip as far as it is encoded, in the folder of a job


@dataclass(frozen=True)
class Clip:
    """A finished clip and how it was made."""

    path: Path
    width: int
    height: int
    fps: float
    num_frames: int
    seed: int
    recipe: dict[str, object]


@dataclass(frozen=True)
class _Task:
    """What is made and from what, where it goes, and where what is finished is kept."""

    request: GenerationRequest
    model_cache: ModelCache
    plan: Plan
    source: OpenedSource | None
    output: Path
    keep: Path | None
    marker: Marker | None


def generate(
    request: GenerationRequest,
    *,
    model_cache: ModelCache,
    output: Path,
    on_progress: Callable[[Progress], None],
    is_cancelled: Callable[[], bool],
    keep: Path | None = None,
    marker: Marker | None = None,
) -> Clip:
    """Make the clip a request asks for, and write it to `output`.

    With a `marker` its new frames have an invisible mark, and the recipe says which.
    In the folder `keep` finished windows and encoded shots are kept, and those of an earlier
    attempt or of another clip that has them too are found again. Raises GenerationCancelledError
    within one denoising step after `is_cancelled` says so (what is finished by then is a clip all
    the same), MediaError if the source cannot be used, ModelError if the model cannot be loaded or
    the card stays too full for it, InvalidRequestError if it does not fit on this machine,
    OutputError if what it makes is no picture, in float32 either, StorageError if there is no room.
    """
    spec = model_cache.spec(request.model)
    refuse_impossible(request, spec)  # a saved request has not been asked for that
    source = open_source(request)
    plan = plan_generation(request, spec, source.facts if source else None)
    task = _Task(request, model_cache, plan, source, output, keep, marker)
    # What goes wrong is dealt with when it is no longer handled: an error holds on to all that was
    # on the card. What is finished is kept, and is found again.
    try:
        return _make(task, on_progress, is_cancelled)
    except OutputError:
        if not model_cache.can_be_precise(request.model):
            raise
    with model_cache.full_precision(request.model):
        return _make(task, on_progress, is_cancelled)


def _make(
    task: _Task, on_progress: Callable[[Progress], None], is_cancelled: Callable[[], bool]
) -> Clip:
    """Make the clip, holding the model ever more frugally as long as the card is too full."""
    model_cache, model_id = task.model_cache, task.request.model
    num_frames = num_finished_frames(task.plan, task.source)
    while True:
        reporter = Reporter(task.plan, num_frames, on_progress, is_cancelled)
        with contextlib.suppress(torch.OutOfMemoryError):
            return _attempt(task, reporter)
        if not model_cache.step_down(model_id):
            raise ModelError(
                f"The graphics card is too full for {model_cache.spec(model_id).label}; close what "
                "else uses it, choose a smaller model, or try again later."
            )


def _attempt(task: _Task, reporter: Reporter) -> Clip:
    """Make the clip with the model held as it is now. Raises torch.OutOfMemoryError besides."""
    request, plan, source = task.request, task.plan, task.source
    reporter.loading()
    work = work_of(plan, task.model_cache.spec(request.model))
    with task.model_cache.use(request.model, reporter.downloading, work, request.loras) as model:
        reporter.sampling(1, 0, None)
        engine = open_engine(model, width=plan.model_size.width, height=plan.model_size.height)

        def on_step(window: int, step: int, estimate: torch.Tensor) -> None:
            reporter.sampling(window, step, engine.preview(estimate))

        conditioning = prepare_conditioning(engine, request, plan, source)
        latent_cache = LatentCache(task.keep)
        shots_latents = sample_shots(
            engine, request, plan, source, conditioning, on_step, latent_cache
        )
        facts = build_recipe(request, model.spec, plan, [x.facts for x in model.adapters])
        facts["model_revision"] = model.revision
        recipe = facts | {
            "memories": _memories(request, conditioning, source),
            "speed": model.acceleration.facts,
        }
        segments = assemble_segments(engine, request, plan, source, shots_latents)
        score = partial(Soundtrack, engine, request, plan, source) if model.spec.has_audio else None
        num_frames = _write(task, segments, reporter, recipe, score)
        latent_cache.drop_rest()
    return Clip(task.output, *plan.size, plan.fps, num_frames, request.seed, recipe)


def _memories(
    request: GenerationRequest, conditioning: list[ShotConditioning], source: OpenedSource | None
) -> dict[str, SceneState | None]:
    """Return where the paths of the finished clip are at its first and its last frame."""
    ends = {"first": conditioning[0].first, "last": conditioning[-1].last}
    if source is not None and source.path is not None:
        # At one end, or at both, the clip is still the source; where a loop closes is neither.
        if request.direction != "backward":
            ends["first"] = source.memories.get("first")
        if request.direction != "forward":
            kept = source.leads_to if request.direction != "loop" else None
            ends["last"] = kept and kept.memories.get("last")
    return ends


def _write(
    task: _Task,
    segments: Iterator[Segment],
    reporter: Reporter,
    recipe: dict[str, object],
    score: Callable[[Path], Soundtrack] | None,
) -> int:
    """Encode the segments that are not there yet as frames come; return the number of frames.

    A source clip's sound stays with its own pictures; `score` opens the soundtrack of a model that
    makes sound. What was finished before the work was stopped is a clip too, and its recipe says
    so.
    """
    request, plan, source = task.request, task.plan, task.source
    frame_marker = FrameMarker(task.marker, request.label, plan.size, plan.fps)
    has_audio = source is not None and source.info is not None and source.info.has_audio
    with ClipWriter(
        task.output,
        width=plan.size.width,
        height=plan.size.height,
        fps=plan.fps,
        audio_from=source.path if has_audio else None,
        audio_offset=plan.seconds if request.direction == "backward" else 0.0,
        pieces=task.keep and task.keep / PIECES,
    ) as writer:
        soundtrack = score and score(writer.draft("sound"))
        stopped = segment = None
        try:
            for segment in segments:
                _write_segment(writer, segment, frame_marker, reporter)
                if soundtrack:
                    soundtrack.add(segment.shot_latents)
        except GenerationCancelledError as exc:
            # Backwards the source comes last: what is there before is no longer clip.
            is_backward = request.direction == "backward"
            num_given = source.info.num_frames if source and source.info else 0
            if writer.num_frames <= (plan.num_frames if is_backward else num_given):
                raise
            stopped = exc
            if soundtrack and segment.shot_latents.is_made:
                soundtrack.add(segment.shot_latents)
            num_new = writer.num_frames - (0 if is_backward else num_given)
            recipe["num_new_frames"] = min(plan.num_frames, num_new)
            recipe["memories"]["last"] = None
        if soundtrack:
            writer.sound = soundtrack.finish(writer.num_frames / plan.fps)
        recipe["marks"] = frame_marker.marks(writer.num_frames)
        writer.metadata = {RECIPE_TAG: json.dumps(public_recipe(recipe))}
    if stopped:
        raise stopped
    if task.keep:
        writer.drop_rest()
    return writer.num_frames


def _write_segment(
    writer: ClipWriter, segment: Segment, frame_marker: FrameMarker, reporter: Reporter
) -> None:
    """Append a segment to the clip, with what is put on it, telling how far it is."""
    frame_marker.note(segment, writer.num_frames)
    name = frame_marker.name_of(segment)
    if segment.is_kept and writer.reuse(name, segment.num_frames):
        reporter.found(segment.num_windows)
        reporter.writing(writer.num_frames)
        return
    # A shot that is all dissolved away has no frames of its own.
    is_kept = segment.is_kept and segment.num_frames
    with writer.piece(name) if is_kept else contextlib.nullcontext():
        for index, frame in enumerate(frame_marker.frames(segment)):
            if index % _FRAMES_PER_REPORT == 0:
                reporter.writing(writer.num_frames)
            writer.write(frame)

"""The whole generation from top to bottom: request -> plan -> windows -> frames -> clip."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from pipeline.engines import open_engine
from pipeline.engines.base import SceneState
from pipeline.errors import ModelError, OutputError
from pipeline.generation.assembly import assemble_segments, num_finished_frames
from pipeline.generation.clip_writing import Destination, write_clip, write_pieces
from pipeline.generation.conditioning import ShotConditioning, prepare_conditioning
from pipeline.generation.context import GenerationContext
from pipeline.generation.latent_cache import LatentCache
from pipeline.generation.progress import Progress, Reporter
from pipeline.generation.shots import sample_shots
from pipeline.generation.sources import OpenedSource, fit_to_source, open_source
from pipeline.planning.abilities import refuse_impossible
from pipeline.planning.plan import Plan, plan_generation
from pipeline.planning.recipe import build_recipe
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.acceleration import work_of
from pipeline.runtime.layer_offload import PinnedMemoryError, pinning
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Memory, source_of
from pipeline.trust.watermark.mark import Marker


@dataclass(frozen=True)
class Clip:
    """A finished clip and its recipe."""

    path: Path
    width: int
    height: int
    fps: Fraction
    num_frames: int
    seed: int
    recipe: dict[str, Any]


@dataclass(frozen=True)
class _Task:
    """A request with its plan and source, the models to use, and the destination.

    `shots` are those to make parts of; None for the whole clip.
    """

    request: GenerationRequest
    plan: Plan
    source: OpenedSource | None
    model_cache: ModelCache
    destination: Destination
    shots: Collection[int] | None = None
    makes_new: bool = True


def generate(
    request: GenerationRequest,
    *,
    model_cache: ModelCache,
    output: Path,
    on_progress: Callable[[Progress], None],
    is_cancelled: Callable[[], bool],
    keep: Path | None = None,
    marker: Marker | None = None,
    shots: Collection[int] | None = None,
    makes_new: bool = True,
) -> Clip:
    """Make the clip a request asks for, and write it to `output`.

    With a `marker`, new frames get an invisible mark, which the recipe names. The folder `keep`
    stores finished windows and encoded shots; those of an earlier attempt, or of another clip with
    the same windows, are reused. With `shots`, only the windows and encoded shots of these are made
    and kept, for another call to put together, and the clip that is returned has no frames. With
    `makes_new` false, it stops at the first window that is not in `keep`.

    Raises GenerationCancelledError within one step after `is_cancelled` returns True (what is
    finished by then is still written as a clip), MediaError if the source cannot be used,
    ModelError if the model cannot be loaded or the GPU stays out of memory, InvalidRequestError if
    the model does not fit on this machine, OutputError if the output is not finite or black, in
    float32 as well, and StorageError if the disk is full.
    """
    spec = model_cache.spec(request.model)
    refuse_impossible(request, spec)  # saved requests were not checked for this
    source = open_source(request)
    request = fit_to_source(request, spec, source)
    plan = plan_generation(request, spec, source.facts if source else None)
    destination = Destination(output, keep, marker)
    task = _Task(request, plan, source, model_cache, destination, shots, makes_new)
    # Retry outside the `except` block: an active exception keeps its tensors on the GPU alive.
    # Finished windows are kept and reused.
    try:
        return _make(task, on_progress, is_cancelled)
    except OutputError:
        if not model_cache.can_be_precise(request.model, request.quality):
            raise
    with model_cache.full_precision(request.model, request.quality):
        return _make(task, on_progress, is_cancelled)


def _make(
    task: _Task, on_progress: Callable[[Progress], None], is_cancelled: Callable[[], bool]
) -> Clip:
    """Make the clip; step down to placements that need less memory while that runs out."""
    model_cache, model_id = task.model_cache, task.request.model
    quality = task.request.quality
    num_frames = num_finished_frames(task.plan, task.source)
    while True:
        reporter = Reporter(task.plan, num_frames, on_progress, is_cancelled)
        try:
            with pinning():
                return _attempt(task, reporter)
        except torch.OutOfMemoryError:
            short_of: Memory = "gpu"
        except PinnedMemoryError:
            short_of = "ram"
        # Outside the `except` blocks, like the retry above.
        if not model_cache.step_down(model_id, short_of, quality):
            whose = {"gpu": "GPU", "ram": "computer"}[short_of]
            raise ModelError(
                f"The {whose} does not have enough free memory for "
                f"{model_cache.spec(model_id).label}; close other programs that use it, choose a "
                "smaller model, or try again later."
            )


def _attempt(task: _Task, reporter: Reporter) -> Clip:
    """Make the clip with the current placement. May also raise torch.OutOfMemoryError."""
    request, plan, destination = task.request, task.plan, task.destination
    reporter.loading()
    work = work_of(plan, task.model_cache.spec(request.model))
    how = reporter.downloading, work, request.loras, request.quality
    with task.model_cache.use(request.model, *how) as model:
        reporter.sampling(1, 0, None)
        context = _context(task, plan, model)
        conditioning = prepare_conditioning(context)
        latent_cache = LatentCache(destination.keep, makes_new=task.makes_new)
        sampler = reporter.sampling, latent_cache, task.shots
        segments = assemble_segments(context, sample_shots(context, conditioning, *sampler))
        recipe = _recipe(context, conditioning)
        if task.shots is None:
            num_frames = write_clip(context, segments, recipe, destination, reporter)
            latent_cache.drop_rest()
        else:
            num_frames = 0
            write_pieces(context, segments, task.shots, destination, reporter)
    return Clip(destination.output, *plan.size, plan.fps, num_frames, request.seed, recipe)


def _context(task: _Task, plan: Plan, model: LoadedModel) -> GenerationContext:
    """Return the context of a plan, with that of its first pass if it has two."""
    size, first_plan = plan.model_size, plan.first_pass
    first_pass = None if first_plan is None else _context(task, first_plan, model)
    engine = open_engine(model, width=size.width, height=size.height)
    return GenerationContext(engine, task.request, plan, task.source, first_pass)


def _recipe(context: GenerationContext, conditioning: Sequence[ShotConditioning]) -> dict[str, Any]:
    """Return the recipe of a clip, as far as it is known before the clip is made."""
    model, plan = context.engine.model, context.plan
    recipe = build_recipe(context.request, model.spec, plan, [x.facts for x in model.adapters])
    return recipe | {
        "model_revision": model.revision,
        "weights": _weights(model),
        "memories": _memories(context, conditioning),
        "speed": model.acceleration.facts,
        **_kept(context),
    }


def _kept(context: GenerationContext) -> dict[str, Any]:
    """Return which frames of a retake, or of a remix that changes nothing, are its clip's."""
    clip, plan = context.clip, context.plan
    if plan.is_remix and not plan.strength:
        whole = {"first_frame": 0, "num_frames": plan.num_frames, "clip": 0, "start": 0.0}
        return {"kept": [whole]}
    if context.request.task != "retake_video" or clip is None or clip.after is None:
        return {}
    end = clip.info.num_frames + plan.num_frames
    before = {"first_frame": 0, "num_frames": clip.info.num_frames, "clip": 0, "start": 0.0}
    after = {"first_frame": end, "num_frames": clip.after.info.num_frames}
    return {"kept": [before, {**after, "clip": 0, "start": float(end / plan.fps)}]}


def _weights(model: LoadedModel) -> dict[str, object]:
    """Return how the weights of a model are stored, and the names of its single files."""
    placement = model.placement
    files = source_of(model.spec, placement).files
    return {
        "dtype": placement.dtype,
        "transformer": placement.weights,
        "text_encoder": placement.encoder_weights,
        "files": {name: file.name for name, file in files.items()},
    }


def _memories(
    context: GenerationContext, conditioning: Sequence[ShotConditioning]
) -> dict[str, SceneState | None]:
    """Return the scene states at the finished clip's first and last frame."""
    ends = {"first": conditioning[0].first, "last": conditioning[-1].last}
    clip, direction = context.clip, context.request.direction
    if clip is not None and context.request.extends:
        # One end, or both, is still the source's; the end of a loop has no scene state.
        if direction != "backward":
            ends["first"] = clip.memories.get("first")
        if direction != "forward":
            ends["last"] = None if direction == "loop" else clip.leads_to.memories.get("last")
        if context.request.task == "retake_video" and ends["last"] is not None:
            ends["last"] = {**ends["last"], "resumes": True}  # after frames that are not of it
    return ends

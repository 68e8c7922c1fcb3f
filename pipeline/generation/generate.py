"""The story, top to bottom: request -> plan -> windows -> frames -> clip."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.engines import open_engine
from pipeline.engines.base import SceneState
from pipeline.errors import ModelError, OutputError
from pipeline.generation.assembly import assemble_segments, num_finished_frames
from pipeline.generation.clip_writing import Destination, write_clip
from pipeline.generation.conditioning import ShotConditioning, prepare_conditioning
from pipeline.generation.context import GenerationContext
from pipeline.generation.latent_cache import LatentCache
from pipeline.generation.progress import Progress, Reporter
from pipeline.generation.shots import sample_shots
from pipeline.generation.sources import OpenedSource, open_source
from pipeline.planning.abilities import refuse_impossible
from pipeline.planning.plan import Plan, plan_generation
from pipeline.planning.recipe import build_recipe
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.acceleration import work_of
from pipeline.runtime.model_cache import ModelCache
from pipeline.trust.watermark.mark import Marker


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
    """What is made, from what, with which models, and where it goes."""

    request: GenerationRequest
    plan: Plan
    source: OpenedSource | None
    model_cache: ModelCache
    destination: Destination


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
    task = _Task(request, plan, source, model_cache, Destination(output, keep, marker))
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
    request, plan, destination = task.request, task.plan, task.destination
    reporter.loading()
    work = work_of(plan, task.model_cache.spec(request.model))
    with task.model_cache.use(request.model, reporter.downloading, work, request.loras) as model:
        reporter.sampling(1, 0, None)
        engine = open_engine(model, width=plan.model_size.width, height=plan.model_size.height)

        def on_step(window: int, step: int, estimate: torch.Tensor) -> None:
            reporter.sampling(window, step, engine.preview(estimate))

        context = GenerationContext(engine, request, plan, task.source)
        conditioning = prepare_conditioning(context)
        latent_cache = LatentCache(destination.keep)
        shots = sample_shots(context, conditioning, on_step, latent_cache)
        recipe = _recipe(context, conditioning)
        segments = assemble_segments(context, shots)
        num_frames = write_clip(context, segments, recipe, destination, reporter)
        latent_cache.drop_rest()
    return Clip(destination.output, *plan.size, plan.fps, num_frames, request.seed, recipe)


def _recipe(
    context: GenerationContext, conditioning: Sequence[ShotConditioning]
) -> dict[str, object]:
    """Return the recipe of a clip before it is made."""
    model, plan = context.engine.model, context.plan
    recipe = build_recipe(context.request, model.spec, plan, [x.facts for x in model.adapters])
    return recipe | {
        "model_revision": model.revision,
        "memories": _memories(context, conditioning),
        "speed": model.acceleration.facts,
    }


def _memories(
    context: GenerationContext, conditioning: Sequence[ShotConditioning]
) -> dict[str, SceneState | None]:
    """Return the scene states of the finished clip at its first and its last frame."""
    ends = {"first": conditioning[0].first, "last": conditioning[-1].last}
    clip, direction = context.clip, context.request.direction
    if clip is not None:
        # At one end, or at both, the clip is still the source; where a loop closes is neither.
        if direction != "backward":
            ends["first"] = clip.memories.get("first")
        if direction != "forward":
            ends["last"] = None if direction == "loop" else clip.leads_to.memories.get("last")
    return ends

"""The story, top to bottom: request -> plan -> windows -> frames -> clip."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipeline.assembly import finished_frames, num_finished_frames
from pipeline.engines import open_engine
from pipeline.engines.ltx import Memory
from pipeline.loader import Loader
from pipeline.media import ClipWriter
from pipeline.plan import Plan, plan_generation
from pipeline.progress import Progress, Reporter
from pipeline.recipe import RECIPE_TAG, make_recipe
from pipeline.request import GenerationRequest
from pipeline.sources import OpenedSource, open_source
from pipeline.takes import Take, make_takes

logger = logging.getLogger(__name__)
_FRAMES_PER_REPORT = 8


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


def generate(
    request: GenerationRequest,
    *,
    loader: Loader,
    output: Path,
    on_progress: Callable[[Progress], None],
    is_cancelled: Callable[[], bool],
) -> Clip:
    """Make the clip a request asks for, and write it to `output`.

    Raises GenerationCancelledError within one denoising step after `is_cancelled` says so,
    MediaError if the source cannot be used, ModelError if the model cannot be loaded, OutputError
    if what it makes is no picture.
    """
    source = open_source(request)
    spec = loader.spec(request.model)
    plan = plan_generation(request, spec, source.facts if source else None)
    reporter = Reporter(plan, on_progress, is_cancelled)
    reporter.loading()
    model = loader.load(request.model)
    reporter.denoising(1, 0, None)
    engine = open_engine(model, width=plan.model_size.width, height=plan.model_size.height)

    def on_step(window: int, step: int, estimate: torch.Tensor) -> None:
        reporter.denoising(window, step, engine.preview(estimate))

    takes = make_takes(engine, request, plan, source, on_step)
    recipe = make_recipe(request, spec, plan) | {"memories": _memories(takes, source)}
    num_frames = num_finished_frames(plan, source)
    frames = _reported(finished_frames(engine, plan, source, takes), num_frames, reporter)
    _write(
        frames,
        plan,
        source,
        takes_before=request.direction == "backward",
        recipe=recipe,
        output=output,
    )
    return Clip(output, *plan.size, plan.fps, num_frames, request.seed, recipe)


def _memories(takes: list[Take], source: OpenedSource | None) -> dict[str, Memory | None]:
    """Return where the paths of the finished clip are at its first and its last frame."""
    ends = {"first": takes[0].first, "last": takes[-1].last}
    if source is not None and source.path is not None:
        # At one end the clip is still the source.
        kept = "last" if takes[0].is_backward else "first"
        ends[kept] = source.memories.get(kept)
    return ends


def _write(
    frames: Iterator[np.ndarray],
    plan: Plan,
    source: OpenedSource | None,
    *,
    takes_before: bool,
    recipe: dict[str, object],
    output: Path,
) -> None:
    """Encode the frames as they come; a source clip's sound stays with its own pictures."""
    has_audio = source is not None and source.info is not None and source.info.has_audio
    with ClipWriter(
        output,
        width=plan.size.width,
        height=plan.size.height,
        fps=plan.fps,
        audio_from=source.path if has_audio else None,
        audio_offset=plan.seconds if takes_before else 0.0,
        metadata={RECIPE_TAG: json.dumps(recipe)},
    ) as writer:
        for frame in frames:
            writer.write(frame)


def _reported(
    frames: Iterator[np.ndarray], num_frames: int, reporter: Reporter
) -> Iterator[np.ndarray]:
    """Pass frames through, telling how far it is."""
    for index, frame in enumerate(frames):
        if index % _FRAMES_PER_REPORT == 0:
            reporter.writing(index / num_frames)
        yield frame

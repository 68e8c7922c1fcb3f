"""What will be done for a request, said before it is done: sizes, windows, frames. Pure arithmetic.

The page shows it, `generate.py` follows it, and ZeroGPU's duration is computed from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.errors import InvalidRequestError
from pipeline.geometry import Size, latents_for_frames, nearest_aspect_ratio
from pipeline.models.compute_cost import ZERO_GPU_SPEED, num_tokens, seconds_per_step
from pipeline.models.spec import ModelSpec
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.windows import Window, plan_windows

DISSOLVE_SECONDS = 0.5  # no longer than the shortest shot
# What ZeroGPU is asked for beside the steps: assumed, for lack of a GPU to measure on.
START_SECONDS = 10.0
SECONDS_PER_WINDOW = 2.0
# Of one call; what takes longer goes on in a further one. On today's cards the library asks for
# half as much again, which comes to the two minutes a day of visitors who are not signed in.
MAX_GPU_SECONDS = 80
MIN_GPU_SECONDS = 15


@dataclass(frozen=True)
class Source:
    """What a request starts from, as far as planning has to know: size on screen, and rate."""

    width: int
    height: int
    fps: float = 0.0  # 0 for a picture
    num_frames: int = 1


@dataclass(frozen=True)
class ShotPlan:
    """One shot: its windows, in the order they are made, and how many frames come out."""

    shot: Shot
    windows: tuple[Window, ...]
    num_frames: int
    continues: bool  # starts on the tail of the shot before
    num_dissolved: int = 0  # of its first frames that are mixed with the last of the shot before


@dataclass(frozen=True)
class Plan:
    """A whole request: the size the model works at, the clip that comes out, and the shots."""

    model_size: Size
    size: Size
    fps: float
    num_frames: int  # new frames, at `fps`
    num_inference_steps: int | None  # None: the model has no steps
    guidance_scale: float | None
    model_fps: float  # the rate at which the model makes frames
    temporal: int  # frames of a latent frame
    shots: tuple[ShotPlan, ...]

    @property
    def steps_per_window(self) -> int:
        """Count the steps of a window: one for a model that has none to choose."""
        return self.num_inference_steps or 1

    @property
    def num_windows(self) -> int:
        """Count the calls of the model."""
        return sum(len(shot.windows) for shot in self.shots)

    @property
    def seconds(self) -> float:
        """Return how long the new footage lasts."""
        return self.num_frames / self.fps


def plan_generation(
    request: GenerationRequest, spec: ModelSpec, source: Source | None = None
) -> Plan:
    """Plan a request; `source` is the picture or clip of the tasks that start from one."""
    aspect_ratio = request.aspect_ratio
    if aspect_ratio == "auto":
        aspect_ratio = nearest_aspect_ratio(source.width, source.height)
    model_size = spec.size_for(aspect_ratio)
    shots = [_plan_shot(request, spec, shot, i) for i, shot in enumerate(request.shots)]
    num_frames = sum(shot.num_frames - shot.num_dissolved for shot in shots)
    size, fps = model_size, spec.fps
    if request.task == "extend_video":
        # The answer keeps the source's size (H.264 wants even sides) and rate.
        size = Size(source.width - source.width % 2, source.height - source.height % 2)
        fps = source.fps
        num_frames = max(1, round(request.duration * fps))
    return Plan(
        model_size=model_size,
        size=size,
        fps=fps,
        num_frames=num_frames,
        num_inference_steps=num_steps(request, spec),
        guidance_scale=request.guidance_scale or spec.default_guidance_scale,
        model_fps=spec.fps,
        temporal=spec.temporal,
        shots=tuple(shots),
    )


def estimate_seconds(request: GenerationRequest, spec: ModelSpec, num_finished: int = 0) -> int:
    """Return how long a GPU is asked for on ZeroGPU, 15 to 80 s; computed, not measured there.

    The first `num_finished` windows are there already, but all have to be decoded. How many there
    are does not depend on the source, so that any will do.
    """
    plan = _plan_from_any(request, spec)
    seconds = math.ceil(START_SECONDS + working_seconds(plan, spec, ZERO_GPU_SPEED, num_finished))
    return min(max(seconds, MIN_GPU_SECONDS), MAX_GPU_SECONDS)


def check_windows_fit_calls(request: GenerationRequest, spec: ModelSpec) -> None:
    """Raise InvalidRequestError if a window takes longer than ZeroGPU lends its card at a time.

    It would be begun again in every call, and never be finished.
    """
    plan = _plan_from_any(request, spec)
    longest = max(seconds_per_window(plan, spec, ZERO_GPU_SPEED))
    if START_SECONDS + longest + SECONDS_PER_WINDOW > MAX_GPU_SECONDS:
        room = MAX_GPU_SECONDS - START_SECONDS - SECONDS_PER_WINDOW
        num_fitting = int(room / longest * plan.steps_per_window)
        advice = f"choose {num_fitting} steps or fewer, or" if num_fitting else "choose"
        raise InvalidRequestError(
            f"A window of {spec.label} takes about {longest:.0f} seconds with "
            f"{plan.steps_per_window} steps, but ZeroGPU lends its card for {MAX_GPU_SECONDS} "
            f"seconds at a time; {advice} a model with few steps."
        )


def _plan_from_any(request: GenerationRequest, spec: ModelSpec) -> Plan:
    """Plan a request without opening its source: how long it takes hardly depends on that."""
    source = None if request.task == "text_to_video" else Source(16, 9, fps=spec.fps)
    return plan_generation(request, spec, source)


def working_seconds(
    plan: Plan, spec: ModelSpec, operations_per_second: float, num_finished: int = 0
) -> float:
    """Return how long the windows of a plan take to make and to decode; computed, not measured."""
    denoising = sum(seconds_per_window(plan, spec, operations_per_second)[num_finished:])
    return denoising + plan.num_windows * SECONDS_PER_WINDOW


def seconds_per_window(plan: Plan, spec: ModelSpec, operations_per_second: float) -> list[float]:
    """Return how long each window takes to make, in the order they are made."""
    return [
        plan.steps_per_window
        * seconds_per_step(
            spec,
            num_tokens(spec, *plan.model_size, window.total_latents),
            plan.guidance_scale or 1.0,
            operations_per_second,
        )
        for shot in plan.shots
        for window in shot.windows
    ]


def num_steps(request: GenerationRequest, spec: ModelSpec) -> int | None:
    """Return how many denoising steps a window takes; a distilled schedule has its own number."""
    if spec.timesteps is not None:
        return len(spec.timesteps)
    return request.num_inference_steps or spec.default_num_inference_steps


def _plan_shot(request: GenerationRequest, spec: ModelSpec, shot: Shot, index: int) -> ShotPlan:
    """Cover one shot with windows; one that dissolves in is longer by what is mixed."""
    continues = index > 0 and shot.transition == "continue"
    extends = index == 0 and request.task == "extend_video"
    num_dissolved = 0
    if index > 0 and shot.transition == "dissolve":
        num_dissolved = round(DISSOLVE_SECONDS * spec.fps)
    num_after = 0
    has_picture = bool(shot.image) or (index == 0 and request.task == "image_to_video")
    if spec.chunk_latents:
        # What it goes on from is no part of its calls, and a picture is no part of a chunk.
        num_more = num_dissolved - has_picture
        num_frames = spec.num_frames_for(shot.duration + num_more / spec.fps)
        num_new = latents_for_frames(num_frames, temporal=spec.temporal, chunk=spec.chunk_latents)
        num_given, num_frames = 0, num_frames + has_picture
    elif continues or (extends and request.direction != "backward"):
        num_given = spec.overlap_latents if continues else spec.num_source_latents
        if extends and request.direction != "forward":
            num_after = spec.num_source_latents - 1
        num_new = max(1, math.ceil(round(shot.duration * spec.fps, 6) / spec.temporal))
        num_frames = num_new * spec.temporal
    else:
        # A causal autoencoder's last new frame gives way to the clip's own first one.
        num_more = num_dissolved + extends
        num_frames = spec.num_frames_for(shot.duration + num_more / spec.fps)
        num_new = latents_for_frames(num_frames, temporal=spec.temporal)
        num_given = spec.num_source_latents - 1 if extends else 0
        if has_picture:
            num_given, num_new = 1, num_new - 1
    windows = plan_windows(
        num_new,
        window_latents=spec.window_latents,
        overlap=spec.overlap_latents,
        num_given=num_given,
        num_after=num_after,
        multiple=spec.chunk_latents or 1,
        shot_index=index,
        seed=request.seed,
    )
    return ShotPlan(shot, windows, num_frames, continues, num_dissolved)

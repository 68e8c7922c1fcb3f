"""Plans a request before it runs: sizes, windows, frames and GPU time. Pure arithmetic.

The page shows the plan, `generate.py` follows it, and ZeroGPU's duration is computed from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

from pipeline.errors import InvalidRequestError
from pipeline.geometry import Size, latents_for_frames, nearest_aspect_ratio
from pipeline.models.compute_cost import ZERO_GPU_SPEED, num_tokens, seconds_per_step
from pipeline.models.spec import ModelSpec
from pipeline.planning.pieces import span_of
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.windows import Window, plan_windows

DISSOLVE_SECONDS = 0.5  # at most the length of the shortest shot
# GPU time that is requested in addition to the steps. Assumed: no GPU was available to measure.
START_SECONDS = 10.0
SECONDS_PER_WINDOW = 2.0
# For one call; longer work continues in another call. On today's GPUs the library requests 1.5
# times as much, which is the two minutes a day of visitors who are not signed in.
MAX_GPU_SECONDS = 80
MIN_GPU_SECONDS = 15


@dataclass(frozen=True)
class Source:
    """The picture or clip that a request starts from: its display size and frame rate."""

    width: int
    height: int
    fps: Fraction = Fraction(0)  # exactly; 0 for a picture
    num_frames: int = 1

    @property
    def even_size(self) -> Size:
        """Return its size without an odd row or column, which H.264 cannot encode."""
        return Size(self.width - self.width % 2, self.height - self.height % 2)


@dataclass(frozen=True)
class ShotPlan:
    """One shot: its windows, in the order they are made, and its number of frames."""

    shot: Shot
    windows: tuple[Window, ...]
    num_frames: int
    continues: bool  # starts from the last latents of the shot before
    num_dissolved: int = 0  # first frames that are mixed with the last ones of the shot before


@dataclass(frozen=True)
class SecondPassPlan:
    """The second of two passes over every window; the first one has half the sides."""

    first_size: Size
    first_timesteps: tuple[float, ...] | None  # None: the model's own
    num_steps: int
    step_cost: float  # how many steps of the first pass one of these takes; computed


@dataclass(frozen=True)
class Plan:
    """A planned request: the model's working size, the resulting clip, and the shots."""

    model_size: Size  # of the last pass
    size: Size
    fps: Fraction
    num_frames: int  # new frames, at `fps`
    num_inference_steps: int | None  # None: the model has no steps
    guidance_scale: float | None
    model_fps: float  # the frame rate of the model
    temporal: int  # frames in one latent
    shots: tuple[ShotPlan, ...]
    shift: float | None = None  # the flow shift; None: the model has none to set
    negative_prompt: str = ""  # the request's, or the model's default where guidance uses one
    second_pass: SecondPassPlan | None = None  # None: `num_inference_steps` are all
    timesteps: tuple[float, ...] | None = None  # of the last pass; None: the model's own
    # Of a draft: the size of the standard clip, of whose noise the draft's is the coarse part.
    noise_size: Size | None = None
    strength: float = 1.0  # of a remix: how much changes, 0 to 1
    is_remix: bool = False

    @property
    def first_pass(self) -> Plan | None:
        """Return the plan of the first of two passes, or None if there is only one."""
        if self.second_pass is None:
            return None
        size, timesteps = self.second_pass.first_size, self.second_pass.first_timesteps
        return replace(self, model_size=size, size=size, second_pass=None, timesteps=timesteps)

    @property
    def steps_per_window(self) -> int:
        """Return the steps of a window, in all its passes; 1 for a model without steps."""
        num_more = 0 if self.second_pass is None else self.second_pass.num_steps
        return (self.num_inference_steps or 1) + num_more

    def share_of_window(self, step: int) -> float:
        """Return the share of a window's work that is done after `step` steps, 0 to 1."""
        first = self.num_inference_steps or 1
        cost = 1.0 if self.second_pass is None else self.second_pass.step_cost

        def work(num_steps: int) -> float:
            return min(num_steps, first) + max(0, num_steps - first) * cost

        return work(step) / work(self.steps_per_window)

    @property
    def num_windows(self) -> int:
        """Return the number of calls of the model."""
        return sum(len(shot.windows) for shot in self.shots)

    @property
    def seconds(self) -> float:
        """Return the length of the new footage in seconds."""
        return float(self.num_frames / self.fps)


def plan_generation(
    request: GenerationRequest, spec: ModelSpec, source: Source | None = None
) -> Plan:
    """Plan a request; `source` is required by the tasks that start from a picture or clip."""
    sizes, aspect_ratio = spec.sizes_for(request.task), request.aspect_ratio
    if aspect_ratio == "auto":
        assert source is not None
        aspect_ratio = nearest_aspect_ratio(source.width, source.height, sizes)
    standard_size = sizes[aspect_ratio]
    model_size = spec.at(request.quality).size_for(aspect_ratio, request.task)
    second_pass = _plan_second_pass(request, spec, standard_size)
    if request.task == "remix_video":
        assert source is not None
        request = request.lasting(float(source.num_frames / source.fps))
    shots = [_plan_shot(request, spec, shot, i) for i, shot in enumerate(request.shots)]
    num_frames = sum(shot.num_frames - shot.num_dissolved for shot in shots)
    size, fps = model_size, Fraction(spec.fps).limit_denominator(1001)
    if second_pass is not None:
        assert spec.second_pass is not None
        size = spec.second_pass.size_for(aspect_ratio, second_pass.first_size)
    if request.extends:
        assert source is not None
        # The result keeps the source's size (H.264 needs even sides) and frame rate.
        size = source.even_size
        fps = source.fps
        _, num_frames = span_of(request.shots[0], fps)
    if request.task == "remix_video":
        assert source is not None
        size, fps, num_frames = source.even_size, source.fps, source.num_frames
    return Plan(
        model_size=model_size,
        size=size,
        fps=fps,
        num_frames=num_frames,
        num_inference_steps=num_steps(request, spec),
        guidance_scale=request.guidance_scale or spec.guidance_scale_for(request.task),
        model_fps=spec.fps,
        temporal=spec.temporal,
        shots=tuple(shots),
        shift=request.shift or spec.shift_for(request.task),
        negative_prompt=used_negative_prompt(request, spec),
        second_pass=second_pass,
        timesteps=spec.second_pass.timesteps if second_pass and spec.second_pass else None,
        noise_size=standard_size if request.quality == "draft" else None,
        strength=1.0 if request.strength is None else request.strength,
        is_remix=request.task == "remix_video",
    )


def _plan_second_pass(
    request: GenerationRequest, spec: ModelSpec, first_size: Size
) -> SecondPassPlan | None:
    if request.quality != "hd" or spec.second_pass is None:
        return None
    size = Size(*(2 * side for side in first_size))
    first, second = (
        seconds_per_step(spec, num_tokens(spec, *x, spec.window_latents), 1.0, 1.0)
        for x in (first_size, size)
    )
    num_steps = len(spec.second_pass.timesteps)
    return SecondPassPlan(
        first_size, spec.second_pass.first_timesteps, num_steps, step_cost=second / first
    )


def estimate_seconds(request: GenerationRequest, spec: ModelSpec, num_finished: int = 0) -> int:
    """Return the GPU seconds to request on ZeroGPU, 15 to 80; computed, not measured there.

    The first `num_finished` results of `seconds_per_pass` exist already, but all windows must be
    decoded. Their number does not depend on the source, so a placeholder is used.
    """
    plan = _plan_from_any(request, spec)
    seconds = math.ceil(START_SECONDS + working_seconds(plan, spec, ZERO_GPU_SPEED, num_finished))
    return min(max(seconds, MIN_GPU_SECONDS), MAX_GPU_SECONDS)


def check_windows_fit_calls(request: GenerationRequest, spec: ModelSpec) -> None:
    """Raise InvalidRequestError if a window takes longer than one ZeroGPU call.

    Every call would start such a window again and never finish it.
    """
    plan = _plan_from_any(request, spec)
    longest = max(seconds_per_pass(plan, spec, ZERO_GPU_SPEED))
    if START_SECONDS + longest + SECONDS_PER_WINDOW > MAX_GPU_SECONDS:
        room = MAX_GPU_SECONDS - START_SECONDS - SECONDS_PER_WINDOW
        num_fitting = int(room / longest * plan.steps_per_window)
        advice = f"choose {num_fitting} steps or fewer, or" if num_fitting else "choose"
        raise InvalidRequestError(
            f"A window of {spec.label} takes about {longest:.0f} seconds with "
            f"{plan.steps_per_window} steps, but ZeroGPU provides its GPU for {MAX_GPU_SECONDS} "
            f"seconds at a time; {advice} a model with fewer steps."
        )


def _plan_from_any(request: GenerationRequest, spec: ModelSpec) -> Plan:
    """Plan a request without opening its source, which hardly changes how long it takes."""
    source = None
    if request.task != "text_to_video":
        fps = Fraction(spec.fps).limit_denominator(1001)
        source = Source(16, 9, fps=fps, num_frames=max(1, round(request.duration * fps)))
    return plan_generation(request, spec, source)


def working_seconds(
    plan: Plan, spec: ModelSpec, operations_per_second: float, num_finished: int = 0
) -> float:
    """Return the seconds to make and decode a plan's windows; computed, not measured."""
    denoising = sum(seconds_per_pass(plan, spec, operations_per_second)[num_finished:])
    scale = 1 if plan.second_pass is None else 4  # as many pixels to decode
    return denoising + plan.num_windows * SECONDS_PER_WINDOW * scale


def seconds_per_pass(plan: Plan, spec: ModelSpec, operations_per_second: float) -> list[float]:
    """Return the seconds of every pass over every window, in the order they are made."""
    passes = [(plan.model_size, plan.num_inference_steps or 1)]
    if (second := plan.second_pass) is not None:
        passes = [(second.first_size, passes[0][1]), (plan.model_size, second.num_steps)]
    return [
        num_steps
        * plan.strength
        * seconds_per_step(
            spec,
            num_tokens(spec, *size, window.total_latents),
            plan.guidance_scale or 1.0,
            operations_per_second,
        )
        for shot in plan.shots
        for window in shot.windows
        for size, num_steps in passes
    ]


def num_steps(request: GenerationRequest, spec: ModelSpec) -> int | None:
    """Return the steps of a window's first or only pass; distilled schedules fix their number."""
    if request.quality == "hd" and spec.second_pass and spec.second_pass.first_timesteps:
        return len(spec.second_pass.first_timesteps)
    if spec.timesteps is not None:
        return len(spec.timesteps)
    return request.num_inference_steps or spec.default_num_inference_steps


def used_negative_prompt(request: GenerationRequest, spec: ModelSpec) -> str:
    """Return the negative prompt: with guidance, the model's default if the request has none."""
    guidance_scale = request.guidance_scale or spec.guidance_scale_for(request.task) or 1.0
    if request.negative_prompt or guidance_scale <= 1:
        return request.negative_prompt
    return spec.default_negative_prompt


def _plan_shot(request: GenerationRequest, spec: ModelSpec, shot: Shot, index: int) -> ShotPlan:
    """Cover one shot with windows; a dissolve adds the frames that are mixed."""
    continues = index > 0 and shot.transition == "continue"
    extends = index == 0 and request.extends
    num_dissolved = 0
    if index > 0 and shot.transition == "dissolve":
        num_dissolved = round(DISSOLVE_SECONDS * spec.fps)
    num_after = 0
    has_picture = bool(shot.image) or (index == 0 and request.task == "image_to_video")
    if spec.chunk_latents:
        # Given latents are not part of the model's calls, and a picture is not part of a chunk.
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
        # The clip's own first frame replaces the last new frame of a causal autoencoder.
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
        seed=request.seed_of(shot),
    )
    return ShotPlan(shot, windows, num_frames, continues, num_dissolved)

"""Requests into latents: every shot, window by window, each continuing from what it is given.

What differs between the tasks is here and nowhere else: what the first shot is conditioned on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from pipeline.engines.ltx import Context, Given, LTXEngine, Memory, PromptEmbeds
from pipeline.errors import OutputError
from pipeline.plan import Plan, ShotPlan
from pipeline.request import GenerationRequest
from pipeline.sources import OpenedSource, end_frames, picture_frame
from pipeline.storyboard import describe_shot

OnStep = Callable[[int, int, torch.Tensor], None]
"""`on_step(window, step, estimate)`, both counting from 1; what it raises ends the work."""


@dataclass(frozen=True)
class Take:
    """A shot as new latents (1, C, T, h, w), and what they were given."""

    plan: ShotPlan
    given: Context
    latents: torch.Tensor
    temporal: int
    first: Memory | None  # where its paths are at its start
    last: Memory | None  # and at its end

    @property
    def is_backward(self) -> bool:
        """Say whether the take leads up to something."""
        return self.given.after is not None

    @property
    def num_frames(self) -> int:
        """Count the new frames that come out of decoding, at the model's rate."""
        count = sum(window.num_latents for window in self.plan.windows) * self.temporal
        if self.given.before is None:
            count -= self.temporal - 1  # the first latent frame stands for one frame
        # A keyframe is the source's own first frame, in the place of the last new one.
        return count - (self.given.keyframe is not None)


def make_takes(
    engine: LTXEngine,
    request: GenerationRequest,
    plan: Plan,
    source: OpenedSource | None,
    on_step: OnStep,
) -> list[Take]:
    """Denoise every shot. Latents are small: those of a minute stay in memory together.

    Raises OutputError if the model's numbers are not finite.
    """
    takes: list[Take] = []
    num_windows = 0
    # All at once: a model held part by part then swaps its largest part, the text encoder, once.
    prompts = _encode_prompts(engine, request, plan, source)
    for shot, prompt in zip(plan.shots, prompts, strict=True):
        if shot.continues:
            num_overlap = engine.model.spec.overlap_latents
            given = Context(is_start=False, before=takes[-1].latents[:, :, -num_overlap:])
        else:
            given = _first_context(engine, request, plan, source if not takes else None)
        parts: list[torch.Tensor] = []
        for window in shot.windows:
            context = _window_context(given, parts, shot, window.index)
            num_windows += 1
            latents = engine.denoise(
                window.num_latents,
                prompt,
                context,
                num_inference_steps=plan.num_inference_steps,
                guidance_scale=plan.guidance_scale,
                seed=window.seed,
                on_step=lambda step, estimate, number=num_windows: on_step(number, step, estimate),
            )
            new = latents[:, :, context.num_before :][:, :, : window.num_latents]
            _check(new)
            if given.after is not None:
                parts.insert(0, new)  # backwards, the first window made is the last one seen
            else:
                parts.append(new)
        ends = (engine.remember(prompt, time) for time in (0.0, _last_time(engine, request, shot)))
        takes.append(Take(shot, given, torch.cat(parts, dim=2), engine.model.spec.temporal, *ends))
    return takes


def _encode_prompts(
    engine: LTXEngine, request: GenerationRequest, plan: Plan, source: OpenedSource | None
) -> list[PromptEmbeds]:
    prompts: list[PromptEmbeds] = []
    memories = {} if source is None else source.memories
    first, last = memories.get("first"), memories.get("last")
    for index, shot in enumerate(plan.shots):
        how = {"given": _kind(source) if index == 0 else None}
        if shot.continues:
            seconds = _last_time(engine, request, plan.shots[index - 1])
            follows = engine.remember(prompts[-1], seconds)
            how = {"given": None if follows else "clip", "follows": follows}
        elif index == 0 and request.direction == "forward":
            how["follows"] = last
        elif index == 0 and first is not None:
            begin = _last_time(engine, request, shot) + 1 / engine.model.spec.fps
            how["leads_to"] = {**first, "seconds": first["seconds"] - begin}
        prompts.append(
            engine.encode_prompt(
                describe_shot(shot.shot, engine.model.spec.camera_words),
                request.negative_prompt,
                plan.guidance_scale,
                seed=request.seed,
                **how,
            )
        )
    return prompts


def _last_time(engine: LTXEngine, request: GenerationRequest, shot: ShotPlan) -> float:
    """Return when a shot's last frame is, in seconds.

    After a cut its first latent frame is the frame at 0; what goes on from something starts later.
    """
    goes_on = request.task == "extend_video" and request.direction == "forward"
    is_first = shot.windows[0].shot_index == 0
    num_latents = sum(window.num_latents for window in shot.windows)
    if not (shot.continues or (is_first and goes_on)):
        num_latents -= 1
    return num_latents * engine.model.spec.temporal / engine.model.spec.fps


def _kind(source: OpenedSource | None) -> Given:
    if source is None:
        return None
    return "clip" if source.picture is None else "picture"


def _first_context(
    engine: LTXEngine, request: GenerationRequest, plan: Plan, source: OpenedSource | None
) -> Context:
    """Return what a shot that follows no other starts from: nothing, a picture or a clip's end."""
    if source is None:
        return Context(is_start=True)
    generator = torch.Generator("cpu").manual_seed(request.seed)
    if source.picture is not None:
        frames = picture_frame(source, plan.model_size)
        return Context(is_start=True, before=engine.encode(frames, generator))
    spec, at_end = engine.model.spec, request.direction == "forward"
    frames = end_frames(
        source, at_end=at_end, fps=spec.fps, temporal=spec.temporal, size=plan.model_size
    )
    if at_end:
        return Context(is_start=True, before=engine.encode(frames, generator))
    return engine.encode_following(frames, generator)


def _window_context(
    given: Context, parts: list[torch.Tensor], shot: ShotPlan, index: int
) -> Context:
    """Return what a window is given: the shot's context, or the latents made next to it."""
    window = shot.windows[index]
    num_context = window.num_context
    if given.after is None:
        # A shot's own latent frames count from 1 if it continues something, that then ends at 0.
        first = window.start_latent - num_context + (given.before is not None)
        if index == 0:
            return replace(given, first=first)
        known = parts if given.before is None else [given.before, *parts]
        before = torch.cat(known, dim=2)[:, :, -num_context:]
        return Context(is_start=False, first=first, before=before)
    # Backwards, only the window made last, which is seen first, begins with a single frame.
    is_start = index == len(shot.windows) - 1
    num_made = window.start_latent + window.num_latents
    first = sum(x.num_latents for x in shot.windows) - num_made
    if index == 0:
        return Context(is_start, first, after=given.after, keyframe=given.keyframe)
    known = torch.cat([*parts, given.after], dim=2)
    return Context(is_start, first, after=known[:, :, :num_context])


def _check(latents: torch.Tensor) -> None:
    if not torch.isfinite(latents).all():
        raise OutputError(
            "The model gave numbers that are no picture; try another seed or the default settings."
        )

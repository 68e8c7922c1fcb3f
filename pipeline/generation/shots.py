"""Requests into latents: every shot, window by window, each continuing from what it is given.

What differs between the tasks is here and nowhere else: what the first shot is conditioned on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from functools import partial

import torch

from pipeline.engines.base import Engine, SamplingParams, WindowContext
from pipeline.errors import OutputError
from pipeline.generation.conditioning import ShotConditioning
from pipeline.generation.context import GenerationContext
from pipeline.generation.latent_cache import LatentCache, content_key
from pipeline.generation.sources import (
    end_frames,
    first_sound,
    last_sound,
    open_picture_of,
    picture_frame,
)
from pipeline.planning.plan import ShotPlan
from pipeline.planning.windows import Window

OnStep = Callable[[int, int, torch.Tensor], None]
"""`on_step(window, step, estimate)`, both counting from 1; what it raises ends the work."""


class ShotLatents:
    """A shot as new latents, window by window, and what they are given."""

    def __init__(
        self,
        plan: ShotPlan,
        given: WindowContext,
        prompt: object,
        windows: Iterator[torch.Tensor],
        name: str,
    ) -> None:
        """Wait for somebody who wants the latents; `windows` are in the order they are made.

        `name` stands for all that the latents follow from, whether they are made yet or not.
        """
        self.name = name
        self.plan = plan
        self.given = given
        self.prompt = prompt  # as the engine has it
        self._windows = windows
        self._made: list[torch.Tensor] = []

    @property
    def index(self) -> int:
        """Number the shot, from 0."""
        return self.plan.windows[0].shot_index

    @property
    def is_backward(self) -> bool:
        """Say whether the shot only leads up to something."""
        return self.given.is_backward

    @property
    def num_frames(self) -> int:
        """Count the new frames that come out of decoding, at the model's rate."""
        # A keyframe is the source's own first frame, in the place of the last new one.
        return self.plan.num_frames - self.given.is_picture - (self.given.keyframe is not None)

    @property
    def is_made(self) -> bool:
        """Say whether all of its windows are made."""
        return len(self._made) == len(self.plan.windows)

    @property
    def parts(self) -> Iterator[torch.Tensor]:
        """Yield the windows' latents (1, C, T, h, w) as they are seen, making those to be made."""
        if self.is_backward:
            # The first window made is the last one seen.
            self._made += self._windows
            yield from reversed(self._made)
            return
        yield from self._made
        for window in self._windows:
            self._made.append(window)
            yield window


def sample_shots(
    context: GenerationContext,
    conditioning: Sequence[ShotConditioning],
    on_step: OnStep,
    latent_cache: LatentCache,
) -> Iterator[ShotLatents]:
    """Yield the shots; each denoises its windows when wanted, if `latent_cache` has them not.

    Latents are small: those of a shot stay in memory. Raises OutputError if the model's numbers are
    not finite, StorageError if a window cannot be kept.
    """
    engine = context.engine
    sampler = _ShotSampler(context, latent_cache, on_step)
    shot_latents: ShotLatents | None = None
    for shot, shot_conditioning in zip(context.plan.shots, conditioning, strict=True):
        if shot.continues and shot_latents is not None:
            num_overlap = engine.model.spec.overlap_latents
            given = WindowContext(
                is_start=False,
                before=engine.tail(shot_latents.given, list(shot_latents.parts), num_overlap),
            )
        else:
            given = _first_context(context, shot)
        shot_latents = sampler.sample_shot(shot, shot_conditioning, given)
        yield shot_latents


class _ShotSampler:
    """Makes windows one after the other, or finds them on the latent cache."""

    def __init__(
        self, context: GenerationContext, latent_cache: LatentCache, on_step: OnStep
    ) -> None:
        self._engine = context.engine
        self._plan = context.plan
        self._latent_cache = latent_cache
        self._on_step = on_step

    def sample_shot(
        self, shot: ShotPlan, shot_conditioning: ShotConditioning, given: WindowContext
    ) -> ShotLatents:
        """Return a shot whose windows are found or made when they are wanted."""
        names = self._names(shot, shot_conditioning, given)
        self._latent_cache.want(names)
        windows = self._windows(shot, shot_conditioning, given, names)
        return ShotLatents(shot, given, shot_conditioning.prompt, windows, names[-1])

    def _names(
        self, shot: ShotPlan, shot_conditioning: ShotConditioning, given: WindowContext
    ) -> list[str]:
        """Name a shot's windows, each by the one made before it: that is what it follows from."""
        name = content_key(
            {
                "model": self._engine.model.fingerprint,
                "size": self._plan.model_size,
                "steps": self._plan.num_inference_steps,
                "cue": shot_conditioning.facts,
                "given": [getattr(given, field.name) for field in fields(given)],
            }
        )
        names = []
        num_left = sum(window.num_latents for window in shot.windows)
        for window in shot.windows:
            num_left -= window.num_latents
            how = window.start_latent, window.num_latents, window.num_context, window.seed
            # How much follows matters only to what leads up to something.
            leads = None if given.after is None else num_left
            name = content_key({"after": name, "window": how, "leads": leads})
            names.append(name)
        return names

    def _windows(
        self,
        shot: ShotPlan,
        shot_conditioning: ShotConditioning,
        given: WindowContext,
        names: Sequence[str],
    ) -> Iterator[torch.Tensor]:
        """Yield the new latents of a shot's windows, in the order they are made."""
        parts: list[torch.Tensor] = []
        first = shot.windows[0].shot_index
        number = sum(len(earlier.windows) for earlier in self._plan.shots[:first])
        for window, name in zip(shot.windows, names, strict=True):
            number += 1
            latents = self._latent_cache.find(name)
            if latents is None:
                context = _window_context(self._engine, given, parts, shot, window.index)
                latents = self._denoise(window, shot_conditioning, context, number)
                self._latent_cache.add(name, latents, shot=window.shot_index, seed=window.seed)
            else:
                self._on_step(number, self._plan.steps_per_window, latents)
            latents = latents.to(self._engine.model.device)
            if given.is_backward:
                parts.insert(0, latents)  # backwards, the first window made is the last one seen
            else:
                parts.append(latents)
            yield latents

    def _denoise(
        self,
        window: Window,
        shot_conditioning: ShotConditioning,
        context: WindowContext,
        number: int,
    ) -> torch.Tensor:
        """Make a window, the clip's `number`th, and return its new latents on the CPU."""
        latents = self._engine.make(
            window.num_latents,
            shot_conditioning.prompt,
            context,
            SamplingParams(
                window.seed, self._plan.steps_per_window, self._plan.guidance_scale or 1.0
            ),
            on_step=partial(self._on_step, number),
        )
        _check(latents)
        return latents.cpu()


def _first_context(context: GenerationContext, shot: ShotPlan) -> WindowContext:
    """Return what a shot that continues no other starts from: nothing, a picture, a clip's end."""
    engine, request = context.engine, context.request
    plan, source = context.plan, context.source
    index = shot.windows[0].shot_index
    generator = torch.Generator("cpu").manual_seed(request.seed)
    if picture := open_picture_of(request, source, index):
        frames = picture_frame(picture, plan.model_size)
        return WindowContext(
            is_start=True, before=engine.encode(frames, generator), is_picture=True
        )
    if index > 0 or source is None:
        return WindowContext(is_start=True)
    count = engine.model.spec.num_source_frames
    ends = {"count": count, "fps": plan.model_fps, "size": plan.model_size}
    given = WindowContext(is_start=False)
    if request.direction != "forward":
        frames = end_frames(source.leads_to, at_end=False, **ends)
        given = engine.encode_following(frames, generator)
    if request.direction != "backward":
        frames = end_frames(source, at_end=True, **ends)
        given = replace(given, is_start=True, before=engine.encode(frames, generator))
    if not engine.model.spec.has_audio:
        return given
    seconds, rate = count / plan.model_fps, engine.hearing_rate
    after = None if given.after is None else first_sound(source.leads_to, rate, seconds)
    # Its last frame lasts as long as one of the model's.
    before = None if given.before is None else last_sound(source, rate, seconds, 1 / plan.model_fps)
    return engine.hear(given, before, after)


def _window_context(
    engine: Engine, given: WindowContext, parts: list[torch.Tensor], shot: ShotPlan, index: int
) -> WindowContext:
    """Return what a window is given: the shot's context, or the latents made next to it."""
    window = shot.windows[index]
    num_context, is_last = window.num_context, index == len(shot.windows) - 1
    if given.is_backward:
        # Only the window made last, which is seen first, begins with a single frame.
        num_made = window.start_latent + window.num_latents
        first = sum(x.num_latents for x in shot.windows) - num_made
        if index == 0:
            return replace(given, is_start=is_last, first=first)
        return WindowContext(is_last, first, after=engine.head(given, parts, num_context))
    # A shot's own latent frames count from 1 if it continues something, that then ends at 0.
    num_before = given.num_before if index == 0 else num_context
    first = window.start_latent - num_before + (given.before is not None)
    end = {"after": given.after, "keyframe": given.keyframe} if is_last else {}
    if index == 0:
        return WindowContext(
            given.is_start, first, given.before, is_picture=given.is_picture, **end
        )
    before = engine.tail(given, parts, num_context)
    return WindowContext(is_start=False, first=first, before=before, **end)


def _check(latents: torch.Tensor) -> None:
    if not torch.isfinite(latents).all():
        raise OutputError(
            "The model gave numbers that are no picture; try another seed or the default settings."
        )

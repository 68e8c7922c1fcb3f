"""Turns shots into latents, window by window, each continuing from its context.

The only difference between the tasks, what the first shot is conditioned on, is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, cast

import numpy as np
import torch
from PIL import Image

from pipeline.engines.base import (
    Engine,
    FirstPass,
    SamplingParams,
    SoundEngine,
    TwoPassEngine,
    WindowContext,
)
from pipeline.errors import OutputError
from pipeline.generation.characters import pictures_of
from pipeline.generation.conditioning import ShotConditioning
from pipeline.generation.context import GenerationContext
from pipeline.generation.latent_cache import LatentCache, content_key
from pipeline.generation.remixing import Remix
from pipeline.generation.sources import (
    conditioning_frame,
    end_frames,
    first_sound,
    last_sound,
    open_picture_of,
)
from pipeline.planning.plan import ShotPlan
from pipeline.planning.windows import Window

OnStep = Callable[[int, int, np.ndarray | None], None]
"""`on_step(window, step, preview)`, both counting from 1; an exception from it stops the job.

Steps count through all passes over a window. The preview is that of `Engine.preview`.
"""


class ShotLatents:
    """The new latents of a shot, made window by window on demand, and their context."""

    def __init__(
        self,
        plan: ShotPlan,
        given: WindowContext,
        prompt: object,
        windows: Iterator[torch.Tensor],
        name: str,
    ) -> None:
        """Prepare a shot; `windows` yields its parts in the order in which they are made.

        `name` is a key for everything that determines the latents, made yet or not.
        """
        self.name = name
        self.plan = plan
        self.given = given
        self.prompt = prompt  # the result of the engine's `encode_prompt`
        self._windows = windows
        self._made: list[torch.Tensor] = []

    @property
    def index(self) -> int:
        """Return the shot's number, from 0."""
        return self.plan.windows[0].shot_index

    @property
    def is_backward(self) -> bool:
        """Say whether the shot only leads up to something."""
        return self.given.is_backward

    @property
    def num_frames(self) -> int:
        """Count the new frames that decoding gives, at the model's rate."""
        # A keyframe is the source's own first frame and takes the place of the last new one.
        return self.plan.num_frames - self.given.is_picture - (self.given.keyframe is not None)

    @property
    def is_made(self) -> bool:
        """Say whether all windows are made."""
        return len(self._made) == len(self.plan.windows)

    @property
    def parts(self) -> Iterator[torch.Tensor]:
        """Yield the windows' parts (1, C, T, h, w) in display order, making missing ones.

        See `Engine` for other shapes.
        """
        order = range(len(self.plan.windows))
        if self.is_backward:
            # The first window made is the last one shown.
            yield from reversed([self.part(index) for index in order])
            return
        yield from (self.part(index) for index in order)

    def part(self, index: int) -> torch.Tensor:
        """Return a window's part by its place in the order they are made; make missing ones."""
        while len(self._made) <= index:
            self._made.append(next(self._windows))
        return self._made[index]

    def parts_before(self, index: int) -> list[torch.Tensor]:
        """Return the parts made before a window, in display order."""
        parts = [self.part(earlier) for earlier in range(index)]
        return parts[::-1] if self.is_backward else parts


def sample_shots(
    context: GenerationContext,
    conditioning: Sequence[ShotConditioning],
    on_step: OnStep,
    latent_cache: LatentCache,
    only: Collection[int] | None = None,
) -> Iterator[ShotLatents]:
    """Yield the shots; each makes its windows on demand, unless `latent_cache` has them.

    With two passes, the first one is made as a clip of its own, window by window just before the
    second needs it. Latents are small: those of a shot stay in memory. With `only`, the other shots
    are placeholders, and neither they nor what continues them can be made. Raises OutputError if
    the model's output is not finite, StorageError if a window cannot be stored.
    """
    engine = context.engine
    sampler = _ShotSampler(context, latent_cache, on_step)
    first_passes: Iterator[ShotLatents] = iter(())
    if context.first_pass is not None:
        first_passes = sample_shots(context.first_pass, conditioning, on_step, latent_cache, only)
    shot_latents: ShotLatents | None = None
    for shot, shot_conditioning in zip(context.plan.shots, conditioning, strict=True):
        if only is not None and shot.windows[0].shot_index not in only:
            given = WindowContext(is_start=False)
        elif shot.continues and shot_latents is not None:
            num_overlap = engine.model.spec.overlap_latents
            given = WindowContext(
                is_start=False,
                before=engine.tail(shot_latents.given, list(shot_latents.parts), num_overlap),
            )
        else:
            given = _first_context(context, shot)
        first_pass = next(first_passes, None)
        shot_latents = sampler.sample_shot(shot, shot_conditioning, given, first_pass)
        yield shot_latents


class _ShotSampler:
    """Makes windows one after the other, or finds them in the latent cache."""

    def __init__(
        self, context: GenerationContext, latent_cache: LatentCache, on_step: OnStep
    ) -> None:
        self._engine = context.engine
        self._first_engine = None if context.first_pass is None else context.first_pass.engine
        self._plan = context.plan
        self._remix = Remix(context)
        self._characters = context.request.characters
        self._latent_cache = latent_cache
        self._on_step = on_step

    def sample_shot(
        self,
        shot: ShotPlan,
        shot_conditioning: ShotConditioning,
        given: WindowContext,
        first_pass: ShotLatents | None = None,
    ) -> ShotLatents:
        """Return a shot whose windows are found or made on demand."""
        names = self._names(shot, shot_conditioning, given, first_pass)
        self._latent_cache.want(names)
        windows = self._windows(shot, shot_conditioning, given, names, first_pass)
        return ShotLatents(shot, given, shot_conditioning.prompt, windows, names[-1])

    def _names(
        self,
        shot: ShotPlan,
        shot_conditioning: ShotConditioning,
        given: WindowContext,
        first_pass: ShotLatents | None,
    ) -> list[str]:
        """Return the keys of a shot's windows; each includes the key of the one made before it."""
        model = self._engine.model
        facts: dict[str, object] = self._remix.facts | {
            "model": model.fingerprint,
            "size": self._plan.model_size,
            "steps": self._plan.num_inference_steps,
            "shift": self._plan.shift,
            "cue": shot_conditioning.facts,
            "given": [getattr(given, field.name) for field in fields(given)],
        }
        if self._plan.noise_size is not None:
            facts["noise"] = self._plan.noise_size
        if self._plan.timesteps is not None:
            facts["timesteps"] = self._plan.timesteps
        if first_pass is not None:
            facts |= {"first pass": first_pass.name, "second pass": str(model.spec.second_pass)}
        name = content_key(facts)
        names = []
        num_left = sum(window.num_latents for window in shot.windows)
        for window in shot.windows:
            num_left -= window.num_latents
            how = window.start_latent, window.num_latents, window.num_context, window.seed
            # What follows matters only to windows that lead up to something.
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
        first_pass: ShotLatents | None,
    ) -> Iterator[torch.Tensor]:
        """Yield the parts of a shot's windows, in the order in which they are made."""
        parts: list[torch.Tensor] = []
        first = shot.windows[0].shot_index
        number = sum(len(earlier.windows) for earlier in self._plan.shots[:first])
        for window, name in zip(shot.windows, names, strict=True):
            number += 1
            latents = self._latent_cache.find(name)
            is_found = latents is not None
            if latents is None:
                context = _window_context(self._engine, given, parts, shot, window.index)
                latents = self._make(window, shot_conditioning.prompt, context, number, first_pass)
                self._latent_cache.add(name, latents, shot=window.shot_index, seed=window.seed)
            latents = latents.to(self._engine.model.device)
            if is_found:
                self._report(number, self._plan.steps_per_window, latents)
            if given.is_backward:
                parts.insert(0, latents)  # the first window made is the last one shown
            else:
                parts.append(latents)
            yield latents

    def _references(self, window: Window) -> list[Image.Image]:
        prompt = self._plan.shots[window.shot_index].shot.prompt
        return pictures_of(prompt, self._characters, self._engine.model.spec)

    def _report(self, number: int, step: int, estimate: torch.Tensor) -> None:
        self._on_step(number, step, self._engine.preview(estimate))

    def _make(
        self,
        window: Window,
        prompt: object,
        context: WindowContext,
        number: int,
        first_pass: ShotLatents | None,
    ) -> torch.Tensor:
        """Make the clip's window `number` and return its part on the CPU."""
        first = None if first_pass is None else self._first_pass_of(window, first_pass)
        num_steps = self._plan.num_inference_steps or 1
        params = SamplingParams(
            window.seed,
            num_steps,
            self._plan.guidance_scale or 1.0,
            self._plan.shift,
            self._plan.noise_size,
            self._plan.timesteps,
            self._remix.source_of(window),
            self._plan.strength,
            self._references(window),
        )
        num_before = 0 if first is None else num_steps

        def on_step(step: int, estimate: torch.Tensor) -> None:
            self._report(number, num_before + step, estimate)

        if first is None:
            latents = self._engine.make(
                window.num_latents, prompt, context, params, on_step=on_step
            )
        else:
            engine = cast("TwoPassEngine", self._engine)  # as its model makes HD
            latents = engine.refine(first, prompt, context, params, on_step=on_step)
        _check(latents)
        return latents.cpu()

    def _first_pass_of(self, window: Window, first_pass: ShotLatents) -> FirstPass:
        """Return what the first pass made of a window, making it if it is missing."""
        assert self._first_engine is not None  # it has made the first pass
        part, parts = first_pass.part(window.index), first_pass.parts_before(window.index)
        context = _window_context(
            self._first_engine, first_pass.given, parts, first_pass.plan, window.index
        )
        return FirstPass(window.num_latents, part, context)


def _first_context(context: GenerationContext, shot: ShotPlan) -> WindowContext:
    """Return the context of a shot that follows a cut: nothing, a picture, or ends of clips."""
    engine, request = context.engine, context.request
    plan, source = context.plan, context.clip
    index = shot.windows[0].shot_index
    generator = torch.Generator("cpu").manual_seed(request.seed)
    if picture := open_picture_of(request, context.source, index):
        frames = conditioning_frame(picture, plan.model_size, engine.model.spec.given_picture)
        return WindowContext(
            is_start=True, before=engine.encode(frames, generator), is_picture=True
        )
    if index > 0 or source is None or not request.extends:
        return WindowContext(is_start=True)
    count = engine.model.spec.num_source_frames
    ends: dict[str, Any] = {"count": count, "fps": plan.model_fps, "size": plan.model_size}
    given = WindowContext(is_start=False)
    if request.direction != "forward":
        frames = end_frames(source.leads_to, at_end=False, **ends)
        given = engine.encode_following(frames, generator)
    if request.direction != "backward":
        frames = end_frames(source, at_end=True, **ends)
        given = replace(given, is_start=True, before=engine.encode(frames, generator))
    if not engine.model.spec.has_audio:
        return given
    engine = cast("SoundEngine", engine)  # as its model has sound
    seconds, rate = count / plan.model_fps, engine.hearing_rate
    after = None if given.after is None else first_sound(source.leads_to, rate, seconds)
    # The clip's last frame lasts as long as a frame of the model.
    before = None if given.before is None else last_sound(source, rate, seconds, 1 / plan.model_fps)
    return engine.hear(given, before, after)


def _window_context(
    engine: Engine, given: WindowContext, parts: list[torch.Tensor], shot: ShotPlan, index: int
) -> WindowContext:
    """Return a window's context: that of the shot, or the latents of the window next to it."""
    window = shot.windows[index]
    num_context, is_last = window.num_context, index == len(shot.windows) - 1
    if given.is_backward:
        # Only the window made last, which is shown first, begins with a single frame.
        num_made = window.start_latent + window.num_latents
        first = sum(x.num_latents for x in shot.windows) - num_made
        if index == 0:
            return replace(given, is_start=is_last, first=first)
        return WindowContext(is_last, first, after=engine.head(given, parts, num_context))
    # If the shot continues something, that ends with latent frame 0 and the shot starts at 1.
    num_before = given.num_before if index == 0 else num_context
    first = window.start_latent - num_before + (given.before is not None)
    after, keyframe = (given.after, given.keyframe) if is_last else (None, None)
    if index == 0:
        return WindowContext(given.is_start, first, given.before, after, keyframe, given.is_picture)
    before = engine.tail(given, parts, num_context)
    return WindowContext(False, first, before, after, keyframe)


def _check(latents: torch.Tensor) -> None:
    if not torch.isfinite(latents).all():
        raise OutputError(
            "The model produced NaN or infinite values; try another seed or the default settings."
        )

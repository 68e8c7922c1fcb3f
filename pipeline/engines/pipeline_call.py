"""Engine for models conditioned on frames: each window is one call of a diffusers pipeline.

The pipeline encodes the given frames itself. A part holds all latents of the call, those of given
frames included, because they decode together. A `Family` says how a family of pipelines is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from pipeline.engines.base import (
    OnEngineStep,
    SamplingParams,
    ShotContext,
    WindowContext,
    to_frames,
    to_pixels,
)
from pipeline.engines.latent_colors import LatentColors
from pipeline.engines.sdedit import beginning_at
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.prompt_cache import Embeds

Prompt = Mapping[str, torch.Tensor]
"""The embeddings of a prompt, by the name of the call's argument; shapes differ by family."""


@dataclass(frozen=True)
class GivenFrames:
    """The given frames that a window of `num_frames` starts and ends with.

    In a remix, `source` are the frames of the clip that the last new ones show, changed by a
    `strength` from 0 to 1. `references` are pictures of characters; each is one more latent frame,
    before all others. `latents` are what a remix by latents starts from, those of given frames too.
    """

    start: Sequence[Image.Image]
    end: Sequence[Image.Image]
    num_frames: int
    source: Sequence[Image.Image] = ()
    strength: float = 1.0
    references: Sequence[Image.Image] = ()
    latents: torch.Tensor | None = None  # (1, C, T, h, w)


@dataclass(frozen=True)
class Family:
    """How to call the pipelines of one family.

    `encode_prompt(pipe, prompt, negative_prompt, is_guided, max_sequence_length)` returns the
    values of `prompt_arguments`, in their order; those of the negative prompt are last and left out
    without guidance. `condition(pipe, given_frames)` returns the pipeline to call and its arguments
    for the given frames. `decode(pipe, latents)` turns latents (1, C, T, h, w) into pixels
    (1, 3, F, H, W) in [-1, 1]; `encode` does the reverse, for previews and for models that remix by
    latents.

    Set `is_channels_last` if the pipeline returns latents as (1, T, h, w, C). A call makes at least
    `min_latents` latent frames; any surplus is cut off. `frames_argument` is the call's name for
    the number of frames.
    """

    prompt_arguments: tuple[str, ...]
    encode_prompt: Callable[[DiffusionPipeline, str, str, bool, int], Embeds]
    condition: Callable[
        [DiffusionPipeline, GivenFrames], tuple[DiffusionPipeline, dict[str, object]]
    ]
    decode: Callable[[DiffusionPipeline, torch.Tensor], torch.Tensor]
    encode: Callable[[DiffusionPipeline, torch.Tensor], torch.Tensor] | None = None
    is_channels_last: bool = False
    min_latents: int = 1
    frames_argument: str = "num_frames"

    def __call__(self, model: LoadedModel, *, width: int, height: int) -> PipelineCallEngine:
        """Return the engine of a model of this family at one picture size in pixels."""
        return PipelineCallEngine(model, self, width=width, height=height)


class PipelineCallEngine:
    """Runs windows of one loaded model at one picture size."""

    def __init__(self, model: LoadedModel, family: Family, *, width: int, height: int) -> None:
        self.model = model
        self._family = family
        self._size = {"width": width, "height": height}
        self._decoded: tuple[torch.Tensor, np.ndarray] | None = None
        self._set_scheduler(model.spec.scheduler_options)

    @torch.no_grad()
    def encode_prompt(
        self,
        prompt: str,
        negative_prompt: str,
        guidance_scale: float,
        shot: ShotContext | None = None,
    ) -> Prompt:
        """Encode a prompt once for all its windows and steps; `shot` is not used."""
        del shot
        length = self.model.spec.max_sequence_length
        words = prompt, negative_prompt, guidance_scale > 1
        embeds = self.model.read_prompt(
            *words, lambda: self._family.encode_prompt(self.model.pipe, *words, length)
        )
        return dict(zip(self._family.prompt_arguments, embeds, strict=False))

    def remember(self, prompt: Prompt, seconds: float) -> None:
        """Return None: the model has no scene state."""
        del prompt, seconds

    def encode(self, frames: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Return frames (F, H, W, 3) uint8 as (1, 3, F, H, W) uint8; the pipeline encodes them."""
        del generator
        return _tensor(frames)

    def encode_following(self, frames: np.ndarray, generator: torch.Generator) -> WindowContext:
        """Return the first frames of a clip (F, H, W, 3) uint8 that a window leads up to."""
        given = self.encode(frames, generator)
        return WindowContext(is_start=False, after=given[:, :, 1:], keyframe=given[:, :, :1])

    def encode_source(self, frames: np.ndarray, num_latents: int) -> torch.Tensor:
        """Return the last frames (1, 3, F, H, W) uint8, those of `num_latents`."""
        num_frames = min(len(frames), num_latents * self._temporal)
        return _tensor(frames[-num_frames:])

    @torch.no_grad()
    def make(
        self,
        num_latents: int,
        prompt: Prompt,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Make `num_latents` new latent frames; return all latents of the call (1, C, T, h, w)."""
        num_all = num_latents + self._count_given(context)
        latents = self._in_order(self._call(num_all, prompt, context, params, on_step).frames)
        first = len(params.references)
        return latents[:, :, first : first + num_all].contiguous()

    def _call(
        self,
        num_all: int,
        prompt: Prompt,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None,
    ) -> Any:  # noqa: ANN401
        """Return the output of one call of the pipeline: at least `num_all` latent frames."""
        num_frames = self._count_frames(max(num_all, self._family.min_latents))
        given_frames = GivenFrames(
            _pictures(context.before),
            _pictures(_following(context)),
            num_frames,
            _pictures(params.source),
            params.strength,
            params.references,
            self._begin(context, params, num_frames),
        )
        self._set_shift(params.shift)
        if on_step is not None:
            _ = self._colors  # now: within the call the autoencoder would drive out other parts
        pipe, condition = self._family.condition(self.model.pipe, given_frames)
        scheduler = pipe.scheduler
        if given_frames.latents is not None:
            pipe.scheduler = beginning_at(scheduler, params.strength)
        estimate = Estimate(pipe.scheduler)

        def on_step_end(
            _pipe: DiffusionPipeline, index: int, _t: torch.Tensor, kwargs: dict[str, torch.Tensor]
        ) -> dict[str, torch.Tensor]:
            if on_step is not None:
                on_step(index + 1, self._in_order(estimate.after(index, kwargs["latents"])))
            return kwargs

        try:
            # Some pipelines also draw from the global generator: seed that as well.
            with torch.random.fork_rng():
                torch.manual_seed(params.seed)
                return pipe(
                    prompt=None,  # already encoded
                    **prompt,
                    **self._size,
                    **self.model.spec.call_arguments,
                    **condition,
                    **{self._family.frames_argument: num_frames},
                    num_inference_steps=params.num_inference_steps,
                    guidance_scale=params.guidance_scale,
                    generator=torch.Generator("cpu").manual_seed(params.seed),
                    callback_on_step_end=on_step_end,
                    output_type="latent",
                )
        finally:
            pipe.scheduler = scheduler
            pipe.maybe_free_model_hooks()  # an interrupted call leaves components on the GPU

    def _begin(
        self, context: WindowContext, params: SamplingParams, num_frames: int
    ) -> torch.Tensor | None:
        """Return what a remix by latents starts from: the clip's latents with noise."""
        if params.source is None or self.model.spec.remixes != "latents":
            return None
        assert self._family.encode is not None
        frames = torch.cat([x for x in (context.before, params.source) if x is not None], dim=2)
        missing = num_frames - frames.shape[2]  # of a call that is longer than its window
        frames = torch.cat([frames, frames[:, :, -1:].expand(-1, -1, max(0, missing), -1, -1)], 2)
        pixels = frames[:, :, :num_frames].to(self.model.device).float() / 127.5 - 1
        latents = self._family.encode(self.model.pipe, pixels).float()
        generator = torch.Generator("cpu").manual_seed(params.seed)
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        return torch.lerp(latents, noise, params.strength)

    def tail(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return the last frames (1, 3, F, H, W) uint8, as many as `num_latents` hold."""
        del given
        count = self._count_frames(num_latents)
        return _tensor(self._decode(parts[-1])[-count:])

    def head(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return the first frames (1, 3, F, H, W) uint8, as many as `num_latents` hold."""
        del given
        return _tensor(self._decode(parts[0])[: self._count_frames(num_latents)])

    def decode_shot(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> Iterator[np.ndarray]:
        """Decode the new frames (F, H, W, 3) uint8 of a shot, part by part.

        A given picture is decoded too, as the first frame.
        """
        del prompt
        overlap = self._count_frames(self.model.spec.overlap_latents)
        num_before = 0 if given.before is None or given.is_picture else given.before.shape[2]
        following = _following(given)
        if following is None:
            for part in parts:
                yield self._decode(part)[num_before:]
                num_before = overlap
            return
        *earlier, last = parts
        for part in earlier:
            frames = self._decode(part)
            # Forward, each part repeats the end of the one before; backward, the start of the next.
            yield frames[:-overlap] if given.is_backward else frames[num_before:]
            num_before = overlap
        num_before = 0 if given.is_backward else num_before
        yield self._decode(last)[num_before : -following.shape[2]]

    def decode_last_given(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Return the model's reconstruction of the last frame (H, W, 3) a shot continues from."""
        del prompt
        return self._decode(next(iter(parts)))[given.num_before - 1]

    def decode_first_following(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Return the model's reconstruction of the first frame (H, W, 3) a shot leads up to."""
        del prompt
        *_, last = parts
        following = _following(given)
        assert following is not None  # the first of its frames is asked for
        return self._decode(last)[-following.shape[2]]

    def preview(self, latents: torch.Tensor) -> np.ndarray | None:
        """Return a small picture (h, w, 3) uint8 of the middle of latents (1, C, T, h, w)."""
        return None if self._colors is None else self._colors.show(latents)

    @cached_property
    @torch.no_grad()
    def _colors(self) -> LatentColors | None:
        """Return the map from latents to colours, if the family encodes."""
        encode, pipe = self._family.encode, self.model.pipe
        if encode is None:
            return None
        return LatentColors(
            lambda frames: encode(pipe, to_pixels(frames).to(self.model.device)),
            pipe.vae_scale_factor_spatial,
        )

    def _in_order(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the latents of a call as (1, C, T, h, w)."""
        return latents.movedim(-1, 1) if self._family.is_channels_last else latents

    @property
    def _temporal(self) -> int:
        return self.model.spec.temporal

    def _set_shift(self, shift: float | None) -> None:
        """Set the flow shift, which diffusers names differently in its schedulers."""
        if shift is None:
            return
        config = self.model.pipe.scheduler.config
        name = "flow_shift" if "flow_shift" in config else "shift"
        if config[name] != shift:
            self._set_scheduler({name: shift})

    def _set_scheduler(self, options: Mapping[str, object]) -> None:
        """Replace the scheduler by one with other options; the other ones are kept."""
        if options:
            scheduler = self.model.pipe.scheduler
            self.model.pipe.scheduler = type(scheduler).from_config(scheduler.config, **options)

    def _count_given(self, context: WindowContext) -> int:
        """Count the latent frames that hold given frames.

        The first frame of a clip that follows takes the place of the last new one.
        """
        num_frames = 0 if context.before is None else context.before.shape[2]
        num_before = -(-num_frames // self._temporal)
        if context.after is None:
            return num_before
        return num_before + -(-context.after.shape[2] // self._temporal)

    def _count_frames(self, num_latents: int) -> int:
        return (num_latents - 1) * self._temporal + 1

    @torch.no_grad()
    def _decode(self, part: torch.Tensor) -> np.ndarray:
        """Decode all frames (F, H, W, 3) of a part; keeps the last result, which `tail` needs."""
        if self._decoded is None or self._decoded[0] is not part:
            self._decoded = part, to_frames(self._family.decode(self.model.pipe, part))
        return self._decoded[1]


class Estimate:
    """Estimates clean latents from those after two steps: a flow moves along a line."""

    def __init__(self, scheduler: Any) -> None:  # noqa: ANN401
        self._scheduler = scheduler
        self._last: tuple[torch.Tensor, torch.Tensor] | None = None

    def after(self, index: int, latents: torch.Tensor) -> torch.Tensor:
        """Return the estimate after a step; after the first one, the latents with their noise."""
        level = self._scheduler.sigmas[index + 1].to(latents)
        last, self._last = self._last, (level, latents)
        if last is None:
            return latents
        return latents + (latents - last[1]) * (level / (last[0] - level))


def _following(context: WindowContext) -> torch.Tensor | None:
    """Return all frames (1, 3, F, H, W) uint8 that a window leads up to."""
    known = [x for x in (context.keyframe, context.after) if x is not None]
    return torch.cat(known, dim=2) if known else None


def _tensor(frames: np.ndarray) -> torch.Tensor:
    """Turn frames (F, H, W, 3) into a tensor (1, 3, F, H, W), both uint8."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2)[None]


def _pictures(frames: torch.Tensor | None) -> list[Image.Image]:
    """Turn a tensor (1, 3, F, H, W) uint8 into F pictures."""
    if frames is None:
        return []
    return [Image.fromarray(x.permute(1, 2, 0).cpu().numpy()) for x in frames[0].unbind(1)]

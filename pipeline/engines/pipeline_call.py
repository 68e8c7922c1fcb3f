"""Models that are given frames: each window is one call of a diffusers pipeline.

What such a model goes on from is encoded by its own pipeline, as it was trained. A window's part
is all the latents of the call, given frames among them: they decode together. What a family of
pipelines takes and how its latents are decoded is a `Family`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from pipeline.engines.base import (
    OnEngineStep,
    SamplingParams,
    SceneState,
    ShotContext,
    WindowContext,
    to_frames,
)
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.prompt_cache import Embeds

Prompt = Mapping[str, torch.Tensor]
"""Arguments of a pipeline's call that stand for the words."""


@dataclass(frozen=True)
class GivenFrames:
    """The frames that a window of `num_frames` begins and ends with, given and no new ones."""

    start: Sequence[Image.Image]
    end: Sequence[Image.Image]
    num_frames: int


@dataclass(frozen=True)
class Family:
    """How pipelines of one kind are asked.

    `encode_prompt(pipe, prompt, negative_prompt, is_guided, max_sequence_length)` returns what the
    call takes as `prompt_arguments`, those without guidance first; `condition(pipe, ends)` the
    pipeline to call and what tells it of the frames that are given; `decode(pipe, latents)` frames
    (1, 3, F, H, W) from -1 to 1. A call whose latents come as (1, T, h, w, C) `is_channels_last`;
    of one that makes at least `min_latents`, those too many are left out.
    """

    prompt_arguments: tuple[str, ...]
    encode_prompt: Callable[[DiffusionPipeline, str, str, bool, int], Embeds]
    condition: Callable[
        [DiffusionPipeline, GivenFrames], tuple[DiffusionPipeline, dict[str, object]]
    ]
    decode: Callable[[DiffusionPipeline, torch.Tensor], torch.Tensor]
    is_channels_last: bool = False
    min_latents: int = 1


class PipelineCallEngine:
    """Runs windows of one loaded model at one picture size."""

    def __init__(self, model: LoadedModel, family: Family, *, width: int, height: int) -> None:
        self.model = model
        self._family = family
        self._size = {"width": width, "height": height}
        self._decoded: tuple[torch.Tensor, np.ndarray] | None = None
        if options := model.spec.scheduler_options:
            scheduler = model.pipe.scheduler
            model.pipe.scheduler = type(scheduler).from_config(scheduler.config, **options)

    @torch.no_grad()
    def encode_prompt(
        self,
        prompt: str,
        negative_prompt: str,
        guidance_scale: float,
        shot: ShotContext | None = None,
    ) -> Prompt:
        """Encode a prompt once for all its windows and steps; nothing is planned ahead."""
        del shot
        length = self.model.spec.max_sequence_length
        asked = prompt, negative_prompt, guidance_scale > 1
        embeds = self.model.read_prompt(
            *asked, lambda: self._family.encode_prompt(self.model.pipe, *asked, length)
        )
        return dict(zip(self._family.prompt_arguments, embeds, strict=False))

    def remember(self, prompt: Prompt, seconds: float) -> SceneState | None:
        """Return None: nothing is known of where things are."""
        del prompt, seconds

    def encode(self, frames: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Return frames (F, H, W, 3) uint8 as they are given: (1, 3, F, H, W) uint8."""
        del generator
        return _tensor(frames)

    def encode_following(self, frames: np.ndarray, generator: torch.Generator) -> WindowContext:
        """Return the first frames of a clip (F, H, W, 3) that a window has to lead up to."""
        given = self.encode(frames, generator)
        return WindowContext(is_start=False, after=given[:, :, 1:], keyframe=given[:, :, :1])

    @torch.no_grad()
    def make(
        self,
        num_latents: int,
        prompt: Prompt,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Make `num_latents` new latent frames; return all of the call's, (1, C, T, h, w)."""
        num_all = num_latents + self._count_given(context)
        num_frames = self._count_frames(max(num_all, self._family.min_latents))
        given_frames = GivenFrames(
            _pictures(context.before), _pictures(_following(context)), num_frames
        )
        pipe, condition = self._family.condition(self.model.pipe, given_frames)

        def on_step_end(
            _pipe: DiffusionPipeline, index: int, _t: torch.Tensor, kwargs: dict[str, torch.Tensor]
        ) -> dict[str, torch.Tensor]:
            if on_step is not None:
                on_step(index + 1, kwargs["latents"])
            return kwargs

        try:
            # What a pipeline draws beside its generator comes from the seed as well.
            with torch.random.fork_rng():
                torch.manual_seed(params.seed)
                latents = pipe(
                    prompt=None,  # is encoded already
                    **prompt,
                    **self._size,
                    **self.model.spec.call_arguments,
                    **condition,
                    num_frames=num_frames,
                    num_inference_steps=params.num_inference_steps,
                    guidance_scale=params.guidance_scale,
                    generator=torch.Generator("cpu").manual_seed(params.seed),
                    callback_on_step_end=on_step_end,
                    output_type="latent",
                ).frames
        finally:
            pipe.maybe_free_model_hooks()  # a call that is broken off leaves its parts on the card
        if self._family.is_channels_last:
            latents = latents.movedim(-1, 1)
        return latents[:, :, :num_all].contiguous()

    def tail(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return the last frames of the last part, as many as `num_latents` hold."""
        del given
        count = self._count_frames(num_latents)
        return _tensor(self._decode(parts[-1])[-count:])

    def head(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return the first frames of the first part, as many as `num_latents` hold."""
        del given
        return _tensor(self._decode(parts[0])[: self._count_frames(num_latents)])

    def decode_shot(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> Iterator[np.ndarray]:
        """Decode the new frames (F, H, W, 3) uint8 of a shot, part by part.

        A given picture is decoded too, as their start.
        """
        del prompt
        overlap = self._count_frames(self.model.spec.overlap_latents)
        num_before = 0 if given.before is None or given.is_picture else given.before.shape[2]
        if given.after is None:
            for part in parts:
                yield self._decode(part)[num_before:]
                num_before = overlap
            return
        num_following = _following(given).shape[2]
        *earlier, last = parts
        for part in earlier:
            frames = self._decode(part)
            # Each later part begins with what was there, or each earlier one leads up to it.
            yield frames[:-overlap] if given.is_backward else frames[num_before:]
            num_before = overlap
        num_before = 0 if given.is_backward else num_before
        yield self._decode(last)[num_before:-num_following]

    def decode_last_given(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Return how the model shows the last frame (H, W, 3) that a shot goes on from."""
        del prompt
        return self._decode(next(iter(parts)))[given.before.shape[2] - 1]

    def decode_first_following(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Return how the model shows the first frame (H, W, 3) that a shot leads up to."""
        del prompt
        *_, last = parts
        return self._decode(last)[-_following(given).shape[2]]

    def preview(self, latents: torch.Tensor) -> np.ndarray | None:
        """Return None: these models' latents are no pictures before they are decoded."""
        del latents

    @property
    def _temporal(self) -> int:
        return self.model.spec.temporal

    def _count_given(self, context: WindowContext) -> int:
        """Count the latent frames that stand for what is given.

        The first frame of a clip that follows is in the place of the last new one.
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
        """Decode all frames of a part; the last one is handed on as well, and decoded once."""
        if self._decoded is None or self._decoded[0] is not part:
            self._decoded = part, to_frames(self._family.decode(self.model.pipe, part))
        return self._decoded[1]


def _following(context: WindowContext) -> torch.Tensor | None:
    """Return all frames (1, 3, F, H, W) that a window leads up to."""
    known = [x for x in (context.keyframe, context.after) if x is not None]
    return torch.cat(known, dim=2) if known else None


def _tensor(frames: np.ndarray) -> torch.Tensor:
    """(F, H, W, 3) -> (1, 3, F, H, W), both uint8."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2)[None]


def _pictures(frames: torch.Tensor | None) -> list[Image.Image]:
    """(1, 3, F, H, W) uint8 -> F pictures."""
    if frames is None:
        return []
    return [Image.fromarray(x.permute(1, 2, 0).cpu().numpy()) for x in frames[0].unbind(1)]

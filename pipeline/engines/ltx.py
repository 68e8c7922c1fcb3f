"""Engine for LTX-Video, with its own denoising loop over the parts of `LTXConditionPipeline`.

The pipeline's public call takes conditioning as pixels only, but windows pass on latents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pipeline.engines.base import (
    FirstPass,
    OnEngineStep,
    SamplingParams,
    ShotContext,
    WindowContext,
)
from pipeline.engines.ltx_latents import (
    VideoCodec,
    apply_guidance,
    coarse_noise,
    join_context,
    noise_levels,
    pack,
    unpack,
)
from pipeline.engines.sdedit import begin_at
from pipeline.engines.upsampling import upsample
from pipeline.runtime.loading import LoadedModel


@dataclass(frozen=True)
class PromptEmbeds:
    """The text embeddings of a prompt; with guidance, the negative prompt's come first."""

    embeds: torch.Tensor  # (1 or 2, L, D)
    mask: torch.Tensor  # (1 or 2, L)


class LTXEngine:
    """Runs windows of one loaded model at one picture size."""

    def __init__(self, model: LoadedModel, *, width: int, height: int) -> None:
        """Use a loaded model; sizes are in pixels."""
        self.model = model
        self._pipe = model.pipe
        self._codec = VideoCodec(model, width=width, height=height)

    @torch.no_grad()
    def encode_prompt(
        self,
        prompt: str,
        negative_prompt: str,
        guidance_scale: float,
        shot: ShotContext | None = None,
    ) -> PromptEmbeds:
        """Encode a prompt once for all its windows and steps; `shot` is not used."""
        del shot
        words = prompt, negative_prompt, guidance_scale > 1
        return PromptEmbeds(
            *self.model.read_prompt(*words, lambda: encode_words(self.model, *words))
        )

    def remember(self, prompt: PromptEmbeds, seconds: float) -> None:
        """Return None: the model has no scene state."""
        del prompt, seconds

    def encode(self, frames: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Encode 8 k + 1 frames (F, H, W, 3) uint8 into normalized latents (1, C, k + 1, h, w)."""
        return self._codec.encode(frames, generator)

    def encode_following(self, frames: np.ndarray, generator: torch.Generator) -> WindowContext:
        """Encode the first frames of a clip (17, H, W, 3) uint8 that a window leads up to."""
        return self._codec.encode_following(frames, generator)

    def make(
        self,
        num_latents: int,
        prompt: PromptEmbeds,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Make `num_latents` new latent frames (1, C, T, h, w)."""
        source = params.source
        start = None if source is None else join_context(source, context)
        latents = self.denoise(num_latents, prompt, context, params, on_step, start)
        return latents[:, :, context.num_before :][:, :, :num_latents]

    def encode_source(self, frames: np.ndarray, num_latents: int) -> torch.Tensor:
        """Encode 8 k + 1 frames (F, H, W, 3) uint8; return the last latents (1, C, T, h, w)."""
        return self._codec.encode(frames)[:, :, -num_latents:]

    def refine(
        self,
        first: FirstPass,
        prompt: PromptEmbeds,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Make the latent frames of a first pass again at twice the sides (1, C, T, 2 h, 2 w)."""
        start = upsample(self.model, join_context(first.part, first.context))
        latents = self.denoise(first.num_latents, prompt, context, params, on_step, start)
        return latents[:, :, context.num_before :][:, :, : first.num_latents]

    @torch.no_grad()
    def denoise(
        self,
        num_latents: int,
        prompt: PromptEmbeds,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
        start: torch.Tensor | None = None,  # (1, C, T, h, w)
    ) -> torch.Tensor:
        """Make `num_latents` new latent frames; return them with their context (1, C, T, h, w).

        With `start`, they are made of those latents and as much noise as the first level says; of
        a remix that is its strength.
        Calls `on_step(step, estimate)` after every step with the current estimate of the clean
        latents (1, C, T, h, w); an exception from it stops the loop.
        """
        given, is_given = self._codec.lay_out(num_latents, context)
        scheduler = self._pipe.scheduler
        sigmas = noise_levels(self.model.spec, params)
        scheduler.set_timesteps(sigmas=sigmas, device=given.device)
        generator = torch.Generator("cpu").manual_seed(params.seed)
        noise = self._draw_noise(given, params, generator)
        num_skipped = 0 if params.source is None else begin_at(scheduler, params.strength)
        if start is not None:
            noise = torch.lerp(start.to(given), noise, scheduler.sigmas[0])
        x = pack(torch.where(is_given, given, noise))  # (1, S, C)
        fresh = pack(~is_given).expand(1, -1, 1)  # (1, S, 1)
        coords = self._coords(given.shape[2], context)
        levels = zip(scheduler.timesteps, scheduler.sigmas, strict=False)
        share = self.model.spec.given_picture.noise if context.is_picture else 0.0
        for step, (t, sigma) in enumerate(levels, 1 + num_skipped):
            seen = x
            if share:
                # The picture of a moving clip is never quite clean (LTX-Video,
                # `add_noise_to_image_conditioning_latents`); what is returned is.
                noise = torch.randn(x.shape, generator=generator).to(x)
                seen = torch.where(fresh, x, x + share * sigma**2 * noise)
            velocity = self._velocity(seen, t * fresh[..., 0], prompt, coords, context)
            velocity = apply_guidance(velocity, params.guidance_scale)
            estimate = torch.where(fresh, x - sigma * velocity, x)
            x = torch.where(fresh, scheduler.step(velocity, t, x, return_dict=False)[0], x)
            if on_step is not None:
                on_step(step, unpack(estimate, *self._codec.grid))
        return unpack(x, *self._codec.grid)

    def _draw_noise(
        self, like: torch.Tensor, params: SamplingParams, generator: torch.Generator
    ) -> torch.Tensor:
        """Draw the noise of latents (1, C, T, h, w); see `SamplingParams.noise_size`."""
        if params.noise_size is None:
            return torch.randn(like.shape, generator=generator).to(like)
        shape = *like.shape[:3], *self._codec.grid_of(params.noise_size)
        noise = torch.randn(shape, generator=generator)
        return coarse_noise(noise, *self._codec.grid).to(like)

    def tail(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return the last latents (1, C, T, h, w), with given ones if the parts are too short."""
        known = [] if given.before is None else [given.before]
        return torch.cat([*known, *parts], dim=2)[:, :, -num_latents:]

    def head(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return the first latents (1, C, T, h, w), with given ones if the parts are too short."""
        known = [] if given.after is None else [given.after]
        return torch.cat([*parts, *known], dim=2)[:, :, :num_latents]

    def decode_shot(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> Iterator[np.ndarray]:
        """Decode a shot's new frames (F, H, W, 3) uint8; needs all of its parts first.

        A given picture is decoded too, as the first frame.
        """
        del prompt
        return self._codec.decode_shot(given, parts)

    def decode_last_given(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Decode the last frame (H, W, 3) of the clip that a shot continues from."""
        del parts, prompt
        return self._codec.decode_last_given(given)

    def decode_first_following(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Decode the first frame (H, W, 3) of the clip that a shot leads up to."""
        del parts, prompt
        return self._codec.decode_first_following(given)

    def preview(self, latents: torch.Tensor) -> np.ndarray:
        """Return a small picture (h, w, 3) uint8 of the middle of latents (1, C, T, h, w)."""
        return self._codec.colors.show(latents)

    def _velocity(
        self,
        x: torch.Tensor,
        timestep: torch.Tensor,
        prompt: PromptEmbeds,
        coords: torch.Tensor,
        context: WindowContext,
    ) -> torch.Tensor:
        """Return the velocity (1 or 2, S, C) float32 of tokens (1, S, C) at their timesteps (1, S).

        The keyframe's tokens are put in front, at timestep 0: they are not part of the grid.
        """
        extra = x[:, :0] if context.keyframe is None else pack(context.keyframe).to(x)
        batch = len(prompt.embeds)
        return self._pipe.transformer(
            hidden_states=torch.cat([extra, x], dim=1)
            .to(prompt.embeds.dtype)
            .expand(batch, -1, -1),
            encoder_hidden_states=prompt.embeds,
            timestep=torch.cat([torch.zeros_like(extra[..., 0]), timestep], 1).expand(batch, -1),
            encoder_attention_mask=prompt.mask,
            video_coords=coords.expand(batch, -1, -1),
            return_dict=False,
        )[0][:, extra.shape[1] :].float()

    def _coords(self, num_frames: int, context: WindowContext) -> torch.Tensor:
        """Return every token's position (1, 3, S): seconds from the start, and pixels.

        Latent frame 0 covers one frame, latent frame i frames 8 i - 7 to 8 i. A window in the
        middle of a shot has no latent frame 0: its latent frames count from 1.
        """
        vae, first = self._pipe.vae, 0 if context.is_start else 1
        temporal, side = vae.temporal_compression_ratio, float(vae.spatial_compression_ratio)
        starts = (torch.arange(first, first + num_frames) * temporal + 1 - temporal).clamp(min=0)
        if context.keyframe is not None:
            assert context.after is not None  # the rest of the keyframe's clip
            # One frame before the first latent frame of the clip that follows.
            index = num_frames - context.after.shape[2]
            starts = torch.cat([starts[index : index + 1] - 1, starts])
        seconds = starts / self.model.spec.fps
        rows, columns = torch.arange(self._codec.height), torch.arange(self._codec.width)
        grid = torch.meshgrid(seconds, rows * side, columns * side, indexing="ij")
        return torch.stack(grid).flatten(1)[None].to(self.model.device)


def encode_words(
    model: LoadedModel, prompt: str, negative_prompt: str, is_guided: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Encode a prompt into embeddings (1 or 2, L, D) and mask (1 or 2, L), negative first."""
    embeds, mask, negative_embeds, negative_mask = model.pipe.encode_prompt(
        prompt,
        negative_prompt=negative_prompt,
        do_classifier_free_guidance=is_guided,
        max_sequence_length=model.spec.max_sequence_length,
        device=model.device,
    )
    if not is_guided:
        return embeds, mask
    return torch.cat([negative_embeds, embeds]), torch.cat([negative_mask, mask])

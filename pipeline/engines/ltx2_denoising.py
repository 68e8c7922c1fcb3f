"""LTX-2's tokens of video and audio, and the loop that makes latents of them, step by step."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler

from pipeline.engines.av_latents import AVLatents
from pipeline.engines.base import SamplingParams
from pipeline.engines.ltx2_audio import Layout
from pipeline.engines.ltx_latents import (
    apply_guidance,
    coarse_noise,
    pack,
    unpack,
)
from pipeline.engines.sdedit import begin_at


@dataclass(frozen=True)
class PromptEmbeds:
    """Text embeddings for both halves of the transformer; with guidance, negative ones first."""

    video: torch.Tensor  # (1 or 2, L, D)
    audio: torch.Tensor  # (1 or 2, L, E)
    mask: torch.Tensor  # (1 or 2, L)


@dataclass(frozen=True)
class Tokens:
    """The tokens of a window's video or audio: given ones, and what a second pass starts from.

    With `noise_grid`, the noise of the `grid` is the coarse part of that larger one's (heights and
    widths in latents).
    """

    known: torch.Tensor  # (1, S, C), anything where new
    is_known: torch.Tensor  # (1, S, 1) bool
    start: torch.Tensor | None = None  # (1, S, C), clean; None: only noise
    grid: tuple[int, int] | None = None
    noise_grid: tuple[int, int] | None = None

    def draw_noise(self, generator: torch.Generator) -> torch.Tensor:
        """Draw noise (1, S, C)."""
        _, num_tokens, channels = self.known.shape
        if self.grid is None or self.noise_grid is None:
            return torch.randn(self.known.shape, generator=generator).to(self.known)
        num_latents = num_tokens // math.prod(self.grid)  # a keyframe's too
        shape = 1, num_latents * math.prod(self.noise_grid), channels
        noise = unpack(torch.randn(shape, generator=generator), *self.noise_grid)
        return pack(coarse_noise(noise, *self.grid)).to(self.known)


def video_tokens(
    given: torch.Tensor,  # (1, C, T, h, w)
    is_given: torch.Tensor,  # (1, 1, T, h, w) bool
    keyframe: torch.Tensor | None,  # (1, C, 1, h, w)
    start: AVLatents | None,
    noise_grid: tuple[int, int] | None,
) -> Tokens:
    """Return a window's video tokens; those of a keyframe come last."""
    extra = pack(given[:, :, :0] if keyframe is None else keyframe.to(given))
    is_known = torch.ones(1, extra.shape[1], 1, dtype=torch.bool, device=given.device)
    return Tokens(
        torch.cat([pack(given), extra], dim=1),
        torch.cat([pack(is_given), is_known], dim=1),
        None if start is None else torch.cat([pack(start.video.to(given)), extra], dim=1),
        (given.shape[3], given.shape[4]),
        noise_grid,
    )


def audio_tokens(sound: Layout, start: AVLatents | None) -> Tokens:
    """Return a window's audio tokens."""
    if start is None:
        return Tokens(sound.audio, sound.is_given)
    whole = sound.audio.clone()
    new = whole[:, sound.first :][:, : sound.num_latents]
    new[:] = start.audio if start.audio.shape[1] else 0
    return Tokens(sound.audio, sound.is_given, whole)


@dataclass
class _State:
    """Tokens that are being denoised; known tokens do not change.

    In a remix the first steps are left out.
    """

    x: torch.Tensor  # (1, S, C)
    is_known: torch.Tensor  # (1, S, 1) bool
    scheduler: FlowMatchEulerDiscreteScheduler  # not shared: it counts its steps
    num_skipped: int = 0

    @classmethod
    def begin(
        cls,
        tokens: Tokens,
        sigmas: Sequence[float],
        scheduler: FlowMatchEulerDiscreteScheduler,
        generator: torch.Generator,
        level: float | None = None,
    ) -> _State:
        """Put noise where nothing is known: nothing else, or as much as the first sigma says.

        With a `level` that is the first sigma.
        """
        scheduler = copy.deepcopy(scheduler)
        scheduler.set_timesteps(sigmas=[*sigmas], device=tokens.known.device)
        num_skipped = 0 if level is None else begin_at(scheduler, level)
        noise = tokens.draw_noise(generator)
        if tokens.start is not None:
            noise = torch.lerp(tokens.start.to(noise), noise, scheduler.sigmas[0])
        x = torch.where(tokens.is_known, tokens.known, noise)
        return cls(x, tokens.is_known, scheduler, num_skipped)

    def estimate(self, velocity: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """Return the clean tokens to which a velocity (1, S, C) leads from a noise level."""
        return torch.where(self.is_known, self.x, self.x - sigma * velocity)

    def move(self, velocity: torch.Tensor, t: torch.Tensor) -> None:
        """Take a step along a velocity (1, S, C) at timestep t."""
        moved = self.scheduler.step(velocity, t, self.x, return_dict=False)[0]
        self.x = torch.where(self.is_known, self.x, moved)


def denoise(
    pipe: DiffusionPipeline,
    tokens: Sequence[Tokens],
    coords: Mapping[str, torch.Tensor],
    prompt: PromptEmbeds,
    params: SamplingParams,
    sigmas: Sequence[float],
    on_step: Callable[[int, torch.Tensor], None] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Denoise the tokens of video and audio; return both, (1, S, C) and (1, L, D).

    `coords` are their positions, as arguments of the transformer. `on_step` gets an estimate of the
    video's clean tokens.
    """
    generator = torch.Generator("cpu").manual_seed(params.seed)
    how = sigmas, pipe.scheduler, generator, None if params.source is None else params.strength
    video, audio = (_State.begin(x, *how) for x in tokens)
    levels = zip(video.scheduler.timesteps, video.scheduler.sigmas, strict=False)
    for step, (t, sigma) in enumerate(levels, 1 + video.num_skipped):
        velocities = [
            apply_guidance(velocity.float(), params.guidance_scale)
            for velocity in _velocities(pipe, (video, audio), t, prompt, coords)
        ]
        estimate = video.estimate(velocities[0], sigma)
        for state, velocity in zip((video, audio), velocities, strict=True):
            state.move(velocity, t)
        if on_step is not None:
            on_step(step, estimate)
    return video.x, audio.x


def _velocities(
    pipe: DiffusionPipeline,
    states: tuple[_State, _State],
    t: torch.Tensor,
    prompt: PromptEmbeds,
    coords: Mapping[str, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the velocities of video (1 or 2, S, C) and audio (1 or 2, L, D) tokens.

    Known tokens are at noise level 0.
    """
    video, audio = states
    dtype, batch = prompt.video.dtype, len(prompt.video)
    level = t.expand(batch)
    # One level for all of the audio unless some of it is given, as in the pipeline's own call.
    audio_level = level
    if audio.is_known.any():
        audio_level = (t * ~audio.is_known[..., 0]).expand(batch, -1)
    return pipe.transformer(
        hidden_states=video.x.to(dtype).expand(batch, -1, -1),
        audio_hidden_states=audio.x.to(dtype).expand(batch, -1, -1),
        encoder_hidden_states=prompt.video,
        audio_encoder_hidden_states=prompt.audio,
        timestep=(t * ~video.is_known[..., 0]).expand(batch, -1),
        audio_timestep=audio_level,
        sigma=level,
        audio_sigma=level,
        encoder_attention_mask=prompt.mask,
        audio_encoder_attention_mask=prompt.mask,
        use_cross_timestep=True,
        return_dict=False,
        **{name: places.expand(batch, -1, -1, -1) for name, places in coords.items()},
    )

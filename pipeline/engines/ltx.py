"""The LTX family, the embedded model among it: one window of latents at a time, and their decoding.

The loop is Kinora's own, over the components of `LTXConditionPipeline`: its public call takes its
conditioning as pixels only, and the tail of a window must be handed on as latents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule

from pipeline.engines.engine import Context, Given, Memory, OnEngineStep, to_frames
from pipeline.engines.pieces import decode_shot
from pipeline.reading import LoadedModel, is_uniform

_PREVIEW_SIDE = 320
# An autoencoder with a decode timestep takes a little noise for granted (diffusers, LTX-Video
# documentation); the same noise each time, so that a clip can be made again.
_DECODE_TIMESTEP = 0.05
_DECODE_NOISE_SCALE = 0.025


@dataclass(frozen=True)
class PromptEmbeds:
    """A prompt as the transformer reads it, stacked under the negative one if guidance is on."""

    embeds: torch.Tensor  # (1 or 2, L, D)
    mask: torch.Tensor  # (1 or 2, L)


class LTXEngine:
    """Runs windows of one loaded model at one picture size."""

    prompt_type = PromptEmbeds

    def __init__(self, model: LoadedModel, *, width: int, height: int) -> None:
        self.model = model
        self.pipe = model.pipe
        self.height = height // self.pipe.vae.spatial_compression_ratio
        self.width = width // self.pipe.vae.spatial_compression_ratio

    @torch.no_grad()
    def encode_prompt(
        self,
        prompt: str,
        negative_prompt: str,
        guidance_scale: float,
        *,
        seed: int = 0,
        given: Given = None,
        follows: Memory | None = None,
        leads_to: Memory | None = None,
        earlier: Sequence[Memory] = (),
    ) -> PromptEmbeds:
        """Encode a prompt once for all its windows and steps.

        For models that plan ahead there are `seed`, what the shot starts from, the memory of what
        it `follows` or `leads_to` without a cut, and of the `earlier` shots that it is cut to.
        """
        del seed, given, follows, leads_to, earlier
        words = prompt, negative_prompt, guidance_scale > 1
        return self.prompt_type(*self.model.read_prompt(*words, lambda: self._read(*words)))

    def _read(self, prompt: str, negative_prompt: str, is_guided: bool) -> tuple[torch.Tensor, ...]:
        embeds, mask, negative_embeds, negative_mask = self.pipe.encode_prompt(
            prompt,
            negative_prompt=negative_prompt,
            do_classifier_free_guidance=is_guided,
            max_sequence_length=self.model.spec.max_sequence_length,
            device=self.model.device,
        )
        if not is_guided:
            return embeds, mask
        return torch.cat([negative_embeds, embeds]), torch.cat([negative_mask, mask])

    def remember(self, prompt: PromptEmbeds, seconds: float) -> Memory | None:
        """Return where a prompt's paths are `seconds` after their start, if the model has any."""
        del prompt, seconds

    @torch.no_grad()
    def encode(self, frames: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Encode 8 k + 1 frames (F, H, W, 3) uint8 into normalized latents (1, C, k + 1, h, w)."""
        encoded = self.pipe.vae.encode(self._to_tensor(frames))
        latents = getattr(encoded, "latents", None)
        if latents is None:
            latents = encoded.latent_dist.sample(generator)
        return self._normalize(latents)

    @torch.no_grad()
    def encode_following(self, frames: np.ndarray, generator: torch.Generator) -> Context:
        """Encode the first frames of a clip (17, H, W, 3), that a window has to lead up to."""
        if is_uniform(self.pipe.vae):
            after = self._normalize(self.pipe.vae.project(self._to_tensor(frames[:-1])))
            return Context(is_start=False, after=after)
        latents = self.encode(frames, generator)
        return Context(is_start=False, after=latents[:, :, 1:], keyframe=latents[:, :, :1])

    @torch.no_grad()
    def denoise(
        self,
        num_latents: int,
        prompt: PromptEmbeds,
        context: Context,
        *,
        num_inference_steps: int,
        guidance_scale: float,
        seed: int,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Make `num_latents` new latent frames; return them with their context (1, C, T, h, w).

        `on_step(step, estimate)` is called after every step with the present estimate of the clean
        latents; what it raises ends the work.
        """
        generator = torch.Generator("cpu").manual_seed(seed)
        given, is_given = self._lay_out(num_latents, context)
        noise = torch.randn(given.shape, generator=generator).to(given)
        latents = torch.where(is_given, given, noise)
        coords = self._coords(given.shape[2], context)
        fresh = pack(~is_given).expand(1, -1, 1)  # (1, S, 1)
        guide = self._guide(prompt, given.shape[2], context)
        scheduler = self.pipe.scheduler
        scheduler.set_timesteps(sigmas=self._sigmas(num_inference_steps), device=given.device)
        dtype = prompt.embeds.dtype
        x = pack(latents)
        for step, (t, sigma) in enumerate(
            zip(scheduler.timesteps, scheduler.sigmas, strict=False), 1
        ):
            tokens, extra = self._with_keyframe(x, context)
            timestep = torch.cat([torch.zeros_like(extra[..., 0]), fresh[..., 0] * t], dim=1)
            batch = len(prompt.embeds)
            velocity = self.pipe.transformer(
                hidden_states=tokens.to(dtype).expand(batch, -1, -1),
                encoder_hidden_states=prompt.embeds,
                timestep=timestep.expand(batch, -1),
                encoder_attention_mask=prompt.mask,
                video_coords=coords.expand(batch, -1, -1),
                return_dict=False,
                **guide,
            )[0][:, extra.shape[1] :].float()
            if batch == 2:
                without, with_prompt = velocity.chunk(2)
                velocity = without + guidance_scale * (with_prompt - without)
            estimate = torch.where(fresh, x - sigma * velocity, x)
            x = torch.where(fresh, scheduler.step(velocity, t, x, return_dict=False)[0], x)
            if on_step is not None:
                on_step(step, self._unpack(estimate))
        return self._unpack(x)

    def make(
        self, num_latents: int, prompt: PromptEmbeds, context: Context, **how: object
    ) -> torch.Tensor:
        """Make `num_latents` new latent frames (1, C, T, h, w); see `denoise` for the rest."""
        latents = self.denoise(num_latents, prompt, context, **how)
        return latents[:, :, context.num_before :][:, :, :num_latents]

    def tail(self, given: Context, parts: Sequence[torch.Tensor], num_latents: int) -> torch.Tensor:
        """Return the last latents, of what was given before too if the parts are that short."""
        known = [] if given.before is None else [given.before]
        return torch.cat([*known, *parts], dim=2)[:, :, -num_latents:]

    def head(self, given: Context, parts: Sequence[torch.Tensor], num_latents: int) -> torch.Tensor:
        """Return the first latents, of what was given after too if the parts are that short."""
        return torch.cat([*parts, given.after], dim=2)[:, :, :num_latents]

    @torch.no_grad()
    def decode(
        self,
        latents: torch.Tensor,
        previous: torch.Tensor | None = None,
        *,
        is_generated: bool = False,
    ) -> Iterator[np.ndarray]:
        """Decode normalized latents into frames (F, H, W, 3) uint8, a few at a time.

        With `previous` (1, C, k, h, w) the latents continue a clip: every one gives eight frames.
        An autoencoder of our own smooths more between latents that are generated than encoded.
        """
        vae = self.pipe.vae
        if is_uniform(vae):
            last = None if previous is None else self._denormalize(previous[:, :, -1:])[:, :, 0]
            z = self._denormalize(latents)
            for frames in vae.decode_stream(z, previous=last, is_generated=is_generated):
                yield to_frames(frames)
            return
        num_known = 0
        if previous is not None:
            latents = torch.cat([previous, latents], dim=2)
            num_known = (previous.shape[2] - 1) * vae.temporal_compression_ratio + 1
        z, temb = self._denormalize(latents), None
        if vae.config.timestep_conditioning:
            noise = torch.randn(z.shape, generator=torch.Generator("cpu").manual_seed(0)).to(z)
            z = torch.lerp(z, noise, _DECODE_NOISE_SCALE)
            temb = torch.tensor([_DECODE_TIMESTEP], device=z.device, dtype=z.dtype)
        for frames in decode_shot(vae, z, temb, in_pieces=self.model.placement.tile_decoding):
            new = frames[:, :, num_known:]
            num_known -= frames.shape[2] - new.shape[2]
            if new.shape[2]:
                yield to_frames(new)

    def decode_take(
        self, given: Context, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> Iterator[np.ndarray]:
        """Decode the new latents of a shot, in the order they are seen, while they come.

        A given picture is decoded too, as their start. An autoencoder that has to see a whole shot
        waits for all of it.
        """
        del prompt
        if not is_uniform(self.pipe.vae):
            parts = [torch.cat(list(parts), dim=2)]
        previous = given.before
        for part in parts:
            if given.is_picture and previous is given.before:
                yield from self.decode(torch.cat([previous, part], dim=2))
            elif given.keyframe is not None:
                # The last new frame is in the place of the clip's own first one.
                yield from _without_last(self.decode(part, previous))
            else:
                yield from self.decode(part, previous, is_generated=not given.is_picture)
            previous = part

    def decode_last_given(
        self, given: Context, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Decode the last frame (H, W, 3) of the clip that a shot goes on from."""
        del parts, prompt
        *_, chunk = self.decode(given.before)
        return chunk[-1]

    def decode_first_following(
        self, given: Context, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Decode the first frame (H, W, 3) of the clip that a shot leads up to."""
        del prompt
        if given.keyframe is not None:
            return next(self.decode(given.keyframe))[0]
        *_, last = parts
        # Evened out as what is generated is: a step between the two is taken back before the join.
        first = self.decode(given.after[:, :, :1], last[:, :, -1:], is_generated=True)
        return next(first)[0]

    def preview(self, latents: torch.Tensor) -> np.ndarray | None:
        """Return a small picture (h, w, 3) of the middle latent frame, if that is cheap."""
        if not is_uniform(self.pipe.vae):
            return None
        index = latents.shape[2] // 2
        middle = self._denormalize(latents[:, :, index : index + 1])[:, :, 0]
        frame = self.pipe.vae.decode_linear(middle, 1)
        scale = _PREVIEW_SIDE / max(frame.shape[-2:])
        size = [round(side * scale) for side in frame.shape[-2:]]
        small = torch.nn.functional.interpolate(frame[:, :, 0], size=size, mode="area")
        return to_frames(small[:, :, None])[0]

    def _guide(self, prompt: PromptEmbeds, num_latents: int, context: Context) -> dict[str, object]:
        """Return what the transformer is told besides: nothing, for LTX-Video itself."""
        del prompt, num_latents, context
        return {}

    def _lay_out(self, num_latents: int, context: Context) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the window's given latents, zero where new, and where they are given."""
        before, after, num_before = context.before, context.after, context.num_before
        num_after = 0 if after is None else after.shape[2]
        channels = self.pipe.transformer.config.in_channels
        total = num_before + num_latents + num_after
        given = torch.zeros(1, channels, total, self.height, self.width, device=self.model.device)
        is_given = torch.zeros(1, 1, total, self.height, self.width, dtype=torch.bool)
        if before is not None:
            given[:, :, :num_before] = before
            is_given[:, :, :num_before] = True
        if after is not None:
            given[:, :, total - num_after :] = after
            is_given[:, :, total - num_after :] = True
        return given, is_given.to(given.device)

    def _with_keyframe(
        self, x: torch.Tensor, context: Context
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the keyframe's tokens in front: they are no part of the grid."""
        if context.keyframe is None:
            return x, x[:, :0]
        extra = pack(context.keyframe).to(x)
        return torch.cat([extra, x], dim=1), extra

    def _coords(self, num_frames: int, context: Context) -> torch.Tensor:
        """Return every token's place (1, 3, S): seconds from the start, and pixels.

        Latent frame 0 is one frame long, frame i covers frames 8 i - 7 to 8 i. A window from the
        middle has no frame 0: its latent frames count from 1.
        """
        first = 0 if context.is_start else 1
        temporal = self.pipe.vae.temporal_compression_ratio
        starts = (torch.arange(first, first + num_frames) * temporal + 1 - temporal).clamp(min=0)
        if context.keyframe is not None:
            # One frame before the first latent frame of what follows.
            index = num_frames - context.after.shape[2]
            starts = torch.cat([starts[index : index + 1] - 1, starts])
        side = self.pipe.vae.spatial_compression_ratio
        coords = token_coords(starts / self.model.spec.fps, self.height, self.width, side)
        return coords.to(self.model.device)

    def _sigmas(self, num_inference_steps: int) -> list[float]:
        """Return the noise levels, largest first, as the scheduler takes them: not shifted yet."""
        spec = self.model.spec
        if spec.timesteps is not None:
            return [t / 1000 for t in spec.timesteps]
        if is_uniform(self.pipe.vae):
            return np.linspace(1, 1 / num_inference_steps, num_inference_steps).tolist()
        return linear_quadratic_schedule(num_inference_steps).tolist()

    def _normalize(self, latents: torch.Tensor) -> torch.Tensor:
        """Scale the autoencoder's latents (1, C, T, h, w) as the transformer sees them."""
        vae = self.pipe.vae
        return self.pipe._normalize_latents(latents.float(), vae.latents_mean, vae.latents_std)

    def _denormalize(self, latents: torch.Tensor) -> torch.Tensor:
        """Undo `_normalize`, in the autoencoder's type; it may rest on another device meanwhile."""
        vae = self.pipe.vae
        z = self.pipe._denormalize_latents(latents, vae.latents_mean, vae.latents_std)
        return z.to(vae.dtype)

    def _to_tensor(self, frames: np.ndarray) -> torch.Tensor:
        """(F, H, W, 3) uint8 -> (1, 3, F, H, W) in [-1, 1]."""
        x = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        return x.to(self.model.device, self.pipe.vae.dtype)

    def _unpack(self, x: torch.Tensor) -> torch.Tensor:
        """(1, T h w, C) -> (1, C, T, h, w)."""
        return x.unflatten(1, (-1, self.height, self.width)).permute(0, 4, 1, 2, 3)


def token_coords(seconds: torch.Tensor, height: int, width: int, side: int) -> torch.Tensor:
    """Return the places (1, 3, T h w) of latent frames' tokens: seconds (T,), and pixels.

    A latent frame is `height` by `width` tokens of so many pixels a side.
    """
    ways = seconds, torch.arange(height) * float(side), torch.arange(width) * float(side)
    return torch.stack(torch.meshgrid(*ways, indexing="ij")).flatten(1)[None]


def pack(x: torch.Tensor) -> torch.Tensor:
    """(1, C, T, h, w) -> (1, T h w, C)."""
    return x.flatten(2).transpose(1, 2)


def _without_last(chunks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield all frames but the last, holding one chunk back."""
    held = next(chunks)
    for chunk in chunks:
        yield held
        held = chunk
    yield held[:-1]

"""Shared by LTX-Video and LTX-2: encoding and decoding video, window layout, noise levels.

Latents are normalized, (1, C, T, h, w). A latent frame covers eight frames, a clip's first one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np
import torch
from diffusers.pipelines.ltx.pipeline_ltx_condition import linear_quadratic_schedule

from pipeline.engines.base import SamplingParams, WindowContext, to_frames, to_pixels
from pipeline.engines.latent_colors import LatentColors
from pipeline.engines.tiled_decoding import decode_shot, use_long_pieces
from pipeline.geometry import Size
from pipeline.models.spec import ModelSpec
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.memory_needs import TILE_FRAMES
from pipeline.runtime.private_api import denormalize_latents, normalize_latents

# An autoencoder with a decode timestep expects a little noise (diffusers, LTX-Video documentation);
# the noise is always the same, so that clips are reproducible.
_DECODE_TIMESTEP = 0.05
_DECODE_NOISE_SCALE = 0.025


class VideoCodec:
    """The video autoencoder of a loaded pipeline, at one picture size."""

    def __init__(self, model: LoadedModel, *, width: int, height: int) -> None:
        """Use a loaded model; sizes are in pixels."""
        self._model, self._pipe = model, model.pipe
        use_long_pieces(model.pipe.vae, TILE_FRAMES)
        self.height = height // model.pipe.vae.spatial_compression_ratio  # in latents
        self.width = width // model.pipe.vae.spatial_compression_ratio  # in latents

    @cached_property
    def colors(self) -> LatentColors:
        """Return the map from its latents to colours, for previews."""
        return LatentColors(self.encode, self._pipe.vae.spatial_compression_ratio)

    @torch.no_grad()
    def encode(self, frames: np.ndarray, generator: torch.Generator | None = None) -> torch.Tensor:
        """Encode 8 k + 1 frames (F, H, W, 3) uint8 into latents (1, C, k + 1, h, w).

        Samples from the latent distribution with a `generator`; takes its mode without one.
        """
        vae = self._pipe.vae
        x = to_pixels(frames).to(self._model.device, vae.dtype)
        posterior = vae.encode(x).latent_dist
        latents = posterior.mode() if generator is None else posterior.sample(generator)
        return normalize_latents(self._pipe, latents.float())

    def encode_following(
        self, frames: np.ndarray, generator: torch.Generator | None = None
    ) -> WindowContext:
        """Encode the first frames of a clip (17, H, W, 3) uint8 that a window leads up to."""
        latents = self.encode(frames, generator)
        return WindowContext(is_start=False, after=latents[:, :, 1:], keyframe=latents[:, :, :1])

    @torch.no_grad()
    def decode(
        self, latents: torch.Tensor, previous: torch.Tensor | None = None
    ) -> Iterator[np.ndarray]:
        """Decode latents (1, C, T, h, w) into chunks of frames (F, H, W, 3) uint8.

        After `previous` latents (1, C, k, h, w) every latent frame gives eight frames.
        """
        vae, num_known = self._pipe.vae, 0
        if previous is not None:
            latents = torch.cat([previous, latents], dim=2)
            num_known = (previous.shape[2] - 1) * vae.temporal_compression_ratio + 1
        z = denormalize_latents(self._pipe, latents)
        z, temb = z.to(vae.dtype), None  # only the dtype: an offloaded autoencoder is elsewhere now
        if vae.config.timestep_conditioning:
            noise = torch.randn(z.shape, generator=torch.Generator("cpu").manual_seed(0)).to(z)
            z = torch.lerp(z, noise, _DECODE_NOISE_SCALE)
            temb = torch.tensor([_DECODE_TIMESTEP], device=z.device, dtype=z.dtype)
        for frames in decode_shot(vae, z, temb, in_pieces=self._model.placement.tile_decoding):
            new = frames[:, :, num_known:]
            num_known -= frames.shape[2] - new.shape[2]
            if new.shape[2]:
                yield to_frames(new)

    def decode_shot(
        self, given: WindowContext, parts: Iterable[torch.Tensor]
    ) -> Iterator[np.ndarray]:
        """Decode a shot's new frames (F, H, W, 3) uint8; needs all of its parts first.

        A given picture is decoded too, as the first frame.
        """
        latents = torch.cat(list(parts), dim=2)
        if given.before is not None and given.is_picture:
            yield from self.decode(torch.cat([given.before, latents], dim=2))
        elif given.keyframe is not None:
            # The last new frame stands where the clip's own first frame is.
            yield from _without_last(self.decode(latents, given.before))
        else:
            yield from self.decode(latents, given.before)

    def decode_last_given(self, given: WindowContext) -> np.ndarray:
        """Decode the last frame (H, W, 3) of the clip that a shot continues from."""
        assert given.before is not None  # there is a last given frame
        *_, chunk = self.decode(given.before)
        return chunk[-1]

    def decode_first_following(self, given: WindowContext) -> np.ndarray:
        """Decode the first frame (H, W, 3) of the clip that a shot leads up to."""
        assert given.keyframe is not None  # it is that first frame
        return next(self.decode(given.keyframe))[0]

    @property
    def grid(self) -> tuple[int, int]:
        """Return the height and width in latents."""
        return self.height, self.width

    def grid_of(self, size: Size) -> tuple[int, int]:
        """Return the height and width in latents of another size in pixels."""
        side = self._pipe.vae.spatial_compression_ratio
        return size.height // side, size.width // side

    def lay_out(
        self, num_latents: int, context: WindowContext
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Lay out a window: given latents (1, C, T, h, w), zero where new, and their mask.

        The mask (1, 1, T, h, w) is True where latents are given.
        """
        before, after, num_before = context.before, context.after, context.num_before
        num_after = 0 if after is None else after.shape[2]
        total, device = num_before + num_latents + num_after, self._model.device
        channels = self._pipe.transformer.config.in_channels
        given = torch.zeros(1, channels, total, self.height, self.width, device=device)
        is_given = torch.zeros(1, 1, total, self.height, self.width, dtype=torch.bool)
        if before is not None:
            given[:, :, :num_before] = before
            is_given[:, :, :num_before] = True
        if after is not None:
            given[:, :, total - num_after :] = after
            is_given[:, :, total - num_after :] = True
        return given, is_given.to(device)


def coarse_noise(noise: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return the coarse part of white noise (1, C, T, H, W) -> (1, C, T, h, w).

    Keeps the lowest frequencies of its cosine transform, which is orthonormal: the result is white
    noise of the same deviation, and its waves stand where those of the larger noise do.
    """
    rows, columns = (
        _cosines(small).T @ _cosines(large)[:small]
        for small, large in zip((height, width), noise.shape[-2:], strict=True)
    )
    return rows @ noise @ columns.T


def _cosines(size: int) -> torch.Tensor:
    """Return the orthonormal cosine transform (DCT-II) of `size` values, (size, size)."""
    frequencies, places = torch.arange(size)[:, None], torch.arange(size) + 0.5
    waves = (math.pi * frequencies * places / size).cos() * math.sqrt(2 / size)
    waves[0] /= math.sqrt(2)
    return waves


def join_context(latents: torch.Tensor, context: WindowContext) -> torch.Tensor:
    """Return a window's new latents (1, C, T, h, w) between those it was given."""
    known = (context.before, latents, context.after)
    return torch.cat([x.to(latents) for x in known if x is not None], dim=2)


def noise_levels(spec: ModelSpec, params: SamplingParams) -> list[float]:
    """Return the noise levels (0 to 1), largest first, before the scheduler's shift."""
    timesteps = params.timesteps or spec.timesteps
    if timesteps is not None:
        return [t / 1000 for t in timesteps]
    return linear_quadratic_schedule(params.num_inference_steps).tolist()


def apply_guidance(velocity: torch.Tensor, guidance_scale: float) -> torch.Tensor:
    """Apply classifier-free guidance: (2, ...) -> (1, ...); a batch of 1 is returned unchanged."""
    if len(velocity) == 1:
        return velocity
    without, with_prompt = velocity.chunk(2)
    return without + guidance_scale * (with_prompt - without)


def pack(x: torch.Tensor) -> torch.Tensor:
    """Turn latents (1, C, T, h, w) into tokens (1, T h w, C)."""
    return x.flatten(2).transpose(1, 2)


def unpack(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Turn tokens (1, T h w, C) into latents (1, C, T, h, w)."""
    return x.unflatten(1, (-1, height, width)).permute(0, 4, 1, 2, 3)


def _without_last(chunks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield all frames but the last, holding one chunk back."""
    held = next(chunks)
    for chunk in chunks:
        yield held
        held = chunk
    yield held[:-1]

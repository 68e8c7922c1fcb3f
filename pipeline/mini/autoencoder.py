"""The embedded model's video autoencoder, in closed form: the PCA of 32x32x8 patches.

Encoding is one matrix product; decoding is its transpose, then smoothing of the seams between
patches. Decoding looks back two frames only, so it gives the same frames wherever it is split.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from torch import nn

from pipeline.mini.tables import PATCH

PATCH_FRAMES = 8
_EDGE = 8  # pixels on each side of a border between patches over which a step is smoothed


@dataclass(frozen=True)
class Limits:
    """The largest steps between patches that count as errors, in pixel values from -1 to 1."""

    in_time: float
    in_space: float


# Measured: see training/LOG.md.
_ENCODED, _GENERATED = Limits(0.3, 0.1), Limits(1.0, 0.6)
_FADE = PATCH_FRAMES - 2  # frames over which a correction in time fades out
_NUM_LATER = 4  # later steps that a step is compared with
_SPARSE, _SHARES = 8, 33  # pixel stride of that comparison; number of shares of an error to try


def patchify(x: torch.Tensor) -> torch.Tensor:
    """Split frames (B, 3, T, H, W) into patches (B, h, w, 3 T 32 32)."""
    batch, _, num_frames, height, width = x.shape
    grid = (height // PATCH, PATCH, width // PATCH, PATCH)
    return x.reshape(batch, 3, num_frames, *grid).permute(0, 3, 5, 1, 2, 4, 6).flatten(3)


def unpatchify(patches: torch.Tensor) -> torch.Tensor:
    """Reassemble patches (B, h, w, 3 T 32 32) into frames (B, 3, T, H, W)."""
    x = patches.unflatten(3, (3, -1, PATCH, PATCH))
    return x.permute(0, 3, 4, 1, 5, 2, 6).flatten(5).flatten(3, 4)


def _multiply(x: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Multiply (B, h, w, M) by (M, N), flattened: two to three times as fast as with four axes."""
    return (x.flatten(0, 2) @ matrix).unflatten(0, x.shape[:3])


def _error_of_step(
    a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor, max_step: float
) -> torch.Tensor:
    """Return how much the step from b to c differs from its neighbours; near 0 if by a lot.

    `a` to `d` are consecutive values of any one shape. Small differences are errors of a patch;
    large ones are motion or an outline.
    """
    step = c - b - (b - a + d - c) / 2
    return step * torch.exp(-((step / max_step) ** 2))


def _without_step(frames: torch.Tensor, before: torch.Tensor, max_step: float) -> torch.Tensor:
    """Smooth the step to frames (B, 3, 8, H, W) from the two before them (B, 3, 2, H, W).

    A step between latent frames that differs from the steps around it is an error of one of them.
    Large steps are motion and are kept. Of the others, just enough is removed that the picture
    changes as it does in the next frames. The last frames are unchanged, so that no correction
    carries over to the next latent frame.
    """
    values = before[:, :, 0], before[:, :, 1], frames[:, :, 0], frames[:, :, 1]
    step = _error_of_step(*values, max_step)
    step *= _share_of_error(step, frames[:, :, 0] - before[:, :, 1], frames[:, :, : _NUM_LATER + 1])
    fade = torch.linspace(1, 0, _FADE + 1, device=frames.device, dtype=frames.dtype)
    fade = torch.cat([fade, fade[-1:]])
    return frames - step[:, :, None] * fade[:, None, None]


def _share_of_error(error: torch.Tensor, step: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Return the share of a step's error to remove: (B, 1, 1, 1), from 0 to 1.

    It is the smallest share that makes the step (B, 3, H, W) no larger, on average, than the steps
    between the frames `after` it (B, 3, F, H, W), over which the correction fades out. `error` is
    (B, 3, H, W).
    """
    sparse = (..., slice(None, None, _SPARSE), slice(None, None, _SPARSE))
    error, step, later = error[sparse], step[sparse], after[sparse].diff(dim=2)
    shares = torch.linspace(0, 1, _SHARES, device=step.device, dtype=step.dtype)
    taken = shares.view(-1, 1, 1, 1, 1) * error  # (S, B, 3, h, w)
    here = (step - taken).abs().mean((2, 3, 4))  # (S, B)
    there = (later + taken[:, :, :, None] / _FADE).abs().mean((2, 3, 4, 5))
    is_even = here <= there
    is_even[-1] = True
    return shares[is_even.int().argmax(0)].view(-1, 1, 1, 1)


def even_out_edges(frames: torch.Tensor, max_step: float = _GENERATED.in_space) -> torch.Tensor:
    """Smooth the borders between patches of frames (B, 3, T, H, W), in place.

    A step across a border that differs from the steps beside it is an error: half of it is removed
    from each patch, fading out from the border. Large steps are outlines and are kept.
    """
    _even_out_borders(frames, max_step)
    _even_out_borders(frames.transpose(3, 4), max_step)
    return frames


def _even_out_borders(x: torch.Tensor, max_step: float) -> None:
    """Smooth the borders along the last axis (..., W), in place."""
    patches = x.unflatten(-1, (-1, PATCH))  # (..., w, 32)
    before, after = patches[..., :-1, :], patches[..., 1:, :]
    values = before[..., -2], before[..., -1], after[..., 0], after[..., 1]
    step = _error_of_step(*values, max_step)[..., None]
    fade = torch.linspace(0.5, 0, _EDGE + 1, device=x.device, dtype=x.dtype)[:-1]
    after[..., :_EDGE] -= step * fade
    before[..., -_EDGE:] += step * fade.flip(0)


class AutoencoderKinora(ModelMixin, ConfigMixin):
    """A 32x32x8 video autoencoder.

    A clip of 8 k + 1 frames has k + 1 latent frames; the first one stands for a single frame
    (encoded as eight copies of it). Frames are (B, 3, F, H, W) in [-1, 1], latents
    (B, C, k + 1, h, w).
    """

    spatial_compression_ratio = 32
    temporal_compression_ratio = 8

    @register_to_config
    def __init__(self, latent_channels: int = 256) -> None:
        super().__init__()
        values_per_patch = 3 * PATCH_FRAMES * PATCH**2
        self.basis = nn.Parameter(
            torch.zeros(latent_channels, values_per_patch), requires_grad=False
        )
        self.register_buffer("latents_mean", torch.zeros(latent_channels))
        self.register_buffer("latents_std", torch.ones(latent_channels))
        # The standard deviation of each channel of normalized latents, for the background network.
        self.register_buffer("normalized_deviations", torch.ones(latent_channels))

    def encode(self, x: torch.Tensor, return_dict: bool = True) -> AutoencoderTinyOutput | tuple:
        """Encode frames (B, 3, 8 k + 1, H, W) into latents (B, C, k + 1, h, w)."""
        latents = torch.cat([self.project_still(x[:, :, 0]), self.project(x[:, :, 1:])], dim=2)
        return AutoencoderTinyOutput(latents=latents) if return_dict else (latents,)

    def project_still(self, x: torch.Tensor) -> torch.Tensor:
        """Encode single frames (B, 3, H, W), repeated eight times, into latents (B, C, 1, h, w)."""
        basis = self.basis.unflatten(1, (3, PATCH_FRAMES, -1)).sum(2).flatten(1)  # (C, 3072)
        return _multiply(patchify(x[:, :, None]), basis.T).permute(0, 3, 1, 2)[:, :, None]

    def project(self, x: torch.Tensor) -> torch.Tensor:
        """Encode frames (B, 3, 8 k, H, W) into latents (B, C, k, H / 32, W / 32)."""
        num_latents = x.shape[2] // PATCH_FRAMES
        parts = x.unflatten(2, (num_latents, PATCH_FRAMES)).transpose(1, 2)  # (B, k, 3, 8, H, W)
        latents = _multiply(patchify(parts.flatten(0, 1)), self.basis.T)  # (B k, h, w, C)
        return latents.unflatten(0, (len(x), num_latents)).permute(0, 4, 1, 2, 3)

    def decode(self, z: torch.Tensor, return_dict: bool = True) -> DecoderOutput | tuple:
        """Decode latents (B, C, k + 1, h, w) into frames (B, 3, 8 k + 1, H, W)."""
        frames = torch.cat(list(self.decode_stream(z)), dim=2)
        return DecoderOutput(sample=frames) if return_dict else (frames,)

    def decode_stream(
        self,
        z: torch.Tensor,
        *,
        previous: torch.Tensor | None = None,
        is_generated: bool = False,
    ) -> Iterator[torch.Tensor]:
        """Decode latents (B, C, T, h, w) one latent frame at a time, into (B, 3, F, H, W) each.

        Each gives eight frames; without `previous` the first one gives a single frame. `previous`
        (B, C, h, w) is the latent frame before `z`; with it, the result does not depend on where a
        clip is split. Steps between patches are smoothed: small ones always, larger ones too in
        latents that are generated (`is_generated`).
        """
        limits = _GENERATED if is_generated else _ENCODED
        before = None if previous is None else self.decode_linear(previous, 2)
        for index in range(z.shape[2]):
            frames = self.decode_linear(z[:, :, index])
            last = frames[:, :, -2:]
            if before is None:
                frames = frames[:, :, -1:].clone()
            else:
                frames = _without_step(frames, before, limits.in_time)
            before = last
            yield even_out_edges(frames, limits.in_space)

    def decode_linear(self, z: torch.Tensor, num_last: int = PATCH_FRAMES) -> torch.Tensor:
        """Decode a latent frame (B, C, h, w) without smoothing: the transpose of `project`.

        Returns its `num_last` last frames (B, 3, num_last, H, W).
        """
        basis = self.basis
        if num_last < PATCH_FRAMES:
            basis = basis.unflatten(1, (3, PATCH_FRAMES, -1))[:, :, -num_last:].flatten(1)
        return unpatchify(_multiply(z.permute(0, 2, 3, 1), basis))

    def normalize(self, z: torch.Tensor) -> torch.Tensor:
        """Scale latents (B, C, ...) to zero mean and unit variance, as the rest of Kinora uses."""
        shape = (1, -1, *[1] * (z.ndim - 2))
        return (z - self.latents_mean.view(shape)) / self.latents_std.view(shape)

    def denormalize(self, z: torch.Tensor) -> torch.Tensor:
        """Undo `normalize`."""
        shape = (1, -1, *[1] * (z.ndim - 2))
        return z * self.latents_std.view(shape) + self.latents_mean.view(shape)

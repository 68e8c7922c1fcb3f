"""The embedded model's video autoencoder: a closed-form projection in, its transpose out.

The encoder is one matrix product: the leading principal components of 32x32x8 patches, the same
everywhere in space and time. The decoder is its transpose and a filter that smooths what is left of
the patches' edges. Nothing depends on the rest of a clip, so that decoding can be cut anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from torch import nn

PATCH_SIZE = 32  # pixels
PATCH_FRAMES = 8
# A step between two patches below DEBLOCK_LIMIT (of a range of 2) is taken for an artefact, and
# spread over DEBLOCK_REACH pixels on each side. See training/LOG.md.
DEBLOCK_LIMIT = 0.3
DEBLOCK_REACH = 6


def patchify(x: torch.Tensor) -> torch.Tensor:
    """Cut frames (B, 3, T, H, W) into patches (B, h, w, 3 T 32 32)."""
    batch, _, num_frames, height, width = x.shape
    grid = (height // PATCH_SIZE, PATCH_SIZE, width // PATCH_SIZE, PATCH_SIZE)
    return x.reshape(batch, 3, num_frames, *grid).permute(0, 3, 5, 1, 2, 4, 6).flatten(3)


def unpatchify(patches: torch.Tensor) -> torch.Tensor:
    """Lay patches (B, h, w, 3 * 8 * 32 * 32) out as frames (B, 3, 8, H, W)."""
    x = patches.unflatten(3, (3, PATCH_FRAMES, PATCH_SIZE, PATCH_SIZE))
    return x.permute(0, 3, 4, 1, 5, 2, 6).flatten(5).flatten(3, 4)


def deblock(x: torch.Tensor) -> torch.Tensor:
    """Spread small steps between neighbouring patches over a few pixels on each side.

    (..., H, W) in [-1, 1]. Large steps are edges of what is drawn and stay.
    """
    for axis in (-1, -2):
        x = x.transpose(axis, -1)
        blocks = x.unflatten(-1, (-1, PATCH_SIZE)).clone()  # (..., n, 32)
        step = blocks[..., 1:, :1] - blocks[..., :-1, -1:]
        step = step * torch.exp(-((step / DEBLOCK_LIMIT) ** 2))
        ramp = torch.linspace(0.5, 0, DEBLOCK_REACH + 1, device=x.device, dtype=x.dtype)[:-1]
        blocks[..., :-1, -DEBLOCK_REACH:] += step * ramp.flip(0)
        blocks[..., 1:, :DEBLOCK_REACH] -= step * ramp
        x = blocks.flatten(-2).transpose(axis, -1)
    return x


class AutoencoderKinora(ModelMixin, ConfigMixin):
    """A 32x32x8 video autoencoder with the interface `LTXConditionPipeline` expects.

    A clip of 8 k + 1 frames has k + 1 latent frames; the first stands for a single frame (encoded
    as if it stood still for eight). Frames are (B, 3, F, H, W) in [-1, 1], latents
    (B, C, k + 1, h, w). The pipeline reads the last two arguments in the configuration.
    """

    spatial_compression_ratio = 32
    temporal_compression_ratio = 8

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 96,
        timestep_conditioning: bool = False,  # noqa: ARG002
        scaling_factor: float = 1.0,  # noqa: ARG002
    ) -> None:
        super().__init__()
        values_per_patch = 3 * PATCH_FRAMES * PATCH_SIZE**2
        self.basis = nn.Parameter(
            torch.zeros(latent_channels, values_per_patch), requires_grad=False
        )
        self.register_buffer("latents_mean", torch.zeros(latent_channels))
        self.register_buffer("latents_std", torch.ones(latent_channels))
        # What is left of the components' deviations, for the transformer to know.
        self.register_buffer("normalized_deviations", torch.ones(latent_channels))

    def encode(self, x: torch.Tensor, return_dict: bool = True) -> AutoencoderTinyOutput | tuple:
        """Project frames (B, 3, 8 k + 1, H, W) onto the basis, the first one held for eight."""
        latents = torch.cat([self.project_still(x[:, :, 0]), self.project(x[:, :, 1:])], dim=2)
        return AutoencoderTinyOutput(latents=latents) if return_dict else (latents,)

    def project_still(self, x: torch.Tensor) -> torch.Tensor:
        """Project single frames (B, 3, H, W), held for eight, onto latents (B, C, 1, h, w)."""
        basis = self.basis.unflatten(1, (3, PATCH_FRAMES, -1)).sum(2).flatten(1)  # (C, 3072)
        return (patchify(x[:, :, None]) @ basis.T).permute(0, 3, 1, 2)[:, :, None]

    def project(self, x: torch.Tensor) -> torch.Tensor:
        """Project frames (B, 3, 8 k, H, W) onto latents (B, C, k, H / 32, W / 32)."""
        num_latents = x.shape[2] // PATCH_FRAMES
        parts = x.unflatten(2, (num_latents, PATCH_FRAMES)).transpose(1, 2)  # (B, k, 3, 8, H, W)
        latents = patchify(parts.flatten(0, 1)) @ self.basis.T  # (B k, h, w, C)
        return latents.unflatten(0, (len(x), num_latents)).permute(0, 4, 1, 2, 3)

    def decode(
        self, z: torch.Tensor, temb: torch.Tensor | None = None, return_dict: bool = True
    ) -> DecoderOutput | tuple:
        """Decode latents (B, C, k + 1, h, w) into frames (B, 3, 8 k + 1, H, W)."""
        del temb  # the pipeline passes a decode timestep; this decoder has none
        frames = torch.cat(list(self.decode_stream(z)), dim=2)
        return DecoderOutput(sample=frames) if return_dict else (frames,)

    def decode_stream(self, z: torch.Tensor, *, is_start: bool = True) -> Iterator[torch.Tensor]:
        """Decode latent frame by latent frame: eight frames each, but one for a clip's first.

        The result does not depend on how a clip is cut.
        """
        for index in range(z.shape[2]):
            frames = self.decode_latent_frame(z[:, :, index])
            yield frames[:, :, -1:] if is_start and index == 0 else frames

    def decode_latent_frame(self, z: torch.Tensor) -> torch.Tensor:
        """Decode one latent frame (B, C, h, w) into (B, 3, 8, H, W)."""
        return deblock(self.decode_linear(z))

    def decode_linear(self, z: torch.Tensor) -> torch.Tensor:
        """Decode one latent frame by the basis alone: the transpose of `project`."""
        return unpatchify(z.permute(0, 2, 3, 1) @ self.basis)

    def normalize(self, z: torch.Tensor) -> torch.Tensor:
        """Scale latents (B, C, ...) as the transformer sees them."""
        shape = (1, -1, *[1] * (z.ndim - 2))
        return (z - self.latents_mean.view(shape)) / self.latents_std.view(shape)

    def denormalize(self, z: torch.Tensor) -> torch.Tensor:
        """Undo `normalize`."""
        shape = (1, -1, *[1] * (z.ndim - 2))
        return z * self.latents_std.view(shape) + self.latents_mean.view(shape)

"""The embedded model's video autoencoder: a closed-form projection in, a small network out.

The encoder is one matrix product: the leading principal components of 32x32x8 patches, the same
everywhere in space and time. The decoder is its transpose plus a residual network that removes
block edges and sharpens; it sees its neighbours in space and one latent frame of the past.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTinyOutput
from diffusers.models.autoencoders.vae import DecoderOutput
from torch import nn

# What is missing is small: without a gain below one, training steps are larger than the error they
# should mend.
RESIDUAL_GAIN = 0.1


def unpatchify(x: torch.Tensor, size: int) -> torch.Tensor:
    """Lay out patches (B, 3 * 8 * size * size, h, w) as frames (B, 3, 8, size h, size w)."""
    batch, _, height, width = x.shape
    x = x.reshape(batch, 3, 8, size, size, height, width).permute(0, 1, 2, 5, 3, 6, 4)
    return x.reshape(batch, 3, 8, size * height, size * width)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a skip connection, no norm: (N, C, H, W) -> (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv2(nn.functional.silu(self.conv1(nn.functional.silu(x))))


class Refiner(nn.Module):
    """Predict what the linear decode of a latent frame lacks, from it and the latent frame before.

    (N, 2 C, h, w) normalized latents -> (N, 3 * 8 * 4 * 4, 8 h, 8 w): a residual in 4x4x8 blocks.
    """

    def __init__(self, latent_channels: int, coarse_channels: int, fine_channels: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(2 * latent_channels, 4 * coarse_channels, 3, padding=1)
        self.coarse = nn.Sequential(
            nn.PixelShuffle(4),
            nn.Conv2d(coarse_channels // 4, coarse_channels, 3, padding=1),
            ResidualBlock(coarse_channels),
            ResidualBlock(coarse_channels),
        )
        self.fine = nn.Sequential(
            nn.Conv2d(coarse_channels, 4 * fine_channels, 1),
            nn.PixelShuffle(2),
            ResidualBlock(fine_channels),
            ResidualBlock(fine_channels),
        )
        self.conv_out = nn.Conv2d(fine_channels, 3 * 8 * 4 * 4, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # features of unit scale, whatever the depth
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
            if isinstance(layer, ResidualBlock):
                layer.conv2.weight.data *= 0.3
        nn.init.zeros_(self.conv_out.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.coarse(nn.functional.silu(self.conv_in(x)))
        return self.conv_out(nn.functional.silu(self.fine(x)))


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
        coarse_channels: int = 128,
        fine_channels: int = 64,
        timestep_conditioning: bool = False,  # noqa: ARG002
        scaling_factor: float = 1.0,  # noqa: ARG002
    ) -> None:
        super().__init__()
        patch_size = 3 * 8 * 32 * 32
        self.register_buffer("basis", torch.zeros(latent_channels, patch_size))
        self.register_buffer("latents_mean", torch.zeros(latent_channels))
        self.register_buffer("latents_std", torch.ones(latent_channels))
        self.refiner = Refiner(latent_channels, coarse_channels, fine_channels)

    def encode(self, x: torch.Tensor, return_dict: bool = True) -> AutoencoderTinyOutput | tuple:
        """Project frames (B, 3, 8 k + 1, H, W) onto the basis, the first one held for eight."""
        latents = torch.cat([self.project_still(x[:, :, 0]), self.project(x[:, :, 1:])], dim=2)
        return AutoencoderTinyOutput(latents=latents) if return_dict else (latents,)

    def project_still(self, x: torch.Tensor) -> torch.Tensor:
        """Project single frames (B, 3, H, W), held for eight, onto latents (B, C, 1, h, w)."""
        batch, _, height, width = x.shape
        basis = self.basis.unflatten(1, (3, 8, 32 * 32)).sum(2).flatten(1)  # (C, 3072)
        patches = x.reshape(batch, 3, height // 32, 32, width // 32, 32)
        patches = patches.permute(0, 2, 4, 1, 3, 5).flatten(3)  # (B, h, w, 3072)
        return (patches @ basis.T).permute(0, 3, 1, 2)[:, :, None]

    def project(self, x: torch.Tensor) -> torch.Tensor:
        """Project frames (B, 3, 8 k, H, W) onto latents (B, C, k, H / 32, W / 32)."""
        batch, _, frames, height, width = x.shape
        patches = x.reshape(batch, 3, frames // 8, 8, height // 32, 32, width // 32, 32)
        patches = patches.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4)  # (B, k, h, w, 24576)
        return (patches @ self.basis.T).permute(0, 4, 1, 2, 3)

    def decode(
        self, z: torch.Tensor, temb: torch.Tensor | None = None, return_dict: bool = True
    ) -> DecoderOutput | tuple:
        """Decode latents (B, C, k + 1, h, w) into frames (B, 3, 8 k + 1, H, W)."""
        del temb  # the pipeline passes a decode timestep; this decoder has none
        frames = torch.cat(list(self.decode_stream(z)), dim=2)
        return DecoderOutput(sample=frames) if return_dict else (frames,)

    def decode_stream(
        self, z: torch.Tensor, previous: torch.Tensor | None = None
    ) -> Iterator[torch.Tensor]:
        """Decode latent frame by latent frame: first one frame, then eight at a time.

        With `previous` (B, C, h, w), the latent frame before z, z continues a clip and its first
        latent frame gives eight frames too. The result does not depend on how a clip is cut.
        """
        is_start = previous is None
        previous = z[:, :, 0] if previous is None else previous
        for index in range(z.shape[2]):
            frames = self.decode_latent_frame(z[:, :, index], previous)
            yield frames[:, :, -1:] if is_start and index == 0 else frames
            previous = z[:, :, index]

    def decode_latent_frame(self, z: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        """Decode one latent frame (B, C, h, w), given the one before it, into (B, 3, 8, H, W)."""
        both = torch.cat([self.normalize(z), self.normalize(previous)], dim=1)
        return self.decode_linear(z) + RESIDUAL_GAIN * unpatchify(self.refiner(both), 4)

    def decode_linear(self, z: torch.Tensor) -> torch.Tensor:
        """Decode one latent frame (B, C, h, w) by the basis alone, into (B, 3, 8, H, W)."""
        return unpatchify((z.permute(0, 2, 3, 1) @ self.basis).permute(0, 3, 1, 2), 32)

    def normalize(self, z: torch.Tensor) -> torch.Tensor:
        """Scale latents (B, C, ...) as the transformer sees them."""
        shape = (1, -1, *[1] * (z.ndim - 2))
        return (z - self.latents_mean.view(shape)) / self.latents_std.view(shape)

    def denormalize(self, z: torch.Tensor) -> torch.Tensor:
        """Undo `normalize`."""
        shape = (1, -1, *[1] * (z.ndim - 2))
        return z * self.latents_std.view(shape) + self.latents_mean.view(shape)

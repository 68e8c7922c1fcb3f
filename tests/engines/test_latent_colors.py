"""Latents as colours: the map is found from the autoencoder alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.engines.latent_colors import LatentColors

CELL = 8


@pytest.fixture
def mixing() -> torch.Tensor:
    return torch.randn(3, 24, generator=torch.Generator().manual_seed(1))


def test_colours_are_found_again_in_mixed_and_noisy_channels(mixing: torch.Tensor) -> None:
    noise = torch.Generator().manual_seed(2)

    def encode(frames: np.ndarray) -> torch.Tensor:
        """Mean colours, mixed into more channels as an autoencoder's."""
        x = torch.from_numpy(frames[0]).permute(2, 0, 1)[None].float() / 127.5 - 1
        means = torch.nn.functional.avg_pool2d(x, CELL)[0]  # (3, h, w)
        latents = torch.einsum("chw,cd->dhw", means, mixing)
        return (latents + 0.05 * torch.randn(latents.shape, generator=noise))[None, :, None]

    colors = LatentColors(encode, CELL)
    left, right = (210, 40, 60), (30, 90, 200)
    picture = np.zeros((1, 64, 128, 3), np.uint8)
    picture[:, :, :64], picture[:, :, 64:] = left, right
    shown = colors.show(encode(picture).expand(-1, -1, 3, -1, -1))
    assert shown.shape == (128, 256, 3)
    np.testing.assert_allclose(shown[:, :100].mean((0, 1)), left, atol=14)
    np.testing.assert_allclose(shown[:, 156:].mean((0, 1)), right, atol=14)

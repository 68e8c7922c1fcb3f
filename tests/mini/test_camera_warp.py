"""A picture moved by the camera alone: exact where it stays in sight."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.mini.camera_warp import warp_along_camera, warp_picture
from tests.tiny import MINI


def still(zoom: float = 1.0, pan: float = 0.0, tilt: float = 0.0) -> torch.Tensor:
    return torch.tensor([[zoom, pan, tilt]])


@pytest.fixture
def picture() -> torch.Tensor:
    return torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_a_camera_that_stays_shows_the_picture_again(picture: torch.Tensor) -> None:
    start = still(1.3, 0.2, 0.1)
    frames = warp_picture(picture, start, start[:, None].expand(-1, 8, -1))
    torch.testing.assert_close(frames, picture[:, :, None].expand(-1, -1, 8, -1, -1))


def test_a_pan_shifts_the_picture_and_mirrors_what_it_does_not_know(
    picture: torch.Tensor,
) -> None:
    moved = warp_picture(picture, still(), still(pan=0.25)[:, None])[:, :, 0]
    torch.testing.assert_close(moved[..., 32:], picture[..., :-32])
    torch.testing.assert_close(moved[..., :32], picture[..., :32].flip(-1))


def test_a_tilt_shifts_the_picture_down(picture: torch.Tensor) -> None:
    moved = warp_picture(picture, still(), still(tilt=0.5)[:, None])[:, :, 0]
    torch.testing.assert_close(moved[:, :, 32:], picture[:, :, :-32])


def test_a_zoom_enlarges_the_middle() -> None:
    ramp = torch.linspace(-1, 1, 128).expand(1, 3, 64, 128)
    moved = warp_picture(ramp, still(), still(zoom=2.0)[:, None])[:, :, 0]
    torch.testing.assert_close(moved, ramp / 2, atol=0.01, rtol=0)


def test_two_moves_are_the_same_as_one_from_where_the_first_had_come_to() -> None:
    smooth = torch.linspace(-1, 1, 128).expand(1, 3, 64, 128)
    one = warp_picture(smooth, still(), still(zoom=1.6)[:, None])[:, :, 0]
    two = warp_picture(one, still(1.6), still(zoom=1.2)[:, None])[:, :, 0]
    direct = warp_picture(smooth, still(), still(zoom=1.2)[:, None])[:, :, 0]
    middle = slice(24, -24)
    torch.testing.assert_close(two[..., middle], direct[..., middle], atol=0.02, rtol=0)


@pytest.mark.parametrize("at_end", [False, True])
def test_a_window_over_a_given_picture_keeps_it(at_end: bool, model_caches: dict) -> None:
    vae = model_caches[MINI].load(MINI).pipe.vae.float()
    latents = torch.zeros(1, vae.config.latent_channels, 3, 2, 3)
    known = 2 if at_end else 0
    latents[:, :, known] = torch.randn(
        latents.shape[1], 2, 3, generator=torch.Generator().manual_seed(1)
    )
    recalled = warp_along_camera(vae, latents, still().expand(3, 8, 3), known, at_end=at_end)
    assert recalled.shape == latents.shape
    # The camera rests: every latent frame stands for the same single picture.
    for index in range(3):
        torch.testing.assert_close(recalled[:, :, index], recalled[:, :, 0])
    assert np.isfinite(recalled.numpy()).all()

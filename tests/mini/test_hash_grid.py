"""The atlas: the same place is looked up in the same rows, wherever the camera has gone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.mini.camera import PAN_PARALLAX
from pipeline.mini.hash_grid import HashGrid
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.path_features import latent_times, scene_features, unknown_features
from pipeline.mini.scene import complete_scene

HEIGHT, WIDTH = 288, 512
NUM_FEATURES = 4


@pytest.fixture(scope="module")
def atlas() -> HashGrid:
    torch.manual_seed(0)
    return HashGrid(NUM_FEATURES, 12)


def coords(num_latents: int) -> torch.Tensor:
    grid = torch.meshgrid(
        torch.arange(num_latents) / 2, torch.arange(9) * 32.0, torch.arange(16) * 32.0,
        indexing="ij",
    )  # fmt: skip
    return torch.stack(grid).flatten(1)[None]


@torch.no_grad()
def look_up(atlas: HashGrid, num_latents: int, **named: str) -> torch.Tensor:
    """Return the features (T, 9, 16, F) of a scene's latent frames after the first."""
    staging = MotionPaths(complete_scene(named, 3), width=WIDTH, height=HEIGHT)
    times = latent_times(1, num_latents, 16, is_start=False)
    track = torch.from_numpy(scene_features(staging, times))[None]
    features = atlas(coords(num_latents), track, (HEIGHT, WIDTH))
    return features[0].unflatten(0, (num_latents, 9, 16))


def land(features: torch.Tensor, layer: int) -> torch.Tensor:
    """Return what was looked up of a layer of land, 0 the sky, 3 the nearest."""
    return features[..., 2 * NUM_FEATURES * layer : 2 * NUM_FEATURES * (layer + 1)]


def test_in_a_pan_the_near_land_moves_a_patch_each_latent_frame_and_the_sky_rests(
    atlas: HashGrid,
) -> None:
    first, second = look_up(atlas, 2, camera="pan left", place="meadow")
    near, later = land(first, 3), land(second, 3)
    torch.testing.assert_close(later[:, 1:], near[:, :-1], atol=1e-5, rtol=0)
    torch.testing.assert_close(land(first, 0), land(second, 0))
    assert PAN_PARALLAX[0] == 0


def test_the_land_repeats_after_two_widths(atlas: HashGrid) -> None:
    frames = look_up(atlas, 33, camera="pan right", place="meadow")
    torch.testing.assert_close(land(frames[0], 3), land(frames[32], 3), atol=1e-4, rtol=0)


def test_two_places_have_rows_of_their_own_and_who_is_there_changes_nothing(
    atlas: HashGrid,
) -> None:
    one, other = (look_up(atlas, 1, subject="cat", place=x)[0] for x in ("meadow", "lake"))
    assert (land(one, 3) != land(other, 3)).any(-1).all()
    robot = look_up(atlas, 1, subject="robot", place="lake")[0]
    assert torch.equal(other, robot)


def test_of_a_scene_that_is_not_known_nothing_is_looked_up(atlas: HashGrid) -> None:
    track = torch.from_numpy(unknown_features(np.zeros((1, 2))))[None]
    assert not atlas(coords(1), track, (HEIGHT, WIDTH)).any()

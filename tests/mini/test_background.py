"""What tokens are told: places of the land keep their waves when the camera moves past them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.mini.background import NUM_POSITION_FEATURES, position_features
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.path_features import scene_features, unknown_features
from pipeline.mini.scene import complete_scene

HEIGHT, WIDTH = 288, 512


def coords(num_latents: int) -> torch.Tensor:
    """Return coordinates (1, 3, S) of whole latent frames of 9 x 16 patches."""
    grid = torch.meshgrid(
        torch.arange(num_latents) / 2, torch.arange(9) * 32.0, torch.arange(16) * 32.0,
        indexing="ij",
    )  # fmt: skip
    return torch.stack(grid).flatten(1)[None]


def guide(times: list[float], **named: str) -> torch.Tensor:
    """Return the features (T, 9, 16, D) of a scene at moments."""
    staging = MotionPaths(complete_scene(named, 3), width=WIDTH, height=HEIGHT)
    track = scene_features(staging, np.array([[time, time] for time in times]))
    features = position_features(coords(len(times)), torch.from_numpy(track)[None], (HEIGHT, WIDTH))
    return features[0].unflatten(0, (len(times), 9, 16))


def test_every_token_has_as_many_features_as_said_and_all_are_small() -> None:
    features = guide([0.0, 1.0], subject="cat", companion="boat", camera="pan left")
    assert features.shape == (2, 9, 16, NUM_POSITION_FEATURES)
    assert features.abs().max() <= 4


def test_nothing_moves_for_a_still_scene_but_the_phase_of_time() -> None:
    first, later = guide([0.0, 1.0], subject="cat", motion="still", camera="static")
    assert 0 < (first != later).any(0).any(0).sum() <= 10


@pytest.mark.parametrize("named", [{"motion": "right", "camera": "static"}, {"camera": "zoom in"}])
def test_who_moves_and_how_near_the_camera_is_changes_nothing_of_the_land(
    named: dict[str, str],
) -> None:
    # A period apart, and none of them a clip's first.
    _, first, later = guide([0.0, 1.0, 9.0], subject="cat", place="meadow", **named)
    torch.testing.assert_close(later, first)


def test_a_pan_moves_the_near_land_more_than_the_far() -> None:
    still, moved = guide([0.0, 4.0], camera="pan left", place="meadow")
    changes = (still - moved).abs().mean((0, 1))
    assert changes.max() > 0.3
    assert (changes == 0).any()  # the place in the picture itself


def test_without_a_track_only_the_place_in_the_picture_is_told() -> None:
    times = np.zeros((1, 2))
    unknown = torch.from_numpy(unknown_features(times))[None]
    features = position_features(coords(1), unknown, (HEIGHT, WIDTH))[0]
    told = features.abs().amax(0) > 0
    known = guide([0.0], subject="cat")[0].flatten(0, 1).abs().amax(0) > 0
    assert told.sum() < known.sum()
    assert torch.isfinite(features).all()


@pytest.mark.parametrize("size", [(9, 16), (16, 9), (12, 12)])
def test_pictures_of_all_shapes_are_told_alike(size: tuple[int, int]) -> None:
    rows, columns = size
    grid = torch.meshgrid(
        torch.zeros(1), torch.arange(rows) * 32.0, torch.arange(columns) * 32.0, indexing="ij"
    )
    place = torch.stack(grid).flatten(1)[None]
    staging = MotionPaths(
        complete_scene({"subject": "cat"}, 3), width=columns * 32, height=rows * 32
    )
    track = torch.from_numpy(scene_features(staging, np.zeros((1, 2))))[None]
    features = position_features(place, track, (rows * 32, columns * 32))
    assert features.shape == (1, rows * columns, NUM_POSITION_FEATURES)

"""What the oracle is told of a scene's paths."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.mini.camera import MAX_ZOOM
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.renderer import latent_times
from pipeline.mini.scene import Scene, complete_scene
from training.path_features import (
    FEATURE_COLUMNS,
    camera_features,
    scene_features,
    unknown_features,
)

WIDTH, HEIGHT = 512, 288


def stage(**named: str) -> MotionPaths:
    return MotionPaths(complete_scene(named, 3), width=WIDTH, height=HEIGHT)


def column(track: np.ndarray, name: str) -> np.ndarray:
    return track[:, FEATURE_COLUMNS.index(name)]


def test_a_track_of_two_windows_is_the_track_of_the_whole() -> None:
    staging = stage(subject="cat", motion="circle", camera="pan left", companion="boat")
    whole = scene_features(staging, latent_times(0, 9, 16, is_start=True))
    later = scene_features(staging, latent_times(4, 5, 16, is_start=False))
    np.testing.assert_array_equal(whole[4:], later)


def test_a_track_says_where_the_subject_is_on_the_screen() -> None:
    staging = stage(subject="cat", camera="zoom in", size="small")
    track = scene_features(staging, np.array([[0.0, 0.0], [6.0, 6.0]]))
    assert column(track, "height")[1] / column(track, "height")[0] == pytest.approx(MAX_ZOOM)
    place = staging.at(0.0).subject
    assert column(track, "x")[0] * WIDTH == pytest.approx(place.x)
    assert column(track, "y")[0] * HEIGHT == pytest.approx(place.y - place.height / 2)


def test_of_a_given_picture_only_the_camera_is_known() -> None:
    times = latent_times(0, 4, 16, is_start=True)
    track = camera_features("pan left", times, width=WIDTH, height=HEIGHT)
    assert column(track, "knows camera").all()
    assert not column(track, "knows subject").any()
    assert (np.diff(column(track, "pan")) > 0).all()
    assert not unknown_features(times).any()


def test_nobody_is_in_an_empty_landscape() -> None:
    staging = stage(place="desert")
    assert isinstance(staging.scene, Scene)
    track = scene_features(staging, np.array([[0.0, 0.5]]))
    assert column(track, "knows subject").all()
    assert not column(track, "subject").any()

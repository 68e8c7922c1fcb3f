"""Scenes completed from words, and the paths that everybody takes in them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from pipeline.mini.camera import MAX_ZOOM
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.renderer import latent_times
from pipeline.mini.scene import Scene, change_scene, complete_scene, cut_to_scene
from pipeline.mini.tables import ATTRIBUTES, OF_PEOPLE

WIDTH, HEIGHT = 512, 288
MINUTE = np.arange(0, 60, 0.25).tolist()


def stage(**named: str) -> MotionPaths:
    return MotionPaths(complete_scene(named, 3), width=WIDTH, height=HEIGHT)


def test_what_the_words_name_is_what_the_scene_has() -> None:
    left_out = ("emotion", "count", *OF_PEOPLE)  # of a child, of those who are alone, of people
    named = {name: values[1] for name, values in ATTRIBUTES.items() if name not in left_out}
    scene = complete_scene(named, 0)
    assert {name: getattr(scene, name) for name in named} == named


def test_the_seed_settles_what_the_words_leave_open_and_one_word_more_changes_nothing_else() -> (
    None
):
    scenes = [complete_scene({"subject": "cat"}, seed) for seed in range(40)]
    assert len({(scene.place, scene.time) for scene in scenes}) > 10
    assert {(scene.weather, scene.style, scene.camera) for scene in scenes} == {
        ("clear", "flat", "static")
    }
    named = {"subject": "cat", "place": "city"}
    assert [complete_scene(named, seed) for seed in range(40)] == [
        replace(scene, place="city") for scene in scenes
    ]


def test_a_changed_scene_keeps_all_that_is_not_named() -> None:
    nothing = dict.fromkeys(ATTRIBUTES)
    before = complete_scene({"subject": "car", "motion": "right", "camera": "follow"}, 7)
    assert change_scene(nothing, before) == before
    other = change_scene(nothing | {"subject": "boat", "time": "night"}, before)
    assert other == replace(before, subject="boat", time="night")


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"place": "beach"}, {"subject": None, "colour": None, "motion": None, "size": None}),
        ({"colour": "red"}, {"colour": "red"}),
        ({"emotion": "sad"}, {"subject": "child", "emotion": "sad"}),
        ({"subject": "cat", "emotion": "sad"}, {"subject": "cat", "emotion": None}),
        ({"subject": "child", "size": "small"}, {"size": "medium", "emotion": "happy"}),
        ({"companion": "boat", "companion_colour": "red"}, {"subject": "boat", "companion": None}),
        ({"subject": "cat", "companion": "boat"}, {"relation": "left of"}),
        ({"subject": "cat", "relation": "above"}, {"relation": None}),
        ({"subject": "cat", "camera": "follow"}, {"motion": "right", "camera": "follow"}),
        ({"subject": "cat", "camera": "follow", "motion": "rise"}, {"camera": "static"}),
        ({"camera": "follow"}, {"subject": None, "camera": "static"}),
    ],
)
def test_a_scene_makes_sense_whatever_is_said(named: dict, expected: dict) -> None:
    scene = complete_scene(named, 1)
    assert {name: getattr(scene, name) for name in expected} == expected
    assert (scene.subject is None) == (scene.motion is None) == (scene.colour is None)


def name(**named: str) -> dict[str, str | None]:
    return dict.fromkeys(ATTRIBUTES) | named


CAR = complete_scene(
    {"subject": "car", "colour": "red", "place": "city", "time": "night", "style": "papercut"}
    | {"companion": "cat", "companion_colour": "blue", "motion": "right", "camera": "pan left"},
    3,
)
BOAT = complete_scene({"subject": "boat", "colour": "white", "place": "lake", "style": "flat"}, 3)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        # Who is not named stays, in the same world; what they do and the camera start anew.
        (
            {"time": "day"},
            {"subject": "car", "colour": "red", "place": "city", "style": "papercut"},
        ),
        ({"motion": "bounce"}, {"subject": "car", "colour": "red", "camera": "static"}),
        ({"place": "desert", "motion": "left"}, {"subject": "car", "place": "desert"}),
        ({"weather": "rain"}, {"motion": "still", "companion": None, "time": "night"}),
        # A place alone is a view of it.
        ({"place": "desert"}, {"subject": None, "time": "night", "style": "papercut"}),
        ({"companion": "cat"}, {"subject": "cat", "colour": "blue", "companion": None}),
        ({"subject": "rabbit", "companion": "car"}, {"companion_colour": "red"}),
        # Somebody else is somebody else, unless they were seen.
        ({"subject": "rabbit", "colour": "green"}, {"colour": "green", "place": "city"}),
        ({"subject": "cat"}, {"subject": "cat", "colour": "blue"}),
        ({"subject": "car", "colour": "yellow"}, {"colour": "yellow"}),
        ({"style": "flat"}, {"style": "flat", "subject": "car"}),
    ],
)
def test_what_a_film_cuts_to_is_the_same_world(named: dict, expected: dict) -> None:
    scene = cut_to_scene(name(**named), [CAR])
    assert {key: getattr(scene, key) for key in expected} == expected


def test_who_comes_back_is_who_they_were() -> None:
    scene = cut_to_scene(name(subject="car"), [CAR, BOAT])
    assert (scene.colour, scene.time) == ("red", "night")
    scene = cut_to_scene(name(time="day"), [CAR, BOAT])
    assert (scene.subject, scene.place) == ("boat", "lake")


def test_a_companion_that_was_the_subject_keeps_its_colour_and_does_not_lend_another() -> None:
    beside = cut_to_scene(name(subject="rabbit", companion="car"), [CAR])
    assert cut_to_scene(name(subject="car"), [CAR, beside]).colour == "red"


@pytest.mark.parametrize("between", [BOAT, replace(BOAT, time="night", weather="rain")])
def test_a_shot_in_between_can_change_and_leave_the_others_as_they_are(between: Scene) -> None:
    named = name(subject="fish", place="beach")
    assert cut_to_scene(named, [CAR, between]) == cut_to_scene(named, [CAR])


@pytest.mark.parametrize("size", [(512, 288), (288, 512), (384, 384)])
def test_everybody_is_inside_the_picture_at_the_start_of_any_scene(size: tuple[int, int]) -> None:
    width, height = size
    subjects = ATTRIBUTES["subject"][::4]
    choices = itertools.product(subjects, ATTRIBUTES["motion"], ["static", "pan left"])
    for seed, (subject, motion, camera) in enumerate(choices):
        named = {"subject": subject, "motion": motion, "camera": camera, "companion": "cat"}
        staging = MotionPaths(complete_scene(named, seed), width=width, height=height)
        moment = staging.at(0.0)
        assert -0.02 * width <= moment.subject.x <= 1.02 * width
        assert 0 < moment.subject.y - moment.subject.height / 2 < height


@pytest.mark.parametrize(
    ("motion", "axis", "sign"),
    [("right", "x", 1), ("left", "x", -1), ("rise", "y", -1), ("fall", "y", 1), ("still", "x", 0)],
)
def test_a_motion_goes_its_way(motion: str, axis: str, sign: int) -> None:
    staging = stage(subject="cat", motion=motion)
    first, later = (getattr(staging.at(time).subject, axis) for time in (0.0, 1.5))
    assert np.sign(round(later - first, 6)) == sign
    assert staging.at(0.5).is_flipped == (motion == "left")


@pytest.mark.parametrize("motion", ["right", "left", "rise", "fall", "bounce", "circle", "pace"])
@pytest.mark.parametrize("camera", ["static", "pan right"])
def test_somebody_who_moves_is_still_about_and_moving_after_a_minute(
    motion: str, camera: str
) -> None:
    staging = stage(subject="rabbit", motion=motion, camera=camera)
    places = np.array([[(p := staging.at(time).subject).x, p.y] for time in MINUTE])
    is_seen = (np.abs(places - (256, 144)) < (300, 200)).all(1)
    assert is_seen[-40:].mean() > 0.4
    assert np.abs(np.diff(places[-40:], axis=0)).max(1).mean() > 2


def test_the_camera_follows_its_subject_past_the_land() -> None:
    staging = stage(subject="car", motion="right", camera="follow")
    first, later = staging.at(0.0), staging.at(3.0)
    assert later.subject.x == first.subject.x
    assert later.pan < first.pan


def test_zoom_and_tilt_come_to_rest_and_a_pan_goes_on() -> None:
    assert stage(camera="zoom in").at(30.0).zoom == pytest.approx(MAX_ZOOM)
    assert stage(camera="zoom out").at(30.0).zoom == 1
    assert stage(camera="tilt up").at(30.0).tilt == stage(camera="tilt down").at(0.0).tilt > 0
    pan = stage(camera="pan left")
    assert pan.at(40.0).pan == pytest.approx(2 * pan.at(20.0).pan)


def test_latent_frames_have_the_times_of_their_first_and_last_pictures() -> None:
    start = latent_times(0, 3, 16, is_start=True) * 16
    assert start.tolist() == [[0, 0], [1, 8], [9, 16]]
    assert (latent_times(5, 2, 16, is_start=False) * 16).tolist() == [[33, 40], [41, 48]]
    assert (latent_times(2, 2, 16, is_start=True) * 16).tolist() == [[16, 16], [17, 24]]

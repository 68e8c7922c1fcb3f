"""The drawn world: every subject and place can be drawn, and moves as its words say."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.mini.anchors import HELD, RIDDEN, SAT_ON, WORN
from pipeline.mini.light import GROUNDS
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.scene import complete_scene
from pipeline.mini.tables import ATTRIBUTES, CAST
from training.grammar import draw_scene
from training.subjects import SUBJECTS
from training.world import render

SIZE = {"width": 256, "height": 144}


def show(seed: int = 3, times: tuple[float, ...] = (0.0,), **named: str) -> np.ndarray:
    return render(complete_scene(named, seed), **SIZE, times=times)[0]


def test_all_that_can_be_said_can_be_drawn() -> None:
    assert list(SUBJECTS) == list(CAST)
    assert set(GROUNDS) == set(ATTRIBUTES["place"])
    assert {*RIDDEN, *SAT_ON, *HELD, *WORN} <= set(CAST)


@pytest.mark.parametrize("place", ["meadow", "room", "underwater"])
def test_two_seeds_of_the_same_words_do_not_look_the_same(place: str) -> None:
    first, other = (show(seed, place=place, time="day") for seed in (1, 2))
    assert (np.abs(first.astype(int) - other).max(-1) > 24).mean() > 0.08


def test_a_frame_depends_on_its_own_time_only() -> None:
    named = {"subject": "dog", "place": "waterfall", "motion": "right", "weather": "rain"}
    both = show(times=(0.5, 2.0), **named)
    np.testing.assert_array_equal(show(times=(2.0,), **named)[0], both[1])
    assert (both[0] != both[1]).any()


def test_everything_repeats_after_a_period() -> None:
    """A clip's sprites are kept for a period: what they show has to be the same again."""
    named = {"subject": "owl", "place": "neon street", "motion": "still", "weather": "snow"}
    first, later = show(times=(1.0, 9.0), **named).astype(int)
    assert np.abs(first - later).max() <= 2


@pytest.mark.parametrize(
    ("named", "look"),
    [
        ({"subject": "man", "action": "dance"}, {"subject": "man", "action": "stand"}),
        ({"subject": "woman", "outfit": "dress"}, {"subject": "woman", "outfit": "trousers"}),
        ({"subject": "dog", "count": "two"}, {"subject": "dog"}),
        ({"place": "forest", "season": "autumn"}, {"place": "forest"}),
        ({"subject": "cat", "colour": "red"}, {"subject": "cat"}),
    ],
)
def test_a_word_more_shows_in_the_picture(named: dict[str, str], look: dict[str, str]) -> None:
    common = {"place": "meadow", "time": "day", "size": "large"}
    assert (show(**common | named) != show(**common | look)).any()


def test_who_rides_sits_on_the_back_and_turns_with_it() -> None:
    for motion in ("right", "left"):
        named = {"subject": "woman", "companion": "horse", "relation": "riding", "motion": motion}
        scene = complete_scene(named, 1)
        rider, horse = MotionPaths(scene, width=512, height=288).figures(0.0)
        assert scene.action == "ride"
        assert rider.look.subject == "woman"
        assert rider.y < horse.y
        assert abs(rider.x - horse.x) < 0.3 * horse.width
        assert (horse.x > rider.x) == (motion == "right")


def test_a_hat_is_on_a_head_and_drawn_over_it() -> None:
    scene = complete_scene({"subject": "bear", "companion": "hat", "relation": "wearing"}, 1)
    hat, bear = MotionPaths(scene, width=512, height=288).figures(0.0)
    assert (hat.look.subject, bear.look.subject) == ("hat", "bear")
    assert hat.y < bear.y - 0.3 * bear.height
    assert hat.height < bear.height / 2


def test_three_of_the_same_are_beside_each_other_inside_the_picture() -> None:
    scene = complete_scene({"subject": "train", "count": "three", "motion": "still"}, 1)
    figures = MotionPaths(scene, width=512, height=288).figures(0.0)
    assert len(figures) == 3
    assert len({round(figure.x) for figure in figures}) == 3
    assert max(f.x for f in figures) - min(f.x for f in figures) < 512


def test_random_scenes_can_be_drawn() -> None:
    rng = np.random.default_rng(0)
    for _ in range(6):
        frames, boxes = render(draw_scene(rng), **SIZE, times=[0.0])
        assert frames.shape == (1, 144, 256, 3)
        assert np.isfinite(boxes).all()

"""The arithmetic of a seam, with frames that are easy to tell apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest

from pipeline.geometry import Size
from pipeline.media.transitions import cut, even_indices, frame_indices, pick, resize, resize_each


def grey(*values: int) -> list[np.ndarray]:
    return [np.full((2, 4, 3), value, np.uint8) for value in values]


@pytest.mark.parametrize(
    ("num_out", "fps_out", "num_in", "fps_in", "indices"),
    [
        (4, 16, 4, 16, [0, 1, 2, 3]),
        (2, 8, 4, 16, [1, 3]),
        (6, 32, 4, 16, [0, 0, 1, 1, 1, 2]),
        (6, 24, 4, 16, [0, 0, 1, 2, 2, 3]),
        (3, 16, 2, 16, [0, 1, 1]),
    ],
)
def test_each_output_time_shows_the_nearest_new_frame(
    num_out: int, fps_out: float, num_in: int, fps_in: float, indices: list[int]
) -> None:
    assert frame_indices(num_out, fps_out, num_in, fps_in).tolist() == indices


@pytest.mark.parametrize(
    ("fps_out", "fps_in"), [*itertools.product([7, 16, 24, 29.97, 30, 50, 60], [16, 24])]
)
def test_no_new_frame_is_shown_half_a_frame_too_early_or_late(
    fps_out: float, fps_in: float
) -> None:
    indices = frame_indices(round(5 * fps_out), fps_out, 200, fps_in)
    shown = (indices + 1) / fps_in
    wanted = np.arange(1, len(indices) + 1) / fps_out
    # Before the first new frame there is none nearer.
    assert np.abs(shown - wanted)[wanted >= 1 / fps_in].max() <= 0.5 / fps_in + 1e-9
    assert (np.diff(indices) >= 0).all()


def test_picking_repeats_and_leaves_out_and_stops_when_it_has_all() -> None:
    frames = iter(grey(0, 1, 2, 3, 4, 5))
    picked = [int(frame[0, 0, 0]) for frame in pick(frames, np.array([1, 1, 3]))]
    assert picked == [1, 1, 3]
    assert int(next(frames)[0, 0, 0]) == 4


def test_a_frame_that_has_the_size_is_not_touched() -> None:
    (frame,) = grey(7)
    assert resize(frame, Size(4, 2)) is frame
    assert resize(frame, Size(8, 6)).shape == (6, 8, 3)


def test_a_frame_that_comes_again_is_scaled_once() -> None:
    one, two = grey(7, 9)
    scaled = list(resize_each(iter([one, one, two, one]), Size(8, 6)))
    assert scaled[0] is scaled[1]
    assert [int(frame[0, 0, 0]) for frame in scaled] == [7, 7, 9, 7]
    assert scaled[0].shape == (6, 8, 3)


def flat(*values: int) -> list[np.ndarray]:
    return [np.full((2, 2, 3), value, np.uint8) for value in values]


def cut_values(shots: list[list[np.ndarray]], num_dissolved: list[int]) -> list[int]:
    makes = [partial(iter, shot) for shot in shots]
    return [
        int(frame[0, 0, 0]) for stretch in cut(makes, num_dissolved) for frame in stretch.frames()
    ]


def test_shots_that_are_cut_follow_one_another() -> None:
    assert cut_values([flat(1, 2), flat(3)], [0, 0]) == [1, 2, 3]


def test_a_dissolve_goes_over_evenly_and_costs_its_frames_once() -> None:
    shots = [flat(10, 0, 0, 0), flat(100, 100, 100, 50), flat(7)]
    assert cut_values(shots, [0, 3, 0]) == [10, 25, 50, 75, 50, 7]


def test_a_shot_may_dissolve_in_and_out() -> None:
    assert cut_values([flat(0, 0), flat(90, 90), flat(0, 0)], [0, 1, 1]) == [0, 45, 45, 0]


def test_no_shot_is_asked_for_before_the_one_before_it_is_handed_over() -> None:
    asked: list[int] = []

    def shots() -> Iterator[Callable[[], Iterator[np.ndarray]]]:
        for number in range(3):
            asked.append(number)
            yield partial(iter, flat(*range(4)))

    stretches = cut(shots(), [0, 2, 0])
    first = next(stretches)
    assert asked == [0]
    rest = [frame for stretch in stretches for frame in stretch.frames()]
    assert len(list(first.frames())) + len(rest) == 2 + 4 + 4


def test_a_stretch_that_nobody_goes_through_is_made_for_the_dissolve_alone() -> None:
    made: list[int] = []

    def make(number: int) -> Iterator[np.ndarray]:
        made.append(number)
        yield from flat(10 * number, 10 * number, 10 * number)

    stretches = cut([partial(make, number) for number in range(4)], [0, 0, 2, 0])
    *_, three, four = stretches
    assert [int(frame[0, 0, 0]) for frame in three.frames()] == [13, 17, 20]
    assert made == [1, 2]
    assert len(list(four.frames())) == 3
    assert made == [1, 2, 3]


@pytest.mark.parametrize(("num_out", "num_in"), [(1, 1), (8, 8), (48, 31), (20, 40), (60, 39)])
def test_between_two_joins_the_new_frames_are_shown_evenly(num_out: int, num_in: int) -> None:
    indices = even_indices(num_out, num_in)
    assert indices[0] <= num_in / num_out
    assert indices[-1] >= num_in - 1 - num_in / num_out
    assert set(np.diff(indices)) <= {num_in // num_out, -(-num_in // num_out), 0, 1}
    np.testing.assert_array_equal(indices, num_in - 1 - indices[::-1])

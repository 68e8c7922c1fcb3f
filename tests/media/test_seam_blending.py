"""What the model lacks of a given frame: added next to it, and neither held nor dropped."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.media.seam_blending import (
    FADE_SECONDS,
    Seam,
    blend_after,
    blend_before,
    fade_weights,
    mean_step,
)
from pipeline.media.transitions import frame_indices, pick

FPS = 16
SHAPE = (32, 48, 3)


def grey(*values: int) -> list[np.ndarray]:
    return [np.full(SHAPE, value, np.uint8) for value in values]


def box_at(left: int, ground: int, body: int, edge: int | None = None) -> np.ndarray:
    """Return a frame of even ground with a box, whose upper half is brighter by `edge`."""
    frame = np.full(SHAPE, ground, np.uint8)
    frame[8:24, left : left + 12] = body
    if edge:
        frame[8:16, left : left + 12] = body + edge
    return frame


def moving(count: int, speed: int, edge: int | None = None) -> list[np.ndarray]:
    return [box_at(4 + speed * index, 60, 120, edge) for index in range(count)]


def test_what_is_lacking_is_added_next_to_a_join_and_fades_out() -> None:
    weights = fade_weights(32, FPS)
    assert 0.5 < weights[0] < 1
    assert (np.diff(weights) <= 0).all()
    assert np.count_nonzero(weights) == pytest.approx(FADE_SECONDS * FPS, abs=1)
    (given, decoded), frames = grey(150, 100), grey(*[100] * 32)
    made = list(blend_after(Seam(given, decoded), frames, FPS))
    expected = (100 + weights * 50).round()
    assert [int(frame[0, 0, 0]) for frame in made] == expected.tolist()
    assert all(frame is same for frame, same in zip(frames[10:], made[10:], strict=True))


def test_leading_up_to_a_join_is_going_on_from_it_seen_backwards() -> None:
    frames = moving(20, 1)
    seam = Seam(box_at(3, 80, 150), box_at(3, 60, 120), step=2.0)
    forward = list(blend_after(seam, frames, FPS))
    backward = list(blend_before(seam, frames[::-1], FPS))
    np.testing.assert_array_equal(forward, backward[::-1])


def test_what_is_lacking_is_cut_off_at_white_and_black() -> None:
    (white, black, low), frames = grey(255, 0, 100), grey(200, 200)
    brighter = list(blend_after(Seam(white, low), frames, FPS))
    darker = list(blend_after(Seam(black, low), grey(20, 20), FPS))
    assert brighter[0].max() == 255
    assert darker[0].min() == 0


def test_over_what_rests_all_of_it_stays_and_over_what_moves_it_gives_way() -> None:
    """It rested on a body that went on: the step into the seam was too small, and then a ghost."""
    new = moving(12, 3)
    given = box_at(1, 70, 120, edge=60)  # sharper than the model, and the ground a little off
    seam = Seam(given, box_at(1, 60, 120), step=mean_step(moving(5, 3, edge=60)))
    made = list(blend_after(seam, new, FPS))
    share = fade_weights(7, FPS)
    for frame, weight in zip(made[:5], share[:5], strict=True):
        assert abs(int(frame[0, 40, 0]) - (60 + 10 * weight)) <= 1
    far = made[4]  # the box has left where it was
    held = int(far[10, 2, 0]) - 60
    assert held < share[4] * 60 / 2


def test_what_rests_does_not_flicker_at_a_join() -> None:
    """The model showed it in another way before the seam than after it: that was seen as a step."""
    given = box_at(20, 60, 120)
    rng = np.random.default_rng(0)
    decoded = (given + rng.integers(-12, 13, SHAPE)).astype(np.uint8)
    shown = (decoded + rng.integers(-3, 4, SHAPE)).astype(np.uint8)
    made = list(blend_after(Seam(given, decoded, step=0.0), [shown] * 12, FPS))
    flicker = mean_step([decoded, shown])
    assert mean_step([given, made[0]]) < flicker / 3


@pytest.mark.parametrize("fps", [24, 25, 30, 50, 60])
def test_what_moves_is_let_go_at_every_rate(fps: int) -> None:
    """New frames are shown again then: the step into a seam was measured against standing still."""
    new = [box_at(5 + 4 * index, 60, 120) for index in range(8)]
    sharp = [box_at(1 + 4 * index, 60, 120, edge=60) for index in range(5)]
    seam = Seam(sharp[0], box_at(1, 60, 120), step=mean_step(sharp))

    def held(rate: int) -> int:
        """Return what is left 0.2 s later where the box was, of 60."""
        indices = frame_indices(rate // 2, rate, len(new), FPS)
        made = list(blend_after(seam, pick(new, indices), rate))
        return int(made[round(0.2 * rate)][10, 2, 0]) - 60

    assert abs(held(fps) - held(FPS)) <= 10
    assert held(fps) < 20  # all of it would be 30


@pytest.mark.parametrize("speed", [0, 2, 4])  # every second pixel is looked at
def test_the_step_into_a_join_is_about_as_large_as_those_round_it(speed: int) -> None:
    before = [box_at(4 - speed * (5 - index), 60, 120, edge=40) for index in range(5)]
    new = [box_at(4 + speed * index, 60, 120) for index in range(12)]
    decoded = box_at(4 - speed, 60, 120)
    made = list(blend_after(Seam(before[-1], decoded, mean_step(before)), new, FPS))
    into = mean_step([before[-1], made[0]])
    later = mean_step(made[:5])
    assert into <= 2 * max(later, 0.5)
    if speed:
        assert into >= later / 2


def test_without_new_frames_there_is_nothing_to_add() -> None:
    given, decoded = grey(1, 2)
    assert list(blend_after(Seam(given, decoded), [], FPS)) == []
    assert list(blend_before(Seam(given, decoded), [], FPS)) == []


def test_a_single_frame_changes_from_nothing() -> None:
    assert mean_step(grey(5)) is None
    assert mean_step(grey(5, 8, 9)) == pytest.approx(2)

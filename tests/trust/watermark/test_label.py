"""The visible label: where it is, that it can be read on any ground, and that it moves if asked."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.geometry import Size
from pipeline.trust.watermark.label import VisibleLabel

SIZE = Size(512, 288)


def box_of(label: VisibleLabel, index: int = 0, value: int = 200) -> tuple[int, int, int, int]:
    """Return where a label changes a plain frame: top, bottom, left and right."""
    frame = np.full((*reversed(SIZE), 3), value, np.uint8)
    rows, columns = np.nonzero((label.write(frame, index) != frame).any(axis=-1))
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_in_the_corner_it_stays_at_the_bottom_right() -> None:
    label = VisibleLabel("corner", SIZE, 16)
    top, bottom, left, right = box_of(label)
    assert top > 240
    assert 275 < bottom < 288
    assert left > 350
    assert 495 < right < 512
    assert box_of(label, 500) == (top, bottom, left, right)


def test_moving_it_begins_there_and_goes_slowly_over_the_whole_picture() -> None:
    label = VisibleLabel("moving", SIZE, 16)
    boxes = np.array([box_of(label, index) for index in range(0, 16 * 60, 8)])
    assert tuple(boxes[0]) == box_of(VisibleLabel("corner", SIZE, 16))
    steps = np.abs(np.diff(boxes, axis=0)).max()
    assert 0 < steps <= 16  # pixels in half a second
    assert boxes[:, 0].min() < 20
    assert boxes[:, 2].min() < 20
    assert (boxes >= 0).all()
    assert boxes[:, 1].max() < 288
    assert boxes[:, 3].max() < 512


@pytest.mark.parametrize("value", [0, 90, 128, 180, 255])
def test_its_letters_stand_out_on_every_ground(value: int) -> None:
    label = VisibleLabel("corner", SIZE, 16)
    frame = np.full((*reversed(SIZE), 3), value, np.uint8)
    top, bottom, left, right = 262, 276, 404, 494
    part = label.write(frame, 0)[top:bottom, left:right].astype(int)
    assert part.max() - part.min() > 120


@pytest.mark.parametrize("size", [(64, 64), (288, 512), (1280, 704), (832, 480)])
def test_it_fits_pictures_of_every_size(size: tuple[int, int]) -> None:
    frame = np.full((size[1], size[0], 3), 255, np.uint8)
    changed = (VisibleLabel("moving", Size(*size), 24).write(frame, 7) != frame).any(axis=-1)
    share = np.ptp(np.nonzero(changed)[1]) / size[0]
    assert 0.15 < share <= 0.98
    assert changed.any(axis=1).mean() < 0.3


def test_the_frame_itself_is_left_as_it_is() -> None:
    frame = np.full((*reversed(SIZE), 3), 90, np.uint8)
    VisibleLabel("corner", SIZE, 16).write(frame, 0)
    assert (frame == 90).all()

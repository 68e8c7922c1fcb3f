"""Lands: what stands where, laid out from a seed alone."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.mini.lands import ALIVE, COLOURS_OF, LANDS, GroundLine, Prop, Row, lay_out
from pipeline.mini.tables import ATTRIBUTES
from training.props import PROPS

SIZE = {"width": 512, "height": 288, "horizon": 180.0}


def test_every_place_has_a_land_and_every_kind_in_it_a_drawing() -> None:
    assert set(LANDS) == set(ATTRIBUTES["place"])
    rows = [item for land in LANDS.values() for item in land if isinstance(item, Row)]
    kinds = {kind for row in rows for kind in row.kinds}
    assert kinds == set(PROPS)
    assert kinds >= ALIVE | COLOURS_OF.keys()


@pytest.mark.parametrize("place", LANDS)
def test_a_seed_lays_out_one_land_and_another_seed_another(place: str) -> None:
    first, again, other = (lay_out(place, seed, **SIZE) for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize("place", LANDS)
def test_grounds_repeat_every_two_widths_and_props_lie_within_them(place: str) -> None:
    for thing in lay_out(place, 5, **SIZE):
        if isinstance(thing, GroundLine):
            ends = thing.at(np.array([0.0, 2.0 * SIZE["width"]]))
            assert ends[0] == pytest.approx(ends[1])
        else:
            assert isinstance(thing, Prop)
            assert 0 <= thing.x < 2 * SIZE["width"]
            assert 0 < thing.height < SIZE["height"]

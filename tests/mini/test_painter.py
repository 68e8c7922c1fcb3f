"""The painter: every kind on its own canvas, cell by cell."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.mini.painter import CELL, PainterModel, canvas_of
from training.sprites import Census, cut_cells, draw_look, draw_sight, take_census
from training.train_painter import Pool, build_painter, measure, painter_loss, sample_of

KINDS = ("dog", "woman", "dash")
SMALL = {"width": 16, "depth": 1, "num_layers": 3}


@pytest.fixture(scope="module")
def censuses() -> dict[str, Census]:
    return {kind: take_census(kind, 4) for kind in KINDS}


@pytest.fixture
def model(censuses: dict[str, Census]) -> PainterModel:
    torch.manual_seed(0)
    return build_painter(censuses, **SMALL)


def test_a_canvas_has_room_above_below_and_beside() -> None:
    canvas = canvas_of(128, 1.5)
    x, y = canvas.foot
    assert y - 128 > 0.3 * 128
    assert canvas.size[0] > y
    assert x == canvas.size[1] / 2 >= 0.75 * 128


def test_all_that_is_ever_drawn_of_a_kind_is_in_cells_that_the_census_has_seen() -> None:
    census, rng = take_census("cup", 16), np.random.default_rng(5)
    unused = np.delete(np.arange(census.canvas.rows * census.canvas.columns), census.places)
    for _ in range(5):
        cells = cut_cells(draw_sight(draw_look("cup", rng), census.canvas))
        assert cells[unused, 3].max(initial=0) < 100


def test_a_painted_cell_is_where_the_drawing_has_it(
    model: PainterModel, censuses: dict[str, Census]
) -> None:
    """Put the drawn cells in the network's place: the sprite has to be the drawing again."""
    sight = draw_look("dog", np.random.default_rng(0))
    drawn = draw_sight(sight, censuses["dog"].canvas)
    sample = sample_of(model, censuses["dog"], sight, 0, np.arange(len(censuses["dog"].places)))
    model.forward = lambda *_: torch.from_numpy(sample.cells).float() / 255
    sprite = model.paint("dog", dict(sight.look), [sight.seconds])[0]
    seen = (sprite.permute(1, 2, 0) * 255).round().byte().numpy()
    differs = np.abs(seen.astype(int) - drawn).max(2) > 0
    assert seen.shape == drawn.shape
    assert differs.mean() < 0.01  # a few pixels may lie where no census has seen any


def test_kinds_have_rows_of_their_own(model: PainterModel) -> None:
    rows = torch.cat([model.rows_of(kind) for kind in KINDS])
    assert rows.tolist() == list(range(len(model.cells.weight)))


def test_a_look_decides_the_picture_and_the_clock_moves_it(model: PainterModel) -> None:
    look = {"colour": "red", "time": "day", "style": "flat"}
    first, later = model.paint("dog", look, [0.0, 1.0])
    blue = model.paint("dog", look | {"colour": "blue"}, [0.0])[0]
    assert first.shape[1:] == model.canvas("dog").size
    assert not torch.equal(first, later)
    assert not torch.equal(first, blue)
    assert 0 <= float(first.min()) <= float(first.max()) <= 1


def test_training_brings_what_is_painted_nearer_to_what_is_drawn(
    model: PainterModel, censuses: dict[str, Census]
) -> None:
    pool = Pool(model, censuses, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    before = np.mean(list(measure(model, censuses, 2).values()))
    for _ in range(50):
        samples = pool.draw(6, 3)
        loss, squares = painter_loss(model, samples)
        pool.heed(samples, squares)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert np.mean(list(measure(model, censuses, 2).values())) < 0.9 * before


def test_a_painter_is_saved_and_loaded_with_its_kinds(
    model: PainterModel, tmp_path: object
) -> None:
    model.save_pretrained(tmp_path)
    again = PainterModel.from_pretrained(tmp_path)
    look = {"colour": "red", "time": "day", "style": "flat"}
    first, second = (x.paint("woman", look, [0.5]) for x in (model, again))
    torch.testing.assert_close(first, second)
    assert CELL * again.canvas("dash").rows == again.canvas("dash").size[0]

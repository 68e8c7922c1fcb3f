"""Train the painter on bodies and props that are drawn on demand.

Run: torchrun --nproc-per-node 2 -m training.train_painter --folder DIR --minutes 75
Resumes from FOLDER/state.pt, which `training.export` reads. Of each sprite only some cells are
learned, those that are painted worse more often, and so are their kinds; a sprite that was drawn is
learned from a few times. Cells that learn nothing begin anew.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import distributed

from pipeline.mini.painter import PainterModel
from pipeline.mini.tables import ATTRIBUTES, PEOPLE
from pipeline.runtime.device import detect_machine
from training.process import start_process
from training.props import PROPS
from training.sprites import (
    VALUE_NAMES,
    Census,
    Sight,
    all_kinds,
    cut_cells,
    draw_look,
    draw_sight,
    take_census,
)
from training.tables import Plan, load_state, train

logger = logging.getLogger(__name__)
NUM_SPRITES = 64  # a step and process
NUM_NEW = 16  # of those, drawn for the step
NUM_CELLS = 40  # of each sprite
POOL_SIZE = 4000
ERROR_RATE = 0.05  # of the newest error in the running one
STUCK = 0.02  # mean square error of a cell that begins anew
STEPS_BETWEEN_BEGINNINGS = 1000
LAST_BEGINNING = 0.5  # of the time: what begins later would not be learned
_LEAST = 0.15  # of a kind's mean, added to the chance of each of its cells
TABLE_RATE_FACTOR = 5.0
# How often a kind is drawn: people have many looks, props that rest hardly any.
_WEIGHTS = {"person": 6.0, "child": 3.0, "body": 1.0, "living": 0.5, "still": 0.25}
# Differences far below this count by their squares, as errors that nobody sees.
_SMALL = 0.02


@dataclass(frozen=True)
class Sample:
    """Some cells of a drawn sprite."""

    kind: int
    labels: list[int]
    seconds: float
    rows: np.ndarray  # (M,) of the table
    cells: np.ndarray  # (M, 4, 16, 16) uint8


def build_painter(censuses: dict[str, Census], **sizes: int) -> PainterModel:
    """Build an untrained painter of what censuses have seen."""
    model = PainterModel(
        kinds=list(censuses),
        canvases=[(x.canvas.pixels, x.canvas.rows, x.canvas.columns) for x in censuses.values()],
        num_cells=[len(x.places) for x in censuses.values()],
        value_names=VALUE_NAMES,
        values=[ATTRIBUTES[name] for name in VALUE_NAMES],
        **sizes,
    )
    model.places.copy_(torch.from_numpy(np.concatenate([x.places for x in censuses.values()])))
    return model


def weight_of(kind: str, draw_clock: float) -> float:
    """Return how often a kind is drawn; a clock of 0 means that it rests."""
    if kind in PROPS:
        return _WEIGHTS["living" if draw_clock else "still"]
    if kind in PEOPLE:
        return _WEIGHTS["person"]
    return _WEIGHTS["child" if kind == "child" else "body"]


class Pool:
    """Sprites that were drawn lately, worse ones more often."""

    def __init__(self, model: PainterModel, censuses: dict[str, Census], seed: int) -> None:
        self._model, self._censuses = model, censuses
        self._kinds = list(censuses)
        self._rows = [model.rows_of(kind).numpy() for kind in self._kinds]
        self._rng = np.random.default_rng(seed)
        clocks = [draw_look(kind, self._rng).seconds for kind in self._kinds]
        self._weights = np.array([weight_of(*x) for x in zip(self._kinds, clocks, strict=True)])
        # The mean square error of each row's cell, lately; before it is known, how much it varies.
        self.errors = np.concatenate([x.variety / 255 for x in censuses.values()]) ** 2
        self._samples: list[Sample] = []
        self._next = 0

    def heed(self, samples: list[Sample], squares: np.ndarray) -> None:
        """Note the mean square errors (M,) of the cells of samples."""
        rows = np.concatenate([x.rows for x in samples])
        self.errors[rows] += ERROR_RATE * (squares - self.errors[rows])

    def draw(self, count: int, num_new: int) -> list[Sample]:
        """Return samples of the pool, `num_new` of them new."""
        means = np.array([self.errors[rows].mean() for rows in self._rows])
        shares = self._weights * np.sqrt(means)
        shares /= shares.sum()
        new = self._rng.choice(len(shares), num_new if self._samples else count, p=shares)
        fresh = [self._sample(int(number)) for number in new]
        for sample in fresh:
            if len(self._samples) < POOL_SIZE:
                self._samples.append(sample)
            else:
                self._samples[self._next] = sample
                self._next = (self._next + 1) % POOL_SIZE
        rest = self._rng.integers(len(self._samples), size=count - len(fresh))
        return [*fresh, *(self._samples[index] for index in rest)]

    def _sample(self, number: int) -> Sample:
        """Draw a kind, by its number."""
        kind = self._kinds[number]
        chances = np.sqrt(self.errors[self._rows[number]])
        chances += _LEAST * chances.mean()
        count = min(NUM_CELLS, len(chances))
        chosen = self._rng.choice(len(chances), count, replace=False, p=chances / chances.sum())
        sight = draw_look(kind, self._rng)
        return sample_of(self._model, self._censuses[kind], sight, number, chosen)


def begin_anew(model: PainterModel, pool: Pool) -> int:
    """Forget the rows of cells that are stuck, in all processes alike; return their number.

    A soft layer that covers what it should not is hardly corrected: its softmax is flat there.
    """
    errors = torch.from_numpy(pool.errors).clone()
    distributed.all_reduce(errors)
    stuck = torch.nonzero(errors / distributed.get_world_size() > STUCK)[:, 0]
    fresh = torch.randn(len(stuck), model.config.width) * 0.3
    distributed.broadcast(fresh, 0)
    with torch.no_grad():
        model.cells.weight[stuck] = fresh
    return len(stuck)


def sample_of(
    model: PainterModel, census: Census, sight: Sight, number: int, chosen: np.ndarray
) -> Sample:
    """Draw a sight and keep the chosen ones of its used cells."""
    cells = cut_cells(draw_sight(sight, census.canvas))[census.places[chosen]]
    rows = model.rows_of(sight.kind).numpy()[chosen]
    return Sample(number, model.labels_of(dict(sight.look)), sight.seconds, rows, cells)


def painter_loss(
    model: PainterModel, samples: list[Sample], *, in_bfloat16: bool = False
) -> tuple[torch.Tensor, np.ndarray]:
    """Return the loss of samples' cells, and each cell's mean square error (M,)."""
    owner = np.repeat(np.arange(len(samples)), [len(x.rows) for x in samples])
    truth = torch.from_numpy(np.concatenate([x.cells for x in samples])).float() / 255
    with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16):
        cells = model(
            torch.tensor([x.kind for x in samples]),
            torch.tensor([x.labels for x in samples]),
            torch.tensor([x.seconds for x in samples]),
            torch.from_numpy(np.concatenate([x.rows for x in samples])),
            torch.from_numpy(owner),
        )
    square = (cells.float() - truth).square()
    return (square + _SMALL**2).sqrt().mean(), square.detach().mean((1, 2, 3)).numpy()


@torch.no_grad()
def measure(
    model: PainterModel, censuses: dict[str, Census], num_sights: int, seed: int = 10_000
) -> dict[str, float]:
    """Return the root mean square error of each kind over all its cells, in unseen sights."""
    errors = {}
    for number, (kind, census) in enumerate(censuses.items()):
        rng = np.random.default_rng((seed, number))
        everything = np.arange(len(census.places))
        samples = [
            sample_of(model, census, draw_look(kind, rng), number, everything)
            for _ in range(num_sights)
        ]
        errors[kind] = float(np.sqrt(painter_loss(model, samples)[1].mean()))
    return errors


def main() -> None:
    """Take the census, train until the time is up, and log what each kind's error is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--kinds", nargs="*", help="only some, to measure a small run")
    args = parser.parse_args()
    rank = start_process()
    torch.manual_seed(0)
    censuses = {kind: take_census(kind) for kind in args.kinds or all_kinds()}
    model = build_painter(censuses)
    logger.info("%d kinds, %d cells", len(censuses), len(model.places))
    plan = Plan(args.folder, args.minutes, args.lr, TABLE_RATE_FACTOR)
    if rank == 0:
        model.save_config(args.folder)
    state = load_state(plan)
    pool = Pool(model, censuses, seed=(state["step"] if state else 0) * 2 + rank)
    in_bfloat16 = detect_machine().has_fast_bf16

    def loss_of(step: int, elapsed: float) -> tuple[torch.Tensor, float]:
        if step % STEPS_BETWEEN_BEGINNINGS == 0 and elapsed < LAST_BEGINNING:
            logger.info("%d cells begin anew", begin_anew(model, pool))
        samples = pool.draw(NUM_SPRITES, NUM_NEW)
        loss, squares = painter_loss(model, samples, in_bfloat16=in_bfloat16)
        pool.heed(samples, squares)
        return loss, float(np.sqrt(squares.mean()))

    train(model, [model.cells.weight], plan, loss_of)
    if rank == 0:
        errors = measure(model, censuses, 4)
        for kind, error in sorted(errors.items(), key=lambda item: -item[1]):
            logger.info("%s %.4f", kind, error)
        logger.info("mean %.4f", float(np.mean(list(errors.values()))))


if __name__ == "__main__":
    main()

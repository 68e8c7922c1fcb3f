"""The painter: a network that paints a body or a prop at one time, with alpha, facing right.

Colours and shapes are separate, as soft layers of one colour each (Sbai et al. 2020, "Unsupervised
image decomposition in vector layers"). Every cell of 16x16 pixels in which a kind is ever seen has
a row of its own in a table. A land is made of many such sprites: see `lands.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn
from torch.nn import functional

from pipeline.mini.tables import PERIOD_SECONDS

CELL = 16  # pixels: the side of a cell
BODY_PIXELS = 128  # height of a body's sprite; props have heights of their own
ABOVE, BELOW = 0.375, 0.125  # of its height, around a kind's box, for smoke and waving arms
_HARMONICS = 16  # of the period: nothing turns or flaps faster
_KIND_SIZE, _VALUE_SIZE = 96, 12  # numbers that a kind and a value are embedded in


@dataclass(frozen=True)
class Canvas:
    """The sprite of a kind: pixels for its height, rows and columns of cells."""

    pixels: int
    rows: int
    columns: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rows * CELL, self.columns * CELL

    @property
    def foot(self) -> tuple[float, float]:
        """The x and y of the kind's foot on the canvas, in pixels."""
        return self.columns * CELL / 2, self.rows * CELL - BELOW * self.pixels


def canvas_of(pixels: int, width: float, above: float = ABOVE) -> Canvas:
    """Return the canvas of a kind that is `pixels` high and `width` times as wide.

    `above` is how much higher it reaches, in its heights.
    """
    rows = math.ceil((1 + above + BELOW) * pixels / CELL)
    return Canvas(pixels, rows, 2 * math.ceil(width * pixels / 2 / CELL))


class PainterModel(ModelMixin, ConfigMixin):
    """Paints sprites cell by cell, by their kind, the values of their look, and a clock."""

    @register_to_config
    def __init__(
        self,
        kinds: Sequence[str],
        canvases: Sequence[Sequence[int]],
        num_cells: Sequence[int],
        value_names: Sequence[str],
        values: Sequence[Sequence[str]],
        width: int = 320,
        depth: int = 3,
        num_layers: int = 10,
    ) -> None:
        """Make a painter of kinds, each with its canvas (pixels, rows, columns) and used cells."""
        super().__init__()
        assert len(canvases) == len(num_cells) == len(kinds)
        num_values = len(value_names)
        num_words = _KIND_SIZE + num_values * _VALUE_SIZE
        self.cells = nn.Embedding(sum(num_cells), width)
        nn.init.normal_(self.cells.weight, std=0.3)
        # The place of each row's cell on the canvas of its kind, row by row.
        self.register_buffer("places", torch.zeros(sum(num_cells), dtype=torch.long))
        self.embed_kind = nn.Embedding(len(kinds), _KIND_SIZE)
        self.embed_values = nn.ModuleList(nn.Embedding(len(x) + 1, _VALUE_SIZE) for x in values)
        self.read_words = nn.Linear(num_words, width)
        self.read_clock = nn.Linear(2 * _HARMONICS, width)
        self.read_both = nn.Linear(width, width)
        self.modulate = nn.Linear(width, 2 * depth * width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, 2 * width), nn.GELU("tanh"), nn.Linear(2 * width, width)
            )
            for _ in range(depth)
        )  # fmt: skip
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.shapes = nn.Linear(width, (num_layers + 1) * CELL**2)
        self.colours = nn.Sequential(
            nn.Linear(num_words, width), nn.GELU("tanh"), nn.Linear(width, width),
            nn.GELU("tanh"), nn.Linear(width, 3 * num_layers),
        )  # fmt: skip
        self._first = [0]
        for count in num_cells:
            self._first.append(self._first[-1] + count)

    def labels_of(self, look: Mapping[str, str | None]) -> list[int]:
        """Return the labels of a look's values; 0 is "none"."""
        pairs = zip(self.config.value_names, self.config.values, strict=True)
        labels = []
        for name, values in pairs:
            value = look.get(name)
            labels.append(0 if value is None else 1 + list(values).index(value))
        return labels

    def canvas(self, kind: str) -> Canvas:
        """Return the canvas of a kind."""
        return Canvas(*self.config.canvases[self.config.kinds.index(kind)])

    def rows_of(self, kind: str) -> torch.Tensor:
        """Return the rows (M,) of a kind's cells in the table."""
        number = self.config.kinds.index(kind)
        return torch.arange(*self._first[number : number + 2], device=self.places.device)

    def forward(
        self,
        kinds: torch.Tensor,
        labels: torch.Tensor,
        seconds: torch.Tensor,
        cells: torch.Tensor,
        owner: torch.Tensor,
    ) -> torch.Tensor:
        """Paint M cells: premultiplied RGB and alpha (M, 4, 16, 16).

        `kinds` (B,), `labels` (B, A) and `seconds` (B,) are those of B sprites. `cells` (M,) are
        rows of the table, `owner` (M,) the sprite that each belongs to.
        """
        tables = zip(self.embed_values, labels.unbind(1), strict=True)
        words = torch.cat([self.embed_kind(kinds), *(table(x) for table, x in tables)], dim=-1)
        clock = seconds[:, None] * (
            2 * math.pi / PERIOD_SECONDS * torch.arange(1, _HARMONICS + 1, device=seconds.device)
        )
        clock = torch.cat([clock.sin(), clock.cos()], dim=-1).to(words.dtype)
        looks = functional.gelu(self.read_words(words) * (1 + self.read_clock(clock)))
        looks = functional.gelu(self.read_both(looks))
        tones = self.modulate(looks)[owner].chunk(2 * len(self.blocks), dim=-1)
        x = self.cells(cells)
        for block, scale, shift in zip(self.blocks, tones[::2], tones[1::2], strict=True):
            x = x + block(self.norm(x) * (1 + scale) + shift)
        covers = self.shapes(self.norm(x)).unflatten(-1, (-1, CELL**2)).softmax(1)[:, 1:]
        colours = self.colours(words).sigmoid().unflatten(-1, (3, -1))  # (B, 3, K)
        colours = torch.cat([colours, torch.ones_like(colours[:, :1])], dim=1)
        return (colours[owner] @ covers).unflatten(-1, (CELL, CELL))

    @torch.no_grad()
    def paint(
        self, kind: str, look: Mapping[str, str | None], seconds: Sequence[float]
    ) -> torch.Tensor:
        """Paint a kind at N times: premultiplied RGB and alpha (N, 4, H, W) from 0 to 1."""
        device, rows, canvas = self.places.device, self.rows_of(kind), self.canvas(kind)
        count = len(seconds)
        number = torch.full((count,), self.config.kinds.index(kind), device=device)
        labels = torch.tensor([self.labels_of(look)] * count, device=device)
        clock = torch.tensor(seconds, dtype=torch.float32, device=device)
        owner = torch.arange(count, device=device).repeat_interleave(len(rows))
        cells = self(number, labels, clock, rows.repeat(count), owner)
        grid = cells.new_zeros(count, canvas.rows * canvas.columns, 4, CELL, CELL)
        grid[:, self.places[rows]] = cells.unflatten(0, (count, -1))
        grid = grid.unflatten(1, (canvas.rows, canvas.columns)).permute(0, 3, 1, 4, 2, 5)
        return grid.flatten(4).flatten(2, 3)

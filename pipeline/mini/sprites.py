"""The sprite network: paints a character at one time, with alpha, at one size and facing right.

Colours and shapes are separate, as soft layers of one colour each (Sbai et al. 2020, "Unsupervised
image decomposition in vector layers"). `compositing.py` puts sprites into frames.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn
from torch.nn import functional

from pipeline.mini.scene import ATTRIBUTES, CAST, OF_LOOKS, PERIOD_SECONDS

SPRITE_HEIGHT = 128  # pixels from the feet to the top of the head
CELL = 16  # pixels: the side of the square cells that a sprite consists of
ABOVE, BELOW, BESIDE = 48, 16, 22  # pixels around a character's box, for smoke and waving arms
_ROWS = (ABOVE + SPRITE_HEIGHT + BELOW) // CELL
_COLUMNS = 24  # of the widest subject
_HARMONICS = 16  # of the period: nothing turns or flaps faster

SLOTS = tuple(list(ATTRIBUTES).index(name) for name in OF_LOOKS)
"""The slots of all attributes of a look."""


@cache
def canvas_size(subject: str) -> tuple[int, int]:
    """Return the height and the width of a subject's sprite in pixels."""
    half = CAST[subject][0] * SPRITE_HEIGHT / 2 + BESIDE
    return _ROWS * CELL, 2 * math.ceil(half / CELL) * CELL


class SpriteModel(ModelMixin, ConfigMixin):
    """Paints sprites cell by cell; each cell of each subject has its own row in a table."""

    @register_to_config
    def __init__(
        self,
        slot_size: int = 128,
        width: int = 320,
        depth: int = 3,
        num_layers: int = 10,
        num_subjects: int = len(CAST),
        slots: Sequence[int] = SLOTS,
    ) -> None:
        """Paint the first subjects of the cast, by the words in some slots."""
        super().__init__()
        num_words = len(slots) * slot_size
        self.cells = nn.Embedding(num_subjects * _ROWS * _COLUMNS, width)
        nn.init.normal_(self.cells.weight, std=0.3)
        # Whether a cell is ever visible.
        self.register_buffer("is_used", torch.ones(len(self.cells.weight), dtype=torch.bool))
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

    def forward(
        self, slots: torch.Tensor, seconds: torch.Tensor, cells: torch.Tensor, owner: torch.Tensor
    ) -> torch.Tensor:
        """Paint M cells: premultiplied RGB and alpha (M, 4, 16, 16).

        `slots` (B, S, D) are the embedded words of B sprites and `seconds` (B,) their times.
        `cells` (M,) are rows of the table, `owner` (M,) the sprite that each belongs to.
        """
        words = slots[:, self.config.slots].flatten(1)
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

    def cells_of(self, subject: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the table rows (M,) of a subject's used cells, and their canvas places (M,)."""
        columns = canvas_size(subject)[1] // CELL
        first = list(CAST).index(subject) * _ROWS * _COLUMNS
        place = torch.arange(_ROWS * columns, device=self.is_used.device)
        rows = first + place.div(columns, rounding_mode="floor") * _COLUMNS + place % columns
        is_used = self.is_used[rows]
        return rows[is_used], place[is_used]

    def paint(self, subject: str, slots: torch.Tensor, seconds: torch.Tensor) -> torch.Tensor:
        """Paint a subject at N times: premultiplied RGB and alpha (N, 4, H, W) from 0 to 1.

        `slots` (1, S, D) are the embedded words of its look; `seconds` is (N,).
        """
        rows, places = self.cells_of(subject)
        height, width = (side // CELL for side in canvas_size(subject))
        count = len(seconds)
        owner = torch.arange(count, device=rows.device).repeat_interleave(len(rows))
        cells = self(slots.expand(count, -1, -1), seconds, rows.repeat(count), owner)
        canvas = cells.new_zeros(count, height * width, 4, CELL, CELL)
        canvas[:, places] = cells.unflatten(0, (count, -1))
        grid = canvas.unflatten(1, (height, width)).permute(0, 3, 1, 4, 2, 5)
        return grid.flatten(4).flatten(2, 3)

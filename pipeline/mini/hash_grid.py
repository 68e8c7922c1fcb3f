"""A hash grid: learned features of every position of every background.

With this table beside its wave encoding the background network learns many times faster (Müller et
al. 2022, "Instant neural graphics primitives", whose spatial hash this uses).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import nn

from pipeline.mini.camera import PAN_PARALLAX, TILT_PARALLAX
from pipeline.mini.path_features import FEATURE_COLUMNS
from pipeline.mini.scene import NUM_VIEWS, PATCH

_PRIMES = (1, 2_654_435_761, 805_459_861, 3_674_653_429, 2_097_192_037)
_EXACT = 8  # pixels: positions on the patch grid, and quarters of it, have their own rows
_SHAPES = 64  # more than there are aspect ratios, counted in eighths


class HashGrid(nn.Module):
    """Looks up positions: coordinates (B, 3, N), path features (B, T, D) -> (B, N, F).

    Smooth tables have a row per patch and are interpolated; exact tables have a row for every few
    pixels. The network behind them resolves hash collisions.
    """

    def __init__(self, num_features: int, log_rows: int) -> None:
        super().__init__()
        self.smooth = _tables(num_features, log_rows)
        self.exact = _tables(num_features, log_rows + 1)
        for table in self.modules():
            if isinstance(table, nn.Embedding):
                nn.init.normal_(table.weight, std=0.1)
        self.num_features = num_features * 2 * len(PAN_PARALLAX)

    def forward(
        self, coords: torch.Tensor, features: torch.Tensor, size: tuple[int, int]
    ) -> torch.Tensor:
        """Look up the centres of patches (B, N, F) in pictures of `size` (height, width) pixels."""
        y, x = (side + PATCH / 2 for side in coords[:, 1:].unbind(1))
        feature = read_features(features, y.shape[1])
        height, width = size
        is_known = feature["knows view"][..., None] > 0
        place = feature["place"] * NUM_VIEWS + feature["view"]
        place = place * _SHAPES + round(8 * width / height)
        is_moving = (feature["pan step"] != 0) | (feature["tilt step"] != 0)
        parts = []
        tables = (cast("Iterable[nn.Embedding]", x) for x in (self.smooth, self.exact))
        for smooth, exact, pan, tilt in zip(*tables, PAN_PARALLAX, TILT_PARALLAX, strict=True):
            # The background repeats every two widths.
            across = (x - pan * width * feature["pan"]) % (2 * width)
            down = y - tilt * height * feature["tilt"]
            cell_x, cell_y = across / PATCH - 0.5, down / PATCH - 0.5
            parts.append(_mix(smooth, cell_x, cell_y, place) * is_known)
            keys = ((across / _EXACT).round(), (down / _EXACT).round(), place, is_moving)
            parts.append(exact(_row(exact, *keys)) * is_known)
        return torch.cat(parts, dim=-1)


def read_features(features: torch.Tensor, num_patches: int) -> dict[str, torch.Tensor]:
    """Return path features (B, T, D) by name, repeated for each patch: (B, N) each."""
    rows = features.repeat_interleave(num_patches // features.shape[1], dim=1)
    return dict(zip(FEATURE_COLUMNS, rows.unbind(-1), strict=True))


def _tables(num_features: int, log_rows: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Embedding(2**log_rows, num_features) for _ in PAN_PARALLAX)


def _row(table: nn.Embedding, *keys: torch.Tensor) -> torch.Tensor:
    """Hash integers (B, N) each to row numbers (B, N) of a table."""
    mixed = torch.zeros_like(keys[0], dtype=torch.long)
    for key, prime in zip(keys, _PRIMES, strict=False):
        mixed = mixed ^ (key.long() * prime)
    return (mixed ^ (mixed >> 17)) % table.num_embeddings


def _mix(table: nn.Embedding, x: torch.Tensor, y: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Interpolate between the rows of the four cells around positions (B, N): (B, N, F)."""
    left, top = x.floor(), y.floor()
    share_x, share_y = (x - left)[..., None], (y - top)[..., None]
    mixed = torch.zeros_like(share_x)
    for dx, weight_x in ((0, 1 - share_x), (1, share_x)):
        for dy, weight_y in ((0, 1 - share_y), (1, share_y)):
            mixed = mixed + weight_x * weight_y * table(_row(table, left + dx, top + dy, key))
    return mixed

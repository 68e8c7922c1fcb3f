"""Tables of what was learnt of each land, by place.

Waves of a place make a small network learn a picture book page by page very slowly; rows of tables
that only the places themselves share make it learn many times faster (Müller et al. 2022, "Instant
neural graphics primitives", whose spatial hash this uses).
"""

from __future__ import annotations

import torch
from torch import nn

from pipeline.mini.staging import NUM_VIEWS, PAN_PARALLAX, PATCH, TILT_PARALLAX
from pipeline.mini.tracks import TRACK_COLUMNS

_PRIMES = (1, 2_654_435_761, 805_459_861, 3_674_653_429, 2_097_192_037)
_EXACT = 8  # pixels: places on the grid of patches, and its quarters, have rows of their own
_SHAPES = 64  # more than there are shapes of a picture, in eighths


class Atlas(nn.Module):
    """Looks places up: video coordinates (B, 3, S) and tracks (B, T, D) -> features (B, S, F).

    Smooth tables have a row every patch, and a place in between gets a mixture; exact ones have a
    row for every few pixels. Places that share a row by chance are told apart by the network behind
    it.
    """

    def __init__(self, num_features: int, log_rows: int) -> None:
        super().__init__()
        self.smooth_land = _tables(num_features, log_rows)
        self.exact_land = _tables(num_features, log_rows + 1)
        for table in self.modules():
            if isinstance(table, nn.Embedding):
                nn.init.normal_(table.weight, std=0.1)
        self.num_features = num_features * 2 * len(PAN_PARALLAX)

    def forward(
        self, video_coords: torch.Tensor, tracks: torch.Tensor, size: tuple[int, int]
    ) -> torch.Tensor:
        """Look up the middles of tokens in pictures of a size (height, width) in pixels."""
        y, x = (side + PATCH / 2 for side in video_coords[:, 1:].unbind(1))
        track = read_tracks(tracks, y.shape[1])
        height, width = size
        is_known = track["knows view"][..., None] > 0
        land = track["place"] * NUM_VIEWS + track["view"]
        land = land * _SHAPES + round(8 * width / height)
        is_moving = (track["pan step"] != 0) | (track["tilt step"] != 0)
        parts = []
        for smooth, exact, pan, tilt in zip(
            self.smooth_land, self.exact_land, PAN_PARALLAX, TILT_PARALLAX, strict=True
        ):
            # The land repeats every two widths.
            across = (x - pan * width * track["pan"]) % (2 * width)
            down = y - tilt * height * track["tilt"]
            cell_x, cell_y = across / PATCH - 0.5, down / PATCH - 0.5
            parts.append(_mix(smooth, cell_x, cell_y, land) * is_known)
            keys = ((across / _EXACT).round(), (down / _EXACT).round(), land, is_moving)
            parts.append(exact(_row(exact, *keys)) * is_known)
        return torch.cat(parts, dim=-1)


def read_tracks(tracks: torch.Tensor, num_tokens: int) -> dict[str, torch.Tensor]:
    """Name what tracks (B, T, D) tell each of the tokens of T latent frames: (B, S) each."""
    rows = tracks.repeat_interleave(num_tokens // tracks.shape[1], dim=1)
    return dict(zip(TRACK_COLUMNS, rows.unbind(-1), strict=True))


def _tables(num_features: int, log_rows: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Embedding(2**log_rows, num_features) for _ in PAN_PARALLAX)


def _row(table: nn.Embedding, *keys: torch.Tensor) -> torch.Tensor:
    """Hash whole numbers to a row of a table."""
    mixed = torch.zeros_like(keys[0], dtype=torch.long)
    for key, prime in zip(keys, _PRIMES, strict=False):
        mixed = mixed ^ (key.long() * prime)
    return (mixed ^ (mixed >> 17)) % table.num_embeddings


def _mix(table: nn.Embedding, x: torch.Tensor, y: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """Mix the rows of the four cells round a place, the nearer the more."""
    left, top = x.floor(), y.floor()
    share_x, share_y = (x - left)[..., None], (y - top)[..., None]
    mixed = 0.0
    for dx, weight_x in ((0, 1 - share_x), (1, share_x)):
        for dy, weight_y in ((0, 1 - share_y), (1, share_y)):
            mixed = mixed + weight_x * weight_y * table(_row(table, left + dx, top + dy, key))
    return mixed

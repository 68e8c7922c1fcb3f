"""Tables of what was learnt of places: of each land, and of each body beside its middle.

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
_BODY_CELLS = 6  # smooth cells over somebody's height
_SHAPES = 64  # more than there are shapes of a picture, in eighths


class Atlas(nn.Module):
    """Looks places up: video coordinates (B, 3, S) and tracks (B, T, D) -> features (B, S, F).

    Smooth tables have a row every patch, or sixth of a body, and a place in between gets a mixture;
    exact ones have a row for every few pixels. Places that share a row by chance are told apart by
    the network behind it.
    """

    def __init__(self, num_features: int, log_land: int, log_bodies: int) -> None:
        super().__init__()
        self.smooth_land = _tables(num_features, log_land)
        self.exact_land = _tables(num_features, log_land)
        self.smooth_body = nn.Embedding(2**log_bodies, 2 * num_features)
        self.exact_body = nn.Embedding(2**log_bodies, num_features)
        for table in self.modules():
            if isinstance(table, nn.Embedding):
                nn.init.normal_(table.weight, std=0.1)
        self.num_features = num_features * (2 * len(PAN_PARALLAX) + 2 * 3)

    def forward(
        self, video_coords: torch.Tensor, tracks: torch.Tensor, size: tuple[int, int]
    ) -> torch.Tensor:
        """Look up the middles of tokens in pictures of a size (height, width) in pixels."""
        y, x = (side + PATCH / 2 for side in video_coords[:, 1:].unbind(1))
        track = read_tracks(tracks, y.shape[1])
        parts = self._look_at_land(x, y, track, size)
        for prefix, is_there in (("", "subject"), ("companion ", "companion")):
            parts += self._look_at_body(x, y, track, prefix, track[is_there] > 0, size)
        return torch.cat(parts, dim=-1)

    def _look_at_land(
        self, x: torch.Tensor, y: torch.Tensor, track: dict, size: tuple[int, int]
    ) -> list[torch.Tensor]:
        height, width = size
        is_known = track["knows view"][..., None] > 0
        zoom = torch.where(track["zoom"] > 0, track["zoom"], 1.0)
        pivot_x, pivot_y = track["pivot x"] * width, track["pivot y"] * height
        x, y = pivot_x + (x - pivot_x) / zoom, pivot_y + (y - pivot_y) / zoom
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
        return parts

    def _look_at_body(
        self,
        x: torch.Tensor,
        y: torch.Tensor,
        track: dict,
        prefix: str,
        is_there: torch.Tensor,
        size: tuple[int, int],
    ) -> list[torch.Tensor]:
        picture_height, picture_width = size
        height = torch.where(is_there, track[f"{prefix}height"], 1.0) * picture_height
        x, y = x - track[f"{prefix}x"] * picture_width, y - track[f"{prefix}y"] * picture_height
        reach = 0.75 * PATCH
        is_near = is_there & (x.abs() < 1.3 * height + reach) & (y.abs() < 0.6 * height + reach)
        who = 2 * track[f"{prefix}kind"] + (track["way"] > 0)
        cells = (x / height * _BODY_CELLS, y / height * _BODY_CELLS)
        # Who moves shows half a second of it, in each direction something else.
        going_x = (2 * picture_width * track["x step"] / PATCH).round()
        going_y = (2 * picture_height * track["y step"] / PATCH).round()
        going = 8 * going_x + going_y
        # Heights of the ladder put middles between two rows; a pixel beside that is safe.
        keys = (x / _EXACT).round(), ((y + 1) / _EXACT).round(), who, (height / 4).round(), going
        exact = self.exact_body(_row(self.exact_body, *keys))
        looked_up = (_mix(self.smooth_body, *cells, who), exact)
        return [features * is_near[..., None] for features in looked_up]


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

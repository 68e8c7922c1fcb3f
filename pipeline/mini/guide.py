"""What each token of the embedded model is told of its place, and a first guess from that alone.

A token's place is that in the picture, in the land and beside whoever is there. Numbers become
waves of several lengths, as coordinates do in a radiance field (Mildenhall et al. 2020): from waves
a small network can tell places apart that are a few pixels from each other.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from pipeline.mini.atlas import Atlas, read_tracks
from pipeline.mini.staging import (
    NUM_VIEWS,
    PAN_PARALLAX,
    PATCH,
    PERIOD_SECONDS,
    TILT_PARALLAX,
)

_OCTAVES_ACROSS = 7  # half-waves over a picture's width: 1 to 64
_OCTAVES_DOWN = 6
_OCTAVES_BESIDE = 7
_OCTAVES_OF_TIME = 4
_NUM_BESIDE = 10 + 6 * _OCTAVES_BESIDE
NUM_GUIDE_FEATURES = (
    # Of the picture itself and three layers of land: the sky hardly moves.
    2 * (_OCTAVES_ACROSS + _OCTAVES_DOWN) * len(PAN_PARALLAX)
    + 2 * _NUM_BESIDE
    + 2 * _OCTAVES_OF_TIME
    + NUM_VIEWS
    + 12
)


def guide_features(
    video_coords: torch.Tensor, tracks: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """Describe where tokens are: coordinates (B, 3, S) and tracks (B, T, 27) -> (B, S, D).

    Coordinates are seconds and the pixels of a patch's upper left corner; S is T times the patches
    of a picture of a size (height, width) in pixels, or of a part of it. See
    `tracks.TRACK_COLUMNS`.
    """
    seconds, y, x = video_coords.unbind(1)  # (B, S)
    height, width = size
    across, down = (x + PATCH / 2) / width, (y + PATCH / 2) / height
    track = read_tracks(tracks, y.shape[1])
    ratio = width / height

    parts = [_waves(across, _OCTAVES_ACROSS), _waves(down, _OCTAVES_DOWN)]
    knows = track["knows camera"]
    zoom = torch.where(knows > 0, track["zoom"], 1.0)
    land_x = track["pivot x"] + (across - track["pivot x"]) / zoom
    land_y = track["pivot y"] + (down - track["pivot y"]) / zoom
    for pan, tilt in zip(PAN_PARALLAX[1:], TILT_PARALLAX[1:], strict=True):
        parts.append(_waves(land_x - pan * track["pan"], _OCTAVES_ACROSS) * knows[..., None])
        parts.append(_waves(land_y - tilt * track["tilt"], _OCTAVES_DOWN) * knows[..., None])
    # In patches rather than widths: how far what a token shows moves while it lasts.
    steps = [16 * track["pan step"], 9 * track["tilt step"], 4 * track["zoom step"]]
    parts.append(
        torch.stack([*steps, knows, zoom.log(), torch.full_like(x, math.log(ratio))], dim=-1)
    )

    moved = torch.stack([16 * track["x step"], 9 * track["y step"]], dim=-1)
    for name, is_there in (("", track["subject"]), ("companion ", track["companion"])):
        tall = torch.where(is_there > 0, track[f"{name}height"], 1.0)
        beside_x = (across - track[f"{name}x"]) * ratio / tall
        beside_y = (down - track[f"{name}y"]) / tall
        about = _beside(beside_x, beside_y, track["way"])
        scale = (PATCH / height / tall)[..., None]
        about = torch.cat([about, moved, scale, torch.ones_like(scale)], dim=-1)
        parts.append(about * is_there[..., None])

    phase = track["phase"] * (2 / PERIOD_SECONDS)
    knows_view = track["knows view"][..., None]
    parts.append(_waves(phase, _OCTAVES_OF_TIME) * knows_view)
    views = torch.arange(NUM_VIEWS, device=x.device)
    parts.append((track["view"][..., None] == views).to(x.dtype) * knows_view)
    flags = (knows_view[..., 0], track["knows subject"], track["subject"], track["companion"])
    parts.append(torch.stack([*flags, track["way"], (seconds == 0).to(x.dtype)], dim=-1))
    return torch.cat(parts, dim=-1)


class Guide(nn.Module):
    """Guesses a token's latents from its place and the words: a picture book seen by its index.

    Each token for itself, so that training can take a few from each of very many pictures.
    """

    def __init__(
        self,
        num_slot_features: int,
        width: int,
        depth: int,
        num_hidden: int,
        num_channels: int,
        atlas: tuple[int, int, int],
    ) -> None:
        super().__init__()
        self.atlas = Atlas(*atlas)
        self.read_place = nn.Linear(NUM_GUIDE_FEATURES + self.atlas.num_features, width)
        self.read_words = nn.Linear(num_slot_features, width)
        # The words also say which waves matter: a scale beside the shift (Perez et al. 2018).
        self.scale_by_words = nn.Linear(num_slot_features, width)
        nn.init.zeros_(self.scale_by_words.weight)
        nn.init.zeros_(self.scale_by_words.bias)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU("tanh"),
                nn.Linear(2 * width, width),
            )
            for _ in range(depth)
        )  # fmt: skip
        self.norm = nn.LayerNorm(width)
        self.tell = nn.Linear(width, num_hidden)
        self.guess = nn.Linear(width, num_channels)

    def forward(
        self,
        video_coords: torch.Tensor,
        tracks: torch.Tensor,
        slots: torch.Tensor,
        size: tuple[int, int] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what to tell the transformer (B, S, H), and a guess (B, S, C).

        Takes what `guide_features` takes, and words (B, V).
        """
        if size is None:
            size = tuple(int(side) + PATCH for side in video_coords[0, 1:].amax(1))
        features = torch.cat(
            [guide_features(video_coords, tracks, size), self.atlas(video_coords, tracks, size)],
            dim=-1,
        ).to(slots.dtype)
        scale, shift = 1 + self.scale_by_words(slots)[:, None], self.read_words(slots)[:, None]
        x = functional.gelu(scale * self.read_place(features) + shift)
        for block in self.blocks:
            x = x + block(x)
        x = self.norm(x)
        return self.tell(x), self.guess(x)


def _waves(x: torch.Tensor, num_octaves: int) -> torch.Tensor:
    """Sines and cosines of half-waves 1, 2, 4, ... over one: (...) -> (..., 2 K)."""
    angles = x[..., None] * (math.pi * 2.0 ** torch.arange(num_octaves, device=x.device))
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _beside(x: torch.Tensor, y: torch.Tensor, way: torch.Tensor) -> torch.Tensor:
    """Describe a place seen from somebody's middle, in their heights: (...) -> (..., 6 K + 6)."""
    near = torch.exp(-0.5 * ((x / 1.2) ** 2 + (y / 0.8) ** 2))
    x, y = x.clamp(-2, 2) / 2, y.clamp(-2, 2) / 2
    facing = (x * way)[..., None]
    angles = math.pi / 2 * 2.0 ** torch.arange(_OCTAVES_BESIDE, device=x.device)
    waves = [facing * angles, x[..., None] * angles, y[..., None] * angles]
    places = torch.stack([near, near**4, facing[..., 0], x, y, x.abs()], dim=-1)
    return torch.cat([*(wave for a in waves for wave in (a.sin(), a.cos())), places], dim=-1)

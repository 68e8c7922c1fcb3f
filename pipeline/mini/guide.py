"""What each token of the embedded model is told of its place, and the land that is there.

A token's place is that in the picture and in each layer of the land. Numbers become waves of
several lengths, as coordinates do in a radiance field (Mildenhall et al. 2020): from waves a small
network can tell places apart that are a few pixels from each other.
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
_OCTAVES_OF_TIME = 4
NUM_GUIDE_FEATURES = (
    # Of the picture itself and three layers of land: the sky hardly moves.
    2 * (_OCTAVES_ACROSS + _OCTAVES_DOWN) * len(PAN_PARALLAX) + 2 * _OCTAVES_OF_TIME + NUM_VIEWS + 6
)


def guide_features(
    video_coords: torch.Tensor, tracks: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """Describe where tokens of land are: coordinates (B, 3, S), tracks (B, T, 27) -> (B, S, D).

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
    for pan, tilt in zip(PAN_PARALLAX[1:], TILT_PARALLAX[1:], strict=True):
        parts.append(_waves(across - pan * track["pan"], _OCTAVES_ACROSS) * knows[..., None])
        parts.append(_waves(down - tilt * track["tilt"], _OCTAVES_DOWN) * knows[..., None])
    # In patches rather than widths: how far what a token shows moves while it lasts.
    steps = [16 * track["pan step"], 9 * track["tilt step"]]
    parts.append(torch.stack([*steps, knows, torch.full_like(x, math.log(ratio))], dim=-1))
    phase = track["phase"] * (2 / PERIOD_SECONDS)
    knows_view = track["knows view"][..., None]
    parts.append(_waves(phase, _OCTAVES_OF_TIME) * knows_view)
    views = torch.arange(NUM_VIEWS, device=x.device)
    parts.append((track["view"][..., None] == views).to(x.dtype) * knows_view)
    parts.append(torch.stack([knows_view[..., 0], (seconds == 0).to(x.dtype)], dim=-1))
    return torch.cat(parts, dim=-1)


class Guide(nn.Module):
    """Guesses a token's latents from its place and the words: a picture book seen by its index.

    It knows the land alone: words of bodies are to be left out.

    Each token for itself, so that training can take a few from each of very many pictures.
    """

    def __init__(
        self,
        num_slot_features: int,
        width: int,
        depth: int,
        num_hidden: int,
        num_channels: int,
        atlas: tuple[int, int],
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

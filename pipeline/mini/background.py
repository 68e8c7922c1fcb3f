"""The background network: paints a scene's background as latents from positions and words.

Positions are encoded as waves of several frequencies, as in radiance fields (Mildenhall et al.
2020), so that a small network can tell positions a few pixels apart.
"""

from __future__ import annotations

import math

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn
from torch.nn import functional

from pipeline.mini.camera import PAN_PARALLAX, TILT_PARALLAX
from pipeline.mini.hash_grid import HashGrid, read_features
from pipeline.mini.scene import NUM_VIEWS, PATCH, PERIOD_SECONDS

_OCTAVES_ACROSS = 7  # half-waves over a picture's width: 1 to 64
_OCTAVES_DOWN = 6
_OCTAVES_OF_TIME = 4
NUM_POSITION_FEATURES = (
    # Waves for the picture itself and for three background layers; the sky hardly moves.
    2 * (_OCTAVES_ACROSS + _OCTAVES_DOWN) * len(PAN_PARALLAX) + 2 * _OCTAVES_OF_TIME + NUM_VIEWS + 6
)


def position_features(
    coords: torch.Tensor, features: torch.Tensor, size: tuple[int, int]
) -> torch.Tensor:
    """Encode the positions of patches: coordinates (B, 3, N), features (B, T, 27) -> (B, N, D).

    Coordinates are the latent frame (0 only for a clip's first frame) and y and x of the patch's
    top left corner in pixels. N is T times the number of patches of a picture, or of part of one.
    `size` is (height, width) in pixels; `features` are those of `path_features.FEATURE_COLUMNS`.
    """
    index, y, x = coords.unbind(1)  # (B, N)
    height, width = size
    across, down = (x + PATCH / 2) / width, (y + PATCH / 2) / height
    feature = read_features(features, y.shape[1])
    ratio = width / height

    parts = [_waves(across, _OCTAVES_ACROSS), _waves(down, _OCTAVES_DOWN)]
    knows = feature["knows camera"]
    for pan, tilt in zip(PAN_PARALLAX[1:], TILT_PARALLAX[1:], strict=True):
        parts.append(_waves(across - pan * feature["pan"], _OCTAVES_ACROSS) * knows[..., None])
        parts.append(_waves(down - tilt * feature["tilt"], _OCTAVES_DOWN) * knows[..., None])
    # In patches instead of widths: how far the content of a patch moves during its latent frame.
    steps = [16 * feature["pan step"], 9 * feature["tilt step"]]
    parts.append(torch.stack([*steps, knows, torch.full_like(x, math.log(ratio))], dim=-1))
    phase = feature["phase"] * (2 / PERIOD_SECONDS)
    knows_view = feature["knows view"][..., None]
    parts.append(_waves(phase, _OCTAVES_OF_TIME) * knows_view)
    views = torch.arange(NUM_VIEWS, device=x.device)
    parts.append((feature["view"][..., None] == views).to(x.dtype) * knows_view)
    parts.append(torch.stack([knows_view[..., 0], (index == 0).to(x.dtype)], dim=-1))
    return torch.cat(parts, dim=-1)


class BackgroundModel(ModelMixin, ConfigMixin):
    """Paints the background of a scene, without characters, as latents.

    Every patch is computed on its own, from its position and the words, so that training can take a
    few patches from each of very many pictures.
    """

    @register_to_config
    def __init__(
        self,
        num_slots: int = 13,
        slot_size: int = 128,
        latent_channels: int = 256,
        width: int = 512,
        depth: int = 3,
        grid_features: int = 16,
        log_grid_rows: int = 16,
    ) -> None:
        super().__init__()
        num_slot_features = num_slots * slot_size
        self.grid = HashGrid(grid_features, log_grid_rows)
        self.read_position = nn.Linear(NUM_POSITION_FEATURES + self.grid.num_features, width)
        self.read_words = nn.Linear(num_slot_features, width)
        # FiLM (Perez et al. 2018): the words scale the position's features as well as shift them.
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
        self.to_latents = nn.Linear(width, latent_channels)
        # The standard deviation of each channel of normalized latents.
        self.register_buffer("deviations", torch.ones(latent_channels))

    def forward(
        self,
        slots: torch.Tensor,
        coords: torch.Tensor,
        features: torch.Tensor,
        size: tuple[int, int],
    ) -> torch.Tensor:
        """Return normalized latents of patches (B, N, C).

        `slots` (B, V) are the embedded words; `coords`, `features` and `size` are those of
        `position_features`.
        """
        position = torch.cat(
            [position_features(coords, features, size), self.grid(coords, features, size)], dim=-1
        ).to(slots.dtype)
        scale, shift = 1 + self.scale_by_words(slots)[:, None], self.read_words(slots)[:, None]
        x = functional.gelu(scale * self.read_position(position) + shift)
        for block in self.blocks:
            x = x + block(x)
        return self.to_latents(self.norm(x)) * self.deviations

    def paint(
        self,
        slots: torch.Tensor,
        features: torch.Tensor,
        size: tuple[int, int],
        *,
        is_start: bool,
    ) -> torch.Tensor:
        """Paint T latent frames: normalized latents (1, C, T, h, w), float32.

        Takes embedded words (1, V), path features (1, T, D) and a size (height, width) in pixels.
        With `is_start` the first latent frame stands for a single frame.
        """
        height, width = (side // PATCH for side in size)
        starts = torch.arange(features.shape[1]) + (not is_start)
        axes = (
            starts.float(),
            torch.arange(height) * float(PATCH),
            torch.arange(width) * float(PATCH),
        )
        coords = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)[None]  # (1, 3, N)
        latents = self(slots, coords.to(features.device), features, size).float()  # (1, N, C)
        return latents.unflatten(1, (-1, height, width)).permute(0, 4, 1, 2, 3)


def _waves(x: torch.Tensor, num_octaves: int) -> torch.Tensor:
    """Return sines and cosines of x at 1, 2, 4, ... half-waves per unit: (...) -> (..., 2 K)."""
    angles = x[..., None] * (math.pi * 2.0 ** torch.arange(num_octaves, device=x.device))
    return torch.cat([angles.sin(), angles.cos()], dim=-1)

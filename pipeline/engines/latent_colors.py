"""Shows latents as colours by a linear map, which costs nothing beside a step of the model.

The map is fitted to the model's own autoencoder: patches of known colour are encoded, and least
squares find the map back.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch

# Cells a side, each a latent. Four times as many took LTX-Video's autoencoder 4.5 s on two cores.
_CELLS = 8
# Beside normalized latents, whose variance is 1: there may be more channels than cells.
_RIDGE = 0.1
_PREVIEW_SIDE = 256  # pixels of the longer side


class LatentColors:
    """The linear map from the normalized latents of one autoencoder to colours."""

    def __init__(self, encode: Callable[[np.ndarray], torch.Tensor], cell: int) -> None:
        """Fit the map; `encode` turns frames (1, H, W, 3) uint8 into latents (1, C, 1, h, w).

        `cell` is the side of a latent in pixels.
        """
        generator = np.random.default_rng(0)
        colors = generator.integers(0, 256, (_CELLS, _CELLS, 3), np.uint8)
        side = _CELLS * cell
        picture = cv2.resize(colors, (side, side), interpolation=cv2.INTER_CUBIC)
        latents = encode(picture[None])[0, :, 0].flatten(1).T.double().cpu()  # (N, C)
        means = cv2.resize(picture, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
        known = torch.from_numpy(means.reshape(-1, 3) / 255.0)
        ones = torch.ones(len(latents), 1, dtype=torch.double)
        inputs = torch.cat([latents, ones], dim=1)
        ridge = _RIDGE * len(latents) * torch.eye(inputs.shape[1], dtype=torch.double)
        ridge[-1, -1] = 0.0
        self._map = torch.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ known).float()

    def show(self, latents: torch.Tensor) -> np.ndarray:
        """Return a small picture (h, w, 3) uint8 of the middle of latents (1, C, T, h, w).

        Further channels are passed over.
        """
        middle = latents[0, :, latents.shape[2] // 2].float().cpu().movedim(0, -1)  # (h, w, C)
        middle = middle[..., : len(self._map) - 1]
        colors = middle @ self._map[:-1] + self._map[-1]
        picture = (colors.clamp(0, 1) * 255).round().byte().numpy()
        scale = _PREVIEW_SIDE / max(picture.shape[:2])
        return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)

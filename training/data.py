"""Shared by training and evaluation: the rate and sizes of clips, when they begin, and tensors."""

from __future__ import annotations

import numpy as np
import torch

from pipeline.mini.camera import CAMERA_SECONDS
from pipeline.mini.scene import Scene

FPS = 16
# (height, width) -> share of the training data; all have about 144 tokens a latent frame.
SIZES = {
    (288, 512): 0.55, (512, 288): 0.11, (384, 384): 0.11,
    (320, 448): 0.08, (448, 320): 0.08, (256, 608): 0.07,
}  # fmt: skip


def to_tensor(frames: np.ndarray) -> torch.Tensor:
    """(F, H, W, 3) uint8 -> (1, 3, F, H, W) in [-1, 1]."""
    x = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].contiguous()
    return x.float().div_(127.5).sub_(1)  # in this order: 8 times as fast as on a view


def draw_begin(scene: Scene, rng: np.random.Generator) -> float:
    """Draw when a clip starts, at a whole number of latent frames; often at the shot's start."""
    if rng.random() < 0.4:
        return 0.0
    latest = CAMERA_SECONDS if scene.camera.startswith(("zoom", "tilt")) else 20.0
    return int(rng.integers(1, latest * FPS / 8 + 1)) * 8 / FPS

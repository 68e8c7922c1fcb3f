"""How much a clip moves: a frozen clip scores well on everything else."""

from __future__ import annotations

import numpy as np


def dynamic_degree(frames: np.ndarray) -> float:
    """Return how much the most moving twentieth of the picture changes in a quarter second."""
    grey = frames[::4].mean(-1).astype(np.float32)
    changes = np.abs(np.diff(grey, axis=0)).reshape(len(grey) - 1, -1)
    top = changes.shape[1] // 20
    return float(np.partition(changes, -top, axis=1)[:, -top:].mean())

"""How much a join stands out from the frames around it: in change, colour and motion.

A join is the number of the first frame after it; twelve frames are needed on either side.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from skimage.color import rgb2lab
from skimage.registration import optical_flow_ilk

_SEAM_REACH = 4
# A window's first latent frame is compared with the latent frames next to it, eight frames away.
_LATENT_FRAMES = 8
_CELLS = (3, 5)  # down and across: what is left of a picture is its colours
_FLOW_PIXELS = 4  # of the frame for one of the flow's


def seam_ratio(frames: np.ndarray, join: int) -> float:
    """Compare the step into frame `join` with the steps round it: 1 where nothing is to be seen."""
    around = frames[join - _SEAM_REACH - 1 : join + _SEAM_REACH + 1].astype(np.float32)
    steps = np.abs(np.diff(around, axis=0)).mean((1, 2, 3))
    others = np.delete(steps, _SEAM_REACH)
    # Half a grey level is what coding alone changes.
    return float((steps[_SEAM_REACH] + 0.5) / (others.mean() + 0.5))


def colour_jump(frames: np.ndarray, join: int) -> float:
    """Return how much more the colours change at a join than eight frames earlier and later.

    In Delta E*ab of CIELAB (CIE 1976): the four frames after against the four before, each cell of
    a coarse grid for itself, and their mean. 0 where nothing is to be seen, about 1 is just seen.
    """
    earlier, at_join, later = (
        _colour_step(frames, join + shift) for shift in (-_LATENT_FRAMES, 0, _LATENT_FRAMES)
    )
    return at_join - (earlier + later) / 2


def flow_jump(frames: np.ndarray, join: int) -> float:
    """Return how much more the optical flow changes at a join than in the frames round it.

    In pixels a frame, of a mean over the picture; 0 where nothing is to be seen. The flow is the
    iterative Lucas-Kanade of scikit-image (Le Besnerais and Champagnat, 2005).
    """
    grey = _shrink(frames[join - _SEAM_REACH - 1 : join + _SEAM_REACH + 1].mean(-1) / 255)
    flows = np.stack([optical_flow_ilk(a, b, radius=5, num_warp=3) for a, b in pairwise(grey)])
    changes = _FLOW_PIXELS * np.linalg.norm(np.diff(flows, axis=0), axis=1).mean((1, 2))
    # The flow into the join differs from the one before it, the one out of it from that.
    at_join = [_SEAM_REACH - 1, _SEAM_REACH]
    return float(changes[at_join].mean() - np.delete(changes, at_join).mean())


def _colour_step(frames: np.ndarray, position: int) -> float:
    before = _cells(frames[position - _SEAM_REACH : position])
    after = _cells(frames[position : position + _SEAM_REACH])
    return float(np.linalg.norm(after - before, axis=-1).mean())


def _cells(frames: np.ndarray) -> np.ndarray:
    """Return the CIELAB colour (rows, columns, 3) of each cell, over all the frames given."""
    mean = frames.mean(0, dtype=np.float32) / 255
    rows = np.array_split(mean, _CELLS[0], axis=0)
    cells = [[x.mean((0, 1)) for x in np.array_split(row, _CELLS[1], axis=1)] for row in rows]
    return rgb2lab(np.array(cells))


def _shrink(grey: np.ndarray) -> np.ndarray:
    """Average blocks of pixels: (F, H, W) -> (F, H / 4, W / 4) float32."""
    size, (count, height, width) = _FLOW_PIXELS, grey.shape
    grey = grey[:, : height - height % size, : width - width % size]
    blocks = grey.reshape(count, height // size, size, width // size, size)
    return blocks.mean((2, 4)).astype(np.float32)

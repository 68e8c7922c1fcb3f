"""How much a join stands out from the frames around it.

A join is the number of the first frame after it; five frames are needed on either side.
"""

from __future__ import annotations

import numpy as np

_SEAM_REACH = 4


def seam_ratio(frames: np.ndarray, join: int) -> float:
    """Compare the step into frame `join` with the steps round it: 1 where nothing is to be seen."""
    around = frames[join - _SEAM_REACH - 1 : join + _SEAM_REACH + 1].astype(np.float32)
    steps = np.abs(np.diff(around, axis=0)).mean((1, 2, 3))
    others = np.delete(steps, _SEAM_REACH)
    # Half a grey level is what coding alone changes.
    return float((steps[_SEAM_REACH] + 0.5) / (others.mean() + 0.5))

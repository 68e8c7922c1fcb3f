"""What a video track's colour tags mean, and a table that turns its frames into sRGB's colours.

The table is computed by color_science.py and applied by ffmpeg's own `lut3d`, which every build
has; zscale and libplacebo need libraries that some builds lack, and are no faster.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from pipeline.media.color_science import (
    HLG,
    PQ,
    PRIMARIES,
    SRGB_TRANSFER,
    ColorSpace,
    color_space,
    to_srgb,
)

UNSPECIFIED = 2
BT2020 = 9
_BT2020_MATRICES = (9, 10)
# Light that is coded in a way of its own. Players show all other video as they show BT.709, also
# what is tagged with a gamma of 2.2 or 2.8.
_OWN_TRANSFERS = (PQ, HLG, 8, 17)
# Steps a side: colours are off by 0.1 of 255 on average. 33 steps are off by 0.3.
_GRID = 65

Kind = Literal["standard", "wide", "HDR"]


@dataclass(frozen=True)
class ColorTags:
    """What a stream says of its colours, as numbers of H.273."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED

    @property
    def gamut(self) -> int:
        """Return the primaries that are meant: BT.2020's where only other tags speak of it."""
        is_wide = self.transfer in (PQ, HLG) or self.matrix in _BT2020_MATRICES
        return BT2020 if is_wide and self.primaries not in PRIMARIES else self.primaries

    @property
    def space(self) -> ColorSpace:
        """Return the colour space of decoded RGB."""
        is_own = self.transfer in _OWN_TRANSFERS
        return color_space(self.gamut, self.transfer if is_own else SRGB_TRANSFER)

    @property
    def kind(self) -> Kind:
        """Say whether frames can be shown as they are decoded, or have to be converted."""
        if self.space.is_hdr:
            return "HDR"
        return "standard" if self.space.is_like_srgb else "wide"


@lru_cache(maxsize=4)
def lut_of(tags: ColorTags) -> bytes:
    """Return the conversion of decoded RGB as a table in the .cube format, about 7 MB."""
    steps = np.linspace(0, 1, _GRID)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # red changes first
    table = to_srgb(np.stack([red, green, blue], -1).reshape(-1, 3), tags.space)
    text = io.BytesIO()
    np.savetxt(text, table, "%.5f", header=f"LUT_3D_SIZE {_GRID}", comments="")
    return text.getvalue()

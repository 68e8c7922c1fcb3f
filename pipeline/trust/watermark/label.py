"""Draws the visible "AI generated" label on frames."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.geometry import Size
from pipeline.planning.request import Label

TEXT = "AI generated"
_SHARE = 0.05  # of the short side: height of the letters
_WIDEST = 0.6  # of the picture
_SMALLEST = 6  # pixels
_MARGIN = 0.025  # of the short side
_BACKGROUND, _LETTERS = (0, 0, 0, 150), (255, 255, 255, 235)
# Seconds per round trip, down and across: it visits the whole frame before its path repeats.
_ROUNDS = (38.0, 54.0)


class VisibleLabel:
    """Writes the label on frames of one size and rate, in a corner or slowly moving from it."""

    def __init__(self, label: Label, size: Size, fps: float | Fraction) -> None:
        """Draw the text once, white on a dark background to be legible on any picture."""
        stamp = _draw_stamp(size).astype(np.uint16)  # (h, w, 4)
        self._alpha = stamp[..., 3:]
        self._ink = stamp[..., :3] * self._alpha
        self._moves = label == "moving"
        self._fps = float(fps)
        margin = round(_MARGIN * min(size))
        height, width = stamp.shape[:2]
        self._room = max(0, size.height - height - margin), max(0, size.width - width - margin)
        self._margin = margin

    def write(self, frame: np.ndarray, index: int) -> np.ndarray:
        """Return a copy of a frame (H, W, 3) uint8 with the label; `index` starts at 0."""
        top, left = self._corner(index)
        height, width = self._alpha.shape[:2]
        labelled = frame.copy()
        part = labelled[top : top + height, left : left + width]
        part[:] = (part * (255 - self._alpha) + self._ink + 127) // 255
        return labelled

    def _corner(self, index: int) -> tuple[int, int]:
        """Return the label's top and left in pixels; it starts at the bottom right."""
        if not self._moves:
            return self._room
        seconds = index / self._fps
        shares = (abs(1 - 2 * (seconds / round_ % 1)) for round_ in _ROUNDS)
        return tuple(
            round(min(self._margin, room) + share * max(0, room - self._margin))
            for room, share in zip(self._room, shares, strict=True)
        )


def _draw_stamp(size: Size) -> np.ndarray:
    """Return the text on its background, (h, w, 4) uint8, no larger than the picture."""
    num_pixels = max(_SMALLEST, round(_SHARE * min(size)))
    font = ImageFont.load_default(num_pixels)
    longest = _WIDEST * size.width
    if font.getlength(TEXT) > longest:
        num_pixels = max(_SMALLEST, int(num_pixels * longest / font.getlength(TEXT)))
        font = ImageFont.load_default(num_pixels)
    left, top, right, bottom = font.getbbox(TEXT)
    pad = round(0.4 * num_pixels)
    shape = (round(right - left) + 2 * pad, round(bottom - top) + 2 * pad)
    stamp = Image.new("RGBA", shape, _BACKGROUND)
    ImageDraw.Draw(stamp).text((pad - left, pad - top), TEXT, font=font, fill=_LETTERS)
    return np.asarray(stamp)[: size.height, : size.width]

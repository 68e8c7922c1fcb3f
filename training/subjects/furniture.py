"""Chairs, tables and benches."""

from __future__ import annotations

import skia

from training.shapes import box, fill, oval
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, clipped, limb, line_through


def draw_chair(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A back, a seat with a cushion, four legs."""
    for x, top in ((-0.2, -0.44), (0.24, -0.44)):
        limb(canvas, palette, line_through((x, top), (x, -0.04)), palette.shade, 0.06)
    for x, top in ((-0.3, -0.98), (0.34, -0.46)):
        limb(canvas, palette, line_through((x, top), (x, -0.02)), palette.base, 0.07)
    limb(canvas, palette, line_through((-0.3, -0.9), (-0.2, -0.5)), palette.shade, 0.05)
    back = box(-0.36, -0.99, -0.22, -0.6, 0.05)
    body(canvas, palette, (back, palette.base), (box(-0.36, -0.5, 0.4, -0.4, 0.04), palette.base))
    fill(canvas, box(-0.28, -0.55 - 0.004 * beat(t, 0.25), 0.36, -0.47, 0.04), palette.light)


def draw_table(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A table with a cloth and a candle that flickers."""
    for x in (-0.66, 0.66):
        limb(canvas, palette, line_through((x, -0.5), (1.06 * x, -0.03)), palette.base, 0.08)
    for x in (-0.46, 0.46):
        limb(canvas, palette, line_through((x, -0.5), (x, -0.1)), palette.shade, 0.06)
    top = box(-0.86, -0.62, 0.86, -0.5, 0.04)
    body(canvas, palette, (top, palette.base))
    fill(canvas, box(-0.86, -0.54, 0.86, -0.5), palette.shade)
    fill(canvas, box(-0.8, -0.61, 0.8, -0.585), palette.light)
    fill(canvas, box(-0.05, -0.86, 0.05, -0.62, 0.01), palette.pale)
    flame = oval(0.006 * beat(t, 1.5), -0.93, 0.035, 0.065 + 0.012 * beat(t, 2))
    fill(canvas, flame, (255, 190, 70))


def draw_bench(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A park bench of boards."""
    iron = palette.lit((70, 74, 84))
    for x in (-0.72, 0.72):
        limb(canvas, palette, line_through((x, -0.98), (x, -0.42), (1.06 * x, -0.02)), iron, 0.06)
        limb(canvas, palette, line_through((x, -0.44), (0.86 * x, -0.02)), iron, 0.05)
    for top in (-0.98, -0.8):
        body(canvas, palette, (box(-0.84, top, 0.84, top + 0.12, 0.03), palette.base))
        fill(canvas, box(-0.84, top + 0.08, 0.84, top + 0.12), palette.shade)
    seat = box(-0.9, -0.52, 0.9, -0.4, 0.03)
    body(canvas, palette, (seat, palette.base))
    fill(canvas, box(-0.9, -0.52, 0.9, -0.48), palette.light)
    with clipped(canvas, box(-0.9, -0.98, 0.9, -0.86)):  # a spot of light between leaves
        fill(canvas, oval(0.3 + 0.2 * beat(t, 0.125), -0.93, 0.12, 0.04), palette.light)

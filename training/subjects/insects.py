"""Insects and other tiny animals."""

from __future__ import annotations

from math import cos, pi, sin

import skia

from training.shapes import blob, box, curve, disc, fill, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, clipped, eye, limb, line_through


def draw_butterfly(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    spread = 0.72 + 0.28 * sin(2 * pi * 1 * t)
    for s in (-spread, spread):
        upper = blob(
            (0, -0.5), (s * 0.2, -1.0), (s * 0.62, -1.04), (s * 0.62, -0.62), (s * 0.3, -0.4)
        )
        lower = blob(
            (0, -0.46), (s * 0.42, -0.52), (s * 0.54, -0.16), (s * 0.3, 0.04), (s * 0.1, -0.14)
        )
        body(canvas, palette, (lower, palette.base), (upper, palette.base))
        fill(canvas, oval(s * 0.4, -0.76, abs(s) * 0.1, 0.1), palette.light)
        fill(canvas, oval(s * 0.31, -0.22, abs(s) * 0.08, 0.08), palette.shade)
        stroke(canvas, curve((0, -0.74), (s * 0.06, -0.92), (s * 0.14, -0.95)), palette.ink, 0.025)
    fill(canvas, oval(0, -0.46, 0.055, 0.3), palette.ink)
    fill(canvas, disc(0, -0.76, 0.07), palette.ink)


def draw_bee(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Stripes, and wings that whirr."""
    flap = 14 * beat(t, 2)
    for tilt, x in ((-22, -0.02), (14, 0.14)):
        wing = oval(0, -0.26, 0.15, 0.3)
        wing.transform(skia.Matrix().setRotate(tilt + flap).postTranslate(x, -0.62))
        fill(canvas, wing, palette.glass, 0.9)
        stroke(canvas, wing, palette.contour, 0.02)
    fill(canvas, polygon((-0.5, -0.46), (-0.7, -0.38), (-0.48, -0.32)), palette.ink)
    trunk = oval(-0.08, -0.4, 0.46, 0.32)
    body(canvas, palette, (trunk, palette.base))
    with clipped(canvas, trunk):
        for x in (-0.36, -0.12, 0.12):
            fill(canvas, box(x, -0.8, x + 0.12, 0.0), palette.ink)
    for x, tip in ((0.42, 0.44), (0.5, 0.62)):
        stroke(canvas, curve((x, -0.6), (tip, -0.86), (tip + 0.08, -0.86)), palette.ink, 0.03)
    body(canvas, palette, (disc(0.4, -0.44, 0.23), palette.base))
    eye(canvas, palette, 0.47, -0.48, 0.075)
    stroke(canvas, curve((0.42, -0.32), (0.5, -0.28), (0.56, -0.34)), palette.ink, 0.028)


def draw_snail(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A spiral shell on a foot that stretches."""
    stretch = 0.04 * beat(t, 0.375)
    flesh = palette.lit((232, 200, 140))
    for x, tip in ((0.66, 0.62), (0.76, 0.86)):
        limb(
            canvas, palette, line_through((x + stretch, -0.5), (tip + stretch, -0.88)), flesh, 0.04
        )
        fill(canvas, disc(tip + stretch, -0.9, 0.06), palette.ink)
    foot = blob(
        (-0.86 - stretch, -0.02),
        (-0.5, -0.22),
        (0.4, -0.24),
        (0.5, -0.6),
        (0.76 + stretch, -0.66),
        (0.9 + stretch, -0.4),
        (0.72, 0.0),
        (0.0, 0.02),
    )
    body(canvas, palette, (foot, flesh), (disc(-0.1, -0.52, 0.44), palette.base))
    spiral = skia.Path()
    spiral.moveTo(-0.1, -0.52)
    for step in range(1, 15):
        angle, radius = 0.62 * step, 0.024 * step
        spiral.lineTo(-0.1 + radius * cos(angle), -0.52 + radius * sin(angle))
    stroke(canvas, spiral, palette.shade, 0.06)
    stroke(canvas, curve((0.66, -0.36), (0.74, -0.32), (0.8, -0.38)), palette.shade, 0.03)

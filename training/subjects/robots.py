"""A robot."""

from __future__ import annotations

from math import pi, sin

import skia

from training.shapes import box, curve, disc, fill, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import body, eye


def draw_robot(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    swing = sin(2 * pi * 0.75 * t)
    stroke(canvas, polygon((0, -0.85), (0, -0.95)), palette.ink, 0.035)
    fill(canvas, disc(0, -0.96, 0.045), palette.glow)
    for s in (-1, 1):
        lift = 0.03 * max(0.0, s * swing)
        leg = box(s * 0.13 - 0.07, -0.26, s * 0.13 + 0.07, -0.04 - lift, 0.02)
        foot = box(s * 0.13 - 0.09, -0.08 - lift, s * 0.13 + 0.13, -lift, 0.04)
        body(canvas, palette, (leg, palette.shade), (foot, palette.base))
        hand = (s * 0.36, -0.3 - 0.08 * s * swing)
        arm = curve((s * 0.24, -0.5), (s * 0.38, -0.46), hand)
        stroke(canvas, arm, palette.contour, 0.085 + palette.line)
        stroke(canvas, arm, palette.shade, 0.085)
    body(canvas, palette, (box(-0.25, -0.57, 0.25, -0.19, 0.08), palette.base),
          (box(-0.21, -0.87, 0.21, -0.59, 0.08), palette.base))  # fmt: skip
    fill(canvas, box(-0.25, -0.29, 0.25, -0.19, 0.08), palette.shade)
    fill(canvas, box(-0.11, -0.5, 0.13, -0.35, 0.03), palette.light)
    for x in (-0.06, 0.12):
        eye(canvas, palette, x, -0.74, 0.07)
    fill(canvas, box(-0.06, -0.65, 0.14, -0.62, 0.01), palette.ink)

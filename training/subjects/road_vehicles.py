"""Vehicles of the road and of the air, beside those in `vehicles.py`."""

from __future__ import annotations

from math import cos, pi, sin

import skia

from training.shapes import blob, box, curve, disc, fill, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, limb, line_through, turned, wheel


def _spoked(canvas: skia.Canvas, palette: Palette, x: float, radius: float, t: float) -> None:
    stroke(canvas, disc(x, -radius, radius - 0.03), palette.ink, 0.06)
    for index in range(3):
        angle = pi * (1.5 * t + index / 3)
        dx, dy = (radius - 0.05) * cos(angle), (radius - 0.05) * sin(angle)
        line = line_through((x - dx, -radius - dy), (x + dx, -radius + dy))
        stroke(canvas, line, palette.lit((150, 152, 164)), 0.018)
    fill(canvas, disc(x, -radius, 0.04), palette.ink)


def draw_bicycle(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Spokes and pedals turn."""
    for x in (-0.5, 0.5):
        _spoked(canvas, palette, x, 0.33, t)
    frame = skia.Path()
    frame.addPoly([skia.Point(*p) for p in ((-0.5, -0.33), (-0.16, -0.72), (0.34, -0.72),
                                            (-0.02, -0.3), (-0.5, -0.33))], False)  # fmt: skip
    frame.moveTo(-0.2, -0.8)
    frame.lineTo(-0.02, -0.3)
    frame.moveTo(0.5, -0.33)
    frame.lineTo(0.3, -0.9)
    stroke(canvas, frame, palette.contour, 0.075 + palette.line / 2)
    stroke(canvas, frame, palette.base, 0.07)
    stroke(canvas, line_through((0.3, -0.9), (0.42, -0.96), (0.48, -0.88)), palette.ink, 0.05)
    fill(canvas, blob((-0.36, -0.86), (-0.08, -0.88), (-0.04, -0.8), (-0.3, -0.78)), palette.ink)
    angle = 2 * pi * 0.75 * t
    dx, dy = 0.11 * cos(angle), 0.11 * sin(angle)
    stroke(
        canvas, line_through((-0.02 - dx, -0.3 - dy), (-0.02 + dx, -0.3 + dy)), palette.ink, 0.035
    )
    for s in (-1, 1):
        fill(
            canvas, box(-0.07 + s * dx, -0.32 + s * dy, 0.03 + s * dx, -0.28 + s * dy), palette.ink
        )
    fill(canvas, disc(-0.02, -0.3, 0.055), palette.lit((150, 152, 164)))


def draw_motorcycle(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A tank, an engine and a pipe."""
    for x in (-0.62, 0.6):
        wheel(canvas, palette, x, 0.3, t)
    grey = palette.lit((140, 144, 156))
    limb(canvas, palette, line_through((0.6, -0.3), (0.38, -0.84)), grey, 0.06)
    stroke(canvas, line_through((0.38, -0.84), (0.24, -0.94)), palette.ink, 0.06)
    fill(canvas, box(-0.2, -0.52, 0.24, -0.18, 0.06), grey)
    for y in (-0.44, -0.36, -0.28):
        fill(canvas, box(-0.14, y, 0.18, y + 0.035), palette.ink)
    stroke(canvas, line_through((-0.06, -0.2), (-0.4, -0.16), (-0.86, -0.2)), grey, 0.08)
    seat = blob((-0.78, -0.74), (-0.3, -0.62), (0.0, -0.62), (0.0, -0.54), (-0.3, -0.5),
                (-0.7, -0.6))  # fmt: skip
    tank = blob((-0.14, -0.6), (0.02, -0.84), (0.4, -0.8), (0.36, -0.56), (0.1, -0.5))
    tail = blob((-0.9, -0.72), (-0.6, -0.66), (-0.3, -0.56), (-0.3, -0.44), (-0.7, -0.5))
    guard = curve((0.3, -0.5), (0.6, -0.76), (0.86, -0.48))
    limb(canvas, palette, guard, palette.base, 0.07)
    body(canvas, palette, (tail, palette.base), (tank, palette.base))
    fill(canvas, seat, palette.ink)
    fill(canvas, oval(0.12, -0.73, 0.12, 0.04), palette.light)
    body(canvas, palette, (disc(0.5, -0.78, 0.09), palette.shade))
    fill(canvas, disc(0.53, -0.78, 0.06), palette.glow)


def draw_truck(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A cab before a long box."""
    cargo, cab = (
        box(-1.04, -0.98, 0.34, -0.24, 0.05),
        blob(
            (0.4, -0.16),
            (0.4, -0.86),
            (0.44, -0.86),
            (0.74, -0.86),
            (0.9, -0.56),
            (1.04, -0.5),
            (1.04, -0.16),
        ),
    )
    body(canvas, palette, (box(-1.0, -0.32, 0.96, -0.2, 0.03), palette.ink),
         (cargo, palette.lit((236, 234, 228))), (cab, palette.base))  # fmt: skip
    for x in (-0.8, -0.56, -0.32, -0.08, 0.16):
        fill(canvas, box(x, -0.94, x + 0.02, -0.28), palette.lit((206, 204, 202)))
    fill(canvas, box(-1.04, -0.34, 0.34, -0.26), palette.base)
    fill(canvas, polygon((0.54, -0.54), (0.54, -0.74), (0.68, -0.74), (0.8, -0.54)), palette.glass)
    fill(canvas, oval(0.95, -0.34, 0.05, 0.06), palette.glow)
    fill(canvas, box(0.46, -0.46, 0.54, -0.43, 0.01), palette.shade)
    for x in (-0.76, -0.4, 0.66):
        wheel(canvas, palette, x, 0.19, t)


def draw_bus(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A row of windows and a door."""
    shell = box(-1.06, -0.98, 1.06, -0.16, 0.12)
    body(canvas, palette, (shell, palette.base))
    fill(canvas, box(-1.06, -0.4, 1.06, -0.3), palette.light)
    fill(canvas, box(-1.04, -0.24, 1.04, -0.16, 0.04), palette.shade)
    for x in (-0.96, -0.62, -0.28, 0.06):
        fill(canvas, box(x, -0.84, x + 0.28, -0.5, 0.04), palette.glass)
        fill(
            canvas,
            polygon((x + 0.04, -0.54), (x + 0.14, -0.8), (x + 0.2, -0.8), (x + 0.1, -0.54)),
            palette.pale,
            0.5,
        )
    fill(canvas, box(0.44, -0.84, 0.66, -0.2, 0.03), palette.glass)
    stroke(canvas, line_through((0.55, -0.82), (0.55, -0.22)), palette.shade, 0.025)
    fill(canvas, box(0.78, -0.84, 1.02, -0.46, 0.05), palette.glass)
    fill(canvas, oval(1.0, -0.33, 0.05, 0.06), palette.glow)
    for x in (-0.62, 0.22):
        wheel(canvas, palette, x, 0.2, t)


def draw_helicopter(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Rotors whirl above the cabin and at the tail."""
    reach = 0.35 + 0.65 * abs(cos(2 * pi * 1.0 * t))
    boom = polygon((-0.2, -0.62), (-1.0, -0.66), (-1.0, -0.56), (-0.1, -0.4))
    fin = polygon((-0.92, -0.6), (-1.06, -0.84), (-0.94, -0.84), (-0.78, -0.6))
    cabin = blob(
        (-0.36, -0.5), (-0.2, -0.8), (0.3, -0.84), (0.66, -0.5), (0.5, -0.2), (-0.1, -0.18)
    )
    for x in (-0.12, 0.3):
        stroke(canvas, line_through((x, -0.24), (x, -0.06)), palette.ink, 0.045)
    stroke(canvas, line_through((-0.4, -0.05), (0.56, -0.05), (0.62, -0.1)), palette.ink, 0.055)
    stroke(canvas, line_through((0.06, -0.74), (0.06, -0.94)), palette.ink, 0.06)
    body(canvas, palette, (boom, palette.base), (fin, palette.shade), (cabin, palette.base))
    fill(canvas, blob((0.14, -0.74), (0.4, -0.72), (0.62, -0.5), (0.5, -0.36), (0.14, -0.42)),
         palette.glass)  # fmt: skip
    fill(canvas, box(-0.16, -0.62, 0.04, -0.4, 0.05), palette.glass)
    fill(canvas, blob((-0.2, -0.3), (0.4, -0.26), (0.5, -0.2), (0.3, -0.16), (-0.1, -0.16)),
         palette.shade)  # fmt: skip
    stroke(canvas, line_through((0.06 - reach, -0.95), (0.06 + reach, -0.95)), palette.ink, 0.045)
    with turned(canvas, 360 * 1.0 * t, -0.98, -0.66):
        stroke(canvas, line_through((-0.98, -0.84), (-0.98, -0.48)), palette.ink, 0.04)


def draw_drone(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Four rotors round a body with a camera."""
    with turned(canvas, 2 * beat(t, 0.375), 0, -0.5):
        for x in (-0.46, 0.46):
            stroke(canvas, line_through((0.5 * x, -0.34), (x, -0.02)), palette.ink, 0.05)
        for x in (-0.66, 0.66):
            limb(canvas, palette, line_through((0, -0.46), (x, -0.66)), palette.shade, 0.1)
            limb(canvas, palette, line_through((x, -0.6), (x, -0.86)), palette.ink, 0.06)
            reach = 0.12 + 0.26 * abs(cos(2 * pi * (1.0 * t + x)))
            stroke(canvas, line_through((x - reach, -0.88), (x + reach, -0.88)), palette.ink, 0.045)
        shell = blob(
            (-0.36, -0.5), (-0.2, -0.7), (0.2, -0.7), (0.36, -0.5), (0.2, -0.3), (-0.2, -0.3)
        )
        body(canvas, palette, (shell, palette.base))
        fill(canvas, oval(-0.06, -0.57, 0.14, 0.045), palette.light)
        fill(canvas, disc(0.05, -0.24, 0.13), palette.ink)
        fill(canvas, disc(0.07, -0.23, 0.075), palette.glass)
        fill(canvas, disc(0.26, -0.48, 0.035), (90, 230, 110) if t % 1 < 0.5 else palette.shade)

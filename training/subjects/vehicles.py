"""Vehicles: facing right, wheels and keels at (0, 0)."""

from __future__ import annotations

from math import cos, pi, sin

import skia

from training.shapes import blob, box, disc, fill, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import body, wheel


def draw_car(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    cabin = polygon((-0.58, -0.58), (-0.38, -0.97), (0.24, -0.97), (0.52, -0.58))
    shell = box(-0.85, -0.63, 0.86, -0.18, 0.17)
    body(canvas, palette, (cabin, palette.base), (shell, palette.base))
    fill(canvas, box(-0.85, -0.34, 0.86, -0.18, 0.08), palette.shade)
    fill(canvas, box(-0.74, -0.6, 0.7, -0.54, 0.03), palette.light)
    fill(
        canvas, polygon((-0.43, -0.62), (-0.32, -0.88), (-0.1, -0.88), (-0.1, -0.62)), palette.glass
    )
    fill(
        canvas, polygon((-0.02, -0.62), (-0.02, -0.88), (0.19, -0.88), (0.36, -0.62)), palette.glass
    )
    fill(canvas, oval(0.79, -0.46, 0.065, 0.085), palette.glow)
    for x in (-0.46, 0.46):
        wheel(canvas, palette, x, 0.21, t)


def draw_boat(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    canvas.rotate(3 * sin(2 * pi * 0.375 * t))
    stroke(canvas, polygon((-0.02, -0.3), (-0.02, -0.97)), palette.wood, 0.05)
    hull = blob((-0.66, -0.36), (-0.66, -0.34), (0.0, -0.26), (0.7, -0.42), (0.7, -0.4),
                (0.46, 0.02), (0.4, 0.0), (-0.4, 0.0), (-0.5, 0.02))  # fmt: skip
    body(canvas, palette, (hull, palette.base))
    main, jib = (
        polygon((0.04, -0.97), (0.04, -0.38), (0.56, -0.42)),
        polygon((-0.08, -0.88), (-0.08, -0.38), (-0.5, -0.4)),
    )
    body(canvas, palette, (main, palette.light), (jib, palette.base))
    fill(
        canvas, polygon((-0.5, -0.12), (0.54, -0.12), (0.46, -0.02), (-0.44, -0.02)), palette.shade
    )


def draw_train(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    for puff in range(3):
        age = (0.375 * t + puff / 3) % 1
        where = disc(0.98 - 0.7 * age, -1.0 - 0.24 * age, 0.06 + 0.09 * age)
        fill(canvas, where, palette.pale, 0.85 * (1 - age))
    stroke(canvas, polygon((-0.3, -0.24), (0.0, -0.24)), palette.ink, 0.07)
    wagon, cab = box(-1.28, -0.76, -0.24, -0.16, 0.08), box(-0.08, -0.92, 0.42, -0.16, 0.04)
    boiler = box(0.34, -0.68, 1.18, -0.16, 0.14)
    chimney = polygon((0.9, -0.66), (0.86, -0.94), (1.1, -0.94), (1.06, -0.66))
    plough = polygon((1.1, -0.36), (1.3, -0.08), (1.04, -0.08))
    body(canvas, palette, (plough, palette.shade), (chimney, palette.shade),
          (boiler, palette.base), (cab, palette.base), (wagon, palette.base))  # fmt: skip
    fill(canvas, box(0.44, -0.64, 1.1, -0.56, 0.04), palette.light)
    fill(canvas, box(-0.15, -1.0, 0.49, -0.88, 0.05), palette.shade)
    fill(canvas, box(-1.32, -0.82, -0.2, -0.72, 0.05), palette.shade)
    for left in (-1.16, -0.84, -0.52):
        fill(canvas, box(left, -0.64, left + 0.2, -0.42, 0.03), palette.glass)
    fill(canvas, box(0.04, -0.8, 0.3, -0.54, 0.03), palette.glass)
    fill(canvas, disc(1.17, -0.5, 0.07), palette.glow)
    for x, radius in ((-1.04, 0.15), (-0.48, 0.15), (0.16, 0.2), (0.58, 0.15), (0.94, 0.15)):
        wheel(canvas, palette, x, radius, t)


def draw_rocket(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    flicker = 0.04 * sin(2 * pi * 1.5 * t)
    for width, length, colour in ((0.12, 0.2, (255, 140, 30)), (0.07, 0.11, palette.glow)):
        tip = -0.22 + length + flicker * length / 0.2
        flame = blob(
            (-width, -0.24), (-width, -0.18), (0, tip + 0.06), (width, -0.18), (width, -0.24)
        )
        fill(canvas, flame, colour)
    hull = blob((0, -1.06), (0.2, -0.8), (0.22, -0.5), (0.14, -0.18), (0, -0.2),
                (-0.14, -0.18), (-0.22, -0.5), (-0.2, -0.8))  # fmt: skip
    fins = [
        (polygon((s * 0.12, -0.46), (s * 0.29, -0.26), (s * 0.27, -0.1), (s * 0.1, -0.24)),
         palette.shade) for s in (-1, 1)
    ]  # fmt: skip
    body(canvas, palette, *fins, (hull, palette.base))
    fill(canvas, blob((-0.03, -0.95), (-0.13, -0.78), (-0.14, -0.5), (-0.08, -0.3), (-0.09, -0.5)),
         palette.light)  # fmt: skip
    fill(canvas, disc(0.01, -0.63, 0.095), palette.shade)
    fill(canvas, disc(0.01, -0.63, 0.07), palette.glass)


def draw_balloon(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    canvas.rotate(2.5 * sin(2 * pi * 0.25 * t))
    for s in (-1, 1):
        stroke(canvas, polygon((s * 0.14, -0.3), (s * 0.09, -0.12)), palette.wood, 0.02)
    envelope = blob((-0.16, -0.98), (0.16, -0.98), (0.4, -0.82), (0.4, -0.55), (0.16, -0.26),
                    (-0.16, -0.26), (-0.4, -0.55), (-0.4, -0.82))  # fmt: skip
    body(canvas, palette, (envelope, palette.base))
    canvas.save()
    canvas.clipPath(envelope, doAntiAlias=True)
    fill(canvas, oval(0.34, -0.62, 0.13, 0.5), palette.shade)
    fill(canvas, oval(-0.16, -0.64, 0.08, 0.5), palette.light)
    canvas.restore()
    fill(canvas, box(-0.11, -0.15, 0.11, 0.0, 0.03), palette.wood)
    fill(canvas, box(-0.13, -0.16, 0.13, -0.12, 0.02), palette.ink)


def draw_plane(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    canvas.rotate(2.5 * sin(2 * pi * 0.375 * t))
    spin = 0.3 * cos(2 * pi * 1.75 * t)
    for x in (-0.06, 0.34):
        fill(canvas, disc(x, -0.07, 0.08), palette.ink)
    hull = blob((-0.86, -0.62), (-0.6, -0.66), (0.3, -0.72), (0.76, -0.6), (0.76, -0.34),
                (0.3, -0.2), (-0.5, -0.36), (-0.86, -0.5))  # fmt: skip
    fin = polygon((-0.82, -0.58), (-0.86, -1.0), (-0.64, -1.0), (-0.46, -0.6))
    body(canvas, palette, (fin, palette.shade), (hull, palette.base))
    for x in (-0.2, 0.02, 0.24):
        fill(canvas, disc(x, -0.54, 0.075), palette.glass)
    fill(canvas, blob((0.4, -0.66), (0.64, -0.6), (0.62, -0.48), (0.4, -0.5)), palette.glass)
    wing = polygon((-0.12, -0.44), (0.24, -0.44), (0.0, -0.1), (-0.32, -0.1))
    body(canvas, palette, (wing, palette.light))
    stroke(canvas, polygon((0.78, -0.46 - spin), (0.78, -0.46 + spin)), palette.ink, 0.06)
    fill(canvas, disc(0.78, -0.46, 0.06), palette.glow)

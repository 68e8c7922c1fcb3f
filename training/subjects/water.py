"""Animals of the water."""

from __future__ import annotations

from math import pi, sin

import skia

from training.shapes import blob, curve, disc, fill, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, clipped, eye, limb, line_through, turned


def draw_fish(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    wag = sin(2 * pi * 1 * t)
    tail = blob((-0.3, -0.5), (-0.6 + 0.05 * wag, -0.92), (-0.72 + 0.05 * wag, -0.8), (-0.5, -0.5),
                (-0.72 - 0.05 * wag, -0.2), (-0.6 - 0.05 * wag, -0.08))  # fmt: skip
    trunk = blob(
        (-0.46, -0.5), (-0.1, -0.92), (0.48, -0.9), (0.78, -0.5), (0.48, -0.1), (-0.1, -0.08)
    )
    top = blob((-0.1, -0.78), (0.02, -1.04), (0.34, -0.98), (0.36, -0.76))
    low = blob((-0.02, -0.24), (-0.06, 0.0), (0.14, 0.02), (0.26, -0.2))
    body(canvas, palette, (tail, palette.shade), (top, palette.shade), (low, palette.shade),
          (trunk, palette.base))  # fmt: skip
    fill(canvas, oval(0.18, -0.28, 0.32, 0.09), palette.light)
    fin = blob((0.14, -0.5), (-0.14, -0.6 + 0.1 * wag), (-0.18, -0.36 + 0.1 * wag), (0.06, -0.38))
    body(canvas, palette, (fin, palette.shade))
    eye(canvas, palette, 0.46, -0.58, 0.085)


def draw_shark(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A fin on its back, teeth, a light belly."""
    wag = 0.05 * beat(t, 0.75)
    tail = blob(
        (-0.66, -0.44),
        (-0.9, -0.5),
        (-1.12, -0.86 + wag),
        (-1.0, -0.84 + wag),
        (-0.86, -0.46),
        (-1.04, -0.16 - wag),
        (-1.1, -0.14 - wag),
        (-0.8, -0.34),
    )
    trunk = blob(
        (-0.8, -0.42),
        (-0.2, -0.72),
        (0.5, -0.74),
        (1.06, -0.46),
        (0.9, -0.3),
        (0.3, -0.2),
        (-0.4, -0.28),
    )
    fin = blob((-0.16, -0.58), (-0.1, -0.8), (-0.14, -1.06), (0.0, -1.02), (0.26, -0.6))
    body(canvas, palette, (tail, palette.shade), (fin, palette.shade), (trunk, palette.base))
    with clipped(canvas, trunk):
        fill(canvas, blob((-0.8, -0.36), (0.0, -0.36), (0.9, -0.42), (1.2, -0.2), (0.0, 0.0)),
             palette.light)  # fmt: skip
        fill(canvas, polygon((0.62, -0.38), (1.1, -0.42), (0.8, -0.28)), palette.lit((140, 40, 56)))
        for x in (0.68, 0.75, 0.82):
            fill(canvas, polygon((x, -0.395), (x + 0.06, -0.4), (x + 0.03, -0.34)), palette.pale)
    flipper = blob((0.26, -0.32), (0.4, -0.3), (0.1, 0.02 + wag), (0.0, 0.0 + wag), (0.1, -0.24))
    body(canvas, palette, (flipper, palette.shade))
    for x in (0.36, 0.42, 0.48):
        stroke(canvas, line_through((x, -0.52), (x - 0.02, -0.38)), palette.shade, 0.025)
    eye(canvas, palette, 0.7, -0.54, 0.05)


def draw_dolphin(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """An arched back and a beak that smiles."""
    arch = 3 * beat(t, 0.5)
    with turned(canvas, arch, 0, -0.5):
        fluke = blob((-0.7, -0.36), (-0.98, -0.4), (-1.06, -0.16), (-0.92, -0.2), (-0.84, -0.02),
                     (-0.72, -0.06))  # fmt: skip
        trunk = blob(
            (-0.86, -0.22),
            (-0.5, -0.6),
            (0.1, -0.86),
            (0.6, -0.72),
            (0.68, -0.54),
            (0.96, -0.46),
            (0.94, -0.36),
            (0.5, -0.36),
            (0.1, -0.3),
            (-0.4, -0.26),
        )
        fin = blob((-0.14, -0.64), (-0.2, -0.84), (-0.34, -0.98), (-0.16, -0.98), (0.1, -0.74))
        body(canvas, palette, (fluke, palette.shade), (fin, palette.shade), (trunk, palette.base))
        with clipped(canvas, trunk):
            fill(canvas, blob((-0.6, -0.26), (0.0, -0.4), (0.6, -0.46), (1.0, -0.4), (0.4, -0.1)),
                 palette.pale)  # fmt: skip
        stroke(canvas, curve((0.56, -0.44), (0.72, -0.42), (0.9, -0.43)), palette.shade, 0.025)
        flipper = blob((0.14, -0.42), (0.3, -0.42), (0.14, -0.12), (0.02, -0.14))
        body(canvas, palette, (flipper, palette.shade))
        eye(canvas, palette, 0.52, -0.55, 0.045)


def draw_whale(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Large and round, with a fountain."""
    wag, age = 0.06 * beat(t, 0.5), (0.5 * t) % 1
    water = palette.lit((176, 224, 250))
    for side in (-1, 1):
        jet = curve((0.3, -0.84), (0.3, -1.1 - 0.06 * age), (0.3 + side * 0.2, -1.06))
        stroke(canvas, jet, water, 0.055)
        fill(canvas, disc(0.3 + side * (0.2 + 0.08 * age), -1.06 + 0.2 * age, 0.04), water, 1 - age)
    tail = blob((-0.6, -0.4), (-0.9, -0.6 + wag), (-1.04, -0.84 + wag), (-0.96, -0.88 + wag),
                (-0.8, -0.8 + wag), (-0.66, -0.9 + wag), (-0.6, -0.8 + wag), (-0.66, -0.56 + wag),
                (-0.4, -0.3))  # fmt: skip
    trunk = blob((-0.76, -0.4), (-0.4, -0.5), (0.0, -0.92), (0.6, -0.94), (0.92, -0.5),
                 (0.7, -0.04), (0.0, 0.02), (-0.5, -0.16))  # fmt: skip
    body(canvas, palette, (tail, palette.base), (trunk, palette.base))
    with clipped(canvas, trunk):
        belly = blob((-0.4, -0.16), (0.2, -0.34), (0.9, -0.36), (1.0, 0.1), (0.0, 0.1))
        fill(canvas, belly, palette.pale)
        for y in (-0.22, -0.13, -0.05):
            stroke(
                canvas,
                curve((0.1, y + 0.02), (0.4, y - 0.05), (0.86, y - 0.02)),
                palette.shade,
                0.02,
            )
    fin = blob((0.1, -0.3), (0.26, -0.3), (0.08, 0.02 + wag), (-0.06, 0.0 + wag))
    body(canvas, palette, (fin, palette.shade))
    eye(canvas, palette, 0.56, -0.46, 0.055)


def draw_octopus(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Eight arms that curl, a large head."""
    for index, x in enumerate((-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3)):
        wave = 0.08 * beat(t, 0.5, index / 7)
        arm = skia.Path()
        arm.moveTo(0.7 * x, -0.4)
        arm.cubicTo(1.3 * x, -0.26, 1.5 * x + wave, -0.16, 1.9 * x - wave, -0.02 - abs(0.3 * x))
        colour = palette.base if index % 2 else palette.shade
        limb(canvas, palette, arm, colour, 0.09)
    head = blob(
        (-0.3, -0.36), (-0.36, -0.56), (-0.44, -0.8), (-0.26, -1.04), (0.0, -1.1), (0.26, -1.04),
        (0.44, -0.8), (0.36, -0.56), (0.3, -0.36), (0.0, -0.3),
    )  # fmt: skip
    body(canvas, palette, (head, palette.base))
    fill(canvas, oval(-0.16, -0.86, 0.08, 0.06), palette.light)
    for x in (-0.1, 0.14):
        eye(canvas, palette, x, -0.56, 0.085)
    stroke(canvas, curve((-0.06, -0.42), (0.02, -0.38), (0.1, -0.42)), palette.shade, 0.03)

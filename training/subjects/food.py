"""Fruit, cake and pizza."""

from __future__ import annotations

from math import cos, pi, sin

import skia

from training.shapes import blob, box, curve, disc, fill, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, clipped, line_through, turned


def draw_apple(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A stalk and a leaf that waves."""
    stroke(canvas, curve((0, -0.76), (0.02, -0.9), (0.08, -0.98)), palette.wood, 0.055)
    with turned(canvas, 8 * beat(t, 0.375), 0.05, -0.86):
        leaf = blob((0.04, -0.88), (0.2, -1.02), (0.42, -0.94), (0.24, -0.8))
        body(canvas, palette, (leaf, palette.lit((84, 168, 60))))
    fruit = blob((0, -0.74), (0.3, -0.98), (0.56, -0.66), (0.46, -0.1), (0.14, 0.06), (0, -0.02),
                 (-0.14, 0.06), (-0.46, -0.1), (-0.56, -0.66), (-0.3, -0.98))  # fmt: skip
    body(canvas, palette, (fruit, palette.base))
    with clipped(canvas, fruit):
        fill(canvas, oval(0.4, -0.36, 0.2, 0.5), palette.shade, 0.6)
    fill(canvas, oval(-0.24, -0.6, 0.09, 0.15), palette.light)


def draw_orange(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """The fruit: pores and a leaf."""
    with turned(canvas, 8 * beat(t, 0.375), 0.02, -0.9):
        leaf = blob((0.0, -0.9), (0.14, -1.04), (0.38, -1.0), (0.22, -0.84))
        body(canvas, palette, (leaf, palette.lit((84, 168, 60))))
    fruit = disc(0, -0.46, 0.46)
    body(canvas, palette, (fruit, palette.base))
    with clipped(canvas, fruit):
        fill(canvas, oval(0.32, -0.36, 0.22, 0.44), palette.shade, 0.5)
        for x, y in ((-0.06, -0.2), (0.14, -0.42), (-0.24, -0.36), (0.02, -0.6), (0.2, -0.14),
                     (-0.14, -0.08), (0.3, -0.62)):  # fmt: skip
            fill(canvas, disc(x, y, 0.022), palette.shade)
    fill(canvas, oval(-0.2, -0.64, 0.12, 0.08), palette.light)
    fill(canvas, disc(0.0, -0.89, 0.045), palette.lit((70, 120, 50)))


def draw_banana(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Two on one stalk, that rock a little."""
    canvas.translate(0, -0.2)
    canvas.scale(0.92, 0.9)
    with turned(canvas, 2.5 * beat(t, 0.375)):
        for turn, colour in ((-26, palette.shade), (0, palette.base)):
            with turned(canvas, turn, 0.46, -0.9):
                fruit = blob((0.4, -0.98), (0.56, -0.96), (0.6, -0.5), (0.2, -0.02), (-0.5, 0.02),
                             (-0.68, -0.1), (-0.62, -0.2), (-0.1, -0.24), (0.26, -0.5))  # fmt: skip
                body(canvas, palette, (fruit, colour))
                fill(canvas, disc(-0.6, -0.1, 0.06), palette.ink)
                stroke(
                    canvas, curve((0.44, -0.7), (0.26, -0.24), (-0.4, -0.08)), palette.light, 0.04
                )
        stroke(canvas, line_through((0.46, -0.86), (0.5, -1.0)), palette.lit((120, 120, 50)), 0.11)


def draw_cake(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Two tiers with icing and candles that flicker."""
    for index, x in enumerate((-0.24, 0.0, 0.24)):
        fill(canvas, box(x - 0.03, -0.92, x + 0.03, -0.72), palette.lit((110, 190, 240)))
        flame = oval(x + 0.008 * beat(t, 1.5, index / 3), -0.99, 0.035,
                     0.06 + 0.012 * beat(t, 2, index / 3))  # fmt: skip
        fill(canvas, flame, (255, 190, 70))
    fill(canvas, oval(0, -0.03, 0.74, 0.06), palette.lit((222, 224, 232)))
    low, high = box(-0.6, -0.4, 0.6, -0.04, 0.05), box(-0.42, -0.74, 0.42, -0.36, 0.05)
    body(canvas, palette, (low, palette.base), (high, palette.base))
    for shell, y, xs in ((low, -0.4, (-0.5, -0.3, -0.1, 0.1, 0.3, 0.5)),
                         (high, -0.74, (-0.34, -0.12, 0.1, 0.32))):  # fmt: skip
        with clipped(canvas, shell):
            fill(canvas, box(-1, y, 1, y + 0.1), palette.pale)
            for x in xs:
                fill(canvas, oval(x, y + 0.1, 0.07, 0.08), palette.pale)
            fill(canvas, box(-1, y + 0.26, 1, y + 0.3), palette.shade)
    for x in (-0.42, -0.2, 0.02, 0.24, 0.46):
        fill(canvas, disc(x, -0.4, 0.045), palette.lit((224, 40, 60)))


def draw_pizza(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Seen from above at a slant; it turns slowly."""
    squash = skia.Matrix().setScale(1, 0.86, 0, -0.5)
    canvas.save()
    canvas.concat(squash)
    body(canvas, palette, (disc(0, -0.5, 0.52), palette.lit((206, 140, 70))))
    fill(canvas, disc(0, -0.5, 0.44), palette.lit((206, 60, 36)))
    fill(canvas, disc(0, -0.5, 0.41), palette.base)
    with turned(canvas, 45 * t, 0, -0.5):
        for index, radius in enumerate((0.28, 0.2, 0.3, 0.12, 0.3, 0.24, 0.31)):
            angle = 2 * pi * index / 7
            x, y = radius * cos(angle), -0.5 + radius * sin(angle)
            fill(canvas, disc(x, y, 0.075), palette.lit((186, 40, 34)))
            fill(canvas, disc(x - 0.02, y - 0.02, 0.035), palette.lit((220, 84, 66)))
        for index in range(5):
            angle = 2 * pi * (index + 0.35) / 5
            leaf = oval(0.2 * cos(angle), -0.5 + 0.2 * sin(angle), 0.05, 0.03)
            fill(canvas, leaf, palette.lit((70, 140, 50)))
        for angle in (0, 60, 120):
            with turned(canvas, angle, 0, -0.5):
                stroke(canvas, line_through((-0.5, -0.5), (0.5, -0.5)), palette.shade, 0.02)
    canvas.restore()


def draw_mushroom(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A cap with white spots."""
    with turned(canvas, 1.5 * beat(t, 0.25)):
        stem = blob(
            (-0.14, -0.5), (0.14, -0.5), (0.2, -0.1), (0.2, 0.02), (-0.2, 0.02), (-0.2, -0.1)
        )
        cap = blob(
            (-0.62, -0.5),
            (-0.5, -0.9),
            (-0.1, -1.06),
            (0.1, -1.06),
            (0.5, -0.9),
            (0.62, -0.5),
            (0.0, -0.38),
        )
        body(canvas, palette, (stem, palette.pale), (cap, palette.base))
        fill(
            canvas, polygon((-0.2, -0.4), (0.2, -0.4), (0.14, -0.34), (-0.14, -0.34)), palette.shade
        )
        with clipped(canvas, cap):
            for x, y, r in (
                (-0.26, -0.72, 0.09),
                (0.04, -0.88, 0.08),
                (0.26, -0.66, 0.1),
                (-0.02, -0.58, 0.07),
                (-0.48, -0.54, 0.07),
                (0.5, -0.54, 0.06),
            ):
                fill(canvas, oval(x, y, r, 0.8 * r), palette.pale)

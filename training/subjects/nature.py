"""Trees and flowers as subjects, heavenly bodies, and a snowman."""

from __future__ import annotations

from math import cos, pi, sin

import skia

from training.shapes import blob, box, curve, disc, fill, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, clipped, limb, line_through, turned


def draw_tree(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A crown that sways."""
    sway = 1.5 * beat(t, 0.25)
    trunk = blob(
        (-0.1, -0.5), (0.1, -0.5), (0.08, -0.2), (0.16, 0.02), (-0.16, 0.02), (-0.08, -0.2)
    )
    body(canvas, palette, (trunk, palette.lit((120, 82, 54))))
    with turned(canvas, sway, 0, -0.4):
        branch = curve((0, -0.4), (0.06, -0.5), (0.18, -0.54))
        stroke(canvas, branch, palette.lit((120, 82, 54)), 0.05)
        crown = [(-0.22, -0.56, 0.2), (0.22, -0.56, 0.2), (-0.16, -0.78, 0.2), (0.16, -0.78, 0.2),
                 (0.0, -0.64, 0.26)]  # fmt: skip
        body(canvas, palette, *[(disc(x, y, r), palette.base) for x, y, r in crown])
        for x, y, r in ((-0.2, -0.72, 0.1), (0.02, -0.86, 0.09), (0.06, -0.6, 0.1)):
            fill(canvas, disc(x, y, r), palette.light)
        for x, y in ((0.24, -0.48), (-0.12, -0.46), (0.26, -0.7)):
            fill(canvas, oval(x, y, 0.1, 0.06), palette.shade)


def draw_flower(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Petals round a golden middle, two leaves."""
    green = palette.lit((70, 150, 62))
    with turned(canvas, 3 * beat(t, 0.25)):
        limb(canvas, palette, curve((0, 0), (0.04, -0.3), (0, -0.66)), green, 0.05)
        for s, y in ((-1, -0.2), (1, -0.28)):
            leaf = blob((0.02, y), (s * 0.14, y - 0.16), (s * 0.34, y - 0.16), (s * 0.18, y + 0.02))
            body(canvas, palette, (leaf, green))
        petals = []
        for index in range(7):
            petal = oval(0, -0.18, 0.1, 0.15)
            matrix = skia.Matrix().setRotate(360 * index / 7).postTranslate(0, -0.68)
            petal.transform(matrix)
            petals.append((petal, palette.base if index % 2 else palette.light))
        body(canvas, palette, *petals)
        fill(canvas, disc(0, -0.68, 0.115), palette.lit((250, 190, 50)))
        fill(canvas, disc(0, -0.68, 0.06), palette.lit((206, 130, 40)))


def draw_moon(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A crescent with craters and a halo that breathes."""
    glow = 0.05 * beat(t, 0.25)
    fill(canvas, disc(0, -0.5, 0.56 + glow), palette.base, 0.18)
    crescent = skia.Path()
    crescent.addCircle(0, -0.5, 0.46)
    shadow = skia.Path()
    shadow.addCircle(0.24, -0.6, 0.38)
    shape = skia.Op(crescent, shadow, skia.PathOp.kDifference_PathOp)
    body(canvas, palette, (shape, palette.base))
    with clipped(canvas, shape):
        for x, y, r in (
            (-0.28, -0.5, 0.08),
            (-0.18, -0.2, 0.07),
            (0.08, -0.14, 0.05),
            (-0.2, -0.78, 0.05),
        ):
            fill(canvas, disc(x, y, r), palette.shade)
        fill(canvas, oval(-0.4, -0.5, 0.05, 0.2), palette.light)


def draw_planet(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A ring, and bands that wander."""
    with turned(canvas, -14, 0, -0.5):
        ring = oval(0, -0.5, 0.78, 0.2)
        stroke(canvas, ring, palette.contour, 0.09 + palette.line)
        stroke(canvas, ring, palette.lit((236, 214, 170)), 0.09)
        globe = disc(0, -0.5, 0.44)
        body(canvas, palette, (globe, palette.base))
        with clipped(canvas, globe):
            for y, half, colour in ((-0.76, 0.05, palette.light), (-0.56, 0.06, palette.shade),
                                    (-0.3, 0.06, palette.light)):  # fmt: skip
                wave = 0.03 * beat(t, 0.125, y)
                fill(
                    canvas,
                    blob(
                        (-0.6, y - half),
                        (0.0, y - half + wave),
                        (0.6, y - half),
                        (0.6, y + half),
                        (0.0, y + half + wave),
                        (-0.6, y + half),
                    ),
                    colour,
                )
            spot = (((0.125 * t) % 1) - 0.5) * 1.4
            fill(canvas, oval(spot, -0.44, 0.12, 0.06), palette.shade)
        with clipped(canvas, box(-1, -0.5, 1, 0.2)):
            stroke(canvas, ring, palette.contour, 0.09 + palette.line)
            stroke(canvas, ring, palette.lit((236, 214, 170)), 0.09)


def draw_snowman(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A hat, a scarf that waves, a carrot for a nose."""
    scarf, wave = palette.lit((214, 40, 44)), beat(t, 0.5)
    for s in (-1, 1):
        hand = (s * 0.52, -0.56 - 0.03 * wave * s)
        stroke(canvas, line_through((s * 0.2, -0.42), hand), palette.lit((110, 74, 46)), 0.035)
        stroke(
            canvas,
            line_through((s * 0.42, -0.51), (s * 0.5, -0.42)),
            palette.lit((110, 74, 46)),
            0.03,
        )
    body(canvas, palette, (disc(0, -0.22, 0.26), palette.base), (disc(0, -0.5, 0.19), palette.base),
         (disc(0, -0.74, 0.155), palette.base))  # fmt: skip
    fill(canvas, oval(-0.12, -0.3, 0.05, 0.09), palette.light)
    for y in (-0.5, -0.4, -0.26):
        fill(canvas, disc(0.05, y, 0.026), palette.ink)
    for x in (-0.03, 0.09):
        fill(canvas, disc(x, -0.78, 0.025), palette.ink)
    fill(canvas, polygon((0.03, -0.76), (0.27, -0.71), (0.03, -0.69)), palette.lit((250, 140, 30)))
    fill(
        canvas,
        blob(
            (-0.17, -0.64), (0.0, -0.59), (0.17, -0.64), (0.17, -0.57), (0.0, -0.52), (-0.17, -0.57)
        ),
        scarf,
    )
    fill(canvas, polygon((-0.13, -0.6), (-0.05, -0.58), (-0.1 + 0.04 * wave, -0.34),
                         (-0.2 + 0.04 * wave, -0.36)), scarf)  # fmt: skip
    hat = palette.lit((50, 50, 62))
    fill(canvas, box(-0.19, -0.88, 0.19, -0.84, 0.02), hat)
    fill(canvas, box(-0.12, -1.02, 0.12, -0.86, 0.02), hat)
    fill(canvas, box(-0.12, -0.91, 0.12, -0.88), scarf)


def draw_star(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Five points; it twinkles."""
    size = 1 + 0.06 * beat(t, 0.75)
    points = []
    for index in range(10):
        radius = (0.52 if index % 2 == 0 else 0.24) * size
        angle = pi * index / 5
        points.append((radius * sin(angle), -0.48 - radius * cos(angle)))
    body(canvas, palette, (polygon(*points), palette.base))
    fill(canvas, polygon(points[9], points[0], (0, -0.48)), palette.light)
    fill(canvas, polygon(points[3], points[4], (0, -0.48)), palette.shade)

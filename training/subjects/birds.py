"""Birds."""

from __future__ import annotations

from math import pi, sin

import skia

from training.shapes import blob, curve, disc, fill, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, eye, limb, turned


def draw_bird(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    flap = sin(2 * pi * 1.25 * t)
    tail = polygon((-0.24, -0.42), (-0.6, -0.58), (-0.62, -0.34), (-0.26, -0.24))
    trunk = blob(
        (-0.42, -0.42), (-0.1, -0.66), (0.3, -0.6), (0.4, -0.26), (0.08, -0.06), (-0.3, -0.16)
    )
    head = disc(0.34, -0.6, 0.17)
    fill(canvas, polygon((0.47, -0.68), (0.64, -0.57), (0.47, -0.5)), (250, 150, 20))
    body(canvas, palette, (tail, palette.shade), (trunk, palette.base), (head, palette.base))
    fill(canvas, oval(0.14, -0.22, 0.2, 0.1), palette.light)
    tip = -0.42 - 0.5 * flap
    wing = blob((-0.2, -0.44), (-0.36, tip), (-0.14, tip), (0.16, -0.5), (0.08, -0.34))
    body(canvas, palette, (wing, palette.shade))
    eye(canvas, palette, 0.4, -0.63, 0.055)


def draw_penguin(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Waddles, with a white front."""
    waddle, flap = 4 * beat(t, 0.75), beat(t, 0.75)
    orange = palette.lit((250, 150, 20))
    for x in (-0.12, 0.12):
        fill(canvas, oval(x + 0.03, -0.03, 0.12, 0.045), orange)
    with turned(canvas, waddle):
        trunk = blob((-0.32, -0.1), (-0.34, -0.6), (-0.24, -1.06), (0.24, -1.06), (0.34, -0.6),
                     (0.32, -0.1), (0.0, 0.02))  # fmt: skip
        fin = blob((-0.22, -0.66), (-0.4, -0.5), (-0.46 - 0.05 * flap, -0.22), (-0.36, -0.24),
                   (-0.24, -0.4))  # fmt: skip
        body(canvas, palette, (fin, palette.shade), (trunk, palette.base))
        front = blob((-0.16, -0.06), (-0.2, -0.5), (0.0, -0.74), (0.24, -0.5), (0.24, -0.06))
        fill(canvas, front, palette.pale)
        for x in (-0.02, 0.15):
            fill(canvas, oval(x, -0.8, 0.085, 0.09), palette.pale)
            fill(canvas, disc(x + 0.015, -0.81, 0.04), palette.ink)
        fill(canvas, polygon((0.0, -0.74), (0.3, -0.7), (0.02, -0.64)), orange)
        near = blob((0.24, -0.66), (0.36, -0.5), (0.42 + 0.05 * flap, -0.22), (0.34, -0.22),
                    (0.22, -0.42))  # fmt: skip
        body(canvas, palette, (near, palette.shade))


def draw_duck(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Sits on the ground or on water, and dips its head."""
    nod, wag = 4 * beat(t, 0.5), 0.03 * beat(t, 1)
    trunk = blob((-0.66, -0.56 + wag), (-0.5, -0.34), (0.1, -0.5), (0.44, -0.5), (0.4, 0.02),
                 (-0.3, 0.04), (-0.56, -0.2))  # fmt: skip
    with turned(canvas, nod, 0.24, -0.4):
        neck = blob((0.08, -0.3), (0.1, -0.8), (0.3, -0.84), (0.44, -0.7), (0.42, -0.3))
        bill = blob((0.44, -0.78), (0.7, -0.7), (0.72, -0.64), (0.44, -0.62))
        fill(canvas, bill, palette.lit((250, 150, 20)))
        body(canvas, palette, (neck, palette.base), (disc(0.32, -0.76, 0.2), palette.base))
        eye(canvas, palette, 0.38, -0.81, 0.05)
    body(canvas, palette, (trunk, palette.base))
    with turned(canvas, nod, 0.24, -0.4):
        fill(canvas, neck, palette.base)
    wing = blob((-0.44, -0.34), (-0.1, -0.46), (0.2, -0.36), (0.1, -0.1), (-0.24, -0.12))
    body(canvas, palette, (wing, palette.shade))


def draw_swan(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A neck like an S, wings folded high."""
    sway = 2 * beat(t, 0.375)
    trunk = blob(
        (-0.72, -0.4),
        (-0.4, -0.3),
        (0.1, -0.36),
        (0.42, -0.34),
        (0.4, 0.02),
        (-0.3, 0.04),
        (-0.6, -0.1),
    )
    neck = skia.Path()
    neck.moveTo(0.28, -0.2)
    neck.cubicTo(0.66, -0.44, 0.1, -0.66, 0.26, -0.88)
    with turned(canvas, sway, 0.28, -0.2):
        fill(
            canvas, polygon((0.42, -0.92), (0.66, -0.8), (0.44, -0.78)), palette.lit((250, 140, 20))
        )
        limb(canvas, palette, neck, palette.base, 0.13)
        body(canvas, palette, (oval(0.34, -0.87, 0.14, 0.1), palette.base))
        stroke(canvas, neck, palette.base, 0.13)
        fill(canvas, disc(0.42, -0.86, 0.04), palette.ink)
    body(canvas, palette, (trunk, palette.base))
    wing = blob((-0.7, -0.56), (-0.36, -0.42), (0.0, -0.58), (0.24, -0.38), (0.1, -0.08),
                (-0.34, -0.1))  # fmt: skip
    body(canvas, palette, (wing, palette.light))
    for x in (-0.34, -0.14):
        stroke(canvas, curve((x, -0.4), (x + 0.1, -0.26), (x + 0.24, -0.22)), palette.shade, 0.03)


def draw_owl(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Large eyes that close now and then, ears of feathers."""
    sway = 2 * beat(t, 0.25)
    is_shut = (t % 4.0) > 3.7
    for x in (-0.12, 0.12):
        fill(canvas, oval(x, -0.03, 0.09, 0.045), palette.lit((250, 170, 40)))
    with turned(canvas, sway):
        ears = [(polygon((s * 0.3, -0.78), (s * 0.3, -1.04), (s * 0.06, -0.88)), palette.base)
                for s in (-1, 1)]  # fmt: skip
        trunk = blob((-0.36, -0.04), (-0.4, -0.6), (-0.3, -1.0), (0.3, -1.0), (0.4, -0.6),
                     (0.36, -0.04), (0.0, 0.02))  # fmt: skip
        body(canvas, palette, *ears, (trunk, palette.base))
        fill(canvas, oval(0, -0.3, 0.21, 0.25), palette.light)
        for y, xs in ((-0.42, (-0.08, 0.08)), (-0.3, (-0.14, 0, 0.14)), (-0.18, (-0.08, 0.08))):
            for x in xs:
                stroke(
                    canvas, curve((x - 0.04, y), (x, y + 0.05), (x + 0.04, y)), palette.shade, 0.025
                )
        for s in (-1, 1):
            wing = blob((s * 0.3, -0.66), (s * 0.44, -0.5), (s * 0.38, -0.06), (s * 0.24, -0.3))
            body(canvas, palette, (wing, palette.shade))
            fill(canvas, disc(s * 0.15, -0.75, 0.15), palette.pale)
            if is_shut:
                stroke(canvas, curve((s * 0.15 - 0.08, -0.76), (s * 0.15, -0.7),
                                     (s * 0.15 + 0.08, -0.76)), palette.ink, 0.03)  # fmt: skip
            else:
                fill(canvas, disc(s * 0.14, -0.75, 0.1), palette.lit((255, 196, 50)))
                fill(canvas, disc(s * 0.14, -0.75, 0.055), palette.ink)
        fill(
            canvas, polygon((-0.05, -0.68), (0.05, -0.68), (0, -0.56)), palette.lit((240, 130, 30))
        )

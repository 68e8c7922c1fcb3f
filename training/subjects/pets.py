"""Pets and other small animals."""

from __future__ import annotations

from math import pi, sin

import skia

from training.shapes import blob, box, curve, disc, fill, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, eye, four_legs, limb, line_through


def draw_cat(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    wag, step = sin(2 * pi * 0.75 * t), 0.05 * sin(2 * pi * 0.75 * t)
    tail = curve((-0.36, -0.44), (-0.62, -0.46), (-0.5 + 0.08 * wag, -0.9))
    stroke(canvas, tail, palette.contour, 0.1 + palette.line)
    stroke(canvas, tail, palette.base, 0.1)
    legs = [
        (box(x + s * step - 0.065, -0.36, x + s * step + 0.065, 0.0, 0.05), colour)
        for x, s, colour in ((-0.3, -1, palette.shade), (0.12, -1, palette.shade),
                             (-0.18, 1, palette.base), (0.24, 1, palette.base))
    ]  # fmt: skip
    trunk = blob(
        (-0.46, -0.6), (0.0, -0.56), (0.36, -0.66), (0.42, -0.3), (0.0, -0.2), (-0.46, -0.2)
    )
    ears = [
        (polygon((0.33 + s * 0.2, -0.72), (0.33 + s * 0.17, -1.0), (0.33 + s * 0.02, -0.84)),
         palette.shade) for s in (-1, 1)
    ]  # fmt: skip
    head = oval(0.33, -0.69, 0.23, 0.19)
    body(canvas, palette, *legs, (trunk, palette.base), *ears, (head, palette.base))
    fill(canvas, oval(0.4, -0.61, 0.11, 0.075), palette.light)
    for x in (0.27, 0.44):
        eye(canvas, palette, x, -0.72, 0.052)
    fill(canvas, disc(0.42, -0.645, 0.028), palette.ink)


def draw_rabbit(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    twitch = 7 * sin(2 * pi * 0.625 * t)
    ears = []
    for x, tilt, colour in ((0.1, -18, palette.shade), (0.22, 2, palette.base)):
        ear = oval(0, -0.17, 0.068, 0.2)
        ear.transform(skia.Matrix().setRotate(tilt + twitch).postTranslate(x, -0.62))
        ears.append((ear, colour))
    trunk = blob(
        (-0.44, -0.36), (-0.24, -0.62), (0.14, -0.52), (0.24, -0.2), (0.18, 0.02), (-0.4, 0.02)
    )
    body(canvas, palette, (disc(-0.34, -0.16, 0.1), palette.light), *ears,
          (box(0.08, -0.24, 0.22, 0.0, 0.06), palette.shade), (trunk, palette.base),
          (oval(-0.12, -0.06, 0.18, 0.06), palette.base),
          (oval(0.21, -0.52, 0.19, 0.16), palette.base))  # fmt: skip
    fill(canvas, oval(-0.14, -0.2, 0.15, 0.14), palette.shade, 0.5)
    fill(canvas, oval(0.31, -0.47, 0.075, 0.06), palette.light)
    eye(canvas, palette, 0.24, -0.56, 0.05)
    fill(canvas, disc(0.385, -0.5, 0.026), palette.ink)


def draw_turtle(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    step = 0.06 * sin(2 * pi * 0.75 * t)
    legs = [
        (oval(x + s * step, -0.13, 0.14, 0.13), palette.light) for x, s in ((-0.36, 1), (0.3, -1))
    ]
    neck = blob((0.3, -0.4), (0.5, -0.7), (0.8, -0.74), (0.8, -0.42), (0.6, -0.36), (0.4, -0.14))
    tail = polygon((-0.6, -0.26), (-0.76, -0.12), (-0.5, -0.14))
    shell = blob(
        (-0.66, -0.16), (-0.64, -0.66), (-0.32, -1.04), (0.18, -1.04), (0.5, -0.66), (0.52, -0.16)
    )
    body(
        canvas, palette, (tail, palette.light), *legs, (neck, palette.light), (shell, palette.base)
    )
    for x, y, r in ((-0.07, -0.66, 0.15), (-0.38, -0.5, 0.105), (0.24, -0.5, 0.105)):
        fill(canvas, oval(x, y, r, r), palette.shade)
    stroke(canvas, curve((-0.56, -0.22), (-0.07, -0.16), (0.44, -0.22)), palette.shade, 0.07)
    eye(canvas, palette, 0.66, -0.57, 0.055)


def draw_dog(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A wagging tail, hanging ears and a tongue."""
    wag, step = beat(t, 1.5), 0.05 * beat(t, 0.75)
    limb(canvas, palette, curve((-0.4, -0.54), (-0.58, -0.62), (-0.56 + 0.1 * wag, -0.92)),
         palette.base, 0.09)  # fmt: skip
    trunk = blob((-0.5, -0.64), (0.0, -0.6), (0.36, -0.72), (0.42, -0.34), (0.0, -0.24),
                 (-0.5, -0.24))  # fmt: skip
    legs = four_legs(palette, -0.3, 0.22, half=0.065, top=0.36, step=step)
    muzzle = oval(0.56, -0.66, 0.15, 0.1)
    body(canvas, palette, *legs, (trunk, palette.base), (muzzle, palette.light),
         (oval(0.38, -0.76, 0.2, 0.19), palette.base))  # fmt: skip
    fill(canvas, oval(0.5, -0.585 + 0.01 * wag, 0.04, 0.06), palette.lit((236, 100, 120)))
    fill(canvas, muzzle, palette.light)
    fill(canvas, oval(0.67, -0.71, 0.05, 0.04), palette.ink)
    body(canvas, palette, (blob((0.2, -0.9), (0.34, -0.9), (0.34, -0.6), (0.24, -0.48),
                                (0.14, -0.62)), palette.shade))  # fmt: skip
    eye(canvas, palette, 0.44, -0.8, 0.045)
    stroke(canvas, line_through((0.27, -0.53), (0.42, -0.5)), palette.lit((214, 40, 44)), 0.05)


def draw_squirrel(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Sits up with a nut; the tail is as large as it is."""
    nibble, sway = beat(t, 1.5), 0.03 * beat(t, 0.5)
    tail = blob((-0.1, 0.0), (-0.5, 0.02), (-0.62, -0.5), (-0.5 + sway, -1.02), (-0.2 + sway, -1.1),
                (-0.06 + sway, -0.86), (-0.3, -0.7), (-0.2, -0.3))  # fmt: skip
    trunk = blob((-0.26, 0.02), (-0.3, -0.36), (-0.04, -0.64), (0.2, -0.5), (0.24, 0.02))
    ears = [(polygon((x - 0.05, -0.76), (x - 0.02, -1.0), (x + 0.07, -0.78)), palette.shade)
            for x in (0.06, 0.18)]  # fmt: skip
    body(
        canvas,
        palette,
        (tail, palette.shade),
        (trunk, palette.base),
        (oval(-0.02, -0.1, 0.2, 0.13), palette.base),
        (oval(0.08, -0.02, 0.18, 0.05), palette.shade),
        *ears,
        (oval(0.16, -0.68, 0.19, 0.15), palette.base),
    )
    fill(
        canvas,
        blob((-0.2, -0.2), (-0.5, -0.3), (-0.5, -0.8), (-0.3 + sway, -0.96), (-0.38, -0.6)),
        palette.base,
    )
    fill(canvas, oval(0.13, -0.3, 0.1, 0.17), palette.pale)
    fill(canvas, oval(0.28, -0.63, 0.08, 0.06), palette.light)
    eye(canvas, palette, 0.19, -0.72, 0.05)
    fill(canvas, disc(0.345, -0.655, 0.028), palette.ink)
    nut = 0.01 * nibble
    fill(canvas, oval(0.31, -0.42 + nut, 0.07, 0.08), palette.lit((150, 96, 44)))
    limb(
        canvas, palette, curve((0.08, -0.46), (0.16, -0.34), (0.29, -0.4 + nut)), palette.base, 0.06
    )


def draw_mouse(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Round ears and a long bare tail."""
    wag, sniff = beat(t, 0.75), 0.015 * beat(t, 1.5)
    stroke(canvas, curve((-0.4, -0.12), (-0.9, 0.1), (-0.86, -0.5 + 0.08 * wag)),
           palette.lit((236, 150, 160)), 0.05)  # fmt: skip
    trunk = blob((-0.56, 0.02), (-0.56, -0.5), (-0.1, -0.72), (0.36, -0.6), (0.74 + sniff, -0.3),
                 (0.72 + sniff, -0.16), (0.4, 0.02))  # fmt: skip
    feet = [(oval(x, -0.03, 0.12, 0.05), palette.lit((236, 150, 160))) for x in (-0.24, 0.3)]
    body(canvas, palette, (disc(0.02, -0.74, 0.19), palette.shade), *feet, (trunk, palette.base),
         (disc(0.24, -0.7, 0.2), palette.base))  # fmt: skip
    fill(canvas, disc(0.24, -0.69, 0.13), palette.lit((244, 170, 180)))
    fill(canvas, oval(-0.1, -0.1, 0.34, 0.1), palette.light)
    eye(canvas, palette, 0.42, -0.42, 0.06)
    fill(canvas, disc(0.69 + sniff, -0.25, 0.045), palette.lit((226, 90, 110)))


def draw_frog(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Sits and breathes; eyes stand out above its head."""
    breath = 0.025 * beat(t, 0.75)
    thigh = blob((-0.6, -0.02), (-0.66, -0.42), (-0.3, -0.56), (-0.12, -0.2), (-0.2, 0.02))
    trunk = blob((-0.5, -0.1), (-0.4, -0.6), (0.0, -0.84), (0.5, -0.84), (0.66, -0.5),
                 (0.46, -0.16), (0.2, 0.0))  # fmt: skip
    body(canvas, palette, (oval(0.5, -0.03, 0.18, 0.05), palette.shade),
         (oval(-0.3, -0.03, 0.34, 0.055), palette.shade), (disc(0.16, -0.8, 0.15), palette.shade),
         (trunk, palette.base), (disc(0.38, -0.82, 0.16), palette.base),
         (box(0.26, -0.36, 0.4, 0.0, 0.06), palette.base))  # fmt: skip
    body(canvas, palette, (thigh, palette.base))
    fill(canvas, oval(0.4, -0.36, 0.17, 0.13 + breath), palette.pale)
    stroke(canvas, curve((0.2, -0.5), (0.42, -0.44), (0.6, -0.58)), palette.shade, 0.035)
    eye(canvas, palette, 0.4, -0.84, 0.1)
    for x, y in ((-0.1, -0.56), (-0.26, -0.42), (0.06, -0.68)):
        fill(canvas, disc(x, y, 0.05), palette.shade)

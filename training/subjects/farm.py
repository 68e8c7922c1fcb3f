"""Horses and the animals of a farm."""

from __future__ import annotations

import skia

from training.shapes import Colour, blob, box, curve, disc, fill, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, clipped, eye, four_legs, limb, line_through, turned

_TRUNK = ((-0.5, -0.66), (-0.1, -0.62), (0.28, -0.7), (0.42, -0.5), (0.26, -0.3), (-0.1, -0.28),
          (-0.5, -0.32))  # fmt: skip


def _steed(canvas: skia.Canvas, palette: Palette, t: float, mane: Colour, *, has_horn: bool,
           stripes: Colour | None = None) -> None:  # fmt: skip
    """Draw a horse, with a mane's colour, maybe a horn or stripes."""
    step, sway = 0.05 * beat(t, 0.75), beat(t, 0.5)
    tail = blob((-0.44, -0.64), (-0.62, -0.6), (-0.68 + 0.04 * sway, -0.26), (-0.56, -0.3),
                (-0.5, -0.5))  # fmt: skip
    body(canvas, palette, (tail, mane))
    hooves = palette.ink
    legs = four_legs(palette, -0.34, 0.22, half=0.05, top=0.4, step=step)
    trunk = blob(*_TRUNK)
    body(canvas, palette, *legs, (trunk, palette.base))
    for path, _ in legs:
        with clipped(canvas, path):
            fill(canvas, box(-1, -0.06, 1, 0.02), hooves)
    neck = blob((0.14, -0.6), (0.34, -0.8), (0.42, -0.98), (0.58, -0.92), (0.5, -0.6), (0.36, -0.4),
                (0.2, -0.42))  # fmt: skip
    head = blob((0.38, -0.98), (0.56, -0.98), (0.8, -0.76), (0.78, -0.66), (0.66, -0.66),
                (0.44, -0.8))  # fmt: skip
    ear = polygon((0.4, -0.9), (0.42, -1.04), (0.5, -0.92))
    with turned(canvas, 2 * sway, 0.3, -0.6):
        if has_horn:
            horn = polygon((0.5, -0.94), (0.64, -1.2), (0.57, -0.92))
            body(canvas, palette, (horn, palette.lit((255, 214, 90))))
        body(canvas, palette, (neck, palette.base), (ear, palette.shade), (head, palette.base))
        fill(canvas, neck, palette.base)
        fill(canvas, trunk, palette.base)
        if stripes:
            for x, y in ((0.24, -0.56), (0.3, -0.66), (0.36, -0.76)):
                stroke(canvas, line_through((x, y), (x + 0.17, y + 0.1)), stripes, 0.035)
        crest = blob((0.14, -0.56), (0.22, -0.78), (0.34, -0.96), (0.46, -1.0), (0.44, -0.88),
                     (0.34, -0.74), (0.24, -0.56))  # fmt: skip
        fill(canvas, crest, mane)
        eye(canvas, palette, 0.54, -0.86, 0.035)
        fill(canvas, disc(0.735, -0.72, 0.02), palette.ink)
    if stripes:
        for x in (-0.4, -0.28, -0.16, -0.04, 0.08):
            stroke(canvas, curve((x, -0.62), (x - 0.05, -0.5), (x + 0.01, -0.38)), stripes, 0.045)


def draw_horse(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A dark mane."""
    _steed(canvas, palette, t, palette.shade, has_horn=False)


def draw_unicorn(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A golden horn and a pink mane."""
    _steed(canvas, palette, t, palette.lit((244, 120, 196)), has_horn=True)


def draw_zebra(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Dark stripes and mane."""
    _steed(canvas, palette, t, palette.ink, has_horn=False, stripes=palette.ink)


def draw_cow(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Dark patches, horns and a pink muzzle."""
    step, swish = 0.04 * beat(t, 0.625), beat(t, 0.5)
    tail = curve((-0.56, -0.62), (-0.7, -0.5), (-0.64 + 0.05 * swish, -0.2))
    limb(canvas, palette, tail, palette.base, 0.035)
    fill(canvas, disc(-0.64 + 0.05 * swish, -0.18, 0.05), palette.ink)
    legs = four_legs(palette, -0.4, 0.26, half=0.065, top=0.34, step=step)
    trunk = blob((-0.66, -0.7), (0.0, -0.74), (0.46, -0.76), (0.52, -0.36), (0.2, -0.22),
                 (-0.4, -0.2), (-0.66, -0.3))  # fmt: skip
    pink = palette.lit((246, 176, 176))
    body(canvas, palette, (oval(-0.26, -0.22, 0.1, 0.07), pink), *legs, (trunk, palette.base))
    with clipped(canvas, trunk):
        for x, y, r in ((-0.36, -0.62, 0.2), (0.06, -0.4, 0.14), (0.34, -0.7, 0.12)):
            fill(canvas, oval(x, y, r, 0.8 * r), palette.ink)
    for x in (0.44, 0.68):
        horn = curve((x, -0.88), (x + (0.1 if x > 0.5 else -0.1), -0.92), (x + 0.02, -1.0))
        stroke(canvas, horn, palette.lit((236, 220, 180)), 0.05)
    body(canvas, palette, (oval(0.36, -0.8, 0.11, 0.05), palette.shade),
         (blob((0.38, -0.94), (0.76, -0.94), (0.74, -0.7), (0.78, -0.5), (0.5, -0.5),
               (0.42, -0.7)), palette.base))  # fmt: skip
    fill(canvas, oval(0.63, -0.59, 0.14, 0.09), pink)
    for x in (0.59, 0.68):
        fill(canvas, disc(x, -0.6, 0.02), palette.ink)
    for x in (0.52, 0.66):
        eye(canvas, palette, x, -0.77, 0.038)


def draw_sheep(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Wool in curls, a dark face."""
    step, face = 0.035 * beat(t, 0.75), palette.lit((84, 76, 84))
    legs = four_legs(palette, -0.28, 0.16, half=0.05, top=0.34, step=step, near=face, far=face)
    curls = [(-0.44, -0.5, 0.17), (-0.4, -0.7, 0.18), (-0.18, -0.82, 0.19), (0.08, -0.82, 0.18),
             (0.28, -0.68, 0.17), (0.28, -0.46, 0.17), (0.08, -0.34, 0.18), (-0.2, -0.34, 0.19),
             (-0.08, -0.58, 0.3)]  # fmt: skip
    body(canvas, palette, *legs, *[(disc(x, y, r), palette.base) for x, y, r in curls])
    for x, y in ((-0.3, -0.6), (-0.06, -0.7), (0.1, -0.5), (-0.16, -0.44)):
        stroke(canvas, curve((x - 0.07, y), (x, y + 0.08), (x + 0.07, y)), palette.shade, 0.03)
    nod = 0.015 * beat(t, 0.5)
    body(canvas, palette, (oval(0.3, -0.7 + nod, 0.09, 0.045), face),
         (oval(0.46, -0.64 + nod, 0.15, 0.17), face))  # fmt: skip
    fill(canvas, oval(0.4, -0.8 + nod, 0.12, 0.075), palette.base)
    eye(canvas, palette, 0.5, -0.67 + nod, 0.04)


def draw_goat(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Curved horns and a beard."""
    step, nod = 0.04 * beat(t, 0.75), 3 * beat(t, 0.375)
    legs = four_legs(palette, -0.28, 0.18, half=0.045, top=0.36, step=step)
    trunk = blob((-0.46, -0.6), (0.0, -0.62), (0.3, -0.68), (0.38, -0.42), (0.2, -0.26),
                 (-0.44, -0.26))  # fmt: skip
    tail = polygon((-0.4, -0.54), (-0.54, -0.7), (-0.36, -0.62))
    body(canvas, palette, (tail, palette.shade), *legs, (trunk, palette.base))
    with turned(canvas, nod, 0.24, -0.56):
        for x, colour in ((0.34, palette.wood), (0.4, palette.wood)):
            horn = curve((x, -0.88), (x - 0.06, -1.06), (x - 0.24, -0.98))
            limb(canvas, palette, horn, colour, 0.045)
        beard = polygon((0.5, -0.68), (0.58, -0.68), (0.52, -0.5))
        neck = blob((0.12, -0.52), (0.26, -0.8), (0.42, -0.84), (0.4, -0.6), (0.32, -0.4))
        head = blob((0.28, -0.92), (0.46, -0.92), (0.66, -0.76), (0.64, -0.66), (0.44, -0.66),
                    (0.3, -0.76))  # fmt: skip
        body(canvas, palette, (beard, palette.light), (neck, palette.base),
             (oval(0.28, -0.8, 0.1, 0.04), palette.shade), (head, palette.base))  # fmt: skip
        fill(canvas, neck, palette.base)
        fill(canvas, trunk, palette.base)
        eye(canvas, palette, 0.45, -0.82, 0.036)
        fill(canvas, disc(0.61, -0.73, 0.022), palette.ink)


def draw_pig(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Round, with a snout and a curled tail."""
    step, wag = 0.035 * beat(t, 0.75), 0.03 * beat(t, 1.25)
    stroke(
        canvas, curve((-0.54, -0.56), (-0.74, -0.62 + wag), (-0.62, -0.72)), palette.contour, 0.05
    )
    legs = four_legs(palette, -0.32, 0.22, half=0.07, top=0.26, step=step)
    trunk = blob((-0.62, -0.5), (-0.44, -0.86), (0.2, -0.88), (0.5, -0.56), (0.36, -0.14),
                 (-0.46, -0.14))  # fmt: skip
    body(canvas, palette, *legs, (trunk, palette.base), (disc(0.42, -0.6, 0.26), palette.base))
    body(canvas, palette, (oval(0.68, -0.55, 0.085, 0.11), palette.light))
    for y in (-0.59, -0.51):
        fill(canvas, disc(0.7, y, 0.024), palette.shade)
    ear = polygon((0.24, -0.8), (0.3, -0.98), (0.44, -0.8))
    body(canvas, palette, (ear, palette.shade))
    eye(canvas, palette, 0.5, -0.68, 0.045)
    stroke(canvas, curve((0.48, -0.44), (0.56, -0.4), (0.62, -0.43)), palette.shade, 0.028)

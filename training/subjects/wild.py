"""Wild animals on four legs."""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np
import skia

from training.shapes import Colour, blob, box, curve, disc, fill, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, clipped, eye, four_legs, limb, line_through, turned


def draw_elephant(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    step, sway = 0.04 * sin(2 * pi * 0.625 * t), sin(2 * pi * 0.5 * t)
    legs = [
        (box(x + s * step - 0.11, -0.4, x + s * step + 0.11, 0.0, 0.05), colour)
        for x, s, colour in ((-0.4, -1, palette.shade), (0.1, -1, palette.shade),
                             (-0.26, 1, palette.base), (0.24, 1, palette.base))
    ]  # fmt: skip
    stroke(canvas, curve((-0.56, -0.6), (-0.7, -0.5), (-0.66, -0.28)), palette.contour, 0.06)
    trunk = blob(
        (-0.6, -0.62), (-0.3, -0.98), (0.2, -0.94), (0.4, -0.6), (0.3, -0.24), (-0.5, -0.22)
    )
    nose = curve((0.72, -0.62), (0.9, -0.36), (0.78 + 0.08 * sway, -0.08))
    stroke(canvas, nose, palette.contour, 0.15 + palette.line)
    body(canvas, palette, *legs, (trunk, palette.base), (oval(0.52, -0.68, 0.27, 0.25),
          palette.base))  # fmt: skip
    stroke(canvas, nose, palette.base, 0.15)
    ear = oval(0.32 + 0.02 * sway, -0.64, 0.17, 0.22)
    body(canvas, palette, (ear, palette.shade))
    fill(canvas, blob((0.62, -0.46), (0.72, -0.42), (0.94, -0.36), (0.72, -0.5)), palette.pale)
    eye(canvas, palette, 0.62, -0.74, 0.055)


def draw_dinosaur(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    step, wag = 0.05 * sin(2 * pi * 0.625 * t), 0.06 * sin(2 * pi * 0.5 * t)
    legs = [
        (box(x + s * step - 0.1, -0.34, x + s * step + 0.1, 0.0, 0.05), colour)
        for x, s, colour in ((-0.34, -1, palette.shade), (0.12, -1, palette.shade),
                             (-0.2, 1, palette.base), (0.26, 1, palette.base))
    ]  # fmt: skip
    tail = blob((-0.36, -0.58), (-0.7, -0.36), (-1.0, -0.3 + wag), (-1.0, -0.26 + wag),
                (-0.7, -0.16), (-0.3, -0.2))  # fmt: skip
    trunk = blob(
        (-0.5, -0.46), (-0.2, -0.68), (0.2, -0.64), (0.44, -0.4), (0.3, -0.16), (-0.42, -0.16)
    )
    neck = blob((0.12, -0.56), (0.42, -0.64), (0.5, -0.98), (0.62, -1.04), (0.74, -0.9),
                (0.66, -0.5), (0.4, -0.26))  # fmt: skip
    plates = [
        (polygon((x - 0.1, y + 0.1), (x, y - 0.1), (x + 0.1, y + 0.1)), palette.light)
        for x, y in ((-0.36, -0.58), (-0.12, -0.68), (0.12, -0.68))
    ]
    body(canvas, palette, *plates, (tail, palette.base), *legs, (neck, palette.base),
          (trunk, palette.base), (oval(0.68, -0.9, 0.2, 0.11), palette.base))  # fmt: skip
    fill(canvas, oval(0.04, -0.26, 0.3, 0.09), palette.light)
    eye(canvas, palette, 0.66, -0.93, 0.05)


def draw_bear(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Heavy, round ears, a light muzzle."""
    step = 0.045 * beat(t, 0.625)
    legs = four_legs(palette, -0.36, 0.24, half=0.11, top=0.36, step=step)
    trunk = blob((-0.62, -0.5), (-0.5, -0.9), (-0.1, -0.94), (0.34, -0.94), (0.5, -0.5),
                 (0.34, -0.2), (-0.56, -0.2))  # fmt: skip
    head = (oval(0.52, -0.72, 0.24, 0.22), palette.base)
    body(canvas, palette, *legs, (trunk, palette.base),
         *[(disc(x, -0.92, 0.085), palette.shade) for x in (0.4, 0.62)], head)  # fmt: skip
    fill(canvas, oval(0.66, -0.65, 0.13, 0.1), palette.light)
    fill(canvas, oval(0.77, -0.69, 0.05, 0.04), palette.ink)
    eye(canvas, palette, 0.56, -0.79, 0.042)


def draw_panda(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Sits and eats; dark limbs, ears and patches round the eyes."""
    chew, dark = beat(t, 0.75), palette.ink
    body(canvas, palette, (oval(0, -0.3, 0.34, 0.32), palette.base),
         *[(oval(s * 0.24, -0.1, 0.15, 0.12), dark) for s in (-1, 1)])  # fmt: skip
    for s in (-1, 1):
        fill(canvas, oval(s * 0.25, -0.1, 0.075, 0.07), palette.lit((120, 110, 120)))
    body(canvas, palette, *[(disc(s * 0.22, -0.92, 0.09), dark) for s in (-1, 1)],
         (oval(0, -0.72, 0.29, 0.24), palette.base))  # fmt: skip
    for s in (-1, 1):
        patch = oval(0, 0, 0.068, 0.09)
        patch.transform(skia.Matrix().setRotate(s * 28).postTranslate(s * 0.12, -0.74))
        fill(canvas, patch, dark)
        eye(canvas, palette, s * 0.11, -0.75, 0.034)
    fill(canvas, oval(0, -0.645, 0.05, 0.035), dark)
    stroke(canvas, curve((-0.05, -0.58), (0, -0.55 + 0.01 * chew), (0.05, -0.58)), dark, 0.022)
    stem = line_through((0.02, -0.22), (0.4, -0.62 + 0.04 * chew))
    stroke(canvas, stem, palette.lit((92, 170, 70)), 0.05)
    fill(canvas, oval(0.42, -0.68 + 0.04 * chew, 0.1, 0.05), palette.lit((70, 150, 62)))
    for s in (-1, 1):
        limb(canvas, palette, curve((s * 0.28, -0.46), (s * 0.38, -0.3),
                                    (0.1 + s * 0.06, -0.34 + 0.03 * chew)), dark, 0.13)  # fmt: skip


def _big_cat(canvas: skia.Canvas, palette: Palette, t: float, tip: Colour) -> None:
    """Draw the body that lion and tiger share, without head and coat."""
    step, wag = 0.05 * beat(t, 0.625), beat(t, 0.5)
    tail = curve((-0.54, -0.6), (-0.86, -0.56), (-0.78 + 0.06 * wag, -0.86))
    limb(canvas, palette, tail, palette.base, 0.07)
    fill(canvas, disc(-0.78 + 0.06 * wag, -0.87, 0.075), tip)
    legs = four_legs(palette, -0.4, 0.26, half=0.085, top=0.36, step=step)
    trunk = blob((-0.64, -0.66), (-0.1, -0.64), (0.3, -0.8), (0.46, -0.46), (0.3, -0.22),
                 (-0.1, -0.28), (-0.6, -0.2))  # fmt: skip
    body(canvas, palette, *legs, (trunk, palette.base))


def _cat_face(canvas: skia.Canvas, palette: Palette, muzzle: Colour) -> None:
    fill(canvas, oval(0.62, -0.64, 0.12, 0.09), muzzle)
    fill(canvas, polygon((0.64, -0.72), (0.74, -0.72), (0.69, -0.66)), palette.ink)
    for x in (0.45, 0.63):
        eye(canvas, palette, x, -0.78, 0.042)


def draw_lion(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A mane."""
    mane = palette.shade
    _big_cat(canvas, palette, t, mane)
    locks = [(disc(0.5 + 0.28 * cos(angle), -0.72 + 0.24 * sin(angle), 0.12), mane)
             for angle in np.linspace(0, 2 * pi, 10, endpoint=False)]  # fmt: skip
    body(canvas, palette, *locks)
    fill(canvas, oval(0.5, -0.72, 0.3, 0.26), mane)
    body(canvas, palette, *[(disc(x, -0.92, 0.06), palette.base) for x in (0.38, 0.64)],
         (oval(0.53, -0.72, 0.21, 0.19), palette.base))  # fmt: skip
    _cat_face(canvas, palette, palette.light)


def draw_tiger(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Dark stripes."""
    _big_cat(canvas, palette, t, palette.ink)
    for x, top in ((-0.44, -0.66), (-0.26, -0.62), (-0.08, -0.62), (0.1, -0.66)):
        fill(canvas, polygon((x - 0.04, top), (x + 0.05, top), (x + 0.02, top + 0.26)), palette.ink)
    body(canvas, palette, *[(disc(x, -0.93, 0.075), palette.base) for x in (0.38, 0.68)],
         (oval(0.53, -0.73, 0.24, 0.2), palette.base))  # fmt: skip
    for x, y in ((0.45, -0.93), (0.53, -0.94), (0.61, -0.93)):
        fill(canvas, polygon((x - 0.025, y), (x + 0.025, y), (0.53 + 0.5 * (x - 0.53), y + 0.1)),
             palette.ink)  # fmt: skip
    for y in (-0.74, -0.66):
        fill(canvas, polygon((0.29, y - 0.03), (0.29, y + 0.03), (0.39, y)), palette.ink)
    fill(canvas, oval(0.6, -0.63, 0.15, 0.1), palette.pale)
    _cat_face(canvas, palette, palette.pale)


def draw_giraffe(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A long neck that sways, and patches."""
    step, sway = 0.03 * beat(t, 0.625), 1.5 * beat(t, 0.375)
    legs = four_legs(palette, -0.19, 0.09, half=0.036, top=0.36, step=step)
    stroke(canvas, curve((-0.26, -0.48), (-0.34, -0.44), (-0.33, -0.3)), palette.contour, 0.03)
    trunk = blob((-0.31, -0.46), (-0.2, -0.54), (0.1, -0.62), (0.2, -0.5), (0.14, -0.28),
                 (-0.28, -0.27))  # fmt: skip
    body(canvas, palette, *legs, (trunk, palette.base))
    spots = [(-0.2, -0.44), (-0.08, -0.38), (-0.06, -0.49), (0.05, -0.43), (-0.19, -0.34)]
    with turned(canvas, sway, 0.1, -0.5):
        neck = polygon((0.0, -0.46), (0.2, -0.9), (0.29, -0.88), (0.19, -0.42))
        head = blob((0.17, -0.99), (0.3, -0.98), (0.46, -0.88), (0.45, -0.82), (0.28, -0.83),
                    (0.17, -0.88))  # fmt: skip
        ear = oval(0.16, -0.95, 0.055, 0.028)
        for x in (0.22, 0.27):
            limb(canvas, palette, line_through((x, -0.95), (x, -1.02)), palette.shade, 0.022)
        body(canvas, palette, (ear, palette.shade), (neck, palette.base), (head, palette.base))
        fill(canvas, neck, palette.base)
        for x, y in ((0.13, -0.55), (0.11, -0.64), (0.19, -0.68), (0.19, -0.79), (0.25, -0.84)):
            fill(canvas, disc(x, y, 0.028), palette.shade)
        fill(canvas, oval(0.42, -0.85, 0.035, 0.03), palette.light)
        eye(canvas, palette, 0.29, -0.93, 0.025)
    for x, y in spots:
        fill(canvas, oval(x, y, 0.04, 0.035), palette.shade)


def draw_kangaroo(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Stands on large feet and its tail."""
    nod = 2.0 * beat(t, 0.5)
    tail = blob((-0.1, -0.34), (-0.46, -0.1), (-0.72, -0.02), (-0.72, 0.03), (-0.3, 0.0),
                (-0.02, -0.14))  # fmt: skip
    trunk = blob((-0.22, -0.24), (-0.24, -0.5), (-0.04, -0.72), (0.1, -0.8), (0.18, -0.6),
                 (0.16, -0.26), (0.0, -0.12))  # fmt: skip
    foot = blob((-0.12, -0.1), (0.0, -0.08), (0.3, -0.06), (0.3, 0.02), (-0.12, 0.02))
    thigh = oval(-0.04, -0.24, 0.17, 0.19)
    body(canvas, palette, (tail, palette.base), (trunk, palette.base), (foot, palette.shade))
    fill(canvas, oval(0.08, -0.42, 0.07, 0.17), palette.light)
    body(canvas, palette, (thigh, palette.base))
    with turned(canvas, nod, 0.08, -0.74):
        ears = [(oval(x, -0.99, 0.04, 0.11), palette.shade) for x in (0.04, 0.15)]
        head = blob((-0.02, -0.78), (0.02, -0.95), (0.2, -0.93), (0.4, -0.76), (0.36, -0.7),
                    (0.12, -0.68))  # fmt: skip
        body(canvas, palette, *ears, (head, palette.base))
        eye(canvas, palette, 0.16, -0.84, 0.032)
        fill(canvas, disc(0.34, -0.755, 0.026), palette.ink)
    limb(canvas, palette, curve((0.1, -0.58), (0.2, -0.5), (0.28, -0.54)), palette.shade, 0.06)


def draw_monkey(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Sits, swings its tail and scratches its head."""
    swing, scratch = beat(t, 0.5), beat(t, 1.25)
    tail = curve((-0.18, -0.1), (-0.66, -0.06), (-0.46, -0.56 + 0.06 * swing))
    limb(canvas, palette, tail, palette.base, 0.06)
    face = palette.lit((240, 204, 164))
    body(canvas, palette, (oval(0, -0.28, 0.22, 0.27), palette.base),
         (oval(-0.14, -0.06, 0.17, 0.075), palette.shade), (oval(0.16, -0.06, 0.17, 0.075),
         palette.shade))  # fmt: skip
    fill(canvas, oval(0.02, -0.24, 0.12, 0.16), face)
    limb(canvas, palette, curve((-0.17, -0.44), (-0.32, -0.3), (-0.2, -0.14)), palette.base, 0.08)
    body(canvas, palette, *[(disc(s * 0.25, -0.72, 0.085), palette.shade) for s in (-1, 1)],
         (disc(0, -0.72, 0.24), palette.base))  # fmt: skip
    for s in (-1, 1):
        fill(canvas, disc(s * 0.08, -0.76, 0.095), face)
    fill(canvas, oval(0, -0.64, 0.15, 0.11), face)
    for s in (-1, 1):
        fill(canvas, oval(s * 0.075, -0.76, 0.03, 0.04), palette.ink)
    fill(canvas, oval(0.0, -0.68, 0.035, 0.02), palette.shade)
    stroke(canvas, curve((-0.07, -0.6), (0, -0.55), (0.07, -0.6)), palette.ink, 0.022)
    hand = (0.3, -0.86 + 0.04 * scratch)
    limb(canvas, palette, curve((0.17, -0.46), (0.44, -0.56), hand), palette.base, 0.08)


def draw_fox(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A pointed face, dark stockings, a white tip on a bushy tail."""
    step, wag = 0.05 * beat(t, 0.75), 0.05 * beat(t, 0.5)
    tail = blob((-0.36, -0.5), (-0.66, -0.7), (-0.98, -0.5 + wag), (-1.0, -0.3 + wag),
                (-0.7, -0.24), (-0.4, -0.34))  # fmt: skip
    body(canvas, palette, (tail, palette.base))
    with clipped(canvas, tail):
        fill(canvas, disc(-0.98, -0.4 + wag, 0.17), palette.pale)
    legs = four_legs(palette, -0.3, 0.2, half=0.05, top=0.36, step=step, near=palette.ink,
                     far=palette.ink)  # fmt: skip
    trunk = blob((-0.5, -0.58), (0.0, -0.56), (0.34, -0.66), (0.4, -0.34), (0.0, -0.22),
                 (-0.48, -0.22))  # fmt: skip
    ears = [(polygon((x - 0.08, -0.78), (x, -1.0), (x + 0.08, -0.78)), palette.shade)
            for x in (0.24, 0.44)]  # fmt: skip
    head = blob((0.1, -0.64), (0.2, -0.88), (0.46, -0.9), (0.6, -0.72), (0.8, -0.6), (0.6, -0.52),
                (0.3, -0.48))  # fmt: skip
    body(canvas, palette, *legs, (trunk, palette.base), *ears, (head, palette.base))
    fill(canvas, blob((0.2, -0.6), (0.4, -0.62), (0.74, -0.59), (0.56, -0.51), (0.3, -0.5)),
         palette.pale)  # fmt: skip
    fill(canvas, oval(0.28, -0.4, 0.1, 0.12), palette.pale)
    fill(canvas, disc(0.74, -0.6, 0.035), palette.ink)
    eye(canvas, palette, 0.46, -0.72, 0.042)


def _bat_wing(x: float, y: float, flap: float) -> skia.Path:
    """Return a raised wing with a scalloped edge; it leans back from its root (x, y)."""
    high = -0.62 - 0.2 * flap
    path = skia.Path()
    path.moveTo(x + 0.06, y)
    path.quadTo(x - 0.02, y + 0.9 * high, x - 0.5, y + high)
    path.quadTo(x - 0.4, y + 0.72 * high, x - 0.52, y + 0.5 * high)
    path.quadTo(x - 0.34, y + 0.5 * high, x - 0.36, y + 0.18 * high)
    path.quadTo(x - 0.22, y + 0.22 * high, x - 0.2, y + 0.06)
    path.close()
    return path


def draw_dragon(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Flaps its wings; spikes along the neck, a spade on its tail."""
    flap, wag = beat(t, 0.75), 0.05 * beat(t, 0.5)
    wing_far = _bat_wing(0.1, -0.52, flap - 0.12)
    body(canvas, palette, (wing_far, palette.shade))
    spade = polygon((-1.02, -0.36 + wag), (-0.84, -0.5 + wag), (-0.86, -0.24 + wag))
    tail = blob((-0.3, -0.56), (-0.6, -0.4), (-0.9, -0.4 + wag), (-0.9, -0.32 + wag), (-0.56, -0.2),
                (-0.2, -0.18))  # fmt: skip
    spikes = [
        (polygon((x - 0.06, y + 0.05), (x - 0.02, y - 0.09), (x + 0.07, y + 0.03)), palette.light)
        for x, y in ((0.26, -0.72), (0.34, -0.88), (-0.34, -0.52))
    ]
    trunk = blob((-0.46, -0.36), (-0.3, -0.62), (0.2, -0.66), (0.42, -0.44), (0.26, -0.14),
                 (-0.36, -0.12))  # fmt: skip
    neck = blob((0.1, -0.5), (0.3, -0.7), (0.36, -0.98), (0.56, -1.02), (0.56, -0.8), (0.48, -0.46),
                (0.3, -0.3))  # fmt: skip
    head = blob((0.36, -1.02), (0.6, -1.06), (0.92, -0.9), (0.92, -0.78), (0.6, -0.76),
                (0.38, -0.84))  # fmt: skip
    legs = four_legs(palette, -0.24, 0.16, half=0.08, top=0.28, step=0.03 * flap)
    horn = polygon((0.42, -0.98), (0.34, -1.14), (0.52, -1.0))
    body(
        canvas,
        palette,
        (spade, palette.shade),
        (tail, palette.base),
        *legs,
        *spikes,
        (horn, palette.pale),
        (neck, palette.base),
        (trunk, palette.base),
        (head, palette.base),
    )
    fill(canvas, oval(0.06, -0.22, 0.28, 0.09), palette.light)
    eye(canvas, palette, 0.6, -0.92, 0.045)
    fill(canvas, disc(0.83, -0.86, 0.02), palette.ink)
    wing = _bat_wing(0.0, -0.5, flap)
    body(canvas, palette, (wing, palette.light))
    high = -0.62 - 0.2 * flap
    for share_x, share_y in ((-0.52, 0.5), (-0.36, 0.18)):
        rib = line_through((0.0, -0.5), (share_x, -0.5 + share_y * high))
        stroke(canvas, rib, palette.base, 0.03)

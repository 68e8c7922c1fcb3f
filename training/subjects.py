"""Draws the subjects: side view facing right, feet at (0, 0), one unit high, animated by time t."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin

import skia

from training.shapes import (
    Colour,
    blob,
    box,
    curve,
    disc,
    fill,
    mix,
    oval,
    polygon,
    stroke,
    tint,
)

# Chosen far apart: the captions name them, so a viewer must never doubt which one is meant.
COLOURS: dict[str, Colour] = {
    "red": (214, 24, 36),
    "orange": (255, 132, 0),
    "yellow": (255, 220, 24),
    "green": (30, 150, 52),
    "blue": (28, 84, 226),
    "purple": (122, 36, 176),
    "pink": (255, 122, 186),
    "brown": (116, 66, 28),
    "white": (250, 250, 252),
    "black": (34, 34, 42),
}
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_CONTOURS = {"white": (138, 146, 176), "black": (136, 138, 160)}
# Faces flush and pale, so that an emotion can be told from afar.
_SKINS = {"angry": (246, 140, 112), "sad": (206, 204, 214), "sleepy": (238, 206, 190)}


@dataclass(frozen=True)
class Palette:
    """The colours of one subject under the light of its scene."""

    base: Colour
    light: Colour
    shade: Colour
    contour: Colour
    ink: Colour
    pale: Colour
    glass: Colour
    wood: Colour
    glow: Colour
    skin: Colour
    hair: Colour
    line: float  # width of the contour, both sides together
    emotion: str | None  # of a face


def mix_palette(
    colour: str, light: Colour, *, style: str = "flat", emotion: str | None = None
) -> Palette:
    """Make the palette of a named colour under a coloured light, in a style."""
    base = COLOURS[colour]
    shade = mix(base, (128, 136, 168), 0.22) if colour == "white" else mix(base, _BLACK, 0.25)
    shades = {
        "base": base,
        "light": mix(base, _WHITE, 0.2 if colour == "black" else 0.32),
        "shade": shade,
        "contour": {"comic": (16, 16, 24), "papercut": (255, 255, 250)}.get(
            style, _CONTOURS.get(colour, mix(base, _BLACK, 0.4))
        ),
        "ink": (44, 44, 56),
        "pale": (252, 250, 244),
        "glass": (176, 224, 246),
        "wood": (164, 110, 58),
        "glow": (255, 216, 90),
        "skin": _SKINS.get(emotion, (250, 208, 170)),
        "hair": (110, 66, 40),
    }
    line = {"comic": 0.075, "papercut": 0.1}.get(style, 0.045)
    tinted = {name: tint(value, light) for name, value in shades.items()}
    return Palette(**tinted, line=line, emotion=emotion)


def _body(canvas: skia.Canvas, palette: Palette, *parts: tuple[skia.Path, Colour]) -> None:
    """Fill the parts in order, with one contour round all of them."""
    for path, _ in parts:
        stroke(canvas, path, palette.contour, palette.line)
    for path, colour in parts:
        fill(canvas, path, colour)


def _eye(canvas: skia.Canvas, palette: Palette, x: float, y: float, radius: float) -> None:
    fill(canvas, disc(x, y, radius), palette.pale)
    fill(canvas, disc(x + 0.25 * radius, y, 0.62 * radius), palette.ink)


def _wheel(canvas: skia.Canvas, palette: Palette, x: float, radius: float, t: float) -> None:
    """Draw a wheel on the ground whose hub shows it turning, 0.75 rounds a second."""
    fill(canvas, disc(x, -radius, radius), palette.ink)
    fill(canvas, disc(x, -radius, 0.58 * radius), palette.pale)
    angle = 2 * pi * 0.75 * t
    dx, dy = 0.5 * radius * cos(angle), 0.5 * radius * sin(angle)
    stroke(canvas, polygon((x - dx, -radius - dy), (x + dx, -radius + dy)), palette.ink, radius / 4)


def _car(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    cabin = polygon((-0.58, -0.58), (-0.38, -0.97), (0.24, -0.97), (0.52, -0.58))
    shell = box(-0.85, -0.63, 0.86, -0.18, 0.17)
    _body(canvas, palette, (cabin, palette.base), (shell, palette.base))
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
        _wheel(canvas, palette, x, 0.21, t)


def _boat(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    canvas.rotate(3 * sin(2 * pi * 0.375 * t))
    stroke(canvas, polygon((-0.02, -0.3), (-0.02, -0.97)), palette.wood, 0.05)
    hull = blob((-0.66, -0.36), (-0.66, -0.34), (0.0, -0.26), (0.7, -0.42), (0.7, -0.4),
                (0.46, 0.02), (0.4, 0.0), (-0.4, 0.0), (-0.5, 0.02))  # fmt: skip
    _body(canvas, palette, (hull, palette.base))
    main, jib = (
        polygon((0.04, -0.97), (0.04, -0.38), (0.56, -0.42)),
        polygon((-0.08, -0.88), (-0.08, -0.38), (-0.5, -0.4)),
    )
    _body(canvas, palette, (main, palette.light), (jib, palette.base))
    fill(
        canvas, polygon((-0.5, -0.12), (0.54, -0.12), (0.46, -0.02), (-0.44, -0.02)), palette.shade
    )


def _train(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    for puff in range(3):
        age = (0.375 * t + puff / 3) % 1
        where = disc(0.98 - 0.7 * age, -1.0 - 0.24 * age, 0.06 + 0.09 * age)
        fill(canvas, where, palette.pale, 0.85 * (1 - age))
    stroke(canvas, polygon((-0.3, -0.24), (0.0, -0.24)), palette.ink, 0.07)
    wagon, cab = box(-1.28, -0.76, -0.24, -0.16, 0.08), box(-0.08, -0.92, 0.42, -0.16, 0.04)
    boiler = box(0.34, -0.68, 1.18, -0.16, 0.14)
    chimney = polygon((0.9, -0.66), (0.86, -0.94), (1.1, -0.94), (1.06, -0.66))
    plough = polygon((1.1, -0.36), (1.3, -0.08), (1.04, -0.08))
    _body(canvas, palette, (plough, palette.shade), (chimney, palette.shade),
          (boiler, palette.base), (cab, palette.base), (wagon, palette.base))  # fmt: skip
    fill(canvas, box(0.44, -0.64, 1.1, -0.56, 0.04), palette.light)
    fill(canvas, box(-0.15, -1.0, 0.49, -0.88, 0.05), palette.shade)
    fill(canvas, box(-1.32, -0.82, -0.2, -0.72, 0.05), palette.shade)
    for left in (-1.16, -0.84, -0.52):
        fill(canvas, box(left, -0.64, left + 0.2, -0.42, 0.03), palette.glass)
    fill(canvas, box(0.04, -0.8, 0.3, -0.54, 0.03), palette.glass)
    fill(canvas, disc(1.17, -0.5, 0.07), palette.glow)
    for x, radius in ((-1.04, 0.15), (-0.48, 0.15), (0.16, 0.2), (0.58, 0.15), (0.94, 0.15)):
        _wheel(canvas, palette, x, radius, t)


def _rocket(canvas: skia.Canvas, palette: Palette, t: float) -> None:
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
    _body(canvas, palette, *fins, (hull, palette.base))
    fill(canvas, blob((-0.03, -0.95), (-0.13, -0.78), (-0.14, -0.5), (-0.08, -0.3), (-0.09, -0.5)),
         palette.light)  # fmt: skip
    fill(canvas, disc(0.01, -0.63, 0.095), palette.shade)
    fill(canvas, disc(0.01, -0.63, 0.07), palette.glass)


def _balloon(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    canvas.rotate(2.5 * sin(2 * pi * 0.25 * t))
    for s in (-1, 1):
        stroke(canvas, polygon((s * 0.14, -0.3), (s * 0.09, -0.12)), palette.wood, 0.02)
    envelope = blob((-0.16, -0.98), (0.16, -0.98), (0.4, -0.82), (0.4, -0.55), (0.16, -0.26),
                    (-0.16, -0.26), (-0.4, -0.55), (-0.4, -0.82))  # fmt: skip
    _body(canvas, palette, (envelope, palette.base))
    canvas.save()
    canvas.clipPath(envelope, doAntiAlias=True)
    fill(canvas, oval(0.34, -0.62, 0.13, 0.5), palette.shade)
    fill(canvas, oval(-0.16, -0.64, 0.08, 0.5), palette.light)
    canvas.restore()
    fill(canvas, box(-0.11, -0.15, 0.11, 0.0, 0.03), palette.wood)
    fill(canvas, box(-0.13, -0.16, 0.13, -0.12, 0.02), palette.ink)


def _robot(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    swing = sin(2 * pi * 0.75 * t)
    stroke(canvas, polygon((0, -0.85), (0, -0.95)), palette.ink, 0.035)
    fill(canvas, disc(0, -0.96, 0.045), palette.glow)
    for s in (-1, 1):
        lift = 0.03 * max(0.0, s * swing)
        leg = box(s * 0.13 - 0.07, -0.26, s * 0.13 + 0.07, -0.04 - lift, 0.02)
        foot = box(s * 0.13 - 0.09, -0.08 - lift, s * 0.13 + 0.13, -lift, 0.04)
        _body(canvas, palette, (leg, palette.shade), (foot, palette.base))
        hand = (s * 0.36, -0.3 - 0.08 * s * swing)
        arm = curve((s * 0.24, -0.5), (s * 0.38, -0.46), hand)
        stroke(canvas, arm, palette.contour, 0.085 + palette.line)
        stroke(canvas, arm, palette.shade, 0.085)
    _body(canvas, palette, (box(-0.25, -0.57, 0.25, -0.19, 0.08), palette.base),
          (box(-0.21, -0.87, 0.21, -0.59, 0.08), palette.base))  # fmt: skip
    fill(canvas, box(-0.25, -0.29, 0.25, -0.19, 0.08), palette.shade)
    fill(canvas, box(-0.11, -0.5, 0.13, -0.35, 0.03), palette.light)
    for x in (-0.06, 0.12):
        _eye(canvas, palette, x, -0.74, 0.07)
    fill(canvas, box(-0.06, -0.65, 0.14, -0.62, 0.01), palette.ink)


def _cat(canvas: skia.Canvas, palette: Palette, t: float) -> None:
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
    _body(canvas, palette, *legs, (trunk, palette.base), *ears, (head, palette.base))
    fill(canvas, oval(0.4, -0.61, 0.11, 0.075), palette.light)
    for x in (0.27, 0.44):
        _eye(canvas, palette, x, -0.72, 0.052)
    fill(canvas, disc(0.42, -0.645, 0.028), palette.ink)


def _rabbit(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    twitch = 7 * sin(2 * pi * 0.625 * t)
    ears = []
    for x, tilt, colour in ((0.1, -18, palette.shade), (0.22, 2, palette.base)):
        ear = oval(0, -0.17, 0.068, 0.2)
        ear.transform(skia.Matrix().setRotate(tilt + twitch).postTranslate(x, -0.62))
        ears.append((ear, colour))
    trunk = blob(
        (-0.44, -0.36), (-0.24, -0.62), (0.14, -0.52), (0.24, -0.2), (0.18, 0.02), (-0.4, 0.02)
    )
    _body(canvas, palette, (disc(-0.34, -0.16, 0.1), palette.light), *ears,
          (box(0.08, -0.24, 0.22, 0.0, 0.06), palette.shade), (trunk, palette.base),
          (oval(-0.12, -0.06, 0.18, 0.06), palette.base),
          (oval(0.21, -0.52, 0.19, 0.16), palette.base))  # fmt: skip
    fill(canvas, oval(-0.14, -0.2, 0.15, 0.14), palette.shade, 0.5)
    fill(canvas, oval(0.31, -0.47, 0.075, 0.06), palette.light)
    _eye(canvas, palette, 0.24, -0.56, 0.05)
    fill(canvas, disc(0.385, -0.5, 0.026), palette.ink)


def _bird(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    flap = sin(2 * pi * 1.25 * t)
    tail = polygon((-0.24, -0.42), (-0.6, -0.58), (-0.62, -0.34), (-0.26, -0.24))
    trunk = blob(
        (-0.42, -0.42), (-0.1, -0.66), (0.3, -0.6), (0.4, -0.26), (0.08, -0.06), (-0.3, -0.16)
    )
    head = disc(0.34, -0.6, 0.17)
    fill(canvas, polygon((0.47, -0.68), (0.64, -0.57), (0.47, -0.5)), (250, 150, 20))
    _body(canvas, palette, (tail, palette.shade), (trunk, palette.base), (head, palette.base))
    fill(canvas, oval(0.14, -0.22, 0.2, 0.1), palette.light)
    tip = -0.42 - 0.5 * flap
    wing = blob((-0.2, -0.44), (-0.36, tip), (-0.14, tip), (0.16, -0.5), (0.08, -0.34))
    _body(canvas, palette, (wing, palette.shade))
    _eye(canvas, palette, 0.4, -0.63, 0.055)


def _fish(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    wag = sin(2 * pi * 1 * t)
    tail = blob((-0.3, -0.5), (-0.6 + 0.05 * wag, -0.92), (-0.72 + 0.05 * wag, -0.8), (-0.5, -0.5),
                (-0.72 - 0.05 * wag, -0.2), (-0.6 - 0.05 * wag, -0.08))  # fmt: skip
    trunk = blob(
        (-0.46, -0.5), (-0.1, -0.92), (0.48, -0.9), (0.78, -0.5), (0.48, -0.1), (-0.1, -0.08)
    )
    top = blob((-0.1, -0.78), (0.02, -1.04), (0.34, -0.98), (0.36, -0.76))
    low = blob((-0.02, -0.24), (-0.06, 0.0), (0.14, 0.02), (0.26, -0.2))
    _body(canvas, palette, (tail, palette.shade), (top, palette.shade), (low, palette.shade),
          (trunk, palette.base))  # fmt: skip
    fill(canvas, oval(0.18, -0.28, 0.32, 0.09), palette.light)
    fin = blob((0.14, -0.5), (-0.14, -0.6 + 0.1 * wag), (-0.18, -0.36 + 0.1 * wag), (0.06, -0.38))
    _body(canvas, palette, (fin, palette.shade))
    _eye(canvas, palette, 0.46, -0.58, 0.085)


def _butterfly(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    spread = 0.72 + 0.28 * sin(2 * pi * 1 * t)
    for s in (-spread, spread):
        upper = blob(
            (0, -0.5), (s * 0.2, -1.0), (s * 0.62, -1.04), (s * 0.62, -0.62), (s * 0.3, -0.4)
        )
        lower = blob(
            (0, -0.46), (s * 0.42, -0.52), (s * 0.54, -0.16), (s * 0.3, 0.04), (s * 0.1, -0.14)
        )
        _body(canvas, palette, (lower, palette.base), (upper, palette.base))
        fill(canvas, oval(s * 0.4, -0.76, abs(s) * 0.1, 0.1), palette.light)
        fill(canvas, oval(s * 0.31, -0.22, abs(s) * 0.08, 0.08), palette.shade)
        stroke(canvas, curve((0, -0.74), (s * 0.06, -0.92), (s * 0.14, -0.95)), palette.ink, 0.025)
    fill(canvas, oval(0, -0.46, 0.055, 0.3), palette.ink)
    fill(canvas, disc(0, -0.76, 0.07), palette.ink)


def _turtle(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    step = 0.06 * sin(2 * pi * 0.75 * t)
    legs = [
        (oval(x + s * step, -0.13, 0.14, 0.13), palette.light) for x, s in ((-0.36, 1), (0.3, -1))
    ]
    neck = blob((0.3, -0.4), (0.5, -0.7), (0.8, -0.74), (0.8, -0.42), (0.6, -0.36), (0.4, -0.14))
    tail = polygon((-0.6, -0.26), (-0.76, -0.12), (-0.5, -0.14))
    shell = blob(
        (-0.66, -0.16), (-0.64, -0.66), (-0.32, -1.04), (0.18, -1.04), (0.5, -0.66), (0.52, -0.16)
    )
    _body(
        canvas, palette, (tail, palette.light), *legs, (neck, palette.light), (shell, palette.base)
    )
    for x, y, r in ((-0.07, -0.66, 0.15), (-0.38, -0.5, 0.105), (0.24, -0.5, 0.105)):
        fill(canvas, oval(x, y, r, r), palette.shade)
    stroke(canvas, curve((-0.56, -0.22), (-0.07, -0.16), (0.44, -0.22)), palette.shade, 0.07)
    _eye(canvas, palette, 0.66, -0.57, 0.055)


def _plane(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    canvas.rotate(2.5 * sin(2 * pi * 0.375 * t))
    spin = 0.3 * cos(2 * pi * 1.75 * t)
    for x in (-0.06, 0.34):
        fill(canvas, disc(x, -0.07, 0.08), palette.ink)
    hull = blob((-0.86, -0.62), (-0.6, -0.66), (0.3, -0.72), (0.76, -0.6), (0.76, -0.34),
                (0.3, -0.2), (-0.5, -0.36), (-0.86, -0.5))  # fmt: skip
    fin = polygon((-0.82, -0.58), (-0.86, -1.0), (-0.64, -1.0), (-0.46, -0.6))
    _body(canvas, palette, (fin, palette.shade), (hull, palette.base))
    for x in (-0.2, 0.02, 0.24):
        fill(canvas, disc(x, -0.54, 0.075), palette.glass)
    fill(canvas, blob((0.4, -0.66), (0.64, -0.6), (0.62, -0.48), (0.4, -0.5)), palette.glass)
    wing = polygon((-0.12, -0.44), (0.24, -0.44), (0.0, -0.1), (-0.32, -0.1))
    _body(canvas, palette, (wing, palette.light))
    stroke(canvas, polygon((0.78, -0.46 - spin), (0.78, -0.46 + spin)), palette.ink, 0.06)
    fill(canvas, disc(0.78, -0.46, 0.06), palette.glow)


def _elephant(canvas: skia.Canvas, palette: Palette, t: float) -> None:
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
    _body(canvas, palette, *legs, (trunk, palette.base), (oval(0.52, -0.68, 0.27, 0.25),
          palette.base))  # fmt: skip
    stroke(canvas, nose, palette.base, 0.15)
    ear = oval(0.32 + 0.02 * sway, -0.64, 0.17, 0.22)
    _body(canvas, palette, (ear, palette.shade))
    fill(canvas, blob((0.62, -0.46), (0.72, -0.42), (0.94, -0.36), (0.72, -0.5)), palette.pale)
    _eye(canvas, palette, 0.62, -0.74, 0.055)


def _dinosaur(canvas: skia.Canvas, palette: Palette, t: float) -> None:
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
    _body(canvas, palette, *plates, (tail, palette.base), *legs, (neck, palette.base),
          (trunk, palette.base), (oval(0.68, -0.9, 0.2, 0.11), palette.base))  # fmt: skip
    fill(canvas, oval(0.04, -0.26, 0.3, 0.09), palette.light)
    _eye(canvas, palette, 0.66, -0.93, 0.05)


# Where the hands are, from the shoulders: raised, hanging, on the hips.
_HANDS = {
    "happy": (0.2, -0.24), "surprised": (0.26, -0.04), "angry": (0.12, 0.16),
    "sad": (0.06, 0.24), "sleepy": (0.08, 0.24),
}  # fmt: skip


def _child(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    beat, emotion = sin(2 * pi * 0.75 * t), palette.emotion or "happy"
    for s in (-1, 1):
        lift = 0.02 * max(0.0, s * beat)
        leg = box(s * 0.09 - 0.055, -0.2, s * 0.09 + 0.055, -lift, 0.03)
        _body(canvas, palette, (leg, palette.shade))
        x, y = _HANDS[emotion]
        arm = curve(
            (s * 0.12, -0.42), (s * (x + 0.06), -0.36), (s * (0.12 + x), -0.42 + y + 0.03 * beat)
        )
        stroke(canvas, arm, palette.contour, 0.085 + palette.line)
        stroke(canvas, arm, palette.base, 0.085)
        fill(canvas, disc(s * (0.12 + x), -0.42 + y + 0.03 * beat, 0.05), palette.skin)
    coat = blob((-0.12, -0.5), (0.12, -0.5), (0.2, -0.3), (0.26, -0.12), (-0.26, -0.12),
                (-0.2, -0.3))  # fmt: skip
    _body(canvas, palette, (coat, palette.base))
    fill(canvas, box(-0.16, -0.2, 0.16, -0.15, 0.02), palette.light)
    canvas.translate(0, -0.68 + (0.05 if emotion in ("sad", "sleepy") else 0.0))
    canvas.rotate({"sleepy": 16.0, "sad": 8.0}.get(emotion, 2.0 * beat))
    _body(canvas, palette, (disc(0, -0.03, 0.27), palette.hair), (disc(0, 0, 0.25), palette.skin))
    fringe = blob((-0.25, -0.02), (-0.26, -0.26), (0.0, -0.34), (0.26, -0.26), (0.25, -0.02),
                  (0.14, -0.16), (-0.1, -0.14))  # fmt: skip
    fill(canvas, fringe, palette.hair)
    _face(canvas, palette, emotion)


def _face(canvas: skia.Canvas, palette: Palette, emotion: str) -> None:
    """Draw eyes, brows and mouth about the middle of a head of radius 0.25."""
    for s in (-1, 1):
        x = s * 0.1
        if emotion == "sleepy":
            stroke(canvas, curve((x - 0.05, 0), (x, 0.05), (x + 0.05, 0)), palette.ink, 0.028)
            continue
        radius = 0.06 if emotion == "surprised" else 0.036
        if emotion == "surprised":
            fill(canvas, disc(x, -0.01, radius + 0.02), palette.pale)
        fill(canvas, disc(x, -0.01, radius), palette.ink)
        slant = {"angry": 0.05, "sad": -0.05}.get(emotion, 0.0)
        if slant:
            brow = polygon((s * 0.04, -0.09 + slant), (s * 0.16, -0.09 - slant))
            stroke(canvas, brow, palette.ink, 0.03)
    if emotion == "sad":
        fill(canvas, oval(0.12, 0.09, 0.028, 0.05), (96, 168, 250))
    if emotion == "surprised":
        fill(canvas, oval(0, 0.14, 0.055, 0.07), (150, 40, 50))
    elif emotion == "happy":
        smile = blob((-0.13, 0.07), (0.0, 0.1), (0.13, 0.07), (0.08, 0.2), (-0.08, 0.2))
        fill(canvas, smile, (178, 40, 52))
    elif emotion == "sleepy":
        stroke(canvas, polygon((-0.03, 0.14), (0.03, 0.14)), palette.ink, 0.026)
    else:
        stroke(canvas, curve((-0.08, 0.17), (0, 0.08), (0.08, 0.17)), palette.ink, 0.032)


Draw = Callable[[skia.Canvas, Palette, float], None]

SUBJECTS: dict[str, Draw] = {
    "car": _car, "boat": _boat, "train": _train, "rocket": _rocket, "balloon": _balloon,
    "robot": _robot, "cat": _cat, "rabbit": _rabbit, "bird": _bird, "fish": _fish,
    "butterfly": _butterfly, "turtle": _turtle, "plane": _plane, "elephant": _elephant,
    "dinosaur": _dinosaur, "child": _child,
}  # fmt: skip

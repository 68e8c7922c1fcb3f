"""Things of a household: vessels, bags, books, clocks, screens and instruments."""

from __future__ import annotations

from math import cos, pi, sin

import skia

from training.shapes import blob, box, curve, disc, fill, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, clipped, limb, line_through, turned


def draw_vase(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Holds three flowers that sway."""
    sway = 3 * beat(t, 0.25)
    for tilt, height, petal in ((-20, -0.94, (255, 210, 70)), (0, -1.04, (240, 90, 120)),
                                (20, -0.92, (250, 250, 250))):  # fmt: skip
        with turned(canvas, tilt + sway, 0, -0.5):
            stroke(canvas, line_through((0, -0.5), (0, height)), palette.lit((70, 150, 62)), 0.035)
            fill(canvas, oval(0.06, -0.72, 0.07, 0.03), palette.lit((70, 150, 62)))
            for angle in range(5):
                x, y = 0.075 * cos(1.257 * angle), 0.075 * sin(1.257 * angle)
                fill(canvas, disc(x, height + y, 0.06), palette.lit(petal))
            fill(canvas, disc(0, height, 0.045), palette.lit((220, 130, 40)))
    pot = blob((-0.12, -0.6), (0.12, -0.6), (0.1, -0.5), (0.3, -0.3), (0.2, 0.02), (-0.2, 0.02),
               (-0.3, -0.3), (-0.1, -0.5))  # fmt: skip
    body(canvas, palette, (pot, palette.base), (box(-0.14, -0.6, 0.14, -0.53, 0.03), palette.base))
    with clipped(canvas, pot):
        fill(canvas, box(-0.4, -0.26, 0.4, -0.18), palette.shade)
        fill(canvas, oval(-0.13, -0.28, 0.045, 0.16), palette.light)


def draw_bottle(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A label, a cork, and a glint that wanders."""
    fill(canvas, box(-0.06, -1.0, 0.06, -0.9, 0.02), palette.wood)
    shell = blob((-0.085, -0.94), (0.085, -0.94), (0.085, -0.7), (0.12, -0.62), (0.21, -0.52),
                 (0.2, -0.1), (0.2, 0.02), (-0.2, 0.02), (-0.2, -0.1), (-0.21, -0.52),
                 (-0.12, -0.62), (-0.085, -0.7))  # fmt: skip
    body(canvas, palette, (shell, palette.base))
    with clipped(canvas, shell):
        fill(canvas, box(-0.3, -0.42, 0.3, -0.14), palette.pale)
        fill(canvas, disc(0, -0.28, 0.075), palette.shade)
        fill(canvas, oval(-0.1 + 0.03 * beat(t, 0.25), -0.5, 0.028, 0.2), palette.light)
        fill(canvas, box(0.12, -1, 0.3, 0.1), palette.shade, 0.4)


def draw_glass(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A glass of something to drink, with a straw and bubbles."""
    wave = 0.015 * beat(t, 0.75)
    stroke(
        canvas,
        line_through((0.02, -0.2), (0.16, -1.0), (0.28, -1.06)),
        palette.lit((240, 80, 90)),
        0.05,
    )
    cup = polygon((-0.3, -0.86), (0.3, -0.86), (0.22, 0.0), (-0.22, 0.0))
    body(canvas, palette, (cup, palette.glass))
    with clipped(canvas, cup):
        drink = blob(
            (-0.4, -0.64 + wave), (0.0, -0.64), (0.4, -0.64 - wave), (0.4, 0.1), (-0.4, 0.1)
        )
        fill(canvas, drink, palette.base)
        for index, x in enumerate((-0.1, 0.04, 0.14)):
            age = (0.25 * t + index / 3) % 1
            fill(canvas, disc(x, -0.08 - 0.5 * age, 0.028), palette.light)
        fill(canvas, box(-0.2, -0.8, -0.15, -0.1, 0.02), palette.pale, 0.6)
    stroke(canvas, line_through((-0.3, -0.86), (0.3, -0.86)), palette.pale, 0.03)


def draw_bowl(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Filled with fruit."""
    for x, y, r, colour in (
        (-0.34, -0.62, 0.2, (230, 60, 60)),
        (0.02, -0.74, 0.23, (255, 170, 50)),
        (0.36, -0.62, 0.2, (120, 190, 70)),
        (-0.16, -0.56, 0.17, (150, 70, 160)),
        (0.2, -0.55, 0.16, (255, 214, 80)),
    ):
        body(canvas, palette, (disc(x, y, r), palette.lit(colour)))
        fill(canvas, oval(x - 0.3 * r, y - 0.4 * r, 0.3 * r, 0.2 * r), palette.pale, 0.55)
    stroke(canvas, line_through((0.02, -0.94), (0.05, -1.0)), palette.wood, 0.03)
    shell = blob((-0.76, -0.52), (0.76, -0.52), (0.66, -0.2), (0.3, 0.02), (-0.3, 0.02),
                 (-0.66, -0.2))  # fmt: skip
    foot = box(-0.24, -0.08, 0.24, 0.0, 0.03)
    body(canvas, palette, (foot, palette.shade), (shell, palette.base))
    glint = 0.02 * beat(t, 0.25)
    with clipped(canvas, shell):
        fill(canvas, box(-0.9, -0.36, 0.9, -0.28), palette.shade)
        fill(canvas, oval(-0.42 + glint, -0.3, 0.08, 0.14), palette.light)


def draw_cup(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Steam rises from it."""
    for index, x in enumerate((-0.14, 0.06)):
        wave = 0.07 * beat(t, 0.5, index / 2)
        steam = skia.Path()
        steam.moveTo(x, -0.7)
        steam.cubicTo(x + wave, -0.82, x - wave, -0.94, x + 0.5 * wave, -1.06)
        stroke(canvas, steam, palette.lit((236, 240, 246)), 0.06)
    handle = curve((0.34, -0.5), (0.76, -0.42), (0.34, -0.16))
    limb(canvas, palette, handle, palette.base, 0.085)
    shell = blob(
        (-0.42, -0.68), (0.42, -0.68), (0.4, -0.2), (0.3, 0.02), (-0.3, 0.02), (-0.4, -0.2)
    )
    body(canvas, palette, (shell, palette.base))
    fill(canvas, oval(0, -0.61, 0.33, 0.055), palette.lit((106, 64, 40)))
    with clipped(canvas, shell):
        fill(canvas, oval(-0.24, -0.32, 0.06, 0.18), palette.light)
        fill(canvas, box(-0.5, -0.14, 0.5, -0.08), palette.shade)
    fill(canvas, oval(0, -0.015, 0.5, 0.04), palette.lit((226, 226, 232)))


def draw_ball(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Rolls: its stripes turn."""
    ball = disc(0, -0.5, 0.48)
    body(canvas, palette, (ball, palette.base))
    with clipped(canvas, ball), turned(canvas, 360 * 0.375 * t, 0, -0.5):
        for angle in (0, 120, 240):
            with turned(canvas, angle, 0, -0.5):
                wedge = polygon((0, -0.5), (-0.34, -1.1), (0.34, -1.1))
                fill(canvas, wedge, palette.pale)
        fill(canvas, disc(0, -0.5, 0.1), palette.shade)
    with clipped(canvas, ball):
        fill(canvas, oval(-0.2, -0.74, 0.11, 0.075), palette.pale, 0.7)


def draw_hat(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A brim, a crown and a band."""
    with turned(canvas, 2 * beat(t, 0.25)):
        crown = blob((-0.44, -0.2), (-0.42, -0.8), (-0.3, -1.02), (0.0, -0.84), (0.3, -1.02),
                     (0.42, -0.8), (0.44, -0.2))  # fmt: skip
        brim = blob(
            (-0.98, -0.3),
            (-0.5, -0.2),
            (0.5, -0.2),
            (0.98, -0.3),
            (0.8, 0.02),
            (0.0, 0.06),
            (-0.8, 0.02),
        )
        body(canvas, palette, (crown, palette.base), (brim, palette.base))
        with clipped(canvas, crown):
            fill(canvas, box(-0.5, -0.4, 0.5, -0.2), palette.shade)
        fill(canvas, oval(0, -0.05, 0.62, 0.04), palette.shade, 0.6)
        fill(canvas, oval(-0.2, -0.62, 0.06, 0.14), palette.light)


def draw_suitcase(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A handle, straps and two wheels."""
    for x in (-0.4, 0.4):
        fill(canvas, disc(x, -0.05, 0.06), palette.ink)
    stroke(canvas, box(-0.17, -0.98, 0.17, -0.7, 0.05), palette.ink, 0.06)
    shell = box(-0.58, -0.84, 0.58, -0.06, 0.1)
    body(canvas, palette, (shell, palette.base))
    with clipped(canvas, shell):
        for x in (-0.34, 0.24):
            fill(canvas, box(x, -0.9, x + 0.1, 0.0), palette.shade)
            fill(canvas, box(x + 0.005, -0.54, x + 0.095, -0.44, 0.02), palette.glow)
        fill(canvas, box(-0.6, -0.8, 0.6, -0.75), palette.light)
    fill(canvas, box(-0.14, -0.66 + 0.005 * beat(t, 0.25), 0.1, -0.54, 0.02), palette.pale)


def draw_bag(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A backpack with a pocket."""
    swing = 0.015 * beat(t, 0.375)
    stroke(canvas, curve((-0.12, -0.88), (0.0, -1.04), (0.12, -0.88)), palette.shade, 0.06)
    for s in (-1, 1):
        limb(canvas, palette, curve((s * 0.36, -0.62), (s * 0.54 + swing, -0.4), (s * 0.38, -0.1)),
             palette.shade, 0.07)  # fmt: skip
    shell = blob((-0.44, 0.02), (-0.46, -0.6), (-0.34, -0.98), (0.34, -0.98), (0.46, -0.6),
                 (0.44, 0.02))  # fmt: skip
    body(canvas, palette, (shell, palette.base))
    stroke(canvas, curve((-0.34, -0.56), (0.0, -0.48), (0.34, -0.56)), palette.shade, 0.035)
    body(canvas, palette, (box(-0.27, -0.4, 0.27, -0.06, 0.07), palette.light))
    fill(canvas, box(-0.27, -0.3, 0.27, -0.26), palette.shade)
    fill(canvas, box(-0.03, -0.31, 0.03, -0.2, 0.01), palette.glow)
    fill(canvas, box(-0.05, -0.56, 0.05, -0.44 + swing, 0.02), palette.glow)


def draw_umbrella(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Open; its edge waves in the wind."""
    with turned(canvas, 2 * beat(t, 0.375)):
        wave = 0.015 * beat(t, 0.75)
        stroke(canvas, line_through((0, -0.98), (0, -0.1)), palette.wood, 0.04)
        stroke(canvas, curve((0, -0.1), (0.02, 0.04), (0.14, -0.08)), palette.wood, 0.05)
        roof = skia.Path()
        roof.moveTo(-0.6, -0.5)
        roof.cubicTo(-0.56, -0.86, -0.26, -0.97, 0, -0.97)
        roof.cubicTo(0.26, -0.97, 0.56, -0.86, 0.6, -0.5)
        for x in (0.4, 0.2, 0.0, -0.2, -0.4, -0.6):
            roof.quadTo(x + 0.1, -0.6 + wave, x, -0.5)
        roof.close()
        body(canvas, palette, (roof, palette.base))
        with clipped(canvas, roof):
            for x in (-0.4, 0.0, 0.4):
                wedge = blob((0, -1.0), (x + 0.1, -0.6), (x + 0.12, -0.4), (x - 0.12, -0.4),
                             (x - 0.1, -0.6))  # fmt: skip
                fill(canvas, wedge, palette.shade if x == 0 else palette.light)


def draw_book(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Open, and a page turns."""
    canvas.scale(1.25, 1.35)
    turn = cos(pi * ((0.25 * t) % 1))
    cover = polygon(
        (-0.74, -0.5), (0, -0.38), (0.74, -0.5), (0.74, -0.02), (0, 0.02), (-0.74, -0.02)
    )
    lift = -0.4
    body(canvas, palette, (cover, palette.base))
    for s in (-1, 1):
        page = blob((0, -0.36 + lift * 0.3), (s * 0.4, -0.64), (s * 0.72, -0.52), (s * 0.72, -0.5),
                    (s * 0.7, -0.1), (s * 0.4, -0.18), (0, -0.04))  # fmt: skip
        fill(canvas, page, palette.pale)
        for y in (-0.42, -0.34, -0.26):
            stroke(canvas, line_through((s * 0.14, y + 0.04), (s * 0.58, y - 0.02)),
                   palette.lit((170, 170, 184)), 0.022)  # fmt: skip
    height = 0.46 * (1 - turn * turn)
    leaf = blob(
        (0, -0.4),
        (0.3 * turn, -0.6 - height),
        (0.7 * turn, -0.52 - height),
        (0.68 * turn, -0.12 - height),
        (0.3 * turn, -0.2 - 0.5 * height),
        (0, -0.06),
    )
    fill(canvas, leaf, palette.lit((236, 232, 222)))
    stroke(canvas, leaf, palette.lit((206, 202, 196)), 0.015)
    stroke(canvas, line_through((0, -0.44), (0, 0.0)), palette.shade, 0.03)


def draw_clock(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """An alarm clock: its hands turn, its bells shake."""
    shake = 3 * beat(t, 2)
    for s in (-1, 1):
        limb(canvas, palette, line_through((s * 0.22, -0.14), (s * 0.34, 0.0)), palette.shade, 0.07)
        with turned(canvas, shake, 0, -0.46):
            bell = oval(0, 0, 0.17, 0.12)
            bell.transform(skia.Matrix().setRotate(s * 42).postTranslate(s * 0.28, -0.88))
            body(canvas, palette, (bell, palette.shade))
    body(canvas, palette, (disc(0, -0.46, 0.42), palette.base))
    fill(canvas, disc(0, -0.46, 0.33), palette.pale)
    for hour in range(12):
        x, y = 0.28 * cos(hour * pi / 6), 0.28 * sin(hour * pi / 6)
        fill(canvas, disc(x, -0.46 + y, 0.022), palette.ink)
    for rate, length, width in ((0.125, 0.17, 0.055), (0.375, 0.25, 0.04)):
        angle = 2 * pi * rate * t
        tip = (length * sin(angle), -0.46 - length * cos(angle))
        stroke(canvas, line_through((0, -0.46), tip), palette.ink, width)
    fill(canvas, disc(0, -0.46, 0.035), palette.lit((214, 40, 44)))


def draw_phone(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A lit screen that scrolls."""
    shell, screen = box(-0.27, -0.99, 0.27, 0.0, 0.07), box(-0.22, -0.92, 0.22, -0.07, 0.03)
    body(canvas, palette, (shell, palette.base))
    fill(canvas, screen, (70, 140, 230))
    with clipped(canvas, screen):
        shift = (0.125 * t) % 1 * 0.9
        for row in range(5):
            y = -1.1 + 0.225 * row + shift % 0.225
            fill(canvas, box(-0.18, y, 0.18, y + 0.17, 0.03), (240, 246, 255))
            fill(canvas, disc(-0.11, y + 0.085, 0.045), (255, 150, 90))
            fill(canvas, box(-0.03, y + 0.05, 0.13, y + 0.08), (150, 170, 200))
            fill(canvas, box(-0.03, y + 0.1, 0.08, y + 0.125), (190, 204, 226))
    fill(canvas, box(-0.06, -0.965, 0.06, -0.94, 0.01), palette.ink)


def draw_laptop(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Open; a line is being written on its screen."""
    lid, screen = box(-0.62, -0.98, 0.62, -0.14, 0.06), box(-0.55, -0.91, 0.55, -0.21, 0.03)
    base = polygon((-0.66, -0.16), (0.66, -0.16), (0.82, 0.0), (-0.82, 0.0))
    body(canvas, palette, (lid, palette.base))
    fill(canvas, screen, (36, 52, 84))
    widths = (0.5, 0.74, 0.4, 0.62)
    for row, width in enumerate(widths):
        share = min(1.0, max(0.0, (0.25 * t) % 1 * 5 - row))
        colour = ((120, 220, 160), (250, 200, 110), (130, 190, 255), (240, 140, 170))[row]
        if share:
            y = -0.82 + 0.14 * row
            fill(canvas, box(-0.46, y, -0.46 + width * share, y + 0.06, 0.02), colour)
    body(canvas, palette, (base, palette.light))
    keys = polygon((-0.56, -0.125), (0.56, -0.125), (0.62, -0.06), (-0.62, -0.06))
    fill(canvas, keys, palette.shade)
    fill(canvas, box(-0.14, -0.045, 0.14, -0.012, 0.01), palette.shade)


def draw_guitar(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Its strings tremble."""
    with turned(canvas, 14 + 2 * beat(t, 0.5), 0, -0.3):
        limb(canvas, palette, line_through((0, -0.5), (0, -0.92)), palette.lit((92, 58, 36)), 0.07)
        body(canvas, palette, (box(-0.065, -1.06, 0.065, -0.9, 0.02), palette.shade))
        shell = blob(
            (-0.2, -0.64),
            (0.2, -0.64),
            (0.15, -0.4),
            (0.36, -0.2),
            (0.24, 0.04),
            (-0.24, 0.04),
            (-0.36, -0.2),
            (-0.15, -0.4),
        )
        body(canvas, palette, (shell, palette.base))
        fill(canvas, disc(0, -0.32, 0.085), palette.lit((60, 38, 26)))
        fill(canvas, box(-0.12, -0.13, 0.12, -0.09, 0.01), palette.lit((92, 58, 36)))
        fill(canvas, oval(-0.2, -0.14, 0.035, 0.09), palette.light)
        hum = 0.006 * beat(t, 2)
        for x in (-0.022, 0.022):
            stroke(canvas, curve((x, -1.0), (x + hum, -0.5), (x, -0.1)), palette.pale, 0.012)


def draw_piano(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A grand piano; keys go down one after the other."""
    for x in (-0.5, 0.1, 0.62):
        limb(canvas, palette, line_through((x, -0.3), (x, -0.02)), palette.shade, 0.07)
    lid = blob((-0.6, -0.56), (-0.5, -0.98), (0.2, -1.06), (0.6, -0.9), (0.76, -0.58))
    stroke(canvas, line_through((0.24, -0.5), (0.34, -0.86)), palette.wood, 0.035)
    body(canvas, palette, (lid, palette.shade))
    case = blob(
        (-0.86, -0.56),
        (-0.5, -0.58),
        (0.6, -0.58),
        (0.8, -0.54),
        (0.8, -0.28),
        (0.0, -0.24),
        (-0.86, -0.26),
    )
    body(canvas, palette, (case, palette.base))
    fill(canvas, box(-0.8, -0.47, 0.7, -0.43, 0.02), palette.light)
    keys = box(-0.94, -0.42, -0.3, -0.32, 0.02)
    body(canvas, palette, (keys, palette.pale))
    pressed = int(2 * t) % 8
    for key in range(8):
        x = -0.94 + 0.08 * key
        if key == pressed:
            fill(canvas, box(x, -0.42, x + 0.08, -0.32), palette.lit((190, 190, 204)))
        if key % 7 not in (2, 6):
            fill(canvas, box(x + 0.055, -0.42, x + 0.105, -0.37), palette.ink)


def draw_kite(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A diamond on the wind, with bows on its tail."""
    with turned(canvas, 6 * beat(t, 0.375), 0, -0.6):
        sail = polygon((0, -1.0), (0.34, -0.66), (0, -0.24), (-0.34, -0.66))
        tail = skia.Path()
        tail.moveTo(0, -0.24)
        wave = 0.1 * beat(t, 0.5)
        tail.cubicTo(0.16 + wave, -0.16, -0.2 + wave, -0.08, 0.1 - wave, 0.04)
        stroke(canvas, tail, palette.ink, 0.02)
        for x, y in ((0.05 + 0.4 * wave, -0.15), (-0.04 + 0.3 * wave, -0.06), (0.08 - wave, 0.03)):
            bow = polygon((x - 0.08, y - 0.05), (x + 0.08, y + 0.05), (x + 0.08, y - 0.05),
                          (x - 0.08, y + 0.05))  # fmt: skip
            fill(canvas, bow, palette.base)
        body(canvas, palette, (sail, palette.base))
        fill(canvas, polygon((0, -1.0), (0.34, -0.66), (0, -0.66)), palette.light)
        fill(canvas, polygon((0, -0.66), (-0.34, -0.66), (0, -0.24)), palette.shade)
        stroke(canvas, line_through((0, -1.0), (0, -0.24)), palette.pale, 0.022)
        stroke(canvas, line_through((-0.34, -0.66), (0.34, -0.66)), palette.pale, 0.022)

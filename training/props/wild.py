"""Rocks, water, clouds and what is under the sea, on the moon and in space."""

from __future__ import annotations

from math import cos, pi, sin

import skia

from training.shapes import Colour, blob, box, disc, fill, mix, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, clipped, line_through, turned

_WHITE: Colour = (255, 255, 255)


def draw_cloud(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Four balls on a flat foot."""
    breath = 0.02 * beat(t, 0.125)
    white = mix(palette.sky, _WHITE, 0.82 if not palette.is_dim else 0.2)
    shade = mix(white, palette.sky, 0.25)
    parts = (
        (-0.86, -0.36, 0.36),
        (-0.3, -0.56, 0.46 + breath),
        (0.34, -0.48, 0.42),
        (0.86, -0.32, 0.3 + breath),
    )
    for x, y, r in parts:
        fill(canvas, disc(x, y, r), white)
    fill(canvas, box(-1.2, -0.4, 1.14, 0.0, 0.2), white)
    fill(canvas, box(-1.0, -0.14, 0.96, -0.02, 0.06), shade)


def draw_peak(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A mountain with a white top, one side in shade."""
    del t
    rock = palette.lit((112, 126, 156))
    fill(
        canvas, polygon((-0.56, 0.1), (0, -1.0), (0.56, 0.1)), mix(rock, palette.lit(_WHITE), 0.16)
    )
    fill(
        canvas,
        polygon((0, -1.0), (0.56, 0.1), (-0.05, 0.1), (0.06, -0.5)),
        mix(rock, (0, 0, 0), 0.12),
    )
    fill(
        canvas,
        polygon(
            (0, -1.0), (0.15, -0.7), (0.08, -0.74), (0.02, -0.64), (-0.08, -0.73), (-0.15, -0.7)
        ),
        palette.lit((250, 252, 255)),
    )


def draw_rock(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Two faces of a boulder."""
    del t
    grey = palette.base
    fill(canvas, polygon((-1.0, 0.1), (-0.76, -0.64), (-0.04, -1.0), (0.8, -0.5), (1.1, 0.1)), grey)
    fill(
        canvas,
        polygon((-1.0, 0.1), (-0.76, -0.64), (-0.04, -1.0), (-0.2, 0.1)),
        mix(grey, palette.lit(_WHITE), 0.25),
    )


def draw_pebble(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A few small stones."""
    del t
    for x, r in ((-0.9, 0.5), (0.1, 0.8), (1.1, 0.42)):
        fill(canvas, oval(x, -0.4 * r, r, 0.6 * r), palette.base)
        fill(canvas, oval(x - 0.2 * r, -0.6 * r, 0.4 * r, 0.2 * r), palette.light)


def draw_cliff(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A wall of rock with green on top."""
    del t
    rock = palette.lit((126, 122, 118))
    fill(
        canvas,
        polygon(
            (-0.36, 0.1), (-0.34, -0.8), (-0.2, -0.94), (0.1, -0.88), (0.34, -0.96), (0.36, 0.1)
        ),
        rock,
    )
    for x, top, low in ((-0.2, -0.7, -0.2), (0.05, -0.6, 0.0), (0.24, -0.74, -0.3)):
        fill(
            canvas,
            polygon((x, top), (x + 0.07, top + 0.06), (x + 0.05, low), (x - 0.02, low)),
            mix(rock, (0, 0, 0), 0.14),
        )
    fill(
        canvas,
        blob((-0.4, -0.78), (-0.2, -1.02), (0.1, -0.96), (0.36, -1.04), (0.42, -0.86), (0.1, -0.8)),
        palette.lit((76, 150, 76)),
    )


def draw_cascade(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Water that falls, and spray."""
    water = palette.lit((150, 206, 240))
    stream = polygon((-0.15, -0.96), (0.15, -0.96), (0.2, 0.0), (-0.2, 0.0))
    fill(canvas, stream, water)
    with clipped(canvas, stream):
        for index, x in enumerate((-0.12, -0.05, 0.03, 0.1, 0.15)):
            start = -1.3 + ((0.5 * t + index * 0.37) % 1) * 1.3
            for shift in (-1.3, 0.0):
                fill(
                    canvas,
                    box(x, start + shift, x + 0.03, start + shift + 0.4, 0.015),
                    palette.lit((236, 248, 255)),
                )
    for index in range(5):
        x, puff = -0.24 + 0.12 * index, 0.03 * beat(t, 0.75, index / 5)
        fill(canvas, disc(x, -0.03, 0.09 + puff), palette.lit((240, 250, 255)), 0.85)


def draw_ripple(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A line of light on water that comes and goes."""
    reach = 3.6 + 1.2 * beat(t, 0.25)
    stroke(canvas, line_through((-reach, -0.5), (reach, -0.5)), palette.lit((200, 232, 252)), 0.6)


def draw_islet(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Green in the sea."""
    del t
    hill = blob((-2.6, 0.1), (-1.4, -0.6), (-0.4, -1.05), (0.6, -0.9), (1.6, -0.5), (2.6, 0.1))
    fill(canvas, hill, palette.lit((70, 150, 120)))


def draw_shell(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A fan with ribs."""
    del t
    fill(
        canvas,
        blob((-0.1, 0.0), (-0.9, -0.5), (-0.6, -1.1), (0.6, -1.1), (0.9, -0.5), (0.1, 0.0)),
        palette.base,
    )
    for x in (-0.4, 0.0, 0.4):
        stroke(canvas, line_through((0, -0.1), (x, -0.8)), palette.shade, 0.09)


def draw_starfish(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Five arms on the sand."""
    with turned(canvas, 4 * beat(t, 0.125), 0, -0.5):
        for index in range(5):
            angle = 2 * pi * index / 5
            tip = (0.46 * sin(angle), -0.5 - 0.46 * cos(angle))
            stroke(canvas, line_through((0, -0.5), tip), palette.base, 0.24)


def draw_drift(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A mound of snow."""
    del t
    fill(canvas, oval(0, -0.3, 3.6, 0.7), palette.lit((250, 253, 255)))
    fill(canvas, oval(0.6, -0.1, 2.4, 0.34), palette.lit((226, 236, 248)))


def draw_sunbeam(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Light from above that wanders."""
    shine = 0.16 + 0.05 * beat(t, 0.25)
    fill(
        canvas,
        polygon((-0.08, -1.3), (0.14, -1.3), (0.4, 0.0), (-0.34, 0.0)),
        palette.lit((210, 244, 255)),
        shine,
    )


def draw_crater(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A hollow with a bright rim."""
    del t
    fill(canvas, oval(0, -0.4, 1.9, 0.55), palette.lit((214, 214, 220)))
    fill(canvas, oval(0, -0.32, 1.6, 0.4), palette.lit((120, 122, 136)))


def draw_far_star(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Twinkles."""
    size = 0.36 + 0.12 * beat(t, 0.5)
    for path in (
        polygon((0, -0.5 - size), (0.09, -0.5), (0, -0.5 + size), (-0.09, -0.5)),
        polygon((-size, -0.5), (0, -0.41), (size, -0.5), (0, -0.59)),
    ):
        fill(canvas, path, (255, 250, 224))
    del palette


def draw_far_planet(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A banded ball, half in shade."""
    del t
    globe = disc(0, -0.5, 0.48)
    fill(canvas, globe, palette.base)
    with clipped(canvas, globe):
        for y, colour in ((-0.8, palette.light), (-0.56, palette.shade), (-0.3, palette.light)):
            fill(canvas, box(-0.6, y, 0.6, y + 0.1), colour)
        fill(canvas, oval(0.36, -0.4, 0.36, 0.6), (10, 10, 40), 0.3)


def draw_far_galaxy(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A spiral of dust that turns."""
    with turned(canvas, 45 * t, 0, -0.5):
        for arm in (0.0, pi):
            for step in range(9):
                angle, radius = arm + 0.4 * step, 0.06 + 0.045 * step
                x, y = radius * cos(angle), -0.5 + 0.8 * radius * sin(angle)
                fill(canvas, disc(x, y, 0.1 - 0.007 * step), palette.base, 0.5)
        fill(canvas, disc(0, -0.5, 0.12), (255, 240, 250), 0.9)


def draw_asteroid(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A rock that tumbles."""
    with turned(canvas, 45 * t, 0, -0.5):
        fill(
            canvas,
            polygon(
                (-0.46, -0.6), (-0.2, -0.98), (0.3, -0.9), (0.5, -0.46), (0.24, -0.06), (-0.3, -0.1)
            ),
            palette.base,
        )
        for x, y, r in ((-0.16, -0.62, 0.12), (0.2, -0.4, 0.09), (0.1, -0.74, 0.07)):
            fill(canvas, disc(x, y, r), palette.shade)


def draw_earth(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Seas, land and clouds."""
    globe = disc(0, -0.5, 0.48)
    fill(canvas, disc(0, -0.5, 0.54), (150, 200, 255), 0.25)
    fill(canvas, globe, (50, 120, 220))
    with clipped(canvas, globe):
        shift = 0.06 * beat(t, 0.125)
        fill(
            canvas,
            blob(
                (-0.5 + shift, -0.9),
                (0.0 + shift, -0.9),
                (0.02 + shift, -0.5),
                (-0.3 + shift, -0.3),
            ),
            (80, 170, 90),
        )
        fill(
            canvas,
            blob(
                (0.1 + shift, -0.5), (0.5 + shift, -0.6), (0.4 + shift, -0.1), (0.16 + shift, -0.1)
            ),
            (80, 170, 90),
        )
        for x, y, w in ((-0.2, -0.76, 0.26), (0.2, -0.42, 0.22), (-0.1, -0.18, 0.24)):
            fill(canvas, oval(x - shift, y, w, 0.045), _WHITE, 0.85)
    del palette

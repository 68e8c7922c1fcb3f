"""Buildings as subjects: lit windows by night, flags and smoke."""

from __future__ import annotations

import skia

from training.shapes import Colour, blob, box, disc, fill, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, clipped, limb, line_through


def _window(canvas: skia.Canvas, palette: Palette, path: skia.Path) -> None:
    """Fill a window: bright where the light is dim."""
    fill(canvas, path, (255, 214, 110) if palette.is_dim else palette.lit((120, 170, 210)))


def _flag(
    canvas: skia.Canvas, palette: Palette, x: float, y: float, t: float, colour: Colour
) -> None:
    wave = 0.03 * beat(t, 0.75)
    stroke(canvas, line_through((x, y), (x, y - 0.2)), palette.ink, 0.025)
    cloth = blob(
        (x, y - 0.21),
        (x + 0.1, y - 0.2 + wave),
        (x + 0.2, y - 0.17 - wave),
        (x + 0.2, y - 0.1 - wave),
        (x + 0.1, y - 0.1 + wave),
        (x, y - 0.1),
    )
    fill(canvas, cloth, colour)


def draw_house(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A red roof; smoke from the chimney."""
    for puff in range(3):
        age = (0.25 * t + puff / 3) % 1
        where = disc(0.32 + 0.12 * age, -0.98 - 0.26 * age, 0.04 + 0.06 * age)
        fill(canvas, where, palette.pale, 0.8 * (1 - age))
    roof = palette.lit((206, 66, 52))
    wall = box(-0.46, -0.52, 0.46, 0.0, 0.01)
    body(
        canvas,
        palette,
        (box(0.24, -0.96, 0.38, -0.6), palette.lit((150, 90, 74))),
        (wall, palette.base),
        (polygon((-0.6, -0.5), (-0.28, -0.94), (0.28, -0.94), (0.6, -0.5)), roof),
    )
    for y in (-0.82, -0.7, -0.58):
        stroke(canvas, line_through((-0.3 - 0.6 * (y + 0.94), y), (0.3 + 0.6 * (y + 0.94), y)),
               palette.lit((176, 50, 40)), 0.022)  # fmt: skip
    fill(canvas, box(-0.46, -0.06, 0.46, 0.0), palette.shade)
    for x in (-0.36, 0.16):
        fill(canvas, box(x - 0.02, -0.42, x + 0.22, -0.2, 0.01), palette.pale)
        _window(canvas, palette, box(x, -0.4, x + 0.2, -0.22))
        stroke(canvas, line_through((x + 0.1, -0.4), (x + 0.1, -0.22)), palette.pale, 0.02)
    fill(canvas, box(-0.09, -0.32, 0.09, 0.0, 0.02), palette.lit((126, 80, 54)))
    fill(canvas, disc(0.055, -0.15, 0.018), palette.glow)


def draw_castle(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Towers with pointed roofs, a gate and flags."""
    roof = palette.lit((70, 100, 176))
    for x in (-0.54, 0.54):
        _flag(canvas, palette, x, -0.88, t, palette.lit((224, 60, 60)))
    keep = box(-0.2, -0.86, 0.2, 0.0)
    parts = [(keep, palette.shade), (polygon((-0.26, -0.84), (0, -1.08), (0.26, -0.84)), roof)]
    for x in (-0.54, 0.54):
        parts += [(box(x - 0.16, -0.68, x + 0.16, 0.0), palette.base),
                  (polygon((x - 0.22, -0.66), (x, -0.94), (x + 0.22, -0.66)), roof)]  # fmt: skip
    wall = polygon(
        (-0.4, 0),
        (-0.4, -0.44),
        (-0.3, -0.44),
        (-0.3, -0.38),
        (-0.18, -0.38),
        (-0.18, -0.44),
        (-0.06, -0.44),
        (-0.06, -0.38),
        (0.06, -0.38),
        (0.06, -0.44),
        (0.18, -0.44),
        (0.18, -0.38),
        (0.3, -0.38),
        (0.3, -0.44),
        (0.4, -0.44),
        (0.4, 0),
    )
    body(canvas, palette, *parts, (wall, palette.base))
    for x, y in ((-0.54, -0.46), (0.54, -0.46), (-0.54, -0.22), (0.54, -0.22), (0, -0.64)):
        _window(canvas, palette, box(x - 0.045, y - 0.08, x + 0.045, y + 0.06, 0.045))
    fill(canvas, box(-0.15, -0.3, 0.15, 0.1, 0.13), palette.lit((110, 70, 46)))
    for x in (-0.07, 0.0, 0.07):
        stroke(canvas, line_through((x, -0.24), (x, 0.0)), palette.ink, 0.02)
    for x, y in ((-0.6, -0.34), (0.48, -0.1), (-0.3, -0.2), (0.28, -0.26), (-0.48, -0.08)):
        fill(canvas, box(x, y, x + 0.1, y + 0.04, 0.01), palette.shade)


def draw_tower(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A lighthouse with bands; its lamp turns."""
    shine = 0.5 + 0.5 * beat(t, 0.25)
    fill(
        canvas,
        polygon((0, -0.89), (-0.44, -1.0), (-0.44, -0.8)),
        (255, 236, 150),
        0.15 + 0.45 * shine,
    )
    fill(
        canvas, polygon((0, -0.89), (0.44, -1.0), (0.44, -0.8)), (255, 236, 150), 0.6 - 0.45 * shine
    )
    shaft = polygon((-0.13, -0.82), (0.13, -0.82), (0.22, 0.0), (-0.22, 0.0))
    body(
        canvas,
        palette,
        (shaft, palette.pale),
        (polygon((-0.15, -0.94), (0, -1.08), (0.15, -0.94)), palette.shade),
        (box(-0.19, -0.85, 0.19, -0.8, 0.01), palette.shade),
    )
    fill(canvas, box(-0.09, -0.94, 0.09, -0.85), (255, 226, 120))
    with clipped(canvas, shaft):
        for y in (-0.74, -0.48, -0.22):
            fill(canvas, box(-0.4, y, 0.4, y + 0.13), palette.base)
    _window(canvas, palette, box(-0.035, -0.58, 0.035, -0.5, 0.03))
    _window(canvas, palette, box(-0.04, -0.33, 0.04, -0.24, 0.03))
    fill(canvas, box(-0.065, -0.1, 0.065, 0.0, 0.03), palette.lit((110, 70, 46)))


def draw_temple(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A pagoda of three roofs with lanterns."""
    roof, wall = palette.base, palette.lit((246, 232, 206))
    limb(canvas, palette, line_through((0, -0.92), (0, -1.06)), palette.glow, 0.04)
    for y, half, height in ((-0.76, 0.2, 0.2), (-0.46, 0.28, 0.22), (-0.08, 0.36, 0.26)):
        room = box(-half, y - height, half, y + 0.02)
        eaves = blob(
            (-half - 0.34, y - height + 0.02),
            (-half - 0.14, y - height),
            (-0.1, y - height - 0.16),
            (0.1, y - height - 0.16),
            (half + 0.14, y - height),
            (half + 0.34, y - height + 0.02),
            (half, y - height + 0.07),
            (-half, y - height + 0.07),
        )
        body(canvas, palette, (room, wall), (eaves, roof))
        for x in (-0.72, 0.0, 0.72):
            stroke(
                canvas,
                line_through((x * half, y - height + 0.07), (x * half, y)),
                palette.lit((176, 50, 44)),
                0.035,
            )
        for x in (-0.36, 0.36):
            _window(
                canvas,
                palette,
                box(x * half - 0.05, y - height + 0.1, x * half + 0.05, y - 0.03, 0.01),
            )
    for s in (-1, 1):
        swing = 0.02 * beat(t, 0.5)
        fill(canvas, disc(s * 0.5 + swing, -0.2, 0.05), (255, 120, 60))
    body(canvas, palette, (box(-0.52, -0.08, 0.52, 0.0, 0.01), palette.lit((170, 168, 172))))

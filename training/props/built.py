"""Houses, streets, farms and castles: lit windows by night."""

from __future__ import annotations

import skia

from training.shapes import Colour, blob, box, curve, disc, fill, mix, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, line_through, turned

_NEON: tuple[Colour, ...] = ((255, 60, 150), (60, 230, 255), (255, 210, 60), (140, 110, 255))


def window(canvas: skia.Canvas, palette: Palette, path: skia.Path, *, is_lit: bool = True) -> None:
    """Fill a window, yellow by night where somebody is at home."""
    if palette.is_dim:
        fill(canvas, path, (255, 214, 110) if is_lit else (50, 60, 100))
    else:
        fill(canvas, path, palette.lit((206, 230, 246)))


def _tower_block(canvas: skia.Canvas, palette: Palette, half: float, rows: int) -> None:
    wall = palette.base
    fill(canvas, box(-half, -1.0, half, 0.06), wall)
    fill(canvas, box(0.7 * half, -1.0, half, 0.06), mix(wall, (0, 0, 0), 0.18))
    step = 0.9 / rows
    for row in range(rows):
        for column, x in enumerate((-0.72, -0.24, 0.24)):
            y = -0.93 + step * row
            path = box(x * half - 0.02, y, x * half + 0.3 * half, y + 0.6 * step, 0.005)
            window(canvas, palette, path, is_lit=(row * 5 + column * 3) % 4 != 1)


def draw_block(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A house of five floors."""
    del t
    _tower_block(canvas, palette, 0.26, 5)


def draw_tall_block(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A slender tower with an aerial whose lamp blinks."""
    stroke(canvas, line_through((0, -1.0), (0, -1.14)), palette.ink, 0.015)
    fill(canvas, disc(0, -1.15, 0.018), (255, 70, 60) if t % 2 < 1 else palette.shade)
    _tower_block(canvas, palette, 0.19, 8)


def draw_shop(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A low house with an awning."""
    del t
    fill(canvas, box(-0.36, -0.8, 0.36, 0.06), palette.base)
    fill(canvas, box(-0.4, -0.85, 0.4, -0.78), palette.shade)
    for x in (-0.24, 0.0, 0.24):
        window(canvas, palette, box(x - 0.07, -0.7, x + 0.07, -0.5), is_lit=x != 0)
    window(canvas, palette, box(-0.28, -0.28, 0.08, -0.04, 0.01))
    fill(canvas, box(0.13, -0.3, 0.29, 0.06, 0.01), palette.lit((110, 72, 50)))
    for index in range(6):
        x = -0.38 + 0.127 * index
        colour = palette.lit((226, 60, 60)) if index % 2 else palette.pale
        fill(
            canvas,
            blob((x, -0.42), (x + 0.127, -0.42), (x + 0.135, -0.28), (x - 0.01, -0.28)),
            colour,
        )


def draw_far_block(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A tower in the haze."""
    del t
    fill(canvas, box(-0.17, -1.0, 0.17, 0.1), palette.lit((140, 160, 192)))
    fill(canvas, box(-0.08, -1.08, 0.06, -0.98), palette.lit((140, 160, 192)))


def draw_cottage(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A small house with a red roof and smoke."""
    for puff in range(3):
        age = (0.125 * t + puff / 3) % 1
        fill(
            canvas,
            disc(0.28 + 0.1 * age, -0.98 - 0.3 * age, 0.03 + 0.06 * age),
            palette.pale,
            0.55 * (1 - age),
        )
    fill(canvas, box(0.2, -0.96, 0.33, -0.6), palette.lit((150, 90, 74)))
    fill(canvas, box(-0.42, -0.54, 0.42, 0.08), palette.base)
    roof = (
        palette.lit((240, 244, 250)) if palette.season == "winter" else palette.lit((206, 66, 52))
    )
    fill(canvas, polygon((-0.55, -0.5), (-0.28, -0.94), (0.28, -0.94), (0.55, -0.5)), roof)
    for x in (-0.3, 0.12):
        window(canvas, palette, box(x, -0.4, x + 0.18, -0.2))
    fill(canvas, box(-0.07, -0.3, 0.07, 0.08), palette.lit((126, 80, 54)))


def draw_church(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A spire beside a nave."""
    del t
    fill(canvas, box(-0.04, -0.32, 0.42, 0.05), palette.base)
    fill(
        canvas,
        polygon((-0.04, -0.31), (0.05, -0.5), (0.34, -0.5), (0.48, -0.31)),
        palette.lit((206, 66, 52)),
    )
    fill(canvas, box(-0.19, -0.6, 0.03, 0.05), palette.lit((255, 250, 240)))
    fill(canvas, polygon((-0.24, -0.58), (-0.08, -1.0), (0.08, -0.58)), palette.lit((74, 98, 132)))
    window(canvas, palette, disc(-0.08, -0.46, 0.05))
    window(canvas, palette, box(0.14, -0.22, 0.23, -0.06, 0.04))
    fill(canvas, box(-0.13, -0.18, -0.03, 0.05, 0.04), palette.lit((126, 80, 54)))


def draw_street_lamp(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Shines by night."""
    del t
    if palette.is_dim:
        fill(canvas, disc(0.14, -0.9, 0.2), (255, 230, 140), 0.3)
    stroke(canvas, line_through((0, 0), (0, -0.9)), palette.lit((70, 76, 88)), 0.035)
    stroke(canvas, curve((0, -0.88), (0.02, -1.0), (0.14, -0.96)), palette.lit((70, 76, 88)), 0.03)
    fill(
        canvas, oval(0.15, -0.92, 0.07, 0.045), (255, 240, 170) if palette.is_dim else palette.pale
    )
    fill(canvas, box(-0.05, -0.06, 0.05, 0.0, 0.01), palette.lit((70, 76, 88)))


def draw_dark_block(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A dark tower with a few lights."""
    fill(canvas, box(-0.17, -1.0, 0.17, 0.1), palette.lit((44, 40, 84)))
    for index in range(12):
        x, y = -0.11 + 0.1 * (index % 3), -0.92 + 0.2 * (index // 3)
        if (index * 7 + int(t / 2)) % 5 > 1:
            fill(
                canvas,
                box(x - 0.02, y, x + 0.03, y + 0.06),
                (255, 190, 110) if index % 2 else (110, 210, 255),
            )


def draw_neon_block(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A tower edged in light, with an upright sign."""
    shine = 0.75 + 0.25 * beat(t, 0.75)
    fill(canvas, box(-0.2, -1.0, 0.2, 0.06), (40, 36, 76))
    for y in (-0.86, -0.68, -0.5, -0.32):
        for x in (-0.14, -0.02):
            fill(
                canvas,
                box(x, y, x + 0.08, y + 0.1),
                (255, 206, 120) if (x > -0.1) == (y < -0.6) else (70, 66, 120),
            )
    for x in (-0.2, 0.2):
        stroke(canvas, line_through((x, -1.0), (x, 0.0)), palette.base, 0.018)
    stroke(canvas, line_through((-0.2, -1.0), (0.2, -1.0)), palette.base, 0.018)
    fill(canvas, box(0.1, -0.84, 0.19, -0.3, 0.02), palette.base, shine)
    for y in (-0.76, -0.62, -0.48):
        fill(canvas, box(0.125, y, 0.165, y + 0.08, 0.01), (255, 255, 255), shine)


def draw_neon_shop(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A bright window under a sign that flickers."""
    shine = 0.7 + 0.3 * beat(t, 1.0)
    fill(canvas, box(-0.3, -0.9, 0.3, 0.06), (52, 44, 88))
    for x in (-0.2, 0.0, 0.2):
        fill(canvas, box(x - 0.06, -0.82, x + 0.06, -0.66), (255, 206, 120) if x else (70, 66, 120))
    fill(canvas, box(-0.26, -0.34, 0.12, -0.04, 0.01), (255, 232, 190))
    fill(canvas, box(0.16, -0.34, 0.26, 0.06, 0.01), (30, 28, 60))
    fill(canvas, oval(-0.15, -0.1, 0.06, 0.1), (120, 90, 130))
    sign = box(-0.26, -0.58, 0.26, -0.4, 0.04)
    fill(canvas, sign, (24, 20, 48))
    stroke(canvas, sign, palette.base, 0.024)
    for index, x in enumerate((-0.17, -0.06, 0.05, 0.16)):
        fill(canvas, box(x - 0.035, -0.53, x + 0.035, -0.45, 0.02), _NEON[index], shine)


def draw_neon_sign(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A sign on a pole."""
    shine = 0.7 + 0.3 * beat(t, 1.0)
    stroke(canvas, line_through((0, 0), (0, -0.6)), (60, 60, 90), 0.04)
    fill(canvas, box(-0.26, -1.0, 0.26, -0.55, 0.06), (24, 20, 48))
    stroke(canvas, box(-0.26, -1.0, 0.26, -0.55, 0.06), palette.base, 0.035)
    fill(
        canvas,
        polygon(
            (-0.12, -0.72),
            (0.1, -0.72),
            (0.1, -0.62),
            (0.2, -0.78),
            (0.1, -0.94),
            (0.1, -0.83),
            (-0.12, -0.83),
        ),
        palette.base,
        shine,
    )


def draw_lantern(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A paper lantern on a string of light."""
    with turned(canvas, 2 * beat(t, 0.375), 0, -1.0):
        stroke(canvas, line_through((0, 0), (0, -1.0)), palette.lit((60, 60, 90)), 0.03)
        fill(canvas, disc(0, -0.72, 0.26), (255, 120, 70), 0.3)
        fill(canvas, oval(0, -0.72, 0.15, 0.18), (255, 90, 60))
        fill(canvas, oval(0, -0.72, 0.07, 0.18), (255, 160, 90))
        for y in (-0.9, -0.54):
            fill(canvas, box(-0.07, y - 0.02, 0.07, y + 0.02), (90, 40, 40))


def draw_puddle(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Holds the signs' colours."""
    fill(canvas, oval(0, -0.3, 2.6, 0.5), palette.lit((70, 60, 130)))
    for index, x in enumerate((-1.4, -0.3, 0.9)):
        fill(canvas, oval(x, -0.3, 0.4 + 0.08 * beat(t, 0.75, index / 3), 0.34), _NEON[index], 0.75)


def draw_dash(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A stroke of a road's middle line."""
    del t
    fill(canvas, box(-3.5, -0.95, 3.5, -0.05), palette.lit((240, 232, 190)))


def draw_guard_rail(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A rail and its post."""
    del t
    fill(canvas, box(-0.1, -0.7, 0.1, 0.0), palette.lit((120, 126, 138)))
    fill(canvas, box(-1.7, -1.0, 1.7, -0.55), palette.lit((206, 210, 218)))
    fill(canvas, box(-1.7, -0.82, 1.7, -0.72), palette.lit((160, 166, 178)))


def draw_power_pole(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A pole with two arms."""
    del t
    stroke(canvas, line_through((0, 0), (0, -0.98)), palette.lit((104, 80, 62)), 0.04)
    for y in (-0.9, -0.76):
        stroke(canvas, line_through((-0.2, y), (0.2, y)), palette.lit((104, 80, 62)), 0.03)
        for x in (-0.16, 0.16):
            fill(canvas, disc(x, y - 0.03, 0.022), palette.pale)


def draw_picket(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A picket of a white fence."""
    del t
    white = palette.lit((255, 255, 255))
    fill(canvas, box(-0.4, -0.62, 0.4, -0.46), white)
    fill(canvas, polygon((-0.16, 0), (-0.16, -0.8), (0, -1.0), (0.16, -0.8), (0.16, 0)), white)


def draw_rail_fence(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Two rails and a post."""
    del t
    wood = palette.lit((168, 122, 80))
    for y in (-0.8, -0.42):
        fill(canvas, box(-0.95, y, 0.95, y + 0.14, 0.04), wood)
    fill(canvas, box(-0.1, -1.0, 0.1, 0.04, 0.04), mix(wood, (0, 0, 0), 0.15))


def draw_barn(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Red with white doors."""
    del t
    red, white = palette.lit((190, 52, 46)), palette.lit((250, 246, 240))
    fill(
        canvas,
        polygon(
            (-0.6, 0.06),
            (-0.6, -0.5),
            (-0.42, -0.82),
            (0, -1.0),
            (0.42, -0.82),
            (0.6, -0.5),
            (0.6, 0.06),
        ),
        red,
    )
    roof = line_through((-0.64, -0.46), (-0.44, -0.84), (0, -1.02), (0.44, -0.84), (0.64, -0.46))
    stroke(canvas, roof, palette.lit((110, 96, 100)), 0.07)
    fill(canvas, box(-0.26, -0.46, 0.26, 0.06), white)
    fill(canvas, box(-0.23, -0.43, 0.23, 0.06), mix(red, (0, 0, 0), 0.15))
    for path in (
        line_through((-0.24, -0.44), (0.24, 0.04)),
        line_through((0.24, -0.44), (-0.24, 0.04)),
    ):
        stroke(canvas, path, white, 0.035)
    window(canvas, palette, box(-0.09, -0.74, 0.09, -0.6))


def draw_silo(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A round tower with a dome."""
    del t
    grey = palette.lit((190, 196, 206))
    fill(canvas, oval(0, -0.84, 0.2, 0.16), palette.lit((150, 158, 172)))
    fill(canvas, box(-0.2, -0.84, 0.2, 0.04), grey)
    fill(canvas, box(0.08, -0.84, 0.2, 0.04), mix(grey, (0, 0, 0), 0.12))
    for y in (-0.66, -0.44, -0.22):
        fill(canvas, box(-0.2, y, 0.2, y + 0.025), palette.lit((150, 158, 172)))


def draw_windmill(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Its sails turn."""
    fill(canvas, polygon((-0.14, -0.66), (0.14, -0.66), (0.22, 0.05), (-0.22, 0.05)), palette.base)
    fill(canvas, blob((-0.18, -0.64), (0, -0.92), (0.18, -0.64)), palette.lit((150, 80, 60)))
    window(canvas, palette, box(-0.05, -0.44, 0.05, -0.32, 0.02))
    fill(canvas, box(-0.06, -0.16, 0.06, 0.05, 0.03), palette.lit((126, 80, 54)))
    with turned(canvas, 45 * t, 0, -0.68):
        for angle in (0, 90, 180, 270):
            with turned(canvas, angle, 0, -0.68):
                fill(canvas, box(-0.012, -1.04, 0.012, -0.68), palette.lit((110, 84, 64)))
                fill(canvas, box(0.0, -1.03, 0.1, -0.76), palette.lit((240, 236, 226)))


def draw_hay_bale(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Round, with a spiral."""
    del t
    hay = palette.lit((232, 196, 100))
    fill(canvas, box(-0.1, -0.96, 0.8, 0.0, 0.2), mix(hay, (0, 0, 0), 0.12))
    fill(canvas, disc(-0.1, -0.48, 0.48), hay)
    for radius in (0.34, 0.2, 0.07):
        stroke(canvas, disc(-0.1, -0.48, radius), mix(hay, (120, 80, 0), 0.35), 0.05)


def draw_great_castle(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Many towers on a hill."""
    wall, roof = palette.base, palette.lit((84, 100, 170))
    for x, top, half in (
        (-0.36, -0.56, 0.1),
        (0.36, -0.6, 0.1),
        (-0.16, -0.7, 0.085),
        (0.17, -0.76, 0.085),
        (0.0, -0.66, 0.12),
    ):
        fill(
            canvas,
            box(x - half, top, x + half, 0.06),
            mix(wall, (0, 0, 0), 0.1) if abs(x) < 0.2 else wall,
        )
        fill(canvas, polygon((x - 1.3 * half, top), (x, top - 0.24), (x + 1.3 * half, top)), roof)
        window(canvas, palette, box(x - 0.022, top + 0.08, x + 0.022, top + 0.16, 0.02))
        wave = 0.02 * beat(t, 0.75)
        fill(
            canvas,
            polygon((x, top - 0.3), (x + 0.09, top - 0.27 + wave), (x, top - 0.24)),
            palette.lit((224, 60, 60)),
        )
    fill(canvas, box(-0.44, -0.26, 0.44, 0.06), wall)
    for x in (-0.4, -0.24, -0.08, 0.08, 0.24, 0.4):
        fill(canvas, box(x - 0.05, -0.31, x + 0.05, -0.25), wall)
    fill(canvas, box(-0.08, -0.17, 0.08, 0.1, 0.07), palette.lit((100, 66, 46)))


def draw_castle_wall(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Merlons and stones, as wide as the next piece is away."""
    del t
    wall = palette.lit((176, 172, 170))
    fill(canvas, box(-1.1, -0.78, 1.1, 0.2), wall)
    for x in (-0.8, 0.0, 0.8):
        fill(canvas, box(x - 0.24, -1.0, x + 0.24, -0.7), wall)
    for x, y in ((-0.8, -0.56), (-0.1, -0.44), (0.5, -0.6), (-0.5, -0.24), (0.3, -0.2)):
        fill(canvas, box(x, y, x + 0.36, y + 0.14, 0.03), palette.lit((156, 152, 152)))


def draw_torch(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A flame that flickers."""
    stroke(canvas, line_through((0, 0), (0, -0.64)), palette.lit((110, 76, 50)), 0.1)
    fill(canvas, disc(0, -0.78, 0.26), (255, 170, 60), 0.28)
    tip = -1.02 - 0.05 * beat(t, 1.5)
    fill(
        canvas,
        blob(
            (-0.12, -0.62),
            (-0.13, -0.8),
            (0.03 * beat(t, 1.25), tip - 0.1),
            (0.13, -0.8),
            (0.12, -0.62),
        ),
        (255, 150, 40),
    )
    fill(canvas, oval(0, -0.72, 0.05, 0.09), (255, 226, 120))


def draw_banner(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A long flag on a pole."""
    wave = 0.04 * beat(t, 0.5)
    stroke(canvas, line_through((0, 0), (0, -1.0)), palette.lit((120, 90, 60)), 0.04)
    fill(
        canvas,
        blob(
            (0, -1.0),
            (0.2, -0.98 + wave),
            (0.34, -0.9),
            (0.34, -0.5 + wave),
            (0.2, -0.58),
            (0, -0.5),
        ),
        palette.base,
    )
    fill(canvas, disc(0.15, -0.74, 0.07), palette.lit((255, 214, 90)))

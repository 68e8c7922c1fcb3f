"""What rooms, kitchens, cafes and stages hold."""

from __future__ import annotations

import skia

from training.shapes import Colour, blob, box, curve, disc, fill, mix, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, clipped, line_through, turned

_BOOKS: tuple[Colour, ...] = (
    (196, 70, 70),
    (70, 120, 180),
    (240, 190, 80),
    (90, 150, 100),
    (150, 90, 160),
)


def draw_window(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """The sky and a hill behind four panes, and curtains."""
    sky = palette.sky
    pane = box(-0.36, -0.96, 0.36, -0.06)
    fill(canvas, box(-0.42, -1.0, 0.42, 0.0, 0.02), palette.lit((250, 246, 238)))
    fill(canvas, pane, sky)
    with clipped(canvas, pane):
        drift = 0.1 * beat(t, 0.125)
        if palette.is_dim:
            fill(canvas, disc(0.16, -0.76, 0.08), (248, 244, 214))
        else:
            for x, y, r in ((-0.14, -0.72, 0.08), (-0.04, -0.76, 0.1), (0.06, -0.71, 0.07)):
                fill(canvas, disc(x + drift, y, r), mix(sky, (255, 255, 255), 0.75))
        fill(canvas, oval(0.1, 0.02, 0.6, 0.28), mix(sky, (60, 120, 70), 0.75))
    for path in (line_through((0, -0.96), (0, -0.06)), line_through((-0.36, -0.54), (0.36, -0.54))):
        stroke(canvas, path, palette.lit((250, 246, 238)), 0.04)
    fill(canvas, box(-0.48, -0.04, 0.48, 0.03, 0.02), palette.lit((232, 224, 210)))
    for s in (-1, 1):
        hang = blob(
            (s * 0.3, -1.06),
            (s * 0.54, -1.06),
            (s * 0.56, -0.4),
            (s * 0.52, 0.08),
            (s * 0.42, 0.02),
            (s * 0.42, -0.4),
        )
        fill(canvas, hang, palette.base)


def draw_picture(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A framed landscape."""
    del t
    fill(canvas, box(-0.66, -1.0, 0.66, 0.0, 0.03), palette.lit((150, 104, 62)))
    inner = box(-0.54, -0.88, 0.54, -0.12)
    fill(canvas, inner, palette.lit((176, 214, 236)))
    with clipped(canvas, inner):
        fill(canvas, disc(0.26, -0.62, 0.12), palette.lit((255, 210, 110)))
        fill(
            canvas, polygon((-0.6, -0.12), (-0.2, -0.6), (0.2, -0.12)), palette.lit((110, 140, 150))
        )
        fill(canvas, oval(0.2, -0.06, 0.6, 0.2), palette.base)


def draw_sofa(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Two seats and cushions."""
    del t
    for x in (-0.9, 0.9):
        fill(canvas, box(x - 0.06, -0.14, x + 0.06, 0.0), palette.lit((110, 76, 50)))
    fill(canvas, box(-1.0, -0.98, 1.0, -0.2, 0.16), palette.shade)
    fill(canvas, box(-1.0, -0.5, 1.0, -0.1, 0.08), palette.base)
    for x in (-1.04, 0.78):
        fill(canvas, box(x, -0.7, x + 0.26, -0.1, 0.1), palette.base)
    stroke(canvas, line_through((0, -0.48), (0, -0.14)), palette.shade, 0.03)
    for x, turn, colour in ((-0.5, -12, (255, 214, 120)), (0.5, 10, (250, 250, 244))):
        with turned(canvas, turn, x, -0.62):
            fill(canvas, box(x - 0.2, -0.82, x + 0.2, -0.46, 0.08), palette.lit(colour))


def draw_bookshelf(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Three rows of books."""
    del t
    wood = palette.lit((158, 110, 66))
    fill(canvas, box(-0.44, -1.0, 0.44, 0.0, 0.02), wood)
    for row, y in enumerate((-0.7, -0.38, -0.06)):
        fill(canvas, box(-0.38, y - 0.25, 0.38, y), mix(wood, (0, 0, 0), 0.3))
        x = -0.37
        for book in range(7):
            width, high = 0.07 + 0.02 * ((book + row) % 3), 0.16 + 0.03 * ((book * 2 + row) % 3)
            if (book + 2 * row) % 7 != 5:
                fill(canvas, box(x, y - high, x + width, y), palette.lit(_BOOKS[(book + row) % 5]))
            x += width + 0.015


def draw_floor_lamp(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A shade that glows by night."""
    del t
    if palette.is_dim:
        fill(canvas, disc(0, -0.84, 0.34), (255, 220, 130), 0.3)
    stroke(canvas, line_through((0, 0), (0, -0.74)), palette.lit((90, 84, 84)), 0.03)
    fill(canvas, oval(0, -0.01, 0.16, 0.03), palette.lit((90, 84, 84)))
    shade = polygon((-0.12, -1.0), (0.12, -1.0), (0.22, -0.7), (-0.22, -0.7))
    fill(canvas, shade, (255, 236, 170) if palette.is_dim else palette.lit((244, 226, 180)))


def draw_rug(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """An oval with a border."""
    del t
    fill(canvas, oval(0, -0.5, 3.6, 0.5), palette.base)
    fill(canvas, oval(0, -0.5, 3.0, 0.38), palette.light)
    fill(canvas, oval(0, -0.5, 2.2, 0.26), palette.base)


def draw_shelf(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Jars and plates on a board."""
    del t
    fill(canvas, box(-1.0, -0.1, 1.0, 0.02, 0.02), palette.lit((158, 110, 66)))
    for x, half, high, colour in (
        (-0.72, 0.14, 0.5, (230, 120, 90)),
        (-0.36, 0.12, 0.4, (250, 220, 140)),
        (-0.04, 0.13, 0.56, (120, 170, 130)),
        (0.62, 0.2, 0.36, (250, 250, 250)),
    ):
        fill(canvas, box(x - half, -0.1 - high, x + half, -0.1, 0.06), palette.lit(colour))
        fill(
            canvas,
            box(x - half, -0.14 - high, x + half, -0.04 - high, 0.03),
            palette.lit((120, 84, 60)),
        )
    fill(canvas, disc(0.3, -0.32, 0.2), palette.lit((150, 190, 220)))


def draw_counter(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A cupboard with a top, as wide as the next one is away."""
    del t
    fill(canvas, box(-0.72, -0.9, 0.72, 0.02), palette.base)
    fill(canvas, box(-0.74, -1.0, 0.74, -0.88, 0.02), palette.lit((120, 104, 96)))
    for x in (-0.36, 0.36):
        fill(canvas, box(x - 0.3, -0.8, x + 0.3, -0.08, 0.03), palette.light)
        fill(canvas, disc(x + (0.2 if x < 0 else -0.2), -0.5, 0.04), palette.lit((120, 104, 96)))


def draw_stove(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """An oven; a pot steams on it."""
    for index, x in enumerate((-0.1, 0.1)):
        wave = 0.05 * beat(t, 0.5, index / 2)
        stroke(canvas, curve((x, -1.3), (x + wave, -1.42), (x - wave, -1.54)), palette.pale, 0.05)
    fill(canvas, box(-0.26, -1.26, 0.26, -1.0, 0.05), palette.lit((200, 70, 60)))
    fill(canvas, box(-0.3, -1.3, 0.3, -1.24, 0.02), palette.lit((150, 50, 46)))
    fill(canvas, box(-0.72, -1.0, 0.72, 0.02, 0.02), palette.lit((226, 228, 234)))
    for x in (-0.5, -0.25, 0.25, 0.5):
        fill(canvas, disc(x, -0.88, 0.05), palette.ink)
    fill(canvas, box(-0.52, -0.74, 0.52, -0.12, 0.06), palette.lit((60, 62, 74)))
    fill(
        canvas,
        box(-0.42, -0.62, 0.42, -0.22, 0.04),
        (255, 170, 80) if palette.is_dim else palette.lit((96, 90, 96)),
    )


def draw_fridge(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Taller than the counters."""
    del t
    fill(canvas, box(-0.6, -1.85, 0.6, 0.02, 0.08), palette.lit((236, 240, 244)))
    stroke(canvas, line_through((-0.58, -1.2), (0.58, -1.2)), palette.lit((190, 196, 206)), 0.04)
    for y in (-1.55, -0.9):
        fill(canvas, box(0.38, y - 0.14, 0.46, y + 0.14, 0.03), palette.lit((160, 168, 180)))
    fill(canvas, box(-0.3, -1.0, -0.02, -0.7), palette.lit((255, 236, 150)))


def draw_tile(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A dark tile of a floor."""
    del t
    fill(canvas, polygon((-1.2, 0), (-0.9, -1.0), (2.1, -1.0), (1.8, 0)), palette.base, 0.55)


def draw_menu_board(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Chalk on a board."""
    del t
    fill(canvas, box(-0.62, -1.0, 0.62, 0.0, 0.03), palette.lit((150, 104, 62)))
    fill(canvas, box(-0.55, -0.93, 0.55, -0.07), palette.lit((50, 58, 60)))
    for y, right in ((-0.78, 0.2), (-0.58, 0.36), (-0.42, 0.28), (-0.26, 0.38)):
        stroke(canvas, line_through((-0.42, y), (right, y)), palette.lit((226, 226, 220)), 0.035)
    fill(canvas, disc(0.38, -0.76, 0.09), palette.lit((250, 180, 110)))


def draw_hanging_lamp(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Hangs from above and glows."""
    with turned(canvas, 1.5 * beat(t, 0.25), 0, -1.6):
        stroke(canvas, line_through((0, -1.6), (0, -0.3)), palette.ink, 0.025)
        fill(canvas, disc(0, -0.08, 0.3), (255, 220, 130), 0.28)
        fill(canvas, blob((-0.3, -0.06), (-0.14, -0.4), (0.14, -0.4), (0.3, -0.06)), palette.base)
        fill(canvas, disc(0, -0.07, 0.07), (255, 240, 180))


def draw_cafe_table(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A round table, a cup and two chairs."""
    steam = 0.04 * beat(t, 0.5)
    wood = palette.lit((150, 100, 60))
    for s in (-1, 1):
        stroke(
            canvas, line_through((s * 0.74, -0.98), (s * 0.7, -0.44), (s * 0.72, 0.0)), wood, 0.06
        )
        stroke(
            canvas, line_through((s * 0.7, -0.44), (s * 0.42, -0.44), (s * 0.42, 0.0)), wood, 0.06
        )
    stroke(canvas, line_through((0, -0.6), (0, 0.0)), palette.ink, 0.06)
    fill(canvas, oval(0, -0.02, 0.2, 0.04), palette.ink)
    fill(canvas, box(-0.5, -0.68, 0.5, -0.6, 0.03), palette.base)
    fill(canvas, box(-0.14, -0.82, 0.06, -0.68, 0.03), palette.pale)
    stroke(
        canvas,
        curve((-0.04, -0.84), (-0.04 + steam, -0.92), (-0.04 - steam, -1.0)),
        palette.pale,
        0.03,
    )


def draw_bar(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A bar with glasses and a coffee machine."""
    del t
    fill(canvas, box(-0.8, -0.66, 0.8, 0.0, 0.02), palette.base)
    fill(canvas, box(-0.86, -0.74, 0.86, -0.64, 0.02), palette.lit((110, 76, 52)))
    for x in (-0.5, 0.0, 0.5):
        fill(canvas, box(x - 0.2, -0.56, x + 0.2, -0.08, 0.02), palette.shade)
    fill(canvas, box(-0.6, -1.0, -0.1, -0.74, 0.04), palette.lit((196, 202, 210)))
    fill(canvas, box(-0.5, -0.92, -0.2, -0.82), palette.lit((90, 96, 108)))
    for x in (0.2, 0.36, 0.52):
        fill(
            canvas,
            polygon((x - 0.06, -0.92), (x + 0.06, -0.92), (x + 0.04, -0.74), (x - 0.04, -0.74)),
            palette.glass,
        )


def draw_curtain(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Folds of red velvet, as wide as the next one is away."""
    sway = 0.006 * beat(t, 0.25)
    fill(canvas, box(-0.17, -1.3, 0.17, 0.02), palette.base)
    for x, colour in ((-0.13, palette.shade), (-0.02, palette.light), (0.08, palette.shade)):
        fill(
            canvas,
            blob((x, -1.3), (x + 0.035, -1.3), (x + 0.05 + sway, 0.02), (x - 0.015 + sway, 0.02)),
            colour,
        )


def draw_spotlight(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A cone of light that swings."""
    with turned(canvas, 8 * beat(t, 0.25), 0, -1.0):
        fill(
            canvas,
            polygon((-0.04, -1.0), (0.04, -1.0), (0.3, 0.0), (-0.3, 0.0)),
            (255, 244, 200),
            0.22,
        )
        fill(canvas, box(-0.06, -1.08, 0.06, -0.96, 0.02), palette.ink)
    fill(canvas, oval(0.12 * beat(t, 0.25), 0.0, 0.3, 0.045), (255, 244, 200), 0.25)


def draw_loudspeaker(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Two cones that tremble."""
    fill(canvas, box(-0.3, -1.0, 0.3, 0.0, 0.04), palette.lit((44, 44, 54)))
    for y, radius in ((-0.68, 0.15), (-0.28, 0.21)):
        fill(canvas, disc(0, y, radius), palette.lit((96, 98, 110)))
        fill(canvas, disc(0, y, radius * (0.6 + 0.05 * beat(t, 2))), palette.lit((60, 60, 72)))


def draw_footlight(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A lamp at the edge of a stage."""
    shine = 0.75 + 0.25 * beat(t, 0.5)
    fill(canvas, disc(0, -0.6, 0.9), (255, 226, 140), 0.25)
    fill(canvas, oval(0, -0.45, 0.5, 0.45), palette.lit((90, 60, 40)))
    fill(canvas, oval(0, -0.55, 0.32, 0.3), (255, 236, 170), shine)


def draw_halo(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A soft spot of light on a plain wall."""
    del t
    for radius, alpha in ((0.9, 0.1), (0.7, 0.12), (0.5, 0.14)):
        fill(canvas, disc(0, -0.5, radius), palette.lit((255, 255, 255)), alpha)


def draw_crowd(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Two rows of heads that bob, as wide as the next piece is away."""
    colours: tuple[Colour, ...] = (
        (226, 70, 70),
        (70, 120, 210),
        (250, 200, 70),
        (240, 240, 240),
        (90, 170, 100),
    )
    fill(canvas, box(-0.78, -0.6, 0.78, 0.1), palette.lit((96, 104, 128)))
    for row, y in enumerate((-0.66, -0.26)):
        for index in range(6):
            x = -0.64 + 0.26 * index + 0.1 * row
            bob = 0.05 * max(0.0, beat(t, 0.75, (index * 3 + row) / 7))
            fill(
                canvas,
                box(x - 0.1, y - bob, x + 0.1, y + 0.3, 0.08),
                palette.lit(colours[(index + 2 * row) % 5]),
            )
            skin = ((250, 208, 170), (168, 108, 70), (226, 168, 120))[(index + row) % 3]
            fill(canvas, disc(x, y - 0.08 - bob, 0.09), palette.lit(skin))


def draw_advert(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A board at the edge of a field, as wide as the next one is away."""
    del t
    fill(canvas, box(-3.2, -1.0, 3.2, 0.05), palette.base)
    fill(canvas, box(-2.2, -0.64, 1.0, -0.36, 0.1), palette.pale)
    fill(canvas, disc(2.0, -0.5, 0.28), palette.pale)


def draw_floodlight(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Lamps on a mast."""
    del t
    stroke(canvas, line_through((0, 0), (0, -0.8)), palette.lit((120, 128, 144)), 0.03)
    if palette.is_dim:
        fill(canvas, disc(0, -0.9, 0.22), (255, 255, 230), 0.3)
    fill(canvas, box(-0.16, -1.0, 0.16, -0.78, 0.02), palette.lit((90, 96, 112)))
    for y in (-0.94, -0.85):
        for x in (-0.1, 0.0, 0.1):
            fill(canvas, disc(x, y, 0.034), (255, 255, 236))


def draw_goal(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Posts and a net."""
    del t
    for x in (-0.6, -0.3, 0.0, 0.3, 0.6):
        stroke(
            canvas, line_through((x, -0.96), (1.1 * x, -0.02)), palette.lit((214, 222, 226)), 0.014
        )
    for y in (-0.7, -0.46, -0.22):
        stroke(canvas, line_through((-0.88, y), (0.88, y)), palette.lit((214, 222, 226)), 0.014)
    stroke(
        canvas,
        line_through((-0.9, 0.0), (-0.9, -0.97), (0.9, -0.97), (0.9, 0.0)),
        palette.lit((255, 255, 255)),
        0.06,
    )

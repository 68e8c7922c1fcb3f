"""Trees, bushes, flowers and grass; their leaves have the colour of the season."""

from __future__ import annotations

import skia

from training.shapes import Colour, blob, box, curve, disc, fill, mix, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, line_through, turned

_BARK: Colour = (120, 82, 54)
_WHITE: Colour = (250, 252, 255)
_LEAVES: dict[str, Colour] = {
    "spring": (250, 176, 206), "autumn": (232, 128, 40), "winter": (226, 234, 244),
}  # fmt: skip


def leaf_of(palette: Palette, green: Colour) -> Colour:
    """Return the colour of leaves in the palette's season, lit."""
    return palette.lit(_LEAVES.get(palette.season, green))


def draw_round_tree(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A crown of three balls."""
    leaf = leaf_of(palette, palette.base)
    fill(
        canvas,
        polygon((-0.05, -0.5), (0.05, -0.5), (0.07, 0.02), (-0.07, 0.02)),
        palette.lit(_BARK),
    )
    with turned(canvas, beat(t, 0.25), 0, -0.3):
        for x, y, r in ((-0.2, -0.52, 0.2), (0.2, -0.5, 0.2), (0, -0.7, 0.28)):
            fill(canvas, disc(x, y, r), leaf)
        fill(canvas, oval(-0.09, -0.78, 0.15, 0.14), mix(leaf, palette.lit((255, 255, 220)), 0.25))
        fill(canvas, oval(0.14, -0.46, 0.18, 0.08), mix(leaf, (0, 0, 0), 0.1))


def _conifer(canvas: skia.Canvas, palette: Palette, dark: Colour, pale: Colour) -> None:
    fill(canvas, box(-0.045, -0.18, 0.045, 0.02), palette.lit((92, 64, 46)))
    for top, bottom, half in ((-0.56, -0.1, 0.28), (-0.78, -0.36, 0.22), (-1.0, -0.62, 0.16)):
        fill(canvas, polygon((0, top), (half, bottom), (-half, bottom)), palette.lit(dark))
        fill(canvas, polygon((0, top), (0, bottom), (-half, bottom)), palette.lit(pale))


def draw_fir(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Green in every season, white in winter."""
    with turned(canvas, 0.6 * beat(t, 0.25)):
        if palette.season == "winter":
            _conifer(canvas, palette, (118, 156, 166), (226, 238, 244))
        else:
            _conifer(canvas, palette, (26, 84, 54), (40, 106, 64))


def draw_far_fir(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A fir in the haze."""
    del t
    pale = palette.season == "winter"
    _conifer(
        canvas,
        palette,
        (150, 176, 190) if pale else (58, 116, 96),
        (206, 222, 232) if pale else (74, 134, 106),
    )


def draw_snowy_fir(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A fir under snow."""
    with turned(canvas, 0.4 * beat(t, 0.25)):
        _conifer(canvas, palette, (118, 156, 166), (216, 232, 240))


def draw_bush(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Three balls on the ground."""
    leaf = leaf_of(palette, (60, 136, 62))
    shift = 0.015 * beat(t, 0.375)
    for x, radius in ((-0.5, 0.42), (0.5, 0.4)):
        fill(canvas, disc(x + shift, -0.32, radius), leaf)
    fill(canvas, disc(shift, -0.5, 0.5), leaf)
    fill(
        canvas, oval(-0.16 + shift, -0.66, 0.22, 0.18), mix(leaf, palette.lit((255, 255, 220)), 0.2)
    )


def draw_grass(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A tuft that sways."""
    sway = 0.1 * beat(t, 0.375)
    green = (
        leaf_of(palette, (96, 176, 66))
        if palette.season in ("autumn", "winter")
        else palette.lit((96, 176, 66))
    )
    for x, tip in ((-0.3, -0.55), (-0.1, -0.2), (0.12, 0.24), (0.32, 0.6)):
        stroke(canvas, curve((x, 0.02), (x, -0.5), (tip + sway, -0.95)), green, 0.15)


def draw_small_flower(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Five petals on a stalk."""
    with turned(canvas, 5 * beat(t, 0.375)):
        stroke(canvas, line_through((0, 0), (0, -0.6)), palette.lit((60, 140, 50)), 0.12)
        for x, y in ((0, -0.98), (0.24, -0.8), (0.15, -0.52), (-0.15, -0.52), (-0.24, -0.8)):
            fill(canvas, disc(x, y, 0.2), palette.base)
        fill(canvas, disc(0, -0.74, 0.16), palette.lit((250, 190, 50)))


def draw_flower_bed(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Blossoms on a mound of leaves."""
    sway = 0.02 * beat(t, 0.375)
    fill(canvas, oval(0, -0.3, 1.5, 0.5), palette.lit((44, 122, 58)))
    for x, y in ((-0.95, -0.5), (-0.34, -0.76), (0.4, -0.78), (1.0, -0.46), (0.08, -0.4)):
        fill(canvas, disc(x + sway, y, 0.3), palette.base)
        fill(canvas, disc(x + sway, y, 0.13), palette.lit((255, 244, 190)))


def draw_small_mushroom(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A red cap."""
    del t
    fill(canvas, box(-0.16, -0.6, 0.16, 0.02, 0.08), palette.pale)
    fill(
        canvas,
        blob((-0.6, -0.45), (-0.4, -1.0), (0.4, -1.0), (0.6, -0.45), (0, -0.4)),
        palette.base,
    )
    for x, y in ((-0.2, -0.66), (0.14, -0.78), (0.24, -0.56)):
        fill(canvas, disc(x, y, 0.08), palette.pale)


def draw_palm(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Leaves that wave over a bent trunk."""
    stroke(canvas, curve((0, 0.02), (0.0, -0.45), (0.12, -0.74)), palette.lit((150, 104, 62)), 0.07)
    with turned(canvas, 2.5 * beat(t, 0.25), 0.12, -0.74):
        for x, y, green in (
            (-0.34, -0.6, (40, 146, 76)),
            (-0.2, -0.96, (60, 164, 78)),
            (0.2, -1.04, (40, 146, 76)),
            (0.5, -0.88, (60, 164, 78)),
            (0.52, -0.56, (40, 146, 76)),
        ):
            middle = ((x + 0.12) / 2, (y - 0.74) / 2)
            leaf = blob(
                (0.12, -0.74),
                (middle[0], middle[1] - 0.1),
                (x, y),
                (x, y),
                (middle[0], middle[1] + 0.07),
            )
            fill(canvas, leaf, palette.lit(green))
        fill(canvas, disc(0.1, -0.7, 0.045), palette.lit((120, 78, 44)))


def draw_cactus(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Two arms and a flower."""
    del t
    green = palette.lit((58, 138, 84))
    stroke(canvas, line_through((0, 0), (0, -0.88)), green, 0.24)
    stroke(canvas, curve((0, -0.34), (0.36, -0.34), (0.36, -0.68)), green, 0.16)
    stroke(canvas, curve((0, -0.46), (-0.32, -0.46), (-0.32, -0.74)), green, 0.16)
    stroke(
        canvas,
        line_through((-0.04, -0.06), (-0.04, -0.9)),
        mix(green, palette.lit(_WHITE), 0.2),
        0.045,
    )
    fill(canvas, disc(0.02, -0.98, 0.07), palette.lit((240, 90, 140)))


def draw_fern(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Fronds from one root."""
    sway = 0.04 * beat(t, 0.25)
    for tip, high, green in (
        (-0.8, -0.5, (36, 120, 60)),
        (0.8, -0.5, (36, 120, 60)),
        (-0.42, -0.9, (56, 150, 70)),
        (0.42, -0.9, (56, 150, 70)),
        (0.0, -1.0, (76, 170, 80)),
    ):
        leaf = blob(
            (-0.08, 0),
            (0.5 * tip - 0.14, 1.1 * high),
            (tip + sway, high),
            (0.5 * tip + 0.14, 0.7 * high),
            (0.08, 0),
        )
        fill(canvas, leaf, palette.lit(green))


def draw_hedge(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A clipped hedge, as wide as the next one is away."""
    del t
    leaf = leaf_of(palette, (46, 116, 58))
    fill(canvas, box(-0.6, -1.0, 0.6, 0.1, 0.24), leaf)
    fill(canvas, box(-0.5, -0.96, 0.44, -0.7, 0.12), mix(leaf, palette.lit((255, 255, 220)), 0.16))


def draw_reed(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Stalks with brown heads."""
    sway = 0.08 * beat(t, 0.375)
    for x in (-0.22, 0.0, 0.22):
        stroke(
            canvas,
            curve((x, 0.02), (x, -0.5), (2 * x + sway, -0.9)),
            palette.lit((84, 140, 60)),
            0.08,
        )
    fill(canvas, oval(sway, -0.86, 0.07, 0.17), palette.lit((124, 82, 50)))


def draw_plant(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A plant in a pot."""
    with turned(canvas, 1.5 * beat(t, 0.25), 0, -0.4):
        for tip, high in ((-0.4, -0.76), (0.4, -0.76), (-0.18, -1.0), (0.18, -1.0), (0, -0.86)):
            leaf = blob(
                (0, -0.34),
                (0.3 * tip - 0.1, 0.8 * high),
                (tip, high),
                (0.3 * tip + 0.12, 0.66 * high),
            )
            fill(canvas, leaf, palette.lit((60, 150, 84) if abs(tip) > 0.3 else (84, 176, 96)))
    fill(canvas, polygon((-0.24, -0.4), (0.24, -0.4), (0.17, 0), (-0.17, 0)), palette.base)
    fill(canvas, box(-0.27, -0.44, 0.27, -0.35, 0.02), palette.light)


def draw_seaweed(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Blades that wave in the water."""
    for index, (x, high) in enumerate(((-0.2, -0.7), (0.0, -1.0), (0.2, -0.8))):
        wave = 0.1 * beat(t, 0.375, index / 3)
        path = skia.Path()
        path.moveTo(x, 0.02)
        path.cubicTo(x + 0.16, 0.33 * high, x - 0.2 + wave, 0.66 * high, x + wave, high)
        stroke(canvas, path, palette.lit((40, 140, 90) if index % 2 else (64, 166, 100)), 0.12)


def draw_coral(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Branches with round tips."""
    del t
    for path in (
        line_through((0, 0), (0, -0.9)),
        curve((0, -0.3), (0.34, -0.4), (0.36, -0.8)),
        curve((0, -0.2), (-0.36, -0.3), (-0.34, -0.66)),
        curve((0.0, -0.6), (-0.16, -0.7), (-0.18, -0.94)),
    ):
        stroke(canvas, path, palette.base, 0.18)
    for x, y in ((0, -0.6), (0.32, -0.66), (-0.32, -0.52)):
        fill(canvas, disc(x, y, 0.045), palette.light)


def draw_fan_coral(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A fan with ribs."""
    with turned(canvas, 1.5 * beat(t, 0.25)):
        fan = blob(
            (-0.06, 0.0),
            (-0.6, -0.5),
            (-0.5, -1.0),
            (0.0, -1.08),
            (0.5, -1.0),
            (0.6, -0.5),
            (0.06, 0),
        )
        fill(canvas, fan, palette.base)
        for x in (-0.34, -0.14, 0.14, 0.34):
            stroke(canvas, curve((0, 0), (0.6 * x, -0.4), (x, -0.8)), palette.shade, 0.045)


def draw_far_coral(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Rocks and corals in the blue."""
    del t
    blue = palette.lit((40, 120, 176))
    fill(
        canvas,
        blob((-0.6, 0.1), (-0.5, -0.6), (-0.1, -0.7), (0.2, -0.4), (0.6, -0.5), (0.7, 0.1)),
        blue,
    )
    stroke(canvas, curve((0.1, -0.2), (0.2, -0.7), (0.1, -0.95)), blue, 0.14)
    stroke(canvas, curve((0.1, -0.3), (0.4, -0.6), (0.44, -0.84)), blue, 0.12)

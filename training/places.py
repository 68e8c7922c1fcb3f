"""Draws the ten places and four skies: the far, middle and near layers, once per scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi

import numpy as np
import skia

from training.shapes import (
    Colour,
    argb,
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

Line = Callable[[float], float]


@dataclass(frozen=True)
class Sky:
    """A time of day: sky from top to horizon, sun or moon, the light on background and subject."""

    top: Colour
    middle: Colour
    horizon: Colour
    sun: Colour
    sun_x: float
    sun_y: float
    sun_radius: float
    light: Colour
    subject_light: Colour


SKIES: dict[str, Sky] = {
    "morning": Sky((140, 190, 240), (226, 212, 232), (255, 206, 190), (255, 244, 196),
                   0.2, 0.42, 0.09, (255, 238, 232), (255, 248, 244)),
    "day": Sky((30, 128, 236), (90, 176, 250), (176, 224, 255), (255, 240, 110),
               0.7, 0.16, 0.085, (255, 255, 255), (255, 255, 255)),
    "sunset": Sky((92, 48, 138), (232, 98, 98), (255, 176, 66), (255, 226, 120),
                  0.78, 0.46, 0.15, (255, 190, 160), (255, 238, 228)),
    "night": Sky((8, 12, 44), (18, 28, 84), (40, 56, 128), (248, 244, 214),
                 0.72, 0.18, 0.08, (66, 84, 150), (218, 224, 252)),
}  # fmt: skip


@dataclass(frozen=True)
class Land:
    """One layer to paint on, periodic in x; lengths in units, depths 0..1 below the horizon."""

    canvas: skia.Canvas
    width: float
    height: float
    unit: float
    horizon: float
    light: Colour
    is_night: bool
    rng: np.random.Generator

    def depth(self, share: float) -> float:
        """Return the y of a depth: 0 at the horizon, 1 at the lower edge of the picture."""
        return self.horizon + share * (self.height - self.horizon)

    def paint(self, path: skia.Path, colour: Colour) -> None:
        """Fill a path, lit by the time of day."""
        fill(self.canvas, path, tint(colour, self.light))

    def draw_line(self, path: skia.Path, colour: Colour, width: float) -> None:
        """Stroke a path, lit by the time of day."""
        stroke(self.canvas, path, tint(colour, self.light), width)

    def flat(self, y: float, top: Colour, bottom: Colour) -> Line:
        """Paint level ground from y down and return its line."""
        return self.hills(y, 0.0, top, bottom)

    def hills(self, y: float, swell: float, top: Colour, bottom: Colour) -> Line:
        """Paint rolling ground about y, a gradient from its crest down, and return its line."""
        phases, waves = self.rng.uniform(0, 2 * pi, 3), (2, 3, 5)
        scale = swell * self.unit / 2

        def line(x: float) -> float:
            turn = 2 * pi * x / self.width
            return y + scale * sum(
                cos(turn * wave + phase) * 2 / wave
                for wave, phase in zip(waves, phases, strict=True)
            )

        xs = np.linspace(0, self.width, 97) if swell else (0.0, self.width)
        outline = [(x, line(x)) for x in xs]
        path = polygon((0, self.height + 1), *outline, (self.width, self.height + 1))
        colours = [argb(tint(top, self.light)), argb(tint(bottom, self.light))]
        shader = skia.GradientShader.MakeLinear([(0, y - scale), (0, self.height)], colours)
        self.canvas.drawPath(path, skia.Paint(AntiAlias=True, Shader=shader))
        return line

    def scatter(self, spacing: float, draw: Callable[[Land], None], line: Line,
                scale: tuple[float, float] = (0.85, 1.15), drop: float = 0.0) -> None:  # fmt: skip
        """Draw a prop about every `spacing` units, up to `drop` units below a line, near last."""
        count = max(2, round(self.width / (spacing * self.unit)))
        steps = (np.arange(count) + self.rng.uniform(-0.3, 0.3, count)) / count
        drops = np.sort(self.rng.uniform(0, drop, count))
        for x, below in zip(self.rng.permutation(steps % 1) * self.width, drops, strict=True):
            size = self.unit * self.rng.uniform(*scale)
            seed = int(self.rng.integers(2**31))
            # Twice across the seam, from the same seed, so that the layer repeats without a cut.
            for copy in (x, x - self.width, x + self.width):
                if -size < copy < self.width + size:
                    self.canvas.save()
                    self.canvas.translate(float(copy), float(line(x) + below * self.unit))
                    self.canvas.scale(size, size)
                    draw(Prop(**{**vars(self), "rng": np.random.default_rng(seed)}))
                    self.canvas.restore()


class Prop(Land):
    """A background layer from one prop's view: its foot is the origin, its size about 1."""

    def pick(self, *colours: Colour) -> Colour:
        """Choose a colour at random."""
        return colours[int(self.rng.integers(len(colours)))]


def _conifer(dark: Colour, pale: Colour) -> Callable[[Prop], None]:
    def draw(prop: Prop) -> None:
        prop.paint(box(-0.02, -0.08, 0.02, 0.02), (92, 64, 46))
        for top, bottom, half in (
            (-0.24, -0.04, 0.12),
            (-0.34, -0.15, 0.095),
            (-0.42, -0.26, 0.07),
        ):
            prop.paint(polygon((0, top), (half, bottom), (-half, bottom)), dark)
            prop.paint(polygon((0, top), (0, bottom), (-half, bottom)), pale)

    return draw


def _tree(prop: Prop) -> None:
    leaf = prop.pick((70, 150, 62), (92, 168, 66), (58, 136, 74))
    prop.paint(box(-0.018, -0.14, 0.018, 0.02), (120, 82, 54))
    prop.paint(oval(0, -0.2, 0.1, 0.11), leaf)
    prop.paint(oval(-0.025, -0.23, 0.06, 0.06), mix(leaf, (255, 255, 210), 0.2))


def _bush(prop: Prop) -> None:
    leaf = prop.pick((52, 128, 60), (70, 146, 66))
    for x, radius in ((-0.06, 0.06), (0.06, 0.055), (0, 0.08)):
        prop.paint(disc(x, -0.04, radius), leaf)


_PETALS = ((255, 236, 90), (255, 250, 246), (240, 96, 130), (176, 120, 230))


def _flower(prop: Prop) -> None:
    prop.draw_line(polygon((0, 0), (0, -0.05)), (60, 140, 50), 0.012)
    petal = prop.pick(*_PETALS)
    prop.paint(disc(0, -0.06, 0.026), petal)
    prop.paint(disc(0, -0.06, 0.011), mix(petal, (180, 90, 0), 0.5))


def _flower_bed(prop: Prop) -> None:
    petal = prop.pick(
        (236, 66, 96), (255, 210, 60), (186, 100, 226), (255, 140, 190), (255, 130, 50)
    )
    prop.paint(oval(0, -0.02, 0.19, 0.1), (44, 122, 58))
    for x, y in ((-0.12, -0.05), (-0.04, -0.1), (0.06, -0.1), (0.13, -0.04), (0.01, -0.02)):
        prop.paint(disc(x, y, 0.04), petal)
        prop.paint(disc(x, y, 0.016), (255, 244, 190))


def _palm(prop: Prop) -> None:
    prop.draw_line(curve((0, 0.02), (0.01, -0.25), (0.09, -0.42)), (150, 104, 62), 0.035)
    for x, y in ((-0.18, -0.36), (-0.1, -0.54), (0.12, -0.58), (0.29, -0.5), (0.3, -0.33)):
        leaf = blob((0.09, -0.42), ((x + 0.09) / 2, y / 2 - 0.29), (x, y), (x, y),
                    ((x + 0.09) / 2, y / 2 - 0.19))  # fmt: skip
        prop.paint(leaf, prop.pick((40, 146, 76), (60, 164, 78)))


def _cactus(prop: Prop) -> None:
    green = (58, 138, 84)
    prop.draw_line(polygon((0, 0), (0, -0.26)), green, 0.07)
    prop.draw_line(curve((0, -0.1), (0.1, -0.1), (0.1, -0.2)), green, 0.045)
    prop.draw_line(curve((0, -0.14), (-0.09, -0.14), (-0.09, -0.22)), green, 0.045)
    prop.draw_line(
        polygon((-0.012, -0.02), (-0.012, -0.26)), mix(green, (255, 255, 255), 0.2), 0.014
    )


def _rock(prop: Prop) -> None:
    grey = prop.pick((128, 126, 132), (146, 142, 142))
    prop.paint(polygon((-0.1, 0.02), (-0.07, -0.06), (0, -0.09), (0.08, -0.04), (0.11, 0.02)), grey)
    prop.paint(polygon((-0.1, 0.02), (-0.07, -0.06), (0, -0.09), (-0.02, 0.02)),
               mix(grey, (255, 255, 255), 0.25))  # fmt: skip


def _peak(prop: Prop) -> None:
    half, rock = float(prop.rng.uniform(0.3, 0.4)), (112, 126, 156)
    prop.paint(polygon((-half, 0.3), (0, -0.44), (half, 0.3)), mix(rock, (255, 255, 255), 0.16))
    prop.paint(
        polygon((0, -0.44), (half, 0.3), (-0.04, 0.3), (0.04, -0.1)), mix(rock, (0, 0, 0), 0.12)
    )
    slope = half / 0.74
    prop.paint(polygon((0, -0.44), (0.2 * slope, -0.24), (0.1 * slope, -0.27), (0.02, -0.2),
                       (-0.1 * slope, -0.26), (-0.2 * slope, -0.24)), (250, 252, 255))  # fmt: skip


def _distant_block(prop: Prop) -> None:
    half, top = float(prop.rng.uniform(0.06, 0.1)), float(prop.rng.uniform(-0.5, -0.3))
    prop.paint(box(-half, top, half, 0.1), (140, 160, 192))


def _block(prop: Prop) -> None:
    half, floors = float(prop.rng.uniform(0.085, 0.115)), int(prop.rng.integers(3, 6))
    wall = prop.pick((198, 118, 96), (222, 186, 138), (126, 144, 172), (168, 136, 160))
    top = -0.085 * floors - 0.06
    prop.paint(box(-half, top, half, 0.05), wall)
    prop.paint(box(half * 0.72, top, half, 0.05), mix(wall, (0, 0, 0), 0.2))
    for floor in range(floors):
        for x in (-0.68, -0.02):
            y = top + 0.03 + 0.085 * floor
            window = box(x * half, y, x * half + 0.045, y + 0.05)
            if prop.is_night:
                fill(
                    prop.canvas,
                    window,
                    (255, 214, 110) if prop.rng.random() < 0.7 else (50, 60, 100),
                )
            else:
                prop.paint(window, (226, 240, 250))


def _window(prop: Prop, path: skia.Path) -> None:
    if prop.is_night:
        fill(prop.canvas, path, (255, 214, 110))
    else:
        prop.paint(path, (120, 160, 196))


def _house(prop: Prop) -> None:
    wall = prop.pick((250, 238, 214), (244, 222, 186), (250, 246, 240))
    prop.paint(box(-0.12, -0.16, 0.12, 0.03), wall)
    prop.paint(polygon((-0.16, -0.15), (-0.08, -0.29), (0.08, -0.29), (0.16, -0.15)), (206, 66, 52))
    _window(prop, box(-0.085, -0.12, -0.035, -0.06))
    _window(prop, box(0.035, -0.12, 0.085, -0.06))
    prop.paint(box(-0.02, -0.09, 0.02, 0.03), (126, 80, 54))


def _church(prop: Prop) -> None:
    prop.paint(box(-0.02, -0.17, 0.22, 0.03), (250, 244, 232))
    prop.paint(polygon((-0.02, -0.17), (0.03, -0.27), (0.18, -0.27), (0.25, -0.17)), (206, 66, 52))
    prop.paint(box(-0.1, -0.32, 0.02, 0.03), (255, 250, 240))
    prop.paint(polygon((-0.13, -0.31), (-0.04, -0.54), (0.05, -0.31)), (74, 98, 132))
    _window(prop, disc(-0.04, -0.24, 0.028))
    _window(prop, box(0.08, -0.12, 0.13, -0.03, 0.02))


def _picket(prop: Prop) -> None:
    prop.paint(box(-0.06, -0.1, 0.06, -0.075), (255, 255, 255))
    prop.paint(
        polygon((-0.025, 0), (-0.025, -0.13), (0, -0.16), (0.025, -0.13), (0.025, 0)),
        (255, 255, 255),
    )


def _hedge(prop: Prop) -> None:
    prop.paint(box(-0.17, -0.24, 0.17, 0.06, 0.07), (46, 116, 58))
    prop.paint(box(-0.14, -0.24, 0.12, -0.16, 0.04), (66, 142, 66))


def _reed(prop: Prop) -> None:
    for x in (-0.03, 0.0, 0.03):
        prop.draw_line(curve((x, 0.02), (x, -0.06), (2 * x, -0.13)), (84, 140, 60), 0.016)


def _ripple(prop: Prop) -> None:
    prop.draw_line(polygon((-0.09, 0), (0.09, 0)), (190, 226, 250), 0.012)


def _drift(prop: Prop) -> None:
    prop.paint(oval(0, 0.02, 0.2, 0.05), (250, 253, 255))


def _dash(prop: Prop) -> None:
    prop.paint(box(-0.1, -0.014, 0.1, 0.014), (240, 232, 190))


_FIR, _FIR_PALE = _conifer((26, 84, 54), (40, 106, 64)), _conifer((118, 156, 166), (196, 218, 226))
_EXACT = (1.0, 1.0)


def _meadow_far(land: Land) -> None:
    land.hills(land.horizon - 0.1 * land.unit, 0.1, (150, 204, 130), (110, 184, 90))


def _meadow_mid(land: Land) -> None:
    line = land.hills(land.horizon, 0.07, (148, 214, 92), (104, 184, 70))
    land.scatter(0.6, _tree, line, drop=0.04)


def _meadow_near(land: Land) -> None:
    line = land.hills(land.depth(0.28), 0.05, (136, 210, 74), (84, 170, 52))
    land.scatter(0.22, _flower, line, drop=0.3)


def _forest_far(land: Land) -> None:
    line = land.hills(land.horizon - 0.04 * land.unit, 0.04, (60, 120, 92), (60, 120, 80))
    land.scatter(0.13, _conifer((58, 116, 96), (74, 134, 106)), line, (0.9, 1.2))


def _forest_mid(land: Land) -> None:
    line = land.hills(land.depth(0.1), 0.03, (58, 122, 62), (60, 130, 60))
    land.scatter(0.26, _FIR, line, (0.95, 1.35), drop=0.04)


def _forest_near(land: Land) -> None:
    line = land.hills(land.depth(0.3), 0.03, (74, 142, 62), (42, 100, 48))
    land.scatter(0.5, _bush, line)


def _beach_far(land: Land) -> None:
    land.flat(land.horizon, (20, 112, 206), (70, 190, 226))
    land.paint(
        oval(0.4 * land.width, land.horizon, 0.22 * land.unit, 0.03 * land.unit), (70, 150, 120)
    )
    land.flat(land.horizon, (20, 112, 206), (70, 200, 230))


def _beach_mid(land: Land) -> None:
    land.scatter(0.35, _ripple, lambda _: land.depth(0.1), drop=0.08)


def _beach_near(land: Land) -> None:
    shore = land.depth(0.46)
    state = land.rng.bit_generator.state
    land.hills(shore - 0.025 * land.unit, 0.025, (240, 252, 255), (240, 252, 255))
    land.rng.bit_generator.state = state
    line = land.hills(shore, 0.025, (250, 226, 140), (236, 192, 96))
    land.scatter(1.1, _palm, line, drop=0.04)


def _desert_far(land: Land) -> None:
    land.hills(land.horizon - 0.06 * land.unit, 0.14, (244, 178, 96), (236, 150, 70))


def _desert_mid(land: Land) -> None:
    line = land.hills(land.depth(0.08), 0.1, (238, 152, 66), (222, 126, 50))
    land.scatter(0.75, _cactus, line, (0.7, 0.95), drop=0.03)


def _desert_near(land: Land) -> None:
    line = land.hills(land.depth(0.32), 0.05, (250, 176, 84), (222, 130, 54))
    land.scatter(1.1, _cactus, line, (1.1, 1.4))


def _mountains_far(land: Land) -> None:
    land.scatter(0.36, _peak, lambda _: land.horizon - 0.02 * land.unit, (0.8, 1.2))


def _mountains_mid(land: Land) -> None:
    land.hills(land.depth(0.05), 0.09, (112, 130, 140), (100, 116, 122))


def _mountains_near(land: Land) -> None:
    line = land.hills(land.depth(0.3), 0.04, (158, 152, 146), (116, 110, 108))
    land.scatter(0.45, _rock, line, (0.8, 1.5), drop=0.1)


def _city_far(land: Land) -> None:
    land.scatter(0.15, _distant_block, lambda _: land.depth(0.1))
    land.flat(land.depth(0.1), (140, 160, 192), (140, 160, 192))


def _city_mid(land: Land) -> None:
    land.scatter(0.27, _block, lambda _: land.depth(0.18), _EXACT)
    land.flat(land.depth(0.2), (150, 150, 156), (150, 150, 156))


def _city_near(land: Land) -> None:
    land.flat(land.depth(0.24), (202, 200, 196), (202, 200, 196))
    land.flat(land.depth(0.4), (112, 114, 124), (84, 86, 98))
    land.scatter(0.5, _dash, lambda _: land.depth(0.85), _EXACT)


def _village_far(land: Land) -> None:
    land.hills(land.horizon - 0.09 * land.unit, 0.09, (140, 192, 140), (110, 176, 100))


def _village_mid(land: Land) -> None:
    line = land.hills(land.depth(0.1), 0.03, (124, 190, 88), (104, 176, 76))
    land.scatter(2.0, _church, line, (1.0, 1.1))
    land.scatter(0.42, _house, line, (0.9, 1.1), drop=0.05)


def _village_near(land: Land) -> None:
    line = land.hills(land.depth(0.34), 0.03, (116, 188, 74), (78, 150, 56))
    land.scatter(0.6, _bush, line)


def _lake_far(land: Land) -> None:
    land.hills(land.horizon - 0.12 * land.unit, 0.14, (130, 172, 166), (120, 170, 150))


def _lake_mid(land: Land) -> None:
    line = land.hills(land.horizon - 0.02 * land.unit, 0.03, (88, 164, 80), (70, 140, 70))
    land.scatter(0.3, _tree, line, (0.6, 0.9))
    land.flat(land.depth(0.08), (110, 190, 236), (24, 100, 190))
    land.scatter(0.4, _ripple, lambda _: land.depth(0.2), drop=0.16)


def _lake_near(land: Land) -> None:
    line = land.hills(land.depth(0.82), 0.03, (120, 186, 84), (80, 150, 60))
    land.scatter(0.5, _reed, line)


def _snowfield_far(land: Land) -> None:
    land.hills(land.horizon - 0.1 * land.unit, 0.13, (214, 228, 244), (200, 218, 240))


def _snowfield_mid(land: Land) -> None:
    line = land.hills(land.depth(0.04), 0.07, (234, 242, 252), (214, 228, 246))
    land.scatter(0.4, _FIR_PALE, line, (0.7, 1.0), drop=0.03)


def _snowfield_near(land: Land) -> None:
    line = land.hills(land.depth(0.3), 0.04, (250, 252, 255), (212, 226, 244))
    land.scatter(0.7, _drift, line, drop=0.2)


def _garden_far(land: Land) -> None:
    line = land.hills(land.horizon - 0.02 * land.unit, 0.05, (120, 180, 120), (110, 176, 100))
    land.scatter(0.3, _tree, line, (1.1, 1.5))


def _garden_mid(land: Land) -> None:
    land.scatter(0.3, _hedge, lambda _: land.depth(0.1), _EXACT)
    land.flat(land.depth(0.16), (110, 184, 82), (110, 184, 82))


def _garden_near(land: Land) -> None:
    count = max(4, round(land.width / (0.11 * land.unit)))
    fence = land.depth(0.26)
    for post in range(count):
        land.canvas.save()
        land.canvas.translate((post + 0.5) * land.width / count, fence)
        land.canvas.scale(land.unit, land.unit)
        _picket(land)
        land.canvas.restore()
    land.flat(fence, (140, 206, 90), (92, 172, 64))
    land.scatter(0.46, _flower_bed, lambda _: fence + 0.04 * land.unit, (0.9, 1.1), drop=0.03)


Paint = Callable[[Land], None]
# The far, middle and near layer of each place, painted in this order.
PLACES: dict[str, tuple[Paint, Paint, Paint]] = {
    "meadow": (_meadow_far, _meadow_mid, _meadow_near),
    "forest": (_forest_far, _forest_mid, _forest_near),
    "beach": (_beach_far, _beach_mid, _beach_near),
    "desert": (_desert_far, _desert_mid, _desert_near),
    "mountains": (_mountains_far, _mountains_mid, _mountains_near),
    "city": (_city_far, _city_mid, _city_near),
    "village": (_village_far, _village_mid, _village_near),
    "lake": (_lake_far, _lake_mid, _lake_near),
    "snowfield": (_snowfield_far, _snowfield_mid, _snowfield_near),
    "garden": (_garden_far, _garden_mid, _garden_near),
}

"""Renders the picture-book world: layers, camera, motion and weather of a scene at a time.

`pipeline.mini.lands` says what stands where, `props/` and `subjects/` draw it, `light.py` has the
colours; `grammar.py` owns random scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import skia

from pipeline.mini.camera import PAN_PARALLAX, TILT_PARALLAX
from pipeline.mini.lands import ALIVE, CLOUD_SPEED, SKY, GroundLine, Prop, lay_out
from pipeline.mini.light import (
    PASTEL,
    PASTEL_SHARE,
    SKIES,
    cover_of,
    ground_tones,
    light_on,
    lights_of_sky,
    sky_of,
    veil_of,
)
from pipeline.mini.motion_paths import Figure, Moment, MotionPaths
from pipeline.mini.particles import particles_at
from pipeline.mini.scene import Look, Scene
from pipeline.mini.tables import CAST
from training.actors import Actor, cast_actor, draw_actor, draw_shadow
from training.props import PROPS, colour_of
from training.shapes import Colour, argb, disc, fill, mix, polygon
from training.subjects.palette import Palette, mix_palette

# The lens, as a share of the shorter side: 1 pixel at 288 (training/LOG.md says why).
SOFTNESS = 0.0035
_SMOOTH = skia.SamplingOptions(skia.FilterMode.kLinear)
_NUM_LAYERS = 4


@dataclass(frozen=True)
class _Land:
    """All that decides how a land looks, but what moves in it."""

    place: str
    seed: int
    time: str
    weather: str
    style: str
    season: str | None
    height: int
    width: int
    horizon: float

    @property
    def unit(self) -> int:
        return min(self.height, self.width)


@dataclass(frozen=True)
class _Layer:
    """A painted layer that repeats every two widths, and the props in it that move."""

    image: skia.Image
    top: int  # y of the image's first row
    living: tuple[Prop, ...]
    pan: float
    tilt: float
    drift: float  # pixels a second to the right, by itself


def render(
    scene: Scene, *, height: int, width: int, times: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a scene at the given times in seconds.

    Returns the frames (F, H, W, 3) uint8 RGB and the subject's boxes (F, 4) float32 as (left, top,
    right, bottom) in pixels, not clipped to the frame. Deterministic in its arguments, and a frame
    depends on its own time only.
    """
    paths = MotionPaths(scene, width=width, height=height)
    land = _Land(
        scene.place, scene.seed, scene.time, scene.weather, scene.style, scene.season,
        height, width, paths.horizon,
    )  # fmt: skip
    pixels = np.zeros((height, width, 4), np.uint8)
    canvas = skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType).getCanvas()
    frames = np.empty((len(times), height, width, 3), np.uint8)
    boxes = np.empty((len(times), 4), np.float32)
    for index, time in enumerate(times):
        boxes[index] = _draw_frame(canvas, land, paths, float(time))
        for channel in range(3):  # measured: 7 times as fast as one strided copy
            frames[index, ..., channel] = pixels[..., channel]
    return frames, boxes


def _lens(unit: float, edge: skia.TileMode = skia.TileMode.kDecal) -> skia.Paint:
    """Return a paint that softens what is drawn with it; `unit` is the picture's shorter side."""
    softness = SOFTNESS * unit
    return skia.Paint(ImageFilter=skia.ImageFilters.Blur(softness, softness, edge))


@lru_cache(maxsize=2)
def _paint_layers(land: _Land) -> tuple[_Layer, ...]:
    """Paint sky, far, middle and near land once: layers that repeat every two widths."""
    things = lay_out(
        land.place, land.seed, width=land.width, height=land.height, horizon=land.horizon
    )
    layers = []
    for number in range(_NUM_LAYERS):
        ours = [thing for thing in things if thing.layer == number]
        top = round(0.1 * land.height) if number == SKY else 0
        surface = _surface(2 * land.width, land.height + top)
        canvas = surface.getCanvas()
        canvas.translate(0, top)
        if number == SKY:
            _paint_sky(canvas, land)
        for thing in ours:
            if isinstance(thing, GroundLine):
                _paint_ground(canvas, land, thing)
            elif thing.kind not in ALIVE and not (number == SKY and thing.kind == "cloud"):
                _draw_prop(canvas, land, thing, 0.0)
        image = _finish(surface, land, number)
        props = [thing for thing in ours if isinstance(thing, Prop)]
        living = tuple(p for p in props if p.kind in ALIVE or (number == SKY and p.kind == "cloud"))
        drift = CLOUD_SPEED * land.unit / 288 if number == SKY else 0.0
        layers.append(
            _Layer(image, -top, living, PAN_PARALLAX[number], TILT_PARALLAX[number], drift)
        )
    return tuple(layers)


def _finish(surface: skia.Surface, land: _Land, number: int) -> skia.Image:
    """Lay the air and the style over a layer."""
    canvas = surface.getCanvas()
    colour, shares = veil_of(land.place, land.time, land.weather)
    if number and (share := shares[number - 1]):
        canvas.drawColor(argb(colour, share), skia.BlendMode.kSrcATop)
    if land.style == "pastel":
        canvas.drawColor(argb(PASTEL, PASTEL_SHARE), skia.BlendMode.kSrcATop)
    effects = [_lens(land.unit, skia.TileMode.kClamp)]
    if land.style == "papercut" and number:
        blur = 0.012 * land.unit
        shadow = skia.ImageFilters.DropShadow(0, -blur, blur, blur, argb((10, 16, 40), 0.45))
        effects.append(skia.Paint(ImageFilter=shadow))
    image = surface.makeImageSnapshot()
    for effect in effects:
        again = _surface(image.width(), image.height())
        again.getCanvas().drawImage(image, 0, 0, _SMOOTH, effect)
        image = again.makeImageSnapshot()
    return image


def _surface(width: int, height: int) -> skia.Surface:
    info = skia.ImageInfo.Make(width, height, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
    return skia.Surface.MakeRaster(info)


def _paint_sky(canvas: skia.Canvas, land: _Land) -> None:
    """Paint the sky with its sun or moon and stars."""
    veil, _ = veil_of(land.place, land.time, land.weather)
    cover = cover_of(land.place, land.weather)
    colours = [argb(mix(colour, veil, cover)) for colour in sky_of(land.place, land.time)]
    shader = skia.GradientShader.MakeLinear([(0, 0), (0, land.horizon)], colours, [0, 0.55, 1])
    canvas.drawPaint(skia.Paint(Shader=shader))
    size = land.height, land.width
    spots = lights_of_sky(land.place, land.time, land.weather, land.seed, size, land.horizon)
    for spot in spots:
        fill(canvas, disc(spot.x, spot.y, spot.radius), spot.colour, spot.cover)


def _paint_ground(canvas: skia.Canvas, land: _Land, ground: GroundLine) -> None:
    """Fill what is below a ground's line, a gradient from its crest down."""
    tones = ground_tones(land.place, ground.index, land.season, land.time)
    xs = np.linspace(0, 2 * land.width, 129)
    outline = list(zip(xs.tolist(), ground.at(xs).tolist(), strict=True))
    low = land.height + 1
    path = polygon((0, low), *outline, (2 * land.width, low))
    top = max(0.0, ground.y - ground.scale)
    shader = skia.GradientShader.MakeLinear([(0, top), (0, land.height)], [argb(c) for c in tones])
    canvas.drawPath(path, skia.Paint(AntiAlias=True, Shader=shader))


@lru_cache(maxsize=512)
def prop_palette(kind: str, colour: str, time: str, style: str, season: str | None) -> Palette:
    """Mix a prop's palette."""
    lamp: Colour = light_on(PROPS[kind].light, time)
    return mix_palette(
        colour_of(kind, colour), lamp, style=style, sky=SKIES[time].middle, season=season,
        is_flat=True,
    )  # fmt: skip


def _draw_prop(
    canvas: skia.Canvas, land: _Land, prop: Prop, time: float, shift: float = 0.0
) -> None:
    """Draw a prop, twice across the seam where a layer repeats."""
    palette = prop_palette(prop.kind, prop.colour, land.time, land.style, land.season)
    span = 2 * land.width
    x = (prop.x + shift) % span
    reach = 4 * prop.height
    for copy in (x - span, x, x + span):
        if -reach < copy < span + reach:
            canvas.save()
            canvas.translate(copy, prop.y)
            canvas.scale(-prop.height if prop.is_flipped else prop.height, prop.height)
            PROPS[prop.kind].draw(canvas, palette, time)
            canvas.restore()


def _draw_frame(
    canvas: skia.Canvas, land: _Land, paths: MotionPaths, time: float
) -> tuple[float, float, float, float]:
    """Draw one frame and return the subject's box after the camera, empty if there is none."""
    moment = paths.at(time)
    pivot_x, pivot_y = moment.pivot
    canvas.save()
    canvas.translate(pivot_x, pivot_y)
    canvas.scale(moment.zoom, moment.zoom)
    canvas.translate(-pivot_x, -pivot_y)
    for number, layer in enumerate(_paint_layers(land)):
        _draw_layer(canvas, land, layer, number, moment, time)
    canvas.restore()
    _draw_particles(canvas, paths, time, is_behind=True)
    figures = paths.figures(time)
    for figure in reversed(figures):
        _draw_figure(canvas, land, figure, time)
    _draw_particles(canvas, paths, time, is_behind=False)
    return _box_of(paths.scene, figures)


def _draw_layer(
    canvas: skia.Canvas, land: _Land, layer: _Layer, number: int, moment: Moment, time: float
) -> None:
    """Draw a layer moved by whole pixels, then what lives in it."""
    right, down = round(layer.pan * moment.pan), round(layer.tilt * moment.tilt)
    span = layer.image.width()
    left = right % span
    for x in (left - span, left):
        if -span < x < land.width:
            canvas.drawImage(layer.image, x, layer.top + down)
    if not layer.living:
        return
    canvas.saveLayer(None, _lens(land.unit))
    canvas.translate(0, down)
    for prop in layer.living:
        _draw_prop(canvas, land, prop, time, right + layer.drift * time)
    _veil_living(canvas, land, number)
    canvas.restore()


def _veil_living(canvas: skia.Canvas, land: _Land, number: int) -> None:
    colour, shares = veil_of(land.place, land.time, land.weather)
    share = shares[number - 1] if number else 0.3 * shares[0]
    if share:
        canvas.drawColor(argb(colour, share), skia.BlendMode.kSrcATop)
    if land.style == "pastel":
        canvas.drawColor(argb(PASTEL, PASTEL_SHARE), skia.BlendMode.kSrcATop)


def _draw_figure(canvas: skia.Canvas, land: _Land, figure: Figure, time: float) -> None:
    """Draw a character and its shadow."""
    canvas.saveLayer(None, _lens(land.unit))
    if figure.shadow:
        draw_shadow(canvas, figure.shadow)
    canvas.translate(figure.x, figure.y + figure.height / 2)
    actor, now = _cast(figure.look, land.place), time + figure.delay
    draw_actor(canvas, actor, figure.height, now, is_flipped=figure.is_flipped)
    canvas.restore()


@lru_cache(maxsize=64)
def _cast(look: Look, place: str) -> Actor:
    return cast_actor(look, place)


def _draw_particles(
    canvas: skia.Canvas, paths: MotionPaths, time: float, *, is_behind: bool
) -> None:
    """Draw rain, snow, bubbles or leaves."""
    for some in particles_at(paths.scene, paths.width, paths.height, time, is_behind=is_behind):
        paint = skia.Paint(AntiAlias=True, StrokeCap=skia.Paint.kRound_Cap)
        paint.setStrokeWidth(some.width)
        paint.setColor(argb(some.colour, some.cover))
        both = np.stack([some.starts, some.ends], 1).reshape(-1, 2)
        points = [skia.Point(*point) for point in both.tolist()]
        canvas.drawPoints(skia.Canvas.kLines_PointMode, points, paint)


def _box_of(scene: Scene, figures: list[Figure]) -> tuple[float, float, float, float]:
    """Return the box of the subject."""
    for figure in figures:
        if figure.look.subject == scene.subject:
            half, tall = CAST[figure.look.subject][0] * figure.height / 2, figure.height / 2
            return figure.x - half, figure.y - tall, figure.x + half, figure.y + tall
    return (0.0, 0.0, 0.0, 0.0)

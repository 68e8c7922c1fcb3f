"""Renders the picture-book world: layers, camera, motion and weather of a scene at a time.

`places.py` draws the background, `subjects.py` the characters; `grammar.py` owns random scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import pi

import numpy as np
import skia

from pipeline.mini.camera import MAX_ZOOM, PAN_PARALLAX, TILT_PARALLAX
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.scene import CAST, PERIOD_SECONDS, Scene
from pipeline.mini.shadows import cast_shadow
from training.actors import VEILS, Actor, cast_actors, draw_actor, draw_shadow, veil_colour
from training.places import PLACES, SKIES, Land, Sky
from training.shapes import Colour, argb, box, disc, fill, mix

# The lens, as a share of the shorter side: 1 pixel at 288 (training/LOG.md says why).
SOFTNESS = 0.0035
# The pastel style pales all but the subject.
PASTEL_SHARE = 0.42
_PASTEL = (255, 250, 244)
_SMOOTH = skia.SamplingOptions(skia.FilterMode.kLinear)


@dataclass(frozen=True)
class _Layer:
    """Images one below the other, each with the y of its top; the layer's share of pan and tilt."""

    pieces: tuple[tuple[skia.Image, int], ...]
    pan: float
    tilt: float


@dataclass(frozen=True)
class _Scenery:
    """Everything that decides sky and background; painted once for all scenes that share it."""

    place: str
    view: int
    time: str
    weather: str
    style: str
    camera: str  # the first word of its name
    height: int
    width: int
    horizon: float


@dataclass(frozen=True)
class _Stage:
    """All that is drawn from a scene once, and where it is at a time."""

    staging: MotionPaths
    layers: tuple[_Layer, ...]
    actors: tuple[Actor | None, Actor | None]
    flakes: np.ndarray
    lens: skia.Paint


def render(
    scene: Scene, *, height: int, width: int, times: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a scene at the given times in seconds.

    Returns the frames (F, H, W, 3) uint8 RGB and the subject's boxes (F, 4) float32 as (left, top,
    right, bottom) in pixels, not clipped to the frame. Deterministic in its arguments, and a frame
    depends on its own time only.
    """
    stage = _set_stage(scene, height, width)
    pixels = np.zeros((height, width, 4), np.uint8)
    canvas = skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType).getCanvas()
    frames = np.empty((len(times), height, width, 3), np.uint8)
    boxes = np.empty((len(times), 4), np.float32)
    for index, time in enumerate(times):
        boxes[index] = _draw_frame(canvas, scene, stage, float(time))
        for channel in range(3):  # measured: 7 times as fast as one strided copy
            frames[index, ..., channel] = pixels[..., channel]
    return frames, boxes


def _set_stage(scene: Scene, height: int, width: int) -> _Stage:
    staging = MotionPaths(scene, width=width, height=height)
    scenery = _Scenery(
        scene.place, staging.view, scene.time, scene.weather, scene.style,
        scene.camera.split()[0], height, width, staging.horizon,
    )  # fmt: skip
    rng = np.random.default_rng((staging.view, 2))
    return _Stage(
        staging=staging,
        layers=_paint_layers(scenery),
        actors=cast_actors(scene),
        flakes=rng.uniform(size=(40, 3)),
        lens=_lens(min(height, width)),
    )


def _lens(unit: float, edge: skia.TileMode = skia.TileMode.kDecal) -> skia.Paint:
    """Return a paint that softens what is drawn with it; `unit` is the picture's shorter side."""
    softness = SOFTNESS * unit
    return skia.Paint(ImageFilter=skia.ImageFilters.Blur(softness, softness, edge))


def _redraw(image: skia.Image, paint: skia.Paint) -> skia.Image:
    """Draw an image once more with an effect."""
    surface = _surface(image.width(), image.height(), 1.0, image.alphaType())
    surface.getCanvas().drawImage(image, 0, 0, _SMOOTH, paint)
    return surface.makeImageSnapshot()


@lru_cache(maxsize=2)
def _paint_layers(scene: _Scenery) -> tuple[_Layer, ...]:
    """Paint sky and background once: layers that repeat every two widths, or flat if none moves."""
    height, width, horizon = scene.height, scene.width, scene.horizon
    rng = np.random.default_rng((list(PLACES).index(scene.place), scene.view, 1))
    sky, veil = SKIES[scene.time], veil_colour(scene.time, scene.weather)
    pale = PASTEL_SHARE if scene.style == "pastel" else 0.0
    is_moving = scene.camera in ("pan", "tilt", "follow")
    detail = MAX_ZOOM if scene.camera == "zoom" else 1.0
    span = 2 * width if scene.camera in ("pan", "follow") else width
    top = round(0.1 * height) if is_moving else 0
    surface = _surface(span, height + top, detail, skia.kOpaque_AlphaType)
    surface.getCanvas().translate(0, top)
    _paint_sky(surface.getCanvas(), scene, sky, (width, height), horizon, rng)
    if pale:
        surface.getCanvas().drawColor(argb(_PASTEL, pale), skia.BlendMode.kSrcATop)
    effects = [_lens(min(height, width) * detail, skia.TileMode.kClamp)]
    if scene.style == "papercut":
        blur = 0.012 * min(height, width) * detail
        shadow = skia.ImageFilters.DropShadow(0, -blur, blur, blur, argb((10, 16, 40), 0.45))
        effects.append(skia.Paint(ImageFilter=shadow))
    skyscape = _redraw(surface.makeImageSnapshot(), effects[0])
    layers = [_Layer(((skyscape, -top),), PAN_PARALLAX[0], TILT_PARALLAX[0])]
    flat = surface.getCanvas()
    flat.resetMatrix()
    flat.drawImage(skyscape, 0, 0)
    for index, paint in enumerate(PLACES[scene.place]):
        painting = _surface(span, height, detail)
        land = Land(
            canvas=painting.getCanvas(), width=2 * width, height=height, unit=min(height, width),
            horizon=horizon, light=sky.light, is_night=scene.time == "night",
            rng=np.random.default_rng(rng.integers(2**31)),
        )  # fmt: skip
        paint(land)
        if share := VEILS[scene.weather][index]:
            land.canvas.drawColor(argb(veil, share), skia.BlendMode.kSrcATop)
        if pale:
            land.canvas.drawColor(argb(_PASTEL, pale), skia.BlendMode.kSrcATop)
        image = painting.makeImageSnapshot()
        for effect in effects:
            image = _redraw(image, effect)
        if is_moving:
            pieces = _split_layer(image)
            layers.append(_Layer(pieces, PAN_PARALLAX[index + 1], TILT_PARALLAX[index + 1]))
        else:
            flat.drawImage(image, 0, 0)
    if is_moving:
        return tuple(layers)
    return (_Layer(((surface.makeImageSnapshot(), 0),), 0.0, 0.0),)


def _split_layer(image: skia.Image) -> tuple[tuple[skia.Image, int], ...]:
    """Cut a layer into its band of crests and the solid ground below, 15 times faster to draw."""
    alpha = image.toarray(colorType=skia.kRGBA_8888_ColorType)[..., 3]
    height, width = alpha.shape
    first = int(np.argmax(alpha.any(axis=1)))
    open_rows = np.flatnonzero((alpha < 255).any(axis=1))
    solid = int(open_rows[-1]) + 1 if len(open_rows) else 0
    pieces = []
    if first < solid:
        pieces.append((_cut(image, width, first, solid, skia.kPremul_AlphaType), first))
    if solid < height:
        pieces.append((_cut(image, width, solid, height, skia.kOpaque_AlphaType), solid))
    return tuple(pieces)


def _cut(image: skia.Image, width: int, top: int, bottom: int, alpha: skia.AlphaType) -> skia.Image:
    surface = _surface(width, bottom - top, 1.0, alpha)
    surface.getCanvas().drawImage(image, 0, -top)
    return surface.makeImageSnapshot()


def _surface(
    width: float, height: float, detail: float, alpha: skia.AlphaType = skia.kPremul_AlphaType
) -> skia.Surface:
    info = skia.ImageInfo.Make(
        round(width * detail), round(height * detail), skia.kRGBA_8888_ColorType, alpha
    )
    surface = skia.Surface.MakeRaster(info)
    surface.getCanvas().scale(info.width() / width, info.height() / height)
    return surface


def _paint_sky(
    canvas: skia.Canvas, scene: _Scenery, sky: Sky, frame: tuple[int, int], horizon: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    width, height = frame
    unit = min(frame)
    cover = {"clear": 0.0, "rain": 0.72, "snow": 0.5, "fog": 0.75}[scene.weather]
    veil = veil_colour(scene.time, scene.weather)
    colours = [argb(mix(colour, veil, cover)) for colour in (sky.top, sky.middle, sky.horizon)]
    shader = skia.GradientShader.MakeLinear([(0, 0), (0, horizon)], colours, [0, 0.55, 1])
    canvas.drawPaint(skia.Paint(Shader=shader))
    x, y = width * (sky.sun_x + rng.uniform(-0.07, 0.07)), horizon * (sky.sun_y / 0.62)
    y += rng.uniform(-0.02, 0.02) * height
    radius, strength = sky.sun_radius * unit, 1 - cover
    if scene.time == "night" and scene.weather != "fog":
        for star_x, star_y, size in rng.uniform(size=(26, 3)):
            star = disc(star_x * 2 * width, star_y * 0.5 * height, (0.005 + 0.006 * size) * unit)
            fill(canvas, star, (255, 250, 220), strength)
    for ring, alpha in ((2.6, 0.12), (1.8, 0.18), (1.0, 1.0)):
        fill(canvas, disc(x, y, ring * radius), sky.sun, alpha * strength)
    if scene.time == "night":
        moon = mix(sky.sun, sky.horizon, 0.25)
        fill(canvas, disc(x - 0.3 * radius, y - 0.15 * radius, 0.22 * radius), moon, strength)
        fill(canvas, disc(x + 0.3 * radius, y + 0.3 * radius, 0.16 * radius), moon, strength)
    else:
        white = mix((255, 255, 255), sky.horizon, 0.1 if scene.time == "day" else 0.45)
        behind = mix(mix(sky.top, sky.middle, 0.3), veil, cover)
        _paint_clouds(canvas, mix(white, behind, 0.1 + 0.5 * cover), frame, rng, x)


def _paint_clouds(
    canvas: skia.Canvas, colour: Colour, frame: tuple[int, int], rng: np.random.Generator,
    sun_x: float,
) -> None:  # fmt: skip
    width, height = frame
    unit = min(frame)
    for slot in range(4):
        x = (slot / 2 + rng.uniform(0.08, 0.34)) * width
        if abs(x - sun_x) < 0.2 * width:  # keep the sun in sight
            x = sun_x + (0.24 if slot else -0.24) * width
        y, size = height * rng.uniform(0.1, 0.26), unit * rng.uniform(0.1, 0.15)
        for dx, dy, radius in (
            (-0.8, 0.0, 0.42),
            (-0.2, -0.22, 0.6),
            (0.45, -0.08, 0.5),
            (0.9, 0.05, 0.36),
        ):
            fill(canvas, disc(x + dx * size, y + dy * size, radius * size), colour)
        fill(canvas, box(x - 1.2 * size, y, x + 1.25 * size, y + 0.42 * size, 0.21 * size), colour)


def _draw_frame(
    canvas: skia.Canvas, scene: Scene, stage: _Stage, time: float
) -> tuple[float, float, float, float]:
    """Draw one frame and return the subject's box after the camera, empty if there is none."""
    moment = stage.staging.at(time)
    pivot_x, pivot_y = moment.pivot
    canvas.save()
    canvas.translate(pivot_x, pivot_y)
    canvas.scale(moment.zoom, moment.zoom)
    canvas.translate(-pivot_x, -pivot_y)
    for layer in stage.layers:
        _draw_layer(canvas, stage, layer, layer.pan * moment.pan, layer.tilt * moment.tilt)
    # The subject last: it is in front.
    for actor, place in reversed(
        list(zip(stage.actors, (moment.subject, moment.companion), strict=True))
    ):
        if actor is None:
            continue
        reach = place.height * (actor.width / 2 + 0.4)
        low = max(place.y, moment.ground) + 0.4 * place.height
        bounds = skia.Rect(place.x - reach, place.y - 1.6 * place.height, place.x + reach, low)
        canvas.saveLayer(bounds, stage.lens)
        width = actor.width * place.height
        shadow = cast_shadow((place.x, place.y), width, moment.ground, stage.staging.height)
        if shadow:
            draw_shadow(canvas, shadow)
        draw_actor(canvas, actor, place, time, is_flipped=moment.is_flipped)
        canvas.restore()
    canvas.restore()
    if scene.weather in ("rain", "snow"):
        _draw_weather(canvas, scene, stage, time)
    if moment.subject is None:
        return (0.0, 0.0, 0.0, 0.0)
    x, y, size = moment.subject.x, moment.subject.y, moment.subject.height
    half = CAST[scene.subject][0] * size / 2
    corners, pivots = (x - half, y - size, x + half, y), (pivot_x, pivot_y) * 2
    return tuple(p + moment.zoom * (c - p) for c, p in zip(corners, pivots, strict=True))


def _draw_layer(
    canvas: skia.Canvas, stage: _Stage, layer: _Layer, right: float, down: float
) -> None:
    """Draw a layer moved by whole pixels: a fraction costs skia 4 ms a frame, none 0.1 ms."""
    if not layer.tilt:
        image = layer.pieces[0][0]
        canvas.drawImageRect(
            image, skia.Rect(0, 0, stage.staging.width, stage.staging.height), _SMOOTH
        )
        return
    for image, top in layer.pieces:
        left = round(right) % image.width()
        for x in (left - image.width(), left):
            if -image.width() < x < stage.staging.width:
                canvas.drawImage(image, x, top + round(down))


def _draw_weather(canvas: skia.Canvas, scene: Scene, stage: _Stage, time: float) -> None:
    """Let rain or snow fall through the frame, wrapping just outside of it."""
    unit = min(stage.staging.width, stage.staging.height)
    x, y, z = stage.flakes.T
    is_rain = scene.weather == "rain"
    # Whole falls in a period, so that the weather repeats; some flakes fall faster than others.
    falls = np.where(z < 0.5, 6, 7) if is_rain else np.where(z < 0.5, 1, 2)
    down = y + falls * time / PERIOD_SECONDS
    across = x - time / PERIOD_SECONDS if is_rain else x + 0.02 * np.sin(2 * pi * (0.25 * time + x))
    points = np.stack([(across % 1) * 1.1 - 0.05, (down % 1) * 1.24 - 0.12], 1)
    points *= (stage.staging.width, stage.staging.height)
    paint = skia.Paint(AntiAlias=True, StrokeCap=skia.Paint.kRound_Cap)
    if is_rain:
        paint.setStrokeWidth(0.011 * unit)
        paint.setColor(argb((226, 236, 250), 0.5))
        tails = points + np.array([0.024, -0.1]) * unit
        ends = np.stack([points, tails], 1).reshape(-1, 2)
        canvas.drawPoints(
            skia.Canvas.kLines_PointMode, [skia.Point(*p) for p in ends.tolist()], paint
        )
        return
    paint.setColor(argb((255, 255, 255), 0.95))
    for first, diameter in enumerate((0.022, 0.03, 0.04)):
        paint.setStrokeWidth(diameter * unit)
        some = [skia.Point(*point) for point in points[first::3].tolist()]
        canvas.drawPoints(skia.Canvas.kPoints_PointMode, some, paint)

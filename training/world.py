"""The renderer of the picture-book world: layers, camera, motion, weather of a scene at a time.

`places.py` paints the land, `subjects.py` the subject, `grammar.py` owns the scene's words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
import skia

from training.grammar import Scene
from training.places import PLACES, SKIES, Land, Sky
from training.shapes import Colour, argb, box, disc, fill, mix, oval
from training.subjects import SUBJECTS, Palette, Subject, mix_palette

# Every place is seen from a few sides only, as in a picture book: what a small model has to know.
NUM_VIEWS = 4
SIZES = {"small": 0.22, "medium": 0.36, "large": 0.52}
MAX_WIDTH_SHARE = 0.62
MAX_ZOOM = 1.6
COMPANION_SCALE = 0.8
# The lens, as a share of the shorter side: 0.8 pixels at 288 (training/LOG.md says why).
SOFTNESS = 0.0028
CAMERA_SECONDS = 6.0
CIRCLE_SECONDS = 4.0
CIRCLE_HEIGHT = 0.12
PACE_SECONDS = 5.0
TILT_SHARE = 0.25
# Speed under a pan and a tilt, as a share of the nearest layer: sky, far, middle, near.
PAN_PARALLAX = (0.03, 0.2, 0.5, 1.0)
TILT_PARALLAX = (0.3, 0.8, 0.9, 1.0)
# The veil of air on far, middle and near land and on the subject, by weather.
VEILS = {
    "clear": (0.22, 0.06, 0.0, 0.0),
    "rain": (0.45, 0.25, 0.1, 0.04),
    "snow": (0.45, 0.28, 0.15, 0.04),
    "fog": (0.86, 0.68, 0.34, 0.14),
}
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
class _Actor:
    """Somebody in the scene, and where the feet are from the subject's own, in pixels."""

    subject: Subject
    palette: Palette
    height: float
    offset: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class _Stage:
    """All that a scene leaves open, drawn once from its seed, in pixels and pixels a second."""

    width: int
    height: int
    layers: tuple[_Layer, ...]
    actor: _Actor
    companion: _Actor | None
    veil: tuple[Colour, float]
    start: tuple[float, float]
    ground: float
    speed: float
    pan_speed: float
    flakes: np.ndarray


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
    softness = SOFTNESS * min(height, width)
    lens = skia.Paint(ImageFilter=skia.ImageFilters.Blur(softness, softness, skia.TileMode.kClamp))
    for index, time in enumerate(times):
        canvas.saveLayer(None, lens)
        boxes[index] = _draw_frame(canvas, scene, stage, float(time))
        canvas.restore()
        for channel in range(3):  # measured: 7 times as fast as one strided copy
            frames[index, ..., channel] = pixels[..., channel]
    return frames, boxes


def _set_stage(scene: Scene, height: int, width: int) -> _Stage:
    rng = np.random.default_rng(scene.seed)
    view = np.random.default_rng((list(PLACES).index(scene.place), scene.seed % NUM_VIEWS))
    horizon = height * view.uniform(0.58, 0.66)
    ground = height * view.uniform(0.86, 0.9)
    if scene.place == "lake":
        ground = height * view.uniform(0.93, 0.95)
    actor, companion = _cast(scene, height, width)
    start = _draw_start(scene, (actor, companion), (width, height), ground, horizon, rng)
    travel = width * rng.uniform(0.12, 0.18), height * rng.uniform(0.08, 0.12)
    return _Stage(
        width=width,
        height=height,
        layers=_paint_layers(scene, height, width, horizon, view),
        actor=actor,
        companion=companion,
        veil=(_veil_colour(scene), VEILS[scene.weather][3]),
        start=start,
        ground=start[1] if _floats(scene) else ground,
        speed=travel[1] if scene.motion in ("rise", "fall") else travel[0],
        pan_speed=width * rng.uniform(0.12, 0.18),
        flakes=view.uniform(size=(40, 3)),
    )


def _cast(scene: Scene, height: int, width: int) -> tuple[_Actor, _Actor | None]:
    """Size the subject and place its companion, if it has one, so that both fit."""
    unit, subject = min(height, width), SUBJECTS[scene.subject]
    light = SKIES[scene.time].subject_light
    full_height = SIZES["large"] * unit
    shrink = min(1.0, MAX_WIDTH_SHARE * width / (full_height * subject.width))
    if scene.camera.startswith("zoom"):
        shrink *= 0.8  # the zoom itself enlarges it up to 1.6 times
    palette = mix_palette(scene.colour, light, style=scene.style, emotion=scene.emotion)
    size = SIZES[scene.size] * unit * shrink
    if scene.companion is None:
        return _Actor(subject, palette, size), None
    other = SUBJECTS[scene.companion]
    size *= 0.85
    # Beside each other both have to fit into the frame, one above the other too.
    beside = (subject.width + COMPANION_SCALE * other.width) * size + 0.1 * width
    size *= min(1.0, 0.9 * width / beside)
    small = COMPANION_SCALE * size
    gap = (subject.width * size + other.width * small) / 2 + 0.03 * width
    # The scene's relation says where the subject is, seen from its companion.
    offset = {
        "left of": (gap, 0.0), "right of": (-gap, 0.0),
        "above": (0.0, small + 0.06 * height), "below": (0.0, -size - 0.06 * height),
    }[scene.relation]  # fmt: skip
    palette_too = mix_palette(scene.companion_colour, light, style=scene.style)
    return _Actor(subject, palette, size), _Actor(other, palette_too, small, offset)


def _floats(scene: Scene) -> bool:
    return SUBJECTS[scene.subject].habitat == "water" and scene.place in ("lake", "beach")


def _draw_start(
    scene: Scene, cast: tuple[_Actor, _Actor | None], frame: tuple[int, int], ground: float,
    horizon: float, rng: np.random.Generator,
) -> tuple[float, float]:  # fmt: skip
    """Choose where the subject's feet are at t = 0, everybody inside the frame."""
    width, height = frame
    actor, companion = cast
    size, habitat = actor.height, actor.subject.habitat
    spans = {"right": (0.22, 0.42), "left": (0.58, 0.78)}
    if scene.camera == "follow":
        spans = {}
    x = width * rng.uniform(*spans.get(scene.motion, (0.38, 0.62)))
    centre = rng.uniform(0.4, 0.46) * height
    if scene.motion in ("rise", "fall"):
        centre = height * (
            rng.uniform(0.55, 0.62) if scene.motion == "rise" else rng.uniform(0.3, 0.38)
        )
        y = centre + size / 2
    elif habitat == "air" or scene.motion == "circle":
        y = centre + size / 2
        if scene.motion == "bounce":
            y += 0.08 * height
    elif _floats(scene):
        y = horizon + (0.62 if scene.place == "lake" else 0.38) * (height - horizon)
    else:
        y = ground
    left = right = 0.5 * actor.subject.width * size + 0.02 * width
    above, below = size + 0.03 * height, 0.03 * height
    if scene.motion == "circle":
        above, below = above + CIRCLE_HEIGHT * height, below + CIRCLE_HEIGHT * height
    if companion:
        half, (dx, dy) = 0.5 * companion.subject.width * companion.height, companion.offset
        left, right = max(left, half - dx), max(right, half + dx)
        above, below = max(above, companion.height - dy + 0.02 * height), max(below, dy)
    return (
        float(np.clip(x, left, max(left, width - right))),
        float(np.clip(y, above, max(above, height - below))),
    )


def _veil_colour(scene: Scene) -> Colour:
    sky = SKIES[scene.time]
    if scene.weather == "clear":
        return sky.horizon
    pale = {"rain": (150, 160, 176), "snow": (232, 238, 248), "fog": (232, 234, 238)}[scene.weather]
    if scene.time == "night":
        return mix(tuple(round(0.42 * value) for value in pale), sky.horizon, 0.4)
    return mix(pale, sky.horizon, 0.3)


def _paint_layers(
    scene: Scene, height: int, width: int, horizon: float, rng: np.random.Generator
) -> tuple[_Layer, ...]:
    """Paint sky and land once: as layers that repeat every two widths, or flat if none moves."""
    sky, veil = SKIES[scene.time], _veil_colour(scene)
    pale = PASTEL_SHARE if scene.style == "pastel" else 0.0
    is_moving = scene.camera.startswith(("pan", "tilt", "follow"))
    detail = MAX_ZOOM if scene.camera.startswith("zoom") else 1.0
    span = 2 * width if scene.camera.startswith(("pan", "follow")) else width
    top = round(0.1 * height) if is_moving else 0
    surface = _surface(span, height + top, detail, skia.kOpaque_AlphaType)
    surface.getCanvas().translate(0, top)
    _paint_sky(surface.getCanvas(), scene, sky, (width, height), horizon, rng)
    if pale:
        surface.getCanvas().drawColor(argb(_PASTEL, pale), skia.BlendMode.kSrcATop)
    flat, layers = surface.getCanvas(), []
    cast_shadow = skia.Paint()
    if scene.style == "papercut":
        blur = 0.012 * min(height, width) * detail
        cast_shadow.setImageFilter(
            skia.ImageFilters.DropShadow(0, -blur, blur, blur, argb((10, 16, 40), 0.45))
        )
    if is_moving:
        layers.append(
            _Layer(((surface.makeImageSnapshot(), -top),), PAN_PARALLAX[0], TILT_PARALLAX[0])
        )
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
        if scene.style == "papercut":
            shaded = _surface(span, height, detail)
            shaded.getCanvas().resetMatrix()
            shaded.getCanvas().drawImage(image, 0, 0, _SMOOTH, cast_shadow)
            image = shaded.makeImageSnapshot()
        if is_moving:
            pieces = _split_layer(image)
            layers.append(_Layer(pieces, PAN_PARALLAX[index + 1], TILT_PARALLAX[index + 1]))
        else:
            flat.resetMatrix()
            flat.drawImage(image, 0, 0, skia.SamplingOptions(), None)
    return tuple(layers) or (_Layer(((surface.makeImageSnapshot(), 0),), 0.0, 0.0),)


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
    canvas: skia.Canvas, scene: Scene, sky: Sky, frame: tuple[int, int], horizon: float,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    width, height = frame
    unit = min(frame)
    cover = {"clear": 0.0, "rain": 0.72, "snow": 0.5, "fog": 0.75}[scene.weather]
    veil = _veil_colour(scene)
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
    """Draw one frame and return the subject's box after the camera."""
    x, y = _place_subject(scene, stage, time)
    zoom, pan, tilt = _aim_camera(scene, stage, time)
    if scene.camera == "follow":
        pan, x = stage.start[0] - x, stage.start[0]
    actor = stage.actor
    pivot_x, pivot_y = stage.start[0], stage.start[1] - actor.height / 2
    canvas.save()
    canvas.translate(pivot_x, pivot_y)
    canvas.scale(zoom, zoom)
    canvas.translate(-pivot_x, -pivot_y)
    for layer in stage.layers:
        _draw_layer(canvas, stage, layer, layer.pan * pan, layer.tilt * tilt)
    # A floating boat keeps to its water, all else may stay more in the picture than the land.
    sink = tilt * (0.85 if _floats(scene) else 1 / 3)
    is_flipped = scene.motion == "left"
    if scene.motion == "pace":
        is_flipped = cos(2 * pi * time / PACE_SECONDS) < 0
    for member in (stage.companion, actor):
        if member is None:
            continue
        left, top = x + member.offset[0], y + member.offset[1] + sink
        _draw_shadow(canvas, stage, member, left, top, stage.ground + sink)
        _draw_actor(canvas, stage, member, left, top, time, is_flipped=is_flipped)
    canvas.restore()
    if scene.weather in ("rain", "snow"):
        _draw_weather(canvas, scene, stage, time)
    half = actor.subject.width * actor.height / 2
    corners = (x - half, y + sink - actor.height, x + half, y + sink)
    pivots = (pivot_x, pivot_y) * 2
    return tuple(pivot + zoom * (c - pivot) for c, pivot in zip(corners, pivots, strict=True))


def _aim_camera(scene: Scene, stage: _Stage, time: float) -> tuple[float, float, float]:
    """Return the zoom and how far the nearest layer has moved right and down, in pixels."""
    share = min(time / CAMERA_SECONDS, 1.0)
    eased = share * share * (3 - 2 * share)
    zoom = {"zoom in": MAX_ZOOM**share, "zoom out": MAX_ZOOM ** (1 - share)}.get(scene.camera, 1.0)
    pan = {"pan left": 1, "pan right": -1}.get(scene.camera, 0) * stage.pan_speed * time
    tilt = {"tilt up": eased, "tilt down": 1 - eased}.get(scene.camera, 0.0)
    return zoom, pan, tilt * TILT_SHARE * stage.height


def _draw_layer(
    canvas: skia.Canvas, stage: _Stage, layer: _Layer, right: float, down: float
) -> None:
    """Draw a layer moved by whole pixels: a fraction costs skia 4 ms a frame, none 0.1 ms."""
    if not layer.pan:
        image = layer.pieces[0][0]
        canvas.drawImageRect(image, skia.Rect(0, 0, stage.width, stage.height), _SMOOTH)
        return
    for image, top in layer.pieces:
        left = round(right) % image.width()
        for x in (left - image.width(), left):
            if -image.width() < x < stage.width:
                canvas.drawImage(image, x, top + round(down))


def _place_subject(scene: Scene, stage: _Stage, time: float) -> tuple[float, float]:
    """Return the subject's feet; a traveller leaves at one edge and comes back at the other."""
    x, y = stage.start
    size, way = stage.actor.height, stage.speed * time
    if scene.motion in ("right", "left"):
        way = way if scene.motion == "right" else -way
        if scene.camera == "follow":
            return x + way, y
        reach = 0.5 * stage.actor.subject.width * size + 0.04 * stage.width
        x = (x + way + reach) % (stage.width + 2 * reach) - reach
    elif scene.motion in ("rise", "fall"):
        reach = 0.12 * stage.height
        way = way if scene.motion == "fall" else -way
        y = (y + way + reach) % (stage.height + size + 2 * reach) - reach
    elif scene.motion == "bounce":
        y -= 0.17 * stage.height * abs(sin(pi * 0.8 * time))
    elif scene.motion == "circle":
        angle = 2 * pi * time / CIRCLE_SECONDS
        x += 0.13 * stage.width * sin(angle)
        y -= CIRCLE_HEIGHT * stage.height * cos(angle)
    elif scene.motion == "pace":
        x += 0.16 * stage.width * sin(2 * pi * time / PACE_SECONDS)
    return x, y


def _draw_shadow(
    canvas: skia.Canvas, stage: _Stage, actor: _Actor, x: float, y: float, ground: float
) -> None:
    """Draw the shadow on the ground, smaller and fainter the higher the actor is."""
    above = (ground - y) / stage.height
    if above < -0.02:
        return
    near = max(0.0, 1 - above)
    half = 0.46 * actor.subject.width * actor.height * (0.6 + 0.4 * near)
    fill(canvas, oval(x, ground, half, 0.14 * half), (20, 24, 44), 0.12 + 0.2 * near)


def _draw_actor(
    canvas: skia.Canvas, stage: _Stage, actor: _Actor, x: float, y: float, time: float, *,
    is_flipped: bool,
) -> None:  # fmt: skip
    canvas.save()
    canvas.translate(x, y)
    canvas.scale(actor.height, actor.height)
    if is_flipped:
        canvas.scale(-1, 1)
    colour, share = stage.veil
    if share:
        tinted = skia.Paint(
            ColorFilter=skia.ColorFilters.Blend(argb(colour, share), skia.BlendMode.kSrcATop)
        )
        reach = actor.subject.width / 2 + 0.3
        canvas.saveLayer(skia.Rect(-reach, -1.5, reach, 0.3), tinted)
    actor.subject.draw(canvas, actor.palette, time)
    canvas.restoreToCount(canvas.getSaveCount() - (2 if share else 1))


def _draw_weather(canvas: skia.Canvas, scene: Scene, stage: _Stage, time: float) -> None:
    """Let rain or snow fall through the frame, wrapping just outside of it."""
    unit = min(stage.width, stage.height)
    x, y, z = stage.flakes.T
    is_rain = scene.weather == "rain"
    down = y + time * ((0.75 + 0.1 * z) if is_rain else (0.12 + 0.06 * z))
    across = x - 0.2 * (down - y) if is_rain else x + 0.02 * np.sin(2 * pi * (0.3 * time + x))
    points = np.stack([(across % 1) * 1.1 - 0.05, (down % 1) * 1.24 - 0.12], 1)
    points *= (stage.width, stage.height)
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

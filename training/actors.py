"""Draws the characters of the training world, in the palette of a scene's light and weather."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import skia

from pipeline.mini.motion_paths import Position
from pipeline.mini.scene import CAST, Look, Scene, looks_of
from pipeline.mini.shadows import SHADOW_COLOUR, Shadow
from pipeline.mini.sprites import BELOW, SPRITE_HEIGHT, canvas_size
from training.places import SKIES
from training.shapes import Colour, argb, fill, mix, oval
from training.subjects import SUBJECTS, Draw, Palette, mix_palette

# The veil of air on far, middle and near land and on the subject, by weather.
VEILS = {
    "clear": (0.22, 0.06, 0.0, 0.0),
    "rain": (0.45, 0.25, 0.1, 0.04),
    "snow": (0.45, 0.28, 0.15, 0.04),
    "fog": (0.86, 0.68, 0.34, 0.14),
}
# A portrait's own lens, in pixels: no finer than its grid can show. The picture's comes on top.
_PORTRAIT_LENS = 0.8


@dataclass(frozen=True)
class Actor:
    """How a character in the scene looks; its position comes from the motion paths."""

    draw: Draw
    palette: Palette
    width: float  # at height 1
    veil: tuple[Colour, float]


def veil_colour(time: str, weather: str) -> Colour:
    """Return the colour of the air."""
    sky = SKIES[time]
    if weather == "clear":
        return sky.horizon
    pale = {"rain": (150, 160, 176), "snow": (232, 238, 248), "fog": (232, 234, 238)}[weather]
    if time == "night":
        return mix(tuple(round(0.42 * value) for value in pale), sky.horizon, 0.4)
    return mix(pale, sky.horizon, 0.3)


def cast_actors(scene: Scene) -> tuple[Actor | None, Actor | None]:
    """Return a scene's subject and companion; None for a missing one."""
    return tuple(None if look is None else cast_actor(look) for look in looks_of(scene))


def cast_actor(look: Look) -> Actor:
    """Mix a character's palette."""
    light = SKIES[look.time].subject_light
    palette = mix_palette(look.colour, light, style=look.style, emotion=look.emotion)
    veil = veil_colour(look.time, look.weather), VEILS[look.weather][3]
    return Actor(SUBJECTS[look.subject], palette, CAST[look.subject][0], veil)


def draw_shadow(canvas: skia.Canvas, shadow: Shadow) -> None:
    """Draw a shadow on the ground."""
    shape = oval(shadow.x, shadow.y, shadow.across, shadow.down)
    fill(canvas, shape, SHADOW_COLOUR, shadow.cover)


def draw_actor(
    canvas: skia.Canvas, actor: Actor, place: Position, time: float, *, is_flipped: bool
) -> None:
    """Draw a character at its position."""
    canvas.save()
    canvas.translate(place.x, place.y)
    canvas.scale(place.height, place.height)
    if is_flipped:
        canvas.scale(-1, 1)
    colour, share = actor.veil
    if share:
        tinted = skia.Paint(
            ColorFilter=skia.ColorFilters.Blend(argb(colour, share), skia.BlendMode.kSrcATop)
        )
        reach = actor.width / 2 + 0.3
        canvas.saveLayer(skia.Rect(-reach, -1.5, reach, 0.3), tinted)
    actor.draw(canvas, actor.palette, time)
    canvas.restoreToCount(canvas.getSaveCount() - (2 if share else 1))


def draw_portrait(look: Look, time: float) -> np.ndarray:
    """Draw a character without background: (H, W, 4) uint8, premultiplied RGB and alpha."""
    height, width = canvas_size(look.subject)
    pixels = np.zeros((height, width, 4), np.uint8)
    surface = skia.Surface(pixels, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
    canvas = surface.getCanvas()
    blur = skia.ImageFilters.Blur(_PORTRAIT_LENS, _PORTRAIT_LENS, skia.TileMode.kDecal)
    canvas.saveLayer(None, skia.Paint(ImageFilter=blur))
    feet = Position(width / 2, height - BELOW, SPRITE_HEIGHT)
    draw_actor(canvas, cast_actor(look), feet, time, is_flipped=False)
    canvas.restore()
    return pixels

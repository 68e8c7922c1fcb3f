"""Draws the characters of the training world, in the palette of a scene's light and weather."""

from __future__ import annotations

from dataclasses import dataclass

import skia

from pipeline.mini.light import SKIES, veil_of
from pipeline.mini.scene import Look
from pipeline.mini.shadows import SHADOW_COLOUR, Shadow
from pipeline.mini.tables import CAST
from training.shapes import Colour, argb, fill, oval
from training.subjects import SUBJECTS, Draw, colour_of
from training.subjects.palette import Palette, mix_palette


@dataclass(frozen=True)
class Actor:
    """How a character in the scene looks; its position comes from the motion paths."""

    draw: Draw
    palette: Palette
    width: float  # at height 1
    veil: tuple[Colour, float]


def cast_actor(look: Look, place: str | None = None) -> Actor:
    """Mix a character's palette; the air of a place lies over it."""
    sky = SKIES[look.time]
    people = {
        name: value
        for name in ("action", "outfit", "hair", "skin")
        if (value := getattr(look, name))
    }
    palette = mix_palette(
        colour_of(look.subject, look.colour), sky.subject_light, style=look.style,
        emotion=look.emotion, season=look.season, sky=sky.middle, **people,
    )  # fmt: skip
    colour, shares = veil_of(place or "meadow", look.time, look.weather)
    return Actor(SUBJECTS[look.subject].draw, palette, CAST[look.subject][0], (colour, shares[3]))


def draw_shadow(canvas: skia.Canvas, shadow: Shadow) -> None:
    """Draw a shadow on the ground."""
    shape = oval(shadow.x, shadow.y, shadow.across, shadow.down)
    fill(canvas, shape, SHADOW_COLOUR, shadow.cover)


def draw_actor(
    canvas: skia.Canvas, actor: Actor, height: float, time: float, *, is_flipped: bool
) -> None:
    """Draw a character whose feet are at the origin."""
    canvas.save()
    canvas.scale(-height if is_flipped else height, height)
    colour, share = actor.veil
    if share:
        tinted = skia.Paint(
            ColorFilter=skia.ColorFilters.Blend(argb(colour, share), skia.BlendMode.kSrcATop)
        )
        reach = actor.width / 2 + 0.4
        canvas.saveLayer(skia.Rect(-reach, -1.5, reach, 0.3), tinted)
    actor.draw(canvas, actor.palette, time)
    canvas.restoreToCount(canvas.getSaveCount() - (2 if share else 1))

"""A child: large head, and a face that shows what it feels."""

from __future__ import annotations

from math import pi, sin

import skia

from training.shapes import blob, box, curve, disc, fill, oval, polygon, stroke
from training.subjects.palette import Palette
from training.subjects.parts import body

# Where the hands are, from the shoulders: raised, hanging, on the hips.
_HANDS = {
    "happy": (0.2, -0.24), "surprised": (0.26, -0.04), "angry": (0.12, 0.16),
    "sad": (0.06, 0.24), "sleepy": (0.08, 0.24),
}  # fmt: skip


def draw_child(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    beat, emotion = sin(2 * pi * 0.75 * t), palette.emotion or "happy"
    for s in (-1, 1):
        lift = 0.02 * max(0.0, s * beat)
        leg = box(s * 0.09 - 0.055, -0.2, s * 0.09 + 0.055, -lift, 0.03)
        body(canvas, palette, (leg, palette.shade))
        x, y = _HANDS[emotion]
        arm = curve(
            (s * 0.12, -0.42), (s * (x + 0.06), -0.36), (s * (0.12 + x), -0.42 + y + 0.03 * beat)
        )
        stroke(canvas, arm, palette.contour, 0.085 + palette.line)
        stroke(canvas, arm, palette.base, 0.085)
        fill(canvas, disc(s * (0.12 + x), -0.42 + y + 0.03 * beat, 0.05), palette.skin)
    coat = blob((-0.12, -0.5), (0.12, -0.5), (0.2, -0.3), (0.26, -0.12), (-0.26, -0.12),
                (-0.2, -0.3))  # fmt: skip
    body(canvas, palette, (coat, palette.base))
    fill(canvas, box(-0.16, -0.2, 0.16, -0.15, 0.02), palette.light)
    canvas.translate(0, -0.68 + (0.05 if emotion in ("sad", "sleepy") else 0.0))
    canvas.rotate({"sleepy": 16.0, "sad": 8.0}.get(emotion, 2.0 * beat))
    body(canvas, palette, (disc(0, -0.03, 0.27), palette.hair), (disc(0, 0, 0.25), palette.skin))
    fringe = blob((-0.25, -0.02), (-0.26, -0.26), (0.0, -0.34), (0.26, -0.26), (0.25, -0.02),
                  (0.14, -0.16), (-0.1, -0.14))  # fmt: skip
    fill(canvas, fringe, palette.hair)
    draw_face(canvas, palette, emotion)


def draw_face(canvas: skia.Canvas, palette: Palette, emotion: str) -> None:
    """Draw eyes, brows and mouth about the middle of a head of radius 0.25."""
    for s in (-1, 1):
        x = s * 0.1
        if emotion == "sleepy":
            stroke(canvas, curve((x - 0.05, 0), (x, 0.05), (x + 0.05, 0)), palette.ink, 0.028)
            continue
        radius = 0.06 if emotion == "surprised" else 0.036
        if emotion == "surprised":
            fill(canvas, disc(x, -0.01, radius + 0.02), palette.pale)
        fill(canvas, disc(x, -0.01, radius), palette.ink)
        slant = {"angry": 0.05, "sad": -0.05}.get(emotion, 0.0)
        if slant:
            brow = polygon((s * 0.04, -0.09 + slant), (s * 0.16, -0.09 - slant))
            stroke(canvas, brow, palette.ink, 0.03)
    if emotion == "sad":
        fill(canvas, oval(0.12, 0.09, 0.028, 0.05), (96, 168, 250))
    if emotion == "surprised":
        fill(canvas, oval(0, 0.14, 0.055, 0.07), (150, 40, 50))
    elif emotion == "happy":
        smile = blob((-0.13, 0.07), (0.0, 0.1), (0.13, 0.07), (0.08, 0.2), (-0.08, 0.2))
        fill(canvas, smile, (178, 40, 52))
    elif emotion == "sleepy":
        stroke(canvas, polygon((-0.03, 0.14), (0.03, 0.14)), palette.ink, 0.026)
    else:
        stroke(canvas, curve((-0.08, 0.17), (0, 0.08), (0.08, 0.17)), palette.ink, 0.032)

"""What many subjects have: contours, eyes, legs, limbs, wheels and the beat they move to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import cos, pi, sin

import skia

from training.shapes import Colour, Point, box, disc, fill, polygon, stroke
from training.subjects.palette import Palette

Part = tuple[skia.Path, Colour]


def beat(t: float, rate: float, shift: float = 0.0) -> float:
    """Swing between -1 and 1 at a rate in Hz: a multiple of 1/8, so that it repeats."""
    return sin(2 * pi * (rate * t + shift))


def body(canvas: skia.Canvas, palette: Palette, *parts: Part) -> None:
    """Fill the parts in order, with one contour round all of them."""
    for path, _ in parts:
        stroke(canvas, path, palette.contour, palette.line)
    for path, colour in parts:
        fill(canvas, path, colour)


def limb(
    canvas: skia.Canvas, palette: Palette, path: skia.Path, colour: Colour, width: float
) -> None:
    """Draw a bent limb, tail or pole: a thick line with a contour."""
    stroke(canvas, path, palette.contour, width + palette.line)
    stroke(canvas, path, colour, width)


def line_through(*points: Point) -> skia.Path:
    """Return an open line through points, to be stroked."""
    path = skia.Path()
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    return path


@contextmanager
def clipped(canvas: skia.Canvas, path: skia.Path) -> Iterator[None]:
    """Draw inside a path only."""
    canvas.save()
    canvas.clipPath(path, doAntiAlias=True)
    yield
    canvas.restore()


@contextmanager
def turned(canvas: skia.Canvas, degrees: float, x: float = 0.0, y: float = 0.0) -> Iterator[None]:
    """Draw turned about a point."""
    canvas.save()
    canvas.rotate(degrees, x, y)
    yield
    canvas.restore()


def eye(canvas: skia.Canvas, palette: Palette, x: float, y: float, radius: float) -> None:
    """Draw an open eye that looks to the right."""
    fill(canvas, disc(x, y, radius), palette.pale)
    fill(canvas, disc(x + 0.25 * radius, y, 0.62 * radius), palette.ink)


def wheel(canvas: skia.Canvas, palette: Palette, x: float, radius: float, t: float) -> None:
    """Draw a wheel on the ground whose hub shows it turning, 0.75 rounds a second."""
    fill(canvas, disc(x, -radius, radius), palette.ink)
    fill(canvas, disc(x, -radius, 0.58 * radius), palette.pale)
    angle = 2 * pi * 0.75 * t
    dx, dy = 0.5 * radius * cos(angle), 0.5 * radius * sin(angle)
    stroke(canvas, polygon((x - dx, -radius - dy), (x + dx, -radius + dy)), palette.ink, radius / 4)


def four_legs(
    palette: Palette,
    back: float,
    front: float,
    *,
    half: float,
    top: float,
    step: float,
    near: Colour | None = None,
    far: Colour | None = None,
) -> list[Part]:
    """Return four walking legs: pairs at `back` and `front`, the far ones in shade.

    A leg is twice `half` wide and `top` high; `step` is how far the near ones are ahead now.
    """
    gap = 0.9 * half
    spots = ((back - gap, -1), (front - gap, -1), (back + gap, 1), (front + gap, 1))
    colours = {-1: far or palette.shade, 1: near or palette.base}
    return [
        (box(x + s * step - half, -top, x + s * step + half, 0.0, 0.8 * half), colours[s])
        for x, s in spots
    ]

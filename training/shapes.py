"""The paths and paints that all drawings of the picture-book world use."""

from __future__ import annotations

import skia

from pipeline.mini.light import Colour, mix, tint

Point = tuple[float, float]
__all__ = [
    "Colour",
    "Point",
    "argb",
    "blob",
    "box",
    "curve",
    "disc",
    "fill",
    "mix",
    "oval",
    "polygon",
    "stroke",
    "tint",
]


def argb(colour: Colour, alpha: float = 1.0) -> int:
    """Pack a colour for skia."""
    return skia.ColorSetARGB(round(255 * alpha), *colour)


def disc(x: float, y: float, radius: float) -> skia.Path:
    """Return a circle."""
    return skia.Path.Circle(x, y, radius)


def oval(x: float, y: float, radius_x: float, radius_y: float) -> skia.Path:
    """Return an ellipse about (x, y)."""
    return skia.Path.Oval(skia.Rect(x - radius_x, y - radius_y, x + radius_x, y + radius_y))


def box(left: float, top: float, right: float, bottom: float, radius: float = 0.0) -> skia.Path:
    """Return a rectangle with rounded corners."""
    return skia.Path.RRect(skia.Rect(left, top, right, bottom), radius, radius)


def polygon(*points: Point) -> skia.Path:
    """Return a closed polygon."""
    path = skia.Path()
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)
    path.close()
    return path


def blob(*points: Point) -> skia.Path:
    """Return a closed smooth shape drawn towards the points (a quadratic B-spline of them)."""
    path = skia.Path()
    path.moveTo((points[-1][0] + points[0][0]) / 2, (points[-1][1] + points[0][1]) / 2)
    for (x, y), (next_x, next_y) in zip(points, (*points[1:], points[0]), strict=True):
        path.quadTo(x, y, (x + next_x) / 2, (y + next_y) / 2)
    path.close()
    return path


def curve(start: Point, control: Point, end: Point) -> skia.Path:
    """Return an open bow, to be stroked."""
    path = skia.Path()
    path.moveTo(*start)
    path.quadTo(*control, *end)
    return path


def fill(canvas: skia.Canvas, path: skia.Path, colour: Colour, alpha: float = 1.0) -> None:
    """Fill a path."""
    canvas.drawPath(path, skia.Paint(AntiAlias=True, Color=argb(colour, alpha)))


def stroke(canvas: skia.Canvas, path: skia.Path, colour: Colour, width: float) -> None:
    """Draw the line of a path with round ends and joins."""
    paint = skia.Paint(
        AntiAlias=True,
        Color=argb(colour),
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=width,
        StrokeCap=skia.Paint.kRound_Cap,
        StrokeJoin=skia.Paint.kRound_Join,
    )
    canvas.drawPath(path, paint)

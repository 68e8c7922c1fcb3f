"""Grown-up people: a woman, a man and an astronaut, in the poses of what they do."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin

import skia

from training.shapes import Colour, Point, blob, box, curve, disc, fill, mix, oval, stroke
from training.subjects.palette import Palette
from training.subjects.parts import beat, body, clipped, limb, line_through

_THIGH = _SHIN = 0.225
_UPPER = _LOWER = 0.15
_RAISED = 1.5  # angle of an arm that is behind the head
_TROUSERS: Colour = (62, 76, 120)
_SHOES: Colour = (70, 50, 44)


@dataclass(frozen=True)
class Pose:
    """Angles in radians from hanging down, forward positive; of the near and the far side."""

    thighs: tuple[float, float] = (0.06, -0.06)
    knees: tuple[float, float] = (0.0, 0.0)  # how far shins are turned back
    arms: tuple[float, float] = (0.12, -0.12)
    elbows: tuple[float, float] = (0.1, 0.1)  # how far forearms are turned forward
    lift: float = 0.0  # of the hips
    lean: float = 0.0  # in degrees, forward
    hips: float = -0.44


def pose_at(action: str, t: float) -> Pose:
    """Return the pose of an action at a time."""
    a, b = beat(t, 0.75), beat(t, 0.75, 0.25)
    if action == "walk":
        return Pose((0.5 * a, -0.5 * a), (0.35 + 0.3 * b, 0.35 - 0.3 * b),
                    (-0.45 * a, 0.45 * a), (0.3, 0.3), 0.02 * abs(b), 2)  # fmt: skip
    if action == "run":
        a, b = beat(t, 1.25), beat(t, 1.25, 0.25)
        return Pose((0.25 + 0.8 * a, 0.25 - 0.8 * a), (0.9 + 0.6 * b, 0.9 - 0.6 * b),
                    (-0.8 * a, 0.8 * a), (1.4, 1.4), 0.03 + 0.03 * abs(b), 10)  # fmt: skip
    if action == "dance":
        c = beat(t, 0.375)
        return Pose((0.25 + 0.35 * max(0.0, c), -0.25 - 0.35 * max(0.0, -c)),
                    (0.9 * max(0.0, c), 0.9 * max(0.0, -c)),
                    (2.5 + 0.3 * a, -2.5 + 0.3 * a), (0.3, -0.3), 0.03 * abs(a), 5 * a)  # fmt: skip
    if action in ("sit", "ride"):
        return Pose((1.45, 1.3), (1.4, 1.25), (0.55 + 0.06 * a, 0.4), (0.8, 0.8), hips=-0.25)
    if action == "wave":
        return Pose(arms=(2.5, -0.15), elbows=(0.5 * beat(t, 1), 0.1))
    return Pose(arms=(0.12 + 0.03 * a, -0.12), lift=0.004 * a)


def _bend(start: Point, lengths: Point, first: float, second: float) -> tuple[Point, Point]:
    """Return the joint and the end of a limb whose parts hang at two angles."""
    x, y = start[0] + lengths[0] * sin(first), start[1] + lengths[0] * cos(first)
    return (x, y), (x + lengths[1] * sin(second), y + lengths[1] * cos(second))


@dataclass(frozen=True)
class Wear:
    """What a person wears, as colours of their parts."""

    top: Colour
    legs: Colour
    skirt: Colour | None
    shoes: Colour
    hands: Colour


def _draw_leg(canvas: skia.Canvas, palette: Palette, wear: Wear, pose: Pose, side: int) -> None:
    thigh, knee = pose.thighs[side], pose.knees[side]
    hip = (0.035 * (1 - 2 * side), pose.hips - pose.lift)
    joint, foot = _bend(hip, (_THIGH, _SHIN - 0.03), thigh, thigh - knee)
    colour = wear.legs if side == 0 else mix(wear.legs, (0, 0, 0), 0.18)
    limb(canvas, palette, line_through(hip, joint, foot), colour, 0.095)
    toe = thigh - knee
    shoe = oval(0.035, 0.0, 0.075, 0.042)
    shoe.transform(skia.Matrix().setRotate(-40 * toe).postTranslate(foot[0], foot[1] + 0.012))
    body(canvas, palette, (shoe, wear.shoes))


def _draw_arm(canvas: skia.Canvas, palette: Palette, wear: Wear, pose: Pose, side: int) -> None:
    shoulder = (0.09 * (1 - 2 * side) - 0.02, pose.hips - pose.lift - 0.25)
    angle = pose.arms[side]
    joint, hand = _bend(shoulder, (_UPPER, _LOWER), angle, angle + pose.elbows[side])
    colour = wear.top if side == 0 else mix(wear.top, (0, 0, 0), 0.18)
    limb(canvas, palette, line_through(shoulder, joint, hand), colour, 0.075)
    fill(canvas, disc(*hand, 0.045), wear.hands)


def _skirt(pose: Pose, hips: float) -> skia.Path:
    """Return a skirt that follows the thighs."""
    if pose.hips > -0.3:  # seated
        return blob((-0.1, hips - 0.14), (0.08, hips - 0.14), (0.3, hips - 0.08),
                    (0.36, hips + 0.02), (0.3, hips + 0.1), (0.0, hips + 0.1),
                    (-0.15, hips + 0.06))  # fmt: skip
    front, back = (0.17 + 0.16 * abs(sin(thigh)) for thigh in pose.thighs)
    knee = hips + 0.24
    return blob((-0.07, hips - 0.12), (0.07, hips - 0.12), (0.13, hips), (front, knee),
                (front - 0.05, knee + 0.02), (0.05 - back, knee + 0.02), (-back, knee),
                (-0.13, hips))  # fmt: skip


def _draw_figure(canvas: skia.Canvas, palette: Palette, wear: Wear, pose: Pose) -> Point:
    """Draw all below the neck; return where the neck is."""
    hips = pose.hips - pose.lift
    canvas.rotate(pose.lean, 0, hips)
    _draw_arm(canvas, palette, wear, pose, 1)
    for side in (1, 0):
        _draw_leg(canvas, palette, wear, pose, side)
    trunk = blob((-0.13, hips - 0.3), (0.13, hips - 0.3), (0.13, hips - 0.1), (0.1, hips + 0.05),
                 (-0.1, hips + 0.05), (-0.13, hips - 0.1))  # fmt: skip
    parts = [(trunk, wear.top)]
    if wear.skirt:
        parts = [(_skirt(pose, hips), wear.skirt), (trunk, wear.top)]
    body(canvas, palette, *parts)
    return 0.0, hips - 0.29


def _draw_head(canvas: skia.Canvas, palette: Palette, neck: Point, *, is_long: bool) -> None:
    x, y = neck[0] + 0.01, neck[1] - 0.12
    radius = 0.125
    limb(canvas, palette, line_through(neck, (x, y)), palette.skin, 0.07)
    if is_long:
        hair = blob((x - 0.17, y - 0.1), (x, y - 0.2), (x + 0.15, y - 0.12), (x + 0.1, y),
                    (x - 0.02, y + 0.2), (x - 0.18, y + 0.22), (x - 0.2, y + 0.05))  # fmt: skip
    else:
        hair = disc(x - 0.02, y - 0.025, radius + 0.012)
    body(canvas, palette, (hair, palette.hair), (disc(x, y, radius), palette.skin))
    fringe = blob((x - 0.14, y + 0.05), (x - 0.16, y - 0.1), (x, y - 0.19), (x + 0.14, y - 0.12),
                  (x + 0.13, y - 0.03), (x + 0.03, y - 0.07), (x - 0.06, y - 0.06))  # fmt: skip
    fill(canvas, fringe, palette.hair)
    for dx in (0.02, 0.085):
        fill(canvas, oval(x + dx, y - 0.007, 0.023, 0.03), palette.pale)  # seen on any skin
        fill(canvas, oval(x + dx + 0.006, y - 0.005, 0.015, 0.022), palette.ink)
    smile = curve((x + 0.015, y + 0.052), (x + 0.06, y + 0.085), (x + 0.095, y + 0.05))
    stroke(canvas, smile, palette.lit((150, 50, 50)), 0.018)


def _draw_stool(canvas: skia.Canvas, palette: Palette) -> None:
    for x in (-0.09, 0.09):
        limb(canvas, palette, line_through((x, -0.18), (1.25 * x, 0.0)), palette.wood, 0.035)
    body(canvas, palette, (box(-0.15, -0.21, 0.15, -0.16, 0.02), palette.wood))


def _draw_person(canvas: skia.Canvas, palette: Palette, t: float, *, is_long: bool) -> None:
    pose = pose_at(palette.action, t)
    if palette.action == "sit":
        _draw_stool(canvas, palette)
    dressed = palette.outfit == "dress"
    legs = palette.skin if dressed else palette.lit(_TROUSERS)
    wear = Wear(palette.base, legs, palette.base if dressed else None, palette.lit(_SHOES),
                palette.skin)  # fmt: skip
    neck = _draw_figure(canvas, palette, wear, pose)
    if pose.arms[0] > _RAISED:
        _draw_arm(canvas, palette, wear, pose, 0)
    _draw_head(canvas, palette, neck, is_long=is_long)
    if pose.arms[0] <= _RAISED:
        _draw_arm(canvas, palette, wear, pose, 0)


def draw_woman(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Long hair."""
    _draw_person(canvas, palette, t, is_long=True)


def draw_man(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """Short hair."""
    _draw_person(canvas, palette, t, is_long=False)


def draw_astronaut(canvas: skia.Canvas, palette: Palette, t: float) -> None:
    """A suit with a pack on its back, and a round helmet."""
    pose = pose_at(palette.action, t)
    if palette.action == "sit":
        _draw_stool(canvas, palette)
    hips = pose.hips - pose.lift
    pack = box(-0.24, hips - 0.34, -0.06, hips - 0.02, 0.05)
    body(canvas, palette, (pack, palette.lit((170, 176, 190))))
    wear = Wear(palette.base, palette.base, None, palette.lit((120, 124, 140)),
                palette.lit((120, 124, 140)))  # fmt: skip
    x, y = _draw_figure(canvas, palette, wear, pose)
    fill(canvas, box(-0.06, hips - 0.2, 0.08, hips - 0.11, 0.02), palette.lit((90, 120, 180)))
    fill(canvas, disc(0.04, hips - 0.155, 0.018), palette.lit((220, 50, 50)))
    y -= 0.11
    body(canvas, palette, (disc(x + 0.01, y, 0.165), palette.base))
    visor = oval(x + 0.05, y, 0.115, 0.1)
    fill(canvas, visor, palette.lit((40, 60, 110)))
    with clipped(canvas, visor):
        fill(canvas, oval(x + 0.0, y - 0.06, 0.06, 0.035), palette.lit((150, 190, 240)))
    _draw_arm(canvas, palette, wear, pose, 0)

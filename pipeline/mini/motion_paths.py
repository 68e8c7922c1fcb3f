"""Motion paths: where a scene's camera and characters are at any time, in closed form.

Paths are planned for a whole shot before anything is rendered. `camera.py` owns the camera moves,
`layout.py` the sizes and the starts of the characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import ceil, cos, pi, sin
from typing import Any

import numpy as np

from pipeline.mini.anchors import ATTACHED, IN_FRONT
from pipeline.mini.camera import MAX_ZOOM, SPEED, TILT_SHARE, aim_camera
from pipeline.mini.layout import (
    BOUNCE_PIXELS,
    CIRCLE_PIXELS,
    Bodies,
    draw_start,
    set_stage,
    size_bodies,
    width_of,
)
from pipeline.mini.scene import Look, Scene, looks_of, read_scene
from pipeline.mini.shadows import Shadow, cast_shadow
from pipeline.mini.tables import ATTRIBUTES, PATCH, Vocabulary

CLIMB_SHARE = 0.5  # of `SPEED` when rising and falling
DRIFT_SHARE = 0.25  # of a pan or tilt that characters move with, so that they stay in view
CIRCLE_SECONDS = PACE_SECONDS = 4.0
PACE_PIXELS = 64
BOUNCE_SECONDS = 1.0
COPY_SECONDS = 0.375  # by which the movements of two of the same are apart
_EASED = ("tilt up", "tilt down", "zoom in", "zoom out")  # moves of the camera that end
_ROUNDS = ("bounce", "circle", "pace")  # motions that return to their start
# Limits on paths that are read from a file.
MAX_CHAIN = 64
MAX_SECONDS = 3600.0


@dataclass(frozen=True)
class Position:
    """The position of a character's feet before the zoom, and its height, in pixels."""

    x: float
    y: float
    height: float


@dataclass(frozen=True)
class Moment:
    """A scene at one time, in pixels: where the camera and the characters are.

    `pan` and `tilt` are how far the nearest background layer has moved right and down; `pivot` is
    the fixed point of the zoom.
    """

    zoom: float
    pan: float
    tilt: float
    pivot: tuple[float, float]
    ground: float
    subject: Position | None
    companion: Position | None
    is_flipped: bool


@dataclass(frozen=True)
class Figure:
    """A character as seen in a frame: its centre, width and height in pixels, and its shadow."""

    look: Look
    x: float
    y: float
    width: float
    height: float
    is_flipped: bool
    shadow: Shadow | None
    delay: float = 0.0  # seconds by which its movements are ahead


class MotionPaths:
    """The paths of a scene at one picture size; deterministic in its arguments.

    A scene may follow another one without a cut: its paths then start where the other's end.
    """

    def __init__(
        self,
        scene: Scene,
        *,
        width: int,
        height: int,
        before: MotionPaths | None = None,
        since: float = 0.0,
    ) -> None:
        """Plan the paths, drawing open choices from the scene's seed.

        With `before`, start where those paths are after `since` seconds.
        """
        self.scene, self.width, self.height = scene, width, height
        self._before, self._since = before, since
        # The clock of wheels and rain, in seconds; it runs on where scenes follow without a cut.
        self.clock: float = since if before is None else before.clock + since
        self._stage = set_stage(scene, width, height)
        self.horizon = self._stage.horizon
        self._bodies = Bodies()
        self._start = (width / 2, height / 2)
        # For how many seconds a motion and a camera move were under way before the shot's start.
        self._moving_since = self._filming_since = 0.0
        if scene.subject is not None:
            self._bodies = size_bodies(scene, width)
            self._start = draw_start(self._stage, self._bodies, np.random.default_rng(scene.seed))
        self._camera = aim_camera(scene.camera, 0.0, height)
        self._pivot = self._start[0], self._start[1] - self._bodies.size / 2
        if before is not None:
            self._take_over(before, since)

    def at(self, time: float) -> Moment:
        """Return the moment `time` seconds after the shot's start."""
        if self._before is not None and time < 0:
            return self._before.at(self._since + time)
        scene, bodies = self.scene, self._bodies
        zoom, pan, tilt = self._aim(time)
        x, y = self._travel(time)
        if scene.camera == "follow":
            pan, x = self._camera[1] + self._start[0] - x, self._start[0]
            x += DRIFT_SHARE * self._camera[1]
        else:
            x += DRIFT_SHARE * pan
        sink = tilt * self._sink_share
        y += sink
        x = self._wrap(x, 0.5 * width_of(scene.subject) * bodies.size + 16)
        is_flipped = scene.motion == "left"
        if scene.motion == "pace":
            is_flipped = cos(2 * pi * (time + self._moving_since) / PACE_SECONDS) < 0
        subject = companion = None
        if scene.subject is not None:
            subject = Position(x, y, bodies.size)
        if scene.companion is not None:
            dx, dy = bodies.offset
            dx = -dx if is_flipped and scene.relation in ATTACHED else dx
            companion = Position(x + dx, y + dy, bodies.companion_size)
        ground = self._start[1] if self._stage.floats else self._stage.ground
        return Moment(zoom, pan, tilt, self._pivot, ground + sink, subject, companion, is_flipped)

    def figures(self, time: float) -> list[Figure]:
        """Return the scene's characters at a time, from front to back."""
        if self._before is not None and time < 0:
            return self._before.figures(self._since + time)
        moment = self.at(time)
        looks, places = looks_of(self.scene), (moment.subject, moment.companion)
        figures = [
            self._figure(look, place, moment)
            for look, place in zip(looks, places, strict=True)
            if look is not None and place is not None
        ]
        if self.scene.relation in IN_FRONT:
            figures.reverse()
        for index, (dx, dy) in enumerate(self._bodies.copies):
            first = figures[0]
            assert moment.subject is not None
            place = replace(moment.subject, x=moment.subject.x + dx, y=moment.subject.y + dy)
            copy = self._figure(first.look, place, moment)
            figures.append(replace(copy, delay=COPY_SECONDS * (index + 1)))
        return figures

    def _figure(self, look: Look, place: Position, moment: Moment) -> Figure:
        """Return a character at its position as the camera sees it."""
        height = moment.zoom * place.height
        width = width_of(look.subject) * height
        ground = _after_zoom(place.x, moment.ground, moment)
        feet = _after_zoom(place.x, place.y, moment)
        shadow = cast_shadow(feet, width, ground[1], moment.zoom * self.height)
        middle = on_screen(place, moment)
        return Figure(look, *middle, width, height, moment.is_flipped, shadow)

    def to_json(self) -> dict[str, object]:
        """Return everything that defines the paths, as JSON values."""
        before = self._before and self._before.to_json()
        return {"scene": asdict(self.scene), "since": self._since, "before": before}

    @classmethod
    def from_json(
        cls,
        values: Mapping[str, Any] | None,
        *,
        width: int,
        height: int,
        known: Vocabulary = ATTRIBUTES,
    ) -> MotionPaths | None:
        """Read what `to_json` wrote; None gives None. Raises ValueError if `values` are invalid.

        `known` are the values that the weights know.
        """
        chain: list[Mapping[str, Any]] = []
        while values is not None:
            if not isinstance(values, Mapping) or len(chain) == MAX_CHAIN:
                raise ValueError(f"'staging' must be an object with at most {MAX_CHAIN} before it")
            chain.append(values)
            values = values.get("before")
        paths: MotionPaths | None = None
        for link in reversed(chain):
            scene, since = link.get("scene"), link.get("since")
            if not isinstance(scene, Mapping) or not isinstance(since, int | float):
                raise ValueError("'staging' needs a 'scene', and 'since' in seconds")
            since = float(np.clip(since, 0, MAX_SECONDS))
            scene = read_scene(scene, known)
            paths = cls(scene, width=width, height=height, before=paths, since=since)
        return paths

    @property
    def _sink_share(self) -> float:
        # A floating boat moves with the water.
        return 0.85 if self._stage.floats else DRIFT_SHARE

    def _aim(self, time: float) -> tuple[float, float, float]:
        """Return zoom, pan and tilt at a time, from the start values on and within the limits."""
        time += self._filming_since
        zoom, pan, tilt = self._camera
        zoom0, pan0, tilt0 = aim_camera(self.scene.camera, 0.0, self.height)
        zoom1, pan1, tilt1 = aim_camera(self.scene.camera, time, self.height)
        zoom *= zoom1 / zoom0
        if time >= 0:
            zoom = min(max(zoom, 1.0), MAX_ZOOM)
        tilt = min(max(tilt + tilt1 - tilt0, 0.0), TILT_SHARE * self.height)
        return zoom, pan + pan1 - pan0, tilt

    def _take_over(self, before: MotionPaths, since: float) -> None:
        """Start where other paths are after `since` seconds."""
        last = before.at(since)
        self._camera = last.zoom, last.pan, last.tilt
        if last.zoom > 1:
            self._pivot = last.pivot
        old = before.scene
        if self.scene.camera == old.camera and old.camera in _EASED:
            self._camera, self._pivot = before._camera, before._pivot
            self._filming_since = before._filming_since + since
        if last.subject is None or old.subject != self.scene.subject:
            return
        if old.companion == self.scene.companion:
            self._bodies = before._bodies
        motion = self.scene.motion
        if motion == old.motion and motion in _ROUNDS:
            self._start, self._moving_since = before._start, before._moving_since + since
            return
        x, y = last.subject.x, last.subject.y
        if old.motion == "bounce":
            y = before._start[1] + last.tilt * before._sink_share
        if motion == "circle":  # its centre is below its start; above, if that would be too low
            down = CIRCLE_PIXELS[1]
            if y + 2 * down > self.height:
                down, self._moving_since = -down, CIRCLE_SECONDS / 2
            y += down
        self._start = x - DRIFT_SHARE * last.pan, y - last.tilt * self._sink_share

    def _wrap(self, x: float, reach: float) -> float:
        """Wrap a position that leaves at one edge to the other, by a multiple of the grid."""
        reach = ceil(reach / PATCH) * PATCH
        return (x + reach) % (self.width + 2 * reach) - reach

    def _travel(self, time: float) -> tuple[float, float]:
        """Return the position of the subject's feet without the camera's effect."""
        x, y = self._start
        time += self._moving_since
        motion, distance = self.scene.motion, SPEED * time
        if motion == "right":
            x += distance
        elif motion == "left":
            x -= distance
        elif motion in ("rise", "fall"):
            reach = 0.12 * self.height
            span = ceil((self.height + self._bodies.size + 2 * reach) / PATCH) * PATCH
            climb = CLIMB_SHARE * (distance if motion == "fall" else -distance)
            y = (y + climb + reach) % span - reach
        elif motion == "bounce":
            y -= BOUNCE_PIXELS * abs(sin(pi * time / BOUNCE_SECONDS))
        elif motion == "circle":
            angle = 2 * pi * time / CIRCLE_SECONDS
            x += CIRCLE_PIXELS[0] * sin(angle)
            y -= CIRCLE_PIXELS[1] * cos(angle)
        elif motion == "pace":
            x += PACE_PIXELS * sin(2 * pi * time / PACE_SECONDS)
        return x, y


def on_screen(place: Position, moment: Moment) -> tuple[float, float]:
    """Return the centre of a character after the zoom, in pixels."""
    return _after_zoom(place.x, place.y - place.height / 2, moment)


def _after_zoom(x: float, y: float, moment: Moment) -> tuple[float, float]:
    pivot_x, pivot_y = moment.pivot
    return pivot_x + moment.zoom * (x - pivot_x), pivot_y + moment.zoom * (y - pivot_y)

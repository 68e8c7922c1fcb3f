"""Paints a land in four layers once a shot, and shows them from where the camera is.

Layers repeat every two widths and move apart under a pan, so a moving land is as sharp as a still
one. What moves in them is painted as it is needed; `painter.py` paints every prop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor
from typing import Protocol

import torch
from torch.nn import functional

from pipeline.mini.camera import PAN_PARALLAX, TILT_PARALLAX
from pipeline.mini.lands import ALIVE, CLOUD_SPEED, SKY, GroundLine, Prop, lay_out
from pipeline.mini.light import (
    PASTEL,
    PASTEL_SHARE,
    Colour,
    Spot,
    cover_of,
    ground_tones,
    lights_of_sky,
    mix,
    sky_of,
    veil_of,
)
from pipeline.mini.motion_paths import Moment, MotionPaths
from pipeline.mini.painter import Canvas
from pipeline.mini.particles import Particles
from pipeline.mini.tables import PERIOD_SECONDS

LIVING_RATE = 8.0  # pictures a second of what moves in a land
_NUM_CACHED_SPRITES = 256
_NUM_CACHED_PATCHES = 1024  # of a dozen living props over a period
_NUM_LAYERS = 4
_SKY_SHARE = 0.1  # of the height, by which the sky is higher than the picture
_LENS = 0.0021  # of the shorter side: sprites have a lens of their own already
_SHADOW, _SHADOW_COVER = (10, 16, 40), 0.45  # under cut paper


class PaintKind(Protocol):
    """Paints one kind of thing, as `PainterModel` does."""

    def canvas(self, kind: str) -> Canvas:
        """Return the canvas of a kind."""

    def paint(
        self, kind: str, look: Mapping[str, str | None], seconds: Sequence[float]
    ) -> torch.Tensor:
        """Return sprites (N, 4, H, W), premultiplied RGB and alpha from 0 to 1."""


@dataclass(frozen=True)
class _Layer:
    """A painted layer (4, H, 2 W), premultiplied; `top` is the y of its first row."""

    number: int
    picture: torch.Tensor
    top: int
    living: tuple[Prop, ...]


@dataclass(frozen=True)
class _Patch:
    """A prop as it is seen (4, h, w) float16, premultiplied, and where its upper left corner is."""

    pixels: torch.Tensor
    left: int
    top: int


class Land:
    """The land of a scene at one picture size."""

    def __init__(self, painter: PaintKind, paths: MotionPaths) -> None:
        """Lay out the land, and paint all that rests in it."""
        self._painter, self._scene = painter, paths.scene
        self._size = paths.height, paths.width
        self._unit = min(self._size)
        self._horizon = paths.horizon
        self._veil, self._shares = veil_of(self._scene.place, self._scene.time, self._scene.weather)
        self._sprite = lru_cache(maxsize=_NUM_CACHED_SPRITES)(self._paint_sprite)
        self._patch = lru_cache(maxsize=_NUM_CACHED_PATCHES)(self._shape)
        things = lay_out(
            self._scene.place, self._scene.seed, width=paths.width, height=paths.height,
            horizon=paths.horizon,
        )  # fmt: skip
        self._layers = [
            self._paint_layer(number, [thing for thing in things if thing.layer == number])
            for number in range(_NUM_LAYERS)
        ]

    @torch.no_grad()
    def show(self, moment: Moment, seconds: float) -> torch.Tensor:
        """Return the land (3, H, W) from 0 to 1 without zoom, at a time of the scene's clock."""
        height, width = self._size
        frame = torch.zeros(3, height, width)
        for layer in self._layers:
            right = round(PAN_PARALLAX[layer.number] * moment.pan)
            down = round(TILT_PARALLAX[layer.number] * moment.tilt)
            _lay_over(frame, layer.picture, right, layer.top + down)
            if layer.living:
                self._show_living(frame, layer, right, down, seconds)
        return frame

    def _show_living(
        self, frame: torch.Tensor, layer: _Layer, right: int, down: int, seconds: float
    ) -> None:
        clock = round(seconds * LIVING_RATE) / LIVING_RATE % PERIOD_SECONDS
        if layer.number == SKY:
            right += round(CLOUD_SPEED * self._unit / 288 * seconds)
        for prop in layer.living:
            self._stamp(frame, self._patch(prop, clock, layer.number), right, down)

    def _paint_layer(self, number: int, things: list[GroundLine | Prop]) -> _Layer:
        """Paint what rests in a layer; what moves is kept for later."""
        height, width = self._size
        top = round(_SKY_SHARE * height) if number == SKY else 0
        picture = torch.zeros(4, height + top, 2 * width)
        if number == SKY:
            self._paint_sky(picture, top)
        living = []
        for thing in things:
            if isinstance(thing, GroundLine):
                self._paint_ground(picture, thing)
            elif thing.kind in ALIVE or (number == SKY and thing.kind == "cloud"):
                living.append(thing)
            else:
                self._stamp(picture, self._shape(thing, 0.0, None), 0, top)
        self._air(picture, number)
        picture = _soften(picture, _LENS * self._unit)
        if self._scene.style == "papercut" and number != SKY:
            _cast_paper_shadow(picture, 0.012 * self._unit)
        return _Layer(number, picture, -top, tuple(living))

    def _air(self, picture: torch.Tensor, number: int | None) -> None:
        """Lay the air and the pastel style over a picture (4, ...), in place."""
        if number is None:
            return
        share = self._shares[number - 1] if number else 0.0
        tone(picture, self._veil, share)
        if self._scene.style == "pastel":
            tone(picture, PASTEL, PASTEL_SHARE)

    def _paint_sky(self, picture: torch.Tensor, top: int) -> None:
        scene = self._scene
        cover = cover_of(scene.place, scene.weather)
        colours = [mix(c, self._veil, cover) for c in sky_of(scene.place, scene.time)]
        y = (torch.arange(picture.shape[1]) + 0.5 - top) / self._horizon
        tones = torch.tensor(colours) / 255  # (3 stops, 3)
        low = torch.lerp(tones[0], tones[1], (y / 0.55).clamp(0, 1)[:, None])
        column = torch.lerp(low, tones[2], ((y - 0.55) / 0.45).clamp(0, 1)[:, None])
        picture[:3] = column.T[:, :, None]
        picture[3] = 1
        spots = lights_of_sky(
            scene.place, scene.time, scene.weather, scene.seed, self._size, self._horizon
        )
        for spot in spots:
            _draw_spot(picture, spot, top)

    def _paint_ground(self, picture: torch.Tensor, ground: GroundLine) -> None:
        """Fill what is below a ground's line, a gradient from its crest down, in place."""
        height = picture.shape[1]
        x, y = torch.arange(picture.shape[2]) + 0.5, torch.arange(height)[:, None] + 0.5
        line = torch.as_tensor(ground.at(x.double().numpy())).float()
        cover = (y - line + 0.5).clamp(0, 1)  # (H, 2 W)
        scene = self._scene
        tones = ground_tones(scene.place, ground.index, scene.season, scene.time)
        first, last = torch.tensor(tones)[:, :, None, None] / 255
        top = max(0.0, ground.y - ground.scale)
        share = ((y - top) / max(1.0, height - top)).clamp(0, 1)
        colour = torch.lerp(first, last, share)  # (3, H, 1)
        picture[:3] += cover * (colour - picture[:3])
        picture[3] += cover * (1 - picture[3])

    def _shape(self, prop: Prop, clock: float, number: int | None) -> _Patch:
        """Paint a prop at its size, under the air of its layer if that is given."""
        sprite = self._sprite(prop.kind, prop.colour, clock).float()
        self._air(sprite, number)
        return _fit_sprite(sprite, self._painter.canvas(prop.kind), prop)

    def _paint_sprite(self, kind: str, colour: str, seconds: float) -> torch.Tensor:
        """Paint a kind once for all props of it."""
        scene = self._scene
        look = {"colour": colour, "time": scene.time, "style": "flat", "season": scene.season}
        return self._painter.paint(kind, look, (seconds,))[0].half()

    def _stamp(self, picture: torch.Tensor, patch: _Patch, right: int, down: int) -> None:
        """Draw a patch moved by whole pixels, twice where a layer repeats, in place."""
        span = 2 * self._size[1]
        left = (patch.left + right) % span
        for copy in (left - span, left):
            _blit(picture, patch.pixels.float(), copy, patch.top + down)


def _fit_sprite(sprite: torch.Tensor, canvas: Canvas, prop: Prop) -> _Patch:
    """Resample a sprite (4, h, w) to the size and the place of a prop."""
    scale = prop.height / canvas.pixels
    height, width = (scale * side for side in canvas.size)
    left, top = prop.x - scale * canvas.foot[0], prop.y - scale * canvas.foot[1]
    x0, y0 = floor(left), floor(top)
    x1, y1 = ceil(left + width), ceil(top + height)
    if scale < 1:  # else fine lines would be lost
        small = [max(1, round(scale * side)) for side in sprite.shape[1:]]
        sprite = functional.interpolate(sprite[None], small, mode="bilinear", antialias=True)[0]
    # In the coordinates of grid_sample a picture runs from -1 to 1.
    across = (torch.arange(x0, x1) + 0.5 - left) / width * 2 - 1
    down = (torch.arange(y0, y1) + 0.5 - top) / height * 2 - 1
    grid = torch.stack(torch.meshgrid(down, -across if prop.is_flipped else across, indexing="ij"))
    placed = functional.grid_sample(
        sprite[None], grid.flip(0).permute(1, 2, 0)[None], padding_mode="zeros",
        align_corners=False,
    )[0]  # fmt: skip
    return _Patch(placed.half(), x0, y0)


def _blit(picture: torch.Tensor, patch: torch.Tensor, left: int, top: int) -> None:
    """Draw a patch (4, h, w) on a picture (3 or 4, H, W), in place."""
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = (
        min(picture.shape[2], left + patch.shape[2]),
        min(picture.shape[1], top + patch.shape[1]),
    )
    if x0 < x1 and y0 < y1:
        seen = patch[:, y0 - top : y1 - top, x0 - left : x1 - left]
        part = picture[:, y0:y1, x0:x1]
        part.mul_(1 - seen[3]).add_(seen[: len(part)])


def _lay_over(frame: torch.Tensor, picture: torch.Tensor, right: int, top: int) -> None:
    """Lay a layer (4, h, 2 W) over a frame (3, H, W), moved by whole pixels, in place."""
    height, width = frame.shape[1:]
    span, first = picture.shape[2], (-right) % picture.shape[2]
    y0, y1 = max(0, top), min(height, top + picture.shape[1])
    rows = picture[:, y0 - top : y1 - top]
    parts = [rows[:, :, first : first + width]]
    if first + width > span:
        parts.append(rows[:, :, : first + width - span])
    seen = torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]
    frame[:, y0:y1].mul_(1 - seen[3]).add_(seen[:3])


def tone(picture: torch.Tensor, colour: Colour, share: float) -> None:
    """Blend a premultiplied picture (4, ...) with a colour where it covers, in place."""
    if share:
        shape = (3, *[1] * (picture.ndim - 1))
        target = torch.tensor(colour, dtype=picture.dtype).view(shape) / 255 * picture[3]
        picture[:3] += share * (target - picture[:3])


def _draw_spot(picture: torch.Tensor, spot: Spot, top: int) -> None:
    """Draw a disc on a picture whose first row is `top` above the frame, in place."""
    reach = spot.radius + 1
    x0, x1 = max(0, int(spot.x - reach)), min(picture.shape[2], int(spot.x + reach) + 2)
    y0, y1 = max(0, int(spot.y + top - reach)), min(picture.shape[1], int(spot.y + top + reach) + 2)
    if x0 >= x1 or y0 >= y1:
        return
    x, y = torch.arange(x0, x1) + 0.5, torch.arange(y0, y1)[:, None] + 0.5 - top
    distance = ((x - spot.x) ** 2 + (y - spot.y) ** 2).sqrt()
    cover = spot.cover * (spot.radius - distance + 0.5).clamp(0, 1)
    colour = torch.tensor(spot.colour)[:, None, None] / 255
    part = picture[:3, y0:y1, x0:x1]
    part += cover * (colour - part)


def _soften(picture: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur a picture (C, H, W) a little: a Gaussian of some pixels, along both axes."""
    reach = max(1, round(3 * sigma))
    kernel = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    weights = (kernel / kernel.sum()).tolist()
    padded = functional.pad(picture[None], (reach,) * 4, mode="replicate")[0]
    return _add_shifted(_add_shifted(padded, weights, 2), weights, 1)


def _add_shifted(picture: torch.Tensor, weights: Sequence[float], dim: int) -> torch.Tensor:
    """Correlate a picture with weights along an axis: far faster than `conv2d` of one channel."""
    length = picture.shape[dim] - len(weights) + 1
    total = picture.narrow(dim, 0, length) * weights[0]
    for start, weight in enumerate(weights[1:], 1):
        total.add_(picture.narrow(dim, start, length), alpha=weight)
    return total


def _cast_paper_shadow(picture: torch.Tensor, blur: float) -> None:
    """Put the shadow of cut paper under a layer (4, H, W), in place."""
    shadow = _soften(picture[3:].roll(-round(blur), dims=1), blur)[0] * _SHADOW_COVER
    below = shadow * (1 - picture[3])
    picture[:3] += below * (torch.tensor(_SHADOW)[:, None, None] / 255)
    picture[3] += below


def draw_strokes(frame: torch.Tensor, particles: Particles) -> None:
    """Draw strokes with round ends on a frame (3, H, W) in [-1, 1], in place."""
    radius = particles.width / 2
    colour = torch.tensor(particles.colour)[:, None, None] / 127.5 - 1
    height, width = frame.shape[1:]
    for (ax, ay), (bx, by) in zip(particles.starts.tolist(), particles.ends.tolist(), strict=True):
        x0, x1 = max(0, int(min(ax, bx) - radius - 1)), int(max(ax, bx) + radius + 2)
        y0, y1 = max(0, int(min(ay, by) - radius - 1)), int(max(ay, by) + radius + 2)
        if x0 >= min(x1, width) or y0 >= min(y1, height):
            continue
        part = frame[:, y0:y1, x0:x1]
        x = torch.arange(x0, x0 + part.shape[2]) + 0.5
        y = torch.arange(y0, y0 + part.shape[1])[:, None] + 0.5
        dx, dy = bx - ax, by - ay
        along = ((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-9)
        along = along.clamp(0, 1)
        distance = ((x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2).sqrt()
        cover = particles.cover * (radius - distance + 0.5).clamp(0, 1)
        part += cover * (colour - part)

"""Composites a scene's frames: the land, zoomed, with shadows and sprites on top.

Sprites are at the positions that the motion paths give, and as sharp as a still picture, however
they move.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from pipeline.mini.camera_warp import warp_picture
from pipeline.mini.motion_paths import Figure, Moment, MotionPaths
from pipeline.mini.painter import ABOVE, BELOW, BODY_PIXELS
from pipeline.mini.scene import Look
from pipeline.mini.shadows import SHADOW_COLOUR, Shadow
from pipeline.mini.tables import CAST, PATCH, PERIOD_SECONDS

Figures = Sequence[Figure]
_BESIDE = 0.36  # of its height, around a body's box: no sprite is wider


class PaintSprites(Protocol):
    """Paints the sprites of a character."""

    def __call__(self, look: Look, seconds: tuple[float, ...]) -> torch.Tensor:
        """Return sprites (N, 4, H, W) at N times of the clock, in seconds.

        They are premultiplied RGB and alpha, from 0 to 1, on canvases as `PainterModel` has them.
        """


def zoom_frames(frames: torch.Tensor, paths: MotionPaths, moments: np.ndarray) -> torch.Tensor:
    """Zoom frames (1, 3, F, H, W) as the camera does at moments (F,) of the paths' clock."""
    cameras = [paths.at(time) for time in moments]
    if any(camera.zoom != 1 for camera in cameras):
        return _zoom(frames.float(), cameras)
    return frames


@torch.no_grad()
def add_figures(
    frames: torch.Tensor, paths: MotionPaths, moments: np.ndarray, paint: PaintSprites
) -> torch.Tensor:
    """Draw a scene's characters on zoomed frames (1, 3, F, H, W), in place."""
    figures_of_frames = [paths.figures(time) for time in moments]
    grid = [side // PATCH for side in frames.shape[-2:]]
    box = _box_around(figures_of_frames, grid)
    if box is None:
        return frames
    region = box.pixels_of(frames)
    drawn = region.float()
    clock = paths.clock + moments
    for shown, figures in _appearances(figures_of_frames):
        _draw_shadows(drawn[:, :, shown], [figure.shadow for figure in figures], box)
        seconds = ((clock[shown] + figures[0].delay) % PERIOD_SECONDS).round(4).tolist()
        sprites = paint(figures[0].look, tuple(seconds)).float()
        _draw_sprites(drawn[:, :, shown], sprites, figures, box)
    region.copy_(drawn)
    return frames


def _appearances(figures_of_frames: Sequence[Figures]) -> Iterator[tuple[slice, Figures]]:
    """Yield runs of frames in which a character looks the same, and its figures there.

    Characters in front come last. Where a scene follows another without a cut, a character may be
    in some frames of a latent frame only.
    """
    for position in reversed(range(max(map(len, figures_of_frames)))):
        looks = [x[position].look if len(x) > position else None for x in figures_of_frames]
        for look, group in groupby(range(len(looks)), key=looks.__getitem__):
            first, *_ = indices = list(group)
            if look is not None:
                shown = slice(first, first + len(indices))
                yield shown, [figures[position] for figures in figures_of_frames[shown]]


def _zoom(frames: torch.Tensor, cameras: Sequence[Moment]) -> torch.Tensor:
    """Zoom frames (1, 3, F, H, W) to the cameras of the same frames."""
    height, width = frames.shape[-2:]
    moves = []
    for camera in cameras:
        (x, y), part = camera.pivot, 1 - 1 / camera.zoom  # the pivot stays where it is
        moves.append((camera.zoom, (0.5 - x / width) * part, (0.5 - y / height) * part))
    warps = torch.tensor(moves).to(frames)[:, None]  # (F, 1, 3)
    start = warps.new_tensor([1.0, 0.0, 0.0]).expand(len(moves), -1)  # (F, 3)
    return warp_picture(frames[0].transpose(0, 1), start, warps).transpose(0, 2)


@dataclass(frozen=True)
class _Box:
    """A rectangle of the picture, in patches."""

    top: int
    left: int
    bottom: int
    right: int

    def part_of(self, x: torch.Tensor) -> torch.Tensor:
        """Return the rectangle's patches of latents (..., h, w)."""
        return x[..., self.top : self.bottom, self.left : self.right]

    def pixels_of(self, frames: torch.Tensor) -> torch.Tensor:
        """Return the rectangle's pixels of frames (..., H, W)."""
        rows = slice(PATCH * self.top, PATCH * self.bottom)
        return frames[..., rows, PATCH * self.left : PATCH * self.right]

    def rows(self, like: torch.Tensor) -> torch.Tensor:
        """Return the y coordinates of its pixel centres (H,) in the picture."""
        return torch.arange(PATCH * self.top, PATCH * self.bottom).to(like) + 0.5

    def columns(self, like: torch.Tensor) -> torch.Tensor:
        """Return the x coordinates of its pixel centres (W,) in the picture."""
        return torch.arange(PATCH * self.left, PATCH * self.right).to(like) + 0.5


def _edges(figure: Figure) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom, in pixels, of what holds a figure and its shadow."""
    half = (CAST[figure.look.subject][0] / 2 + _BESIDE) * figure.height
    top, bottom = _top_and_bottom(figure)
    if figure.shadow:
        bottom = max(bottom, figure.shadow.y + figure.shadow.down)
    return figure.x - half, top, figure.x + half, bottom


def _top_and_bottom(figure: Figure) -> tuple[float, float]:
    """Return the upper and the lower edge of a figure's sprite in pixels."""
    height = figure.height
    return figure.y - (0.5 + ABOVE) * height, figure.y + (0.5 + BELOW) * height


def _box_around(figures_of_frames: Sequence[Figures], grid: Sequence[int]) -> _Box | None:
    """Return the part of a grid (h, w) that holds all figures of all frames; None if empty."""
    edges = np.array([_edges(figure) for figures in figures_of_frames for figure in figures])
    if not len(edges):
        return None
    left, top = np.floor(edges[:, :2].min(0) / PATCH).astype(int).clip(0).tolist()
    right, bottom = np.ceil(edges[:, 2:].max(0) / PATCH).astype(int).tolist()
    box = _Box(top, left, min(bottom, grid[0]), min(right, grid[1]))
    return box if box.top < box.bottom and box.left < box.right else None


def _draw_shadows(frames: torch.Tensor, shadows: Sequence[Shadow | None], box: _Box) -> None:
    """Draw a shadow on each frame of a box (1, 3, F, H, W), in place; None draws none."""
    colour = torch.tensor(SHADOW_COLOUR).to(frames)[:, None, None] / 127.5 - 1
    x, y = box.columns(frames), box.rows(frames)[:, None]
    for index, shadow in enumerate(shadows):
        if shadow is None:
            continue
        distance = ((x - shadow.x) / shadow.across) ** 2 + ((y - shadow.y) / shadow.down) ** 2
        # The soft edge is about one pixel high.
        cover = shadow.cover * ((1 - distance.sqrt()) * shadow.down + 0.5).clamp(0, 1)
        frames[0, :, index] += cover * (colour - frames[0, :, index])


def _draw_sprites(frames: torch.Tensor, sprites: torch.Tensor, figures: Figures, box: _Box) -> None:
    """Draw a character's sprites (F, 4, h, w) on frames (1, 3, F, H, W) of a box, in place."""
    size = frames.shape[-2:]
    width = sprites.shape[3] / BODY_PIXELS  # of a figure's height
    scale = min(figure.height for figure in figures) / BODY_PIXELS
    if scale < 1:  # else fine lines would be lost
        small = [round(scale * side) for side in sprites.shape[-2:]]
        sprites = functional.interpolate(sprites, small, mode="bilinear", antialias=True)
    theta = torch.zeros(len(figures), 2, 3)
    for matrix, figure in zip(theta, figures, strict=True):
        half = width * figure.height / 2
        sides = (
            (figure.x - half, figure.x + half, box.left, size[1]),
            (*_top_and_bottom(figure), box.top, size[0]),
        )
        for axis, (low, high, start, length) in enumerate(sides):
            # In the coordinates of grid_sample a picture runs from -1 to 1.
            middle = PATCH * start + length / 2
            matrix[axis, axis] = length / (high - low)
            matrix[axis, 2] = (2 * middle - low - high) / (high - low)
        if figure.is_flipped:
            matrix[0] *= -1
    shape = [len(figures), 1, *size]
    grid = functional.affine_grid(theta.to(sprites), shape, align_corners=False)
    placed = functional.grid_sample(sprites, grid, padding_mode="zeros", align_corners=False)
    colours, cover = placed.transpose(0, 1)[None].split((3, 1), dim=1)  # (1, 3 and 1, F, H, W)
    frames.mul_(1 - cover).add_(2 * colours - cover)

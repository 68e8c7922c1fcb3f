"""A scene's pictures, put together one by one: its land as near as the camera is, and everybody.

The guide guesses the land with nobody in it, from afar. Bodies are painted apart, as they look at
the time of each picture, and laid over it where the staging says that they are, when the land has
been decoded: they are as sharp as a still, however they move.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from pipeline.mini.autoencoder import PATCH_FRAMES, AutoencoderKinora, even_out_edges
from pipeline.mini.camera_warp import warp_picture
from pipeline.mini.motion_paths import PATCH, PERIOD_SECONDS, Figure, Moment, MotionPaths
from pipeline.mini.scene import Look
from pipeline.mini.shadows import SHADOW_COLOUR, Shadow
from pipeline.mini.sprites import ABOVE, BELOW, SPRITE_HEIGHT, canvas_size

Figures = Sequence[Figure]


class PaintSprites(Protocol):
    """Paints somebody's portraits."""

    def __call__(self, look: Look, seconds: tuple[float, ...]) -> torch.Tensor:
        """Return what somebody looks like at N times of the clock: (N, 4, H, W).

        Colours times cover, and cover, from 0 to 1, on a canvas as `SpriteModel` paints.
        """


@torch.no_grad()
def composite_frames(
    frames: torch.Tensor, staging: MotionPaths, moments: np.ndarray, paint: PaintSprites
) -> torch.Tensor:
    """Return pictures (1, 3, F, H, W) of a scene as near as its camera is, with everybody in them.

    `frames` are of its land, from afar, and may change; `moments` (F,) are when each of them is on
    the staging's clock, in seconds.
    """
    cameras = [staging.at(time) for time in moments]
    if any(camera.zoom != 1 for camera in cameras):
        frames = _zoom(frames.float(), cameras)
    ways = [staging.figures(time) for time in moments]
    window = _window_round(ways, [side // PATCH for side in frames.shape[-2:]])
    if window is None:
        return frames
    near = window.pixels_of(frames)
    drawn = near.float()
    clock = ((staging.clock + moments) % PERIOD_SECONDS).round(4).tolist()
    for shown, figures in _appearances(ways):
        _darken(drawn[:, :, shown], [figure.shadow for figure in figures], window)
        portraits = paint(figures[0].look, tuple(clock[shown])).float()
        _lay_over(drawn[:, :, shown], portraits, figures, window)
    near.copy_(drawn)
    return frames


@torch.no_grad()
def composite_latents(
    vae: AutoencoderKinora,
    staging: MotionPaths,
    times: np.ndarray,
    land: torch.Tensor,
    paint: PaintSprites,
) -> torch.Tensor:
    """Return latent frames (1, C, T, h, w) of a scene's land as if the scene had been encoded.

    `times` (T, 2) are those of its latent frames on the staging's clock. This is for what works on
    latents: what is to be seen is as sharp as it was painted if it is put together when decoded.
    """
    populated = land.clone()
    for latent, (begin, end) in zip(populated.unbind(2), times.tolist(), strict=True):
        moments = np.linspace(begin, end, 1 if begin == end else PATCH_FRAMES)
        grid = latent.shape[-2:]
        window = _window_round([staging.figures(time) for time in moments], grid)
        is_zoomed = any(staging.at(time).zoom != 1 for time in moments)
        if is_zoomed:
            window = _Window(0, 0, *grid)
        if window is None:
            continue
        frames = vae.decode_linear(vae.denormalize(latent).to(vae.dtype), len(moments))
        if is_zoomed:
            frames = even_out_edges(frames)
        frames = composite_frames(frames, staging, moments, paint).to(vae.dtype)
        new = vae.project_still(frames[:, :, 0]) if len(moments) == 1 else vae.project(frames)
        window.part_of(latent)[:] = window.part_of(vae.normalize(new)[:, :, 0])
    return populated


def _appearances(ways: Sequence[Figures]) -> Iterator[tuple[slice, Figures]]:
    """Yield in which pictures somebody looks the same, and where they are; who is in front last.

    Where a scene follows another without a cut, not everybody is in all of a latent frame.
    """
    for position in reversed(range(max(map(len, ways)))):
        looks = [figures[position].look if len(figures) > position else None for figures in ways]
        for look, group in groupby(range(len(ways)), key=lambda index, looks=looks: looks[index]):
            first, *_ = indices = list(group)
            if look is not None:
                shown = slice(first, first + len(indices))
                yield shown, [figures[position] for figures in ways[shown]]


def _zoom(frames: torch.Tensor, cameras: Sequence[Moment]) -> torch.Tensor:
    """Show whole frames (1, 3, F, H, W) as near as cameras are, one for each."""
    height, width = frames.shape[-2:]
    moves = []
    for camera in cameras:
        (x, y), part = camera.pivot, 1 - 1 / camera.zoom  # the pivot stays where it is
        moves.append((camera.zoom, (0.5 - x / width) * part, (0.5 - y / height) * part))
    moves = torch.tensor(moves).to(frames)[:, None]  # (F, 1, 3)
    afar = moves.new_tensor([1.0, 0.0, 0.0]).expand(len(moves), -1)
    return warp_picture(frames[0].transpose(0, 1), afar, moves).transpose(0, 2)


@dataclass(frozen=True)
class _Window:
    """A part of the picture, in patches."""

    top: int
    left: int
    bottom: int
    right: int

    def part_of(self, x: torch.Tensor) -> torch.Tensor:
        """Return its patches of a picture (..., h, w)."""
        return x[..., self.top : self.bottom, self.left : self.right]

    def pixels_of(self, frames: torch.Tensor) -> torch.Tensor:
        """Return its pixels of frames (..., H, W)."""
        rows = slice(PATCH * self.top, PATCH * self.bottom)
        return frames[..., rows, PATCH * self.left : PATCH * self.right]

    def rows(self, like: torch.Tensor) -> torch.Tensor:
        """Return the middles of its rows of pixels (H,) in the picture."""
        return torch.arange(PATCH * self.top, PATCH * self.bottom).to(like) + 0.5

    def columns(self, like: torch.Tensor) -> torch.Tensor:
        """Return the middles of its columns of pixels (W,) in the picture."""
        return torch.arange(PATCH * self.left, PATCH * self.right).to(like) + 0.5


def _canvas_edges(figure: Figure) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom in pixels of where somebody's portrait goes."""
    scale = figure.height / SPRITE_HEIGHT
    half = scale * canvas_size(figure.look.subject)[1] / 2
    top, bottom = figure.y - figure.height / 2, figure.y + figure.height / 2
    return figure.x - half, top - ABOVE * scale, figure.x + half, bottom + BELOW * scale


def _edges(figure: Figure) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom in pixels of all that can be seen of somebody."""
    left, top, right, bottom = _canvas_edges(figure)
    if figure.shadow:
        bottom = max(bottom, figure.shadow.y + figure.shadow.down)
    return left, top, right, bottom


def _window_round(ways: Sequence[Figures], grid: Sequence[int]) -> _Window | None:
    """Return what is seen of bodies anywhere on their ways of a picture's grid; None if nothing."""
    edges = np.array([_edges(figure) for figures in ways for figure in figures])
    if not len(edges):
        return None
    left, top = np.floor(edges[:, :2].min(0) / PATCH).astype(int).clip(0).tolist()
    right, bottom = np.ceil(edges[:, 2:].max(0) / PATCH).astype(int).tolist()
    window = _Window(top, left, min(bottom, grid[0]), min(right, grid[1]))
    return window if window.top < window.bottom and window.left < window.right else None


def _darken(frames: torch.Tensor, shadows: Sequence[Shadow | None], window: _Window) -> None:
    """Let a shadow fall on frames (1, 3, F, H, W) of a window, in place; one or none for each."""
    colour = torch.tensor(SHADOW_COLOUR).to(frames)[:, None, None] / 127.5 - 1
    x, y = window.columns(frames), window.rows(frames)[:, None]
    for index, shadow in enumerate(shadows):
        if shadow is None:
            continue
        away = ((x - shadow.x) / shadow.across) ** 2 + ((y - shadow.y) / shadow.down) ** 2
        # As wide an edge as a pixel is high there.
        cover = shadow.cover * ((1 - away.sqrt()) * shadow.down + 0.5).clamp(0, 1)
        frames[0, :, index] += cover * (colour - frames[0, :, index])


def _lay_over(
    frames: torch.Tensor, portraits: torch.Tensor, figures: Figures, window: _Window
) -> None:
    """Lay somebody over frames (1, 3, F, H, W) of a window, in place; a portrait for each."""
    size = frames.shape[-2:]
    scale = min(figure.height for figure in figures) / SPRITE_HEIGHT
    if scale < 1:  # else fine lines would be lost
        small = [round(scale * side) for side in portraits.shape[-2:]]
        portraits = functional.interpolate(portraits, small, mode="bilinear", antialias=True)
    theta = torch.zeros(len(figures), 2, 3)
    for matrix, figure in zip(theta, figures, strict=True):
        left, top, right, bottom = _canvas_edges(figure)
        sides = (left, right, window.left, size[1]), (top, bottom, window.top, size[0])
        for axis, (low, high, start, length) in enumerate(sides):
            # In the coordinates of grid_sample pictures are two wide, and their middle is 0.
            middle = PATCH * start + length / 2
            matrix[axis, axis] = length / (high - low)
            matrix[axis, 2] = (2 * middle - low - high) / (high - low)
        if figure.is_flipped:
            matrix[0] *= -1
    shape = [len(figures), 1, *size]
    grid = functional.affine_grid(theta.to(portraits), shape, align_corners=False)
    laid = functional.grid_sample(portraits, grid, padding_mode="zeros", align_corners=False)
    colours, cover = laid.transpose(0, 1)[None].split((3, 1), dim=1)  # (1, 3 and 1, F, H, W)
    frames.mul_(1 - cover).add_(2 * colours - cover)

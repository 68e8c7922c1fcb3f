"""Whoever moves in a scene, moved along their path picture by picture: as sharp as a still.

The guide guesses half a second at once, and what moves within it comes out soft. Of stills it knows
more. So whoever moves is cut out of the stills at both ends of the half second, by what is
different where nobody is, and laid over a guess without them, at each picture's own place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from pipeline.mini.autoencoder import PATCH_FRAMES, AutoencoderKinora, even_out_edges
from pipeline.mini.staging import PATCH, Figure, Staging
from pipeline.mini.tracks import track_scene, without_bodies

_MARGIN = 12  # pixels round a body that belong to it: its outline, and its shadow on the ground
_FEATHER = 8  # pixels over which these end
# How much a still is unlike that without the body, in values from -1 to 1: where the body begins,
# and where nothing of what is behind it is seen. Measured: see training/LOG.md.
_LEAST, _MOST = 0.1, 0.3
_GAP = 5  # pixels: narrower gaps in a body are none
_FAR = 4 * PATCH  # as far as nobody goes in half a second: they have come in from the other edge
_SLIGHT = 1e-6  # the share of a still that would have none, for where the other does not fit

Figures = Sequence[Figure]


class Foresee(Protocol):
    """Guesses some patches of latent frames, from places and words alone."""

    def __call__(
        self, tracks: np.ndarray, places: torch.Tensor, is_inhabited: Sequence[bool]
    ) -> torch.Tensor:
        """Return normalized latents (N, S, C), of tracks (N, D) at places (3, S).

        `is_inhabited` says for which of the tracks the words say who is there; places are as
        `LTXConditionPipeline` counts, those of a still have the time 0.
        """


@torch.no_grad()
def carry(
    vae: AutoencoderKinora,
    staging: Staging,
    times: np.ndarray,
    guess: torch.Tensor,
    foresee: Foresee,
) -> torch.Tensor:
    """Return a guess at latent frames (1, C, T, h, w) in which whoever moves is sharp.

    `times` (T, 2) are those of its latent frames on the staging's clock. A still stays as it is,
    and so does a latent frame in which nobody is, or nothing goes anywhere.
    """
    carried, known = guess.clone(), {}
    for latent, (begin, end) in zip(carried.unbind(2), times.tolist(), strict=True):
        if begin == end:
            continue
        before = begin - (end - begin) / (PATCH_FRAMES - 1)  # the last picture of the one before
        ways = [staging.figures(time) for time in np.linspace(before, end, PATCH_FRAMES + 1)]
        is_at_rest = staging.camera(before) == staging.camera(end)
        window = _window_round(ways, latent.shape[-2:])
        if window is None or (is_at_rest and all(a == b for a, b in pairwise(ways))):
            continue
        for time in (before, end):
            if time not in known:
                known[time] = _cut_out(vae, staging, time, latent.shape[-2:], foresee)
        track = without_bodies(track_scene(staging, np.array([(begin, end)])))
        behind = _decode(vae, window, foresee(track, window.places(time=1), [False]))[0]
        pictures = _lay_over(behind.transpose(0, 1), known[before], known[end], ways, window)
        new = vae.project(pictures.transpose(0, 1)[None].to(vae.dtype))
        window.part_of(latent)[:] = vae.normalize(new)[:, :, 0]
        known = {end: known[end]}  # the next latent frame goes on from it
    return carried


@dataclass(frozen=True)
class _Window:
    """A part of the picture, in patches."""

    top: int
    left: int
    bottom: int
    right: int

    def places(self, time: float) -> torch.Tensor:
        """Return its patches' corners (3, S): time, y, and x in pixels."""
        sides = (torch.arange(self.top, self.bottom), torch.arange(self.left, self.right))
        grid = torch.meshgrid(*(float(PATCH) * side for side in sides), indexing="ij")
        return torch.stack([torch.full_like(grid[0], time), *grid]).flatten(1)

    def part_of(self, x: torch.Tensor) -> torch.Tensor:
        """Return its patches of a picture (..., h, w)."""
        return x[..., self.top : self.bottom, self.left : self.right]

    @property
    def grid(self) -> tuple[int, int]:
        """Its patches down and across."""
        return self.bottom - self.top, self.right - self.left


@dataclass(frozen=True)
class _Cutout:
    """Bodies on nothing (4, H, W), as colours times cover, and cover; `figures` were there."""

    bodies: torch.Tensor
    window: _Window
    figures: Figures


def _edges(figure: Figure) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom in pixels."""
    x, y = figure.width / 2, figure.height / 2
    return figure.x - x, figure.y - y, figure.x + x, figure.y + y


def _window_round(ways: Sequence[Figures], grid: tuple[int, int]) -> _Window | None:
    """Return what bodies touch anywhere on their ways of a picture's grid; None if nothing."""
    edges = np.array([_edges(figure) for figures in ways for figure in figures])
    if not len(edges):
        return None
    left, top = np.floor((edges[:, :2].min(0) - _MARGIN) / PATCH).astype(int).clip(0).tolist()
    right, bottom = np.ceil((edges[:, 2:].max(0) + _MARGIN) / PATCH).astype(int).tolist()
    window = _Window(top, left, min(bottom, grid[0]), min(right, grid[1]))
    return window if min(window.grid) > 0 else None


def _decode(vae: AutoencoderKinora, window: _Window, tokens: torch.Tensor) -> torch.Tensor:
    """Decode a window's tokens (N, S, C) into frames (N, 3, 8, H, W)."""
    latents = tokens.transpose(1, 2).unflatten(2, window.grid)
    return vae.decode_linear(vae.denormalize(latents).to(vae.dtype)).float()


def _cut_out(
    vae: AutoencoderKinora, staging: Staging, time: float, grid: tuple[int, int], foresee: Foresee
) -> _Cutout | None:
    """Cut everybody out of the still at a time; None if nobody is in the picture."""
    figures = staging.figures(time)
    window = _window_round([figures], grid)
    if window is None:
        return None
    track = track_scene(staging, np.array([(time, time)]))
    tracks = np.concatenate([track, without_bodies(track)])
    frames = _decode(vae, window, foresee(tracks, window.places(time=0), [True, False]))
    still, bare = even_out_edges(frames.mean(2, keepdim=True))[:, :, 0]
    differs = (still - bare).abs().amax(0, keepdim=True)
    # Gaps are closed, outlines stay.
    closed = functional.max_pool2d(differs, _GAP, 1, _GAP // 2)
    closed = -functional.max_pool2d(-closed, _GAP, 1, _GAP // 2)
    cover = functional.avg_pool2d((closed - _LEAST) / (_MOST - _LEAST), 3, 1, 1).clamp(0, 1)
    cover = cover * _mask(figures, window).to(cover)
    return _Cutout(torch.cat([still * cover, cover]), window, figures)


def _mask(figures: Figures, window: _Window) -> torch.Tensor:
    """Return how near to any of the bodies a window's pixels (H, W) are, from 0 to 1."""
    y = torch.arange(PATCH * window.top, PATCH * window.bottom)[:, None] + 0.5
    x = torch.arange(PATCH * window.left, PATCH * window.right)[None] + 0.5
    mask = torch.zeros(())
    for left, top, right, bottom in map(_edges, figures):
        across, down = torch.maximum(left - x, x - right), torch.maximum(top - y, y - bottom)
        outside = torch.maximum(across, down)
        mask = torch.maximum(mask, ((_MARGIN - outside) / _FEATHER).clamp(0, 1))
    return mask


def _lay_over(
    pictures: torch.Tensor,
    first: _Cutout | None,
    last: _Cutout | None,
    ways: Sequence[Figures],
    window: _Window,
) -> torch.Tensor:
    """Lay bodies over pictures (8, 3, H, W) of a window, along their `ways` (9) through them."""
    later = torch.arange(1, PATCH_FRAMES + 1) / PATCH_FRAMES
    shares = []
    for cutout, figures, share in ((first, ways[0], 1 - later), (last, ways[-1], later)):
        fits = [cutout is not None and _looks_like(figures[0], way[0]) for way in ways[1:]]
        shares.append((share + _SLIGHT) * torch.tensor(fits))
    total = sum(shares).clamp(min=_SLIGHT)
    laid = pictures.new_zeros(len(pictures), 4, *pictures.shape[2:])
    for cutout, share in zip((first, last), shares, strict=True):
        if cutout is not None:
            share = (share / total)[:, None, None, None].to(pictures)
            laid = laid + share * _move(cutout, ways[1:], window)
    return laid[:, :3] + (1 - laid[:, 3:]) * pictures


def _looks_like(a: Figure, b: Figure) -> bool:
    """Say whether somebody is seen from the same side, and has not left the picture in between."""
    return a.is_flipped == b.is_flipped and abs(a.x - b.x) + abs(a.y - b.y) < _FAR


def _move(cutout: _Cutout, ways: Sequence[Figures], window: _Window) -> torch.Tensor:
    """Show a cutout in a window where it goes: (F, 4, H, W)."""
    here = cutout.figures[0]
    sizes = [[PATCH * n for n in w.grid[::-1]] for w in (cutout.window, window)]  # across, down
    corners = [(PATCH * w.left, PATCH * w.top) for w in (cutout.window, window)]
    theta = torch.zeros(len(ways), 2, 3)
    for matrix, (figure, *_) in zip(theta, ways, strict=True):
        scale = here.height / figure.height
        for axis, (start, place) in enumerate(((here.x, figure.x), (here.y, figure.y))):
            # In the coordinates of grid_sample pictures are two wide, and their middle is 0.
            matrix[axis, axis] = scale * sizes[1][axis] / sizes[0][axis]
            middle = start + scale * (corners[1][axis] + sizes[1][axis] / 2 - place)
            matrix[axis, 2] = 2 * (middle - corners[0][axis]) / sizes[0][axis] - 1
    shape = [len(ways), 1, *sizes[1][::-1]]
    grid = functional.affine_grid(theta.to(cutout.bodies), shape, align_corners=False)
    bodies = cutout.bodies.expand(len(ways), -1, -1, -1)
    return functional.grid_sample(bodies, grid, padding_mode="zeros", align_corners=False)

"""Renders scenes: a land in layers, painted once a shot, with bodies on top.

A frame follows from the scene and its time alone. Latent frames are numbered within their shot; the
number gives their time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

from pipeline.engines.base import to_frames
from pipeline.mini.autoencoder import PATCH_FRAMES
from pipeline.mini.camera import aim_camera
from pipeline.mini.compositing import add_figures, zoom_frames
from pipeline.mini.land_painting import Land, draw_strokes, tone
from pipeline.mini.light import veil_of
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.particles import particles_at
from pipeline.mini.pipeline import KinoraMiniPipeline
from pipeline.mini.scene import Look

_Times = TypeVar("_Times", float, np.ndarray)
_NUM_CACHED_SPRITES = 64  # those of two characters over one period, of two scenes
_NUM_CACHED_LANDS = 2  # a retake dissolves from one scene to another


@dataclass(frozen=True)
class ScenePrompt:
    """A parsed prompt: the motion paths of its scene, or a camera move alone.

    `paths` is None for a picture or clip whose scene is unknown: only the camera's move is known
    then. A scene read from a file is a claim (`is_claimed`) until the given frames confirm it.
    `replaces` is the scene of a clip, of which a part is made anew; that is a claim too.
    """

    paths: MotionPaths | None
    seconds: float  # on the clock of `paths` when the shot starts
    is_claimed: bool
    camera: str
    width: int  # of a frame, in pixels
    height: int
    pace: float = 1.0  # seconds on that clock in a second of the shot
    replaces: ScenePrompt | None = None
    until: float | None = None  # on that clock, when the clip goes on as it was

    def clock(self, times: _Times) -> _Times:
        """Return times of the shot in seconds on the clock of `paths`."""
        return times * self.pace + self.seconds

    def camera_at(self, seconds: float) -> tuple[float, float, float]:
        """Return zoom, and how far all has moved right and down as a share of the picture."""
        if self.paths is not None:
            moment = self.paths.at(self.clock(seconds))
            zoom, pan, tilt = moment.zoom, moment.pan, moment.tilt
        elif self.camera == "follow":  # nobody is known
            return 1.0, 0.0, 0.0
        else:
            zoom, pan, tilt = aim_camera(self.camera, max(0.0, seconds), self.height)
        return zoom, pan / self.width, tilt / self.height


class Renderer:
    """Renders the scenes of prompts with a loaded pipeline, at `fps` frames a second."""

    def __init__(self, pipe: KinoraMiniPipeline, fps: float) -> None:
        """Use a loaded pipeline; caches sprites, because characters repeat their movements."""
        self._pipe, self._fps = pipe, fps
        self._paint = lru_cache(maxsize=_NUM_CACHED_SPRITES)(self._paint_body)
        self._lands: dict[int, tuple[MotionPaths, Land]] = {}  # with what an id is of

    def camera_moves(
        self, prompt: ScenePrompt, first: int, num_latents: int, *, is_start: bool = False
    ) -> torch.Tensor:
        """Return `ScenePrompt.camera_at` for the frames of latent frames (T, 8, 3)."""
        spans = latent_times(first, num_latents, self._fps, is_start=is_start)
        times = np.linspace(spans[:, 0], spans[:, 1], PATCH_FRAMES, axis=1)  # (T, 8)
        return torch.tensor([[prompt.camera_at(x) for x in row] for row in times.tolist()])

    @torch.no_grad()
    def encode(
        self, prompt: ScenePrompt, first: int, num_latents: int, *, is_start: bool = False
    ) -> torch.Tensor:
        """Draw latent frames of a scene and encode them: normalized latents (1, C, T, h, w)."""
        vae, parts = self._pipe.vae, []
        for moments in self._moments(prompt, first, num_latents, is_start=is_start):
            frames = self._show(prompt, moments).to(vae.dtype)
            is_still = len(moments) == 1
            new = vae.project_still(frames[:, :, 0]) if is_still else vae.project(frames)
            parts.append(vae.normalize(new).float())
        return torch.cat(parts, dim=2)

    @torch.no_grad()
    def draw(
        self, prompt: ScenePrompt, first: int, num_latents: int, *, is_start: bool = False
    ) -> Iterator[np.ndarray]:
        """Draw frames (F, H, W, 3) uint8 for each latent frame of a scene.

        With `is_start` the first latent frame stands for a single frame, else each for eight.
        """
        for moments in self._moments(prompt, first, num_latents, is_start=is_start):
            yield to_frames(self._show(prompt, moments))

    def _show(self, prompt: ScenePrompt, moments: np.ndarray) -> torch.Tensor:
        """Draw frames (1, 3, F, H, W) in [-1, 1] at times on the clock of the paths, in seconds."""
        assert prompt.paths is not None  # only known scenes are painted
        paths = prompt.paths
        land = self._land_of(paths)
        shown = [land.show(paths.at(time), paths.clock + time) for time in moments]
        frames = torch.stack(shown, dim=1)[None] * 2 - 1
        frames = zoom_frames(frames, paths, moments)
        self._draw_particles(frames, paths, moments, is_behind=True)
        frames = add_figures(frames, paths, moments, self._paint)
        self._draw_particles(frames, paths, moments, is_behind=False)
        return frames

    def _draw_particles(
        self, frames: torch.Tensor, paths: MotionPaths, moments: np.ndarray, *, is_behind: bool
    ) -> None:
        for frame, time in zip(frames[0].unbind(1), moments.tolist(), strict=True):
            clock = paths.clock + time
            some = particles_at(paths.scene, paths.width, paths.height, clock, is_behind=is_behind)
            for particles in some:
                draw_strokes(frame, particles)

    def _land_of(self, paths: MotionPaths) -> Land:
        """Return the land of paths, which is painted once."""
        if id(paths) not in self._lands:
            if len(self._lands) == _NUM_CACHED_LANDS:
                del self._lands[next(iter(self._lands))]
            self._lands[id(paths)] = paths, Land(self._pipe.painter, paths)
        return self._lands[id(paths)][1]

    def _paint_body(self, look: Look, seconds: tuple[float, ...]) -> torch.Tensor:
        """Paint a body at N times: (N, 4, H, W) float16."""
        style = "flat" if look.style == "pastel" else look.style
        values = vars(look) | {"style": style}
        sprites = self._pipe.painter.paint(look.subject, values, seconds).float()
        colour, shares = veil_of("meadow", look.time, look.weather)
        for sprite in sprites:
            tone(sprite, colour, shares[3])
        return sprites.half()  # these are kept, and a picture has but 256 steps

    def _moments(
        self, prompt: ScenePrompt, first: int, num_latents: int, *, is_start: bool
    ) -> Iterator[np.ndarray]:
        """Yield the times (F,) of each latent frame's frames on the clock of the paths."""
        for begin, end in latent_times(first, num_latents, self._fps, is_start=is_start):
            yield prompt.clock(np.linspace(begin, end, 1 if begin == end else PATCH_FRAMES))


def latent_times(first: int, num_latents: int, fps: float, *, is_start: bool) -> np.ndarray:
    """Return the times (T, 2) in seconds of each latent frame's first and last frame.

    Latent frame i of a shot stands for frames 8 i - 7 to 8 i. With `is_start` the first one stands
    for a single frame, number 8 `first`.
    """
    last = 8 * np.arange(first, first + num_latents)
    begin = last - 7
    if is_start:
        begin[0] = last[0]
    return np.stack([begin, last], axis=1) / fps

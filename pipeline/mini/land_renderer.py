"""Renders scenes whose weights have a painter: lands in layers, with bodies on top.

It does what `renderer.Renderer` does for weights with a background network, and keeps no background
in latents: a frame follows from the scene and its time alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch.nn import functional

from pipeline.engines.base import to_frames
from pipeline.mini.autoencoder import PATCH_FRAMES
from pipeline.mini.compositing import add_figures, zoom_frames
from pipeline.mini.land_painting import Land, draw_strokes, tone
from pipeline.mini.light import veil_of
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.particles import particles_at
from pipeline.mini.path_features import latent_times
from pipeline.mini.pipeline import KinoraMiniPipeline
from pipeline.mini.renderer import ScenePrompt
from pipeline.mini.scene import PATCH, Look
from pipeline.mini.sprites import canvas_size

_NUM_CACHED_SPRITES = 64  # those of two characters over one period, of two scenes


class LandRenderer:
    """Renders the scenes of prompts with a loaded pipeline, at `fps` frames a second."""

    def __init__(self, pipe: KinoraMiniPipeline, fps: float) -> None:
        """Use a loaded pipeline; caches sprites, because characters repeat their movements."""
        self._pipe, self._fps = pipe, fps
        self._paint = lru_cache(maxsize=_NUM_CACHED_SPRITES)(self._paint_body)
        self._lands: dict[int, tuple[MotionPaths, Land]] = {}

    def features(
        self, prompt: ScenePrompt, first: int, num_latents: int, *, is_start: bool = False
    ) -> torch.Tensor:
        """Return the path features (1, T, D) of latent frames from number `first` on."""
        times = latent_times(first, num_latents, self._fps, is_start=is_start)
        return torch.from_numpy(prompt.features(times))[None]

    def paint_background(
        self, prompt: ScenePrompt, first: int, num_latents: int, *, is_start: bool = False
    ) -> torch.Tensor:
        """Return empty latents (1, C, T, h, w): backgrounds are not kept in latents."""
        del first, is_start
        channels = self._pipe.vae.config.latent_channels
        return torch.zeros(1, channels, num_latents, prompt.height // PATCH, prompt.width // PATCH)

    @torch.no_grad()
    def add_characters(
        self, prompt: ScenePrompt, background: torch.Tensor, first: int, *, is_start: bool = False
    ) -> torch.Tensor:
        """Return the encoded scene: normalized latents (1, C, T, h, w) like `background`."""
        vae, parts = self._pipe.vae, []
        for begin, end in self._times(prompt, first, background.shape[2], is_start=is_start):
            count = 1 if begin == end else PATCH_FRAMES
            frames = self._show(prompt, np.linspace(begin, end, count)).to(vae.dtype)
            new = vae.project_still(frames[:, :, 0]) if count == 1 else vae.project(frames)
            parts.append(vae.normalize(new).to(background))
        return torch.cat(parts, dim=2)

    @torch.no_grad()
    def decode(
        self,
        prompt: ScenePrompt,
        background: torch.Tensor,
        first: int,
        previous: torch.Tensor | None = None,
    ) -> Iterator[np.ndarray]:
        """Draw the frames of background latents (1, C, T, h, w), which hold nothing.

        Yields frames (F, H, W, 3) uint8 for each latent frame. After `previous` latents
        (1, C, k, h, w) each gives eight frames; without them the first gives one.
        """
        is_start = previous is None
        for begin, end in self._times(prompt, first, background.shape[2], is_start=is_start):
            count = 1 if begin == end else PATCH_FRAMES
            yield to_frames(self._show(prompt, np.linspace(begin, end, count)))

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
        """Return the land of paths, painted once: those before may be shown for a moment, too."""
        known = self._lands.get(id(paths))
        if known is None or known[0] is not paths:
            assert self._pipe.painter is not None  # that is why this renderer was chosen
            self._lands = {id(paths): (paths, Land(self._pipe.painter, paths))}
        return self._lands[id(paths)][1]

    def _paint_body(self, look: Look, seconds: tuple[float, ...]) -> torch.Tensor:
        """Paint a body at N times, as wide as its canvas in `sprites.py`: (N, 4, H, W)."""
        assert self._pipe.painter is not None
        style = "flat" if look.style == "pastel" else look.style
        values = vars(look) | {"style": style}
        sprites = self._pipe.painter.paint(look.subject, values, seconds).float()
        colour, shares = veil_of("meadow", look.time, look.weather)
        for sprite in sprites:
            tone(sprite, colour, shares[3])
        spare = canvas_size(look.subject)[1] - sprites.shape[3]
        return functional.pad(sprites, (spare // 2, spare // 2))

    def _times(
        self, prompt: ScenePrompt, first: int, num_latents: int, *, is_start: bool
    ) -> list[list[float]]:
        """Return the times (T, 2) of latent frames on the clock of the paths, in seconds."""
        times = latent_times(first, num_latents, self._fps, is_start=is_start)
        return prompt.clock(times).tolist()

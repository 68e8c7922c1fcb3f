"""Renders a scene: paints its background as latents, and decodes it with its characters on top.

Latent frames are numbered within their shot; the number gives their time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch

from pipeline.engines.base import to_frames
from pipeline.mini.compositing import composite_frames, composite_latents
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.path_features import (
    camera_features,
    latent_times,
    scene_features,
    unknown_features,
)
from pipeline.mini.pipeline import KinoraMiniPipeline

_Times = TypeVar("_Times", float, np.ndarray)
_NUM_CACHED_SPRITES = 32  # those of two characters over one period


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

    def features(self, times: np.ndarray) -> np.ndarray:
        """Return the path features (T, D) of latent frames at times (T, 2) of the shot."""
        if self.paths is not None:
            return scene_features(self.paths, self.clock(times))
        times = times.clip(min=0)
        if self.camera != "follow":
            return camera_features(self.camera, times, width=self.width, height=self.height)
        return unknown_features(times)


class Renderer:
    """Renders the scenes of prompts with a loaded pipeline, at `fps` frames a second."""

    def __init__(self, pipe: KinoraMiniPipeline, fps: float) -> None:
        """Use a loaded pipeline; caches sprites, because characters repeat their movements."""
        self._pipe, self._fps = pipe, fps
        self._paint = lru_cache(maxsize=_NUM_CACHED_SPRITES)(pipe.paint_sprites)

    def features(
        self, prompt: ScenePrompt, first: int, num_latents: int, *, is_start: bool = False
    ) -> torch.Tensor:
        """Return the path features (1, T, D) of latent frames from number `first` on."""
        times = latent_times(first, num_latents, self._fps, is_start=is_start)
        return torch.from_numpy(prompt.features(times))[None]

    def paint_background(
        self, prompt: ScenePrompt, first: int, num_latents: int, *, is_start: bool = False
    ) -> torch.Tensor:
        """Paint a scene without its characters: normalized latents (1, C, T, h, w).

        With `is_start` the first latent frame stands for a single frame.
        """
        features = self.features(prompt, first, num_latents, is_start=is_start)
        size = prompt.height, prompt.width
        return self._pipe.paint_background(
            asdict(_paths_of(prompt).scene), features, size, is_start=is_start
        )

    def add_characters(
        self, prompt: ScenePrompt, background: torch.Tensor, first: int, *, is_start: bool = False
    ) -> torch.Tensor:
        """Return background latents (1, C, T, h, w) with the scene's characters added."""
        times = self._times(prompt, first, background.shape[2], is_start=is_start)
        paths = _paths_of(prompt)
        return composite_latents(self._pipe.vae, paths, times, background, self._paint)

    @torch.no_grad()
    def decode(
        self,
        prompt: ScenePrompt,
        background: torch.Tensor,
        first: int,
        previous: torch.Tensor | None = None,
    ) -> Iterator[np.ndarray]:
        """Decode background latents (1, C, T, h, w) and add the scene's characters.

        Yields frames (F, H, W, 3) uint8 for each latent frame. After `previous` latents
        (1, C, k, h, w) each gives eight frames; without them the first gives one.
        """
        vae, is_start = self._pipe.vae, previous is None
        if previous is not None:
            previous = vae.denormalize(previous[:, :, -1]).to(vae.dtype)
        z = vae.denormalize(background).to(vae.dtype)
        pictures = vae.decode_stream(z, previous=previous, is_generated=True)
        times = self._times(prompt, first, background.shape[2], is_start=is_start)
        for frames, (begin, end) in zip(pictures, times.tolist(), strict=True):
            moments = np.linspace(begin, end, frames.shape[2])
            yield to_frames(composite_frames(frames, _paths_of(prompt), moments, self._paint))

    def _times(
        self, prompt: ScenePrompt, first: int, num_latents: int, *, is_start: bool
    ) -> np.ndarray:
        """Return the times (T, 2) of latent frames on the clock of the paths, in seconds."""
        return prompt.clock(latent_times(first, num_latents, self._fps, is_start=is_start))


def _paths_of(prompt: ScenePrompt) -> MotionPaths:
    assert prompt.paths is not None  # only known scenes are painted
    return prompt.paths

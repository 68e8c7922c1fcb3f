"""Frames of a scene: its background as the networks paint it, with its characters on top.

Latent frames are numbered as in their shot; the number says which time they stand for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache

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

_NUM_CACHED_SPRITES = 32  # those of two characters over one period


@dataclass(frozen=True)
class ScenePrompt:
    """A prompt as the embedded model reads it: the paths of the scene, or a camera move alone.

    There is no scene (`paths` is None) where a picture or a clip from elsewhere is given: only the
    camera's path is known then. A scene read from a file is a claim (`is_claimed`) until the given
    frames look like it.
    """

    paths: MotionPaths | None
    seconds: float  # on the clock of `paths` when the shot starts
    is_claimed: bool
    camera: str
    width: int  # of a frame, in pixels
    height: int

    def features(self, times: np.ndarray) -> np.ndarray:
        """Return the path features (T, D) of latent frames at times (T, 2) of the shot."""
        if self.paths is not None:
            return scene_features(self.paths, times + self.seconds)
        times = times.clip(min=0)
        if self.camera != "follow":
            return camera_features(self.camera, times, width=self.width, height=self.height)
        return unknown_features(times)


class Renderer:
    """Renders the scenes of prompts with a loaded pipeline, at `fps` frames a second."""

    def __init__(self, pipe: KinoraMiniPipeline, fps: float) -> None:
        """Keep the last sprites: all that a character does repeats."""
        self._pipe, self._fps = pipe, fps
        self._paint = lru_cache(maxsize=_NUM_CACHED_SPRITES)(pipe.paint_sprites)

    def features(
        self, prompt: ScenePrompt, first: int, num_latents: int, *, is_start: bool = False
    ) -> torch.Tensor:
        """Return the path features (1, T, D) of latent frames, the first being number `first`."""
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
            asdict(prompt.paths.scene), features, size, is_start=is_start
        )

    def add_characters(
        self, prompt: ScenePrompt, background: torch.Tensor, first: int, *, is_start: bool = False
    ) -> torch.Tensor:
        """Return latents of a scene with its characters composited in: (1, C, T, h, w)."""
        times = self._times(prompt, first, background.shape[2], is_start=is_start)
        return composite_latents(self._pipe.vae, prompt.paths, times, background, self._paint)

    @torch.no_grad()
    def decode(
        self,
        prompt: ScenePrompt,
        background: torch.Tensor,
        first: int,
        previous: torch.Tensor | None = None,
    ) -> Iterator[np.ndarray]:
        """Decode a scene's background and composite its characters: (F, H, W, 3) uint8 each.

        After `previous` latents (1, C, k, h, w) every latent frame gives eight frames, else the
        first gives one.
        """
        vae, is_start = self._pipe.vae, previous is None
        if previous is not None:
            previous = vae.denormalize(previous[:, :, -1]).to(vae.dtype)
        z = vae.denormalize(background).to(vae.dtype)
        pictures = vae.decode_stream(z, previous=previous, is_generated=True)
        times = self._times(prompt, first, background.shape[2], is_start=is_start)
        for frames, (begin, end) in zip(pictures, times.tolist(), strict=True):
            moments = np.linspace(begin, end, frames.shape[2])
            yield to_frames(composite_frames(frames, prompt.paths, moments, self._paint))

    def _times(
        self, prompt: ScenePrompt, first: int, num_latents: int, *, is_start: bool
    ) -> np.ndarray:
        """Return when latent frames are, on the clock of the paths: (T, 2)."""
        return latent_times(first, num_latents, self._fps, is_start=is_start) + prompt.seconds

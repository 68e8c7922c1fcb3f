"""Shows a part of a clip's scene made anew: dissolves from the scene as it was, and back to it.

Both scenes are drawn at each moment, so that what they have in common moves on without a ghost.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.media.seam_blending import FADE_SECONDS
from pipeline.mini.renderer import Renderer, ScenePrompt, latent_times


class RetakeRenderer:
    """Draws a scene that replaces a part of another one, at `fps` frames a second."""

    def __init__(self, renderer: Renderer, fps: float) -> None:
        """Use a renderer of whole scenes."""
        self._renderer, self._fps = renderer, fps

    def draw(self, prompt: ScenePrompt, first: int, num_latents: int) -> Iterator[np.ndarray]:
        """Yield eight frames (8, H, W, 3) uint8 for each latent frame, as `Renderer.draw` does."""
        assert prompt.replaces is not None  # the scene to dissolve from
        for index in range(first, first + num_latents):
            frames = next(self._renderer.draw(prompt, index, 1))
            begin, end = latent_times(index, 1, self._fps, is_start=False)[0]
            moments = prompt.clock(np.linspace(begin, end, len(frames)))
            shares = _shares(prompt, moments)[:, None, None, None]  # (8, 1, 1, 1)
            if (shares < 1).any():
                before = next(self._renderer.draw(prompt.replaces, index, 1))
                mixed = before + shares * (frames.astype(np.float32) - before)
                frames = mixed.round().astype(np.uint8)
            yield frames


def _shares(prompt: ScenePrompt, moments: np.ndarray) -> np.ndarray:
    """Return the share of the new scene at times (F,) on the clock of its paths."""
    until = np.inf if prompt.until is None else prompt.until
    nearest = np.minimum(moments - prompt.seconds, until - moments) / FADE_SECONDS
    return ((1 - np.cos(np.pi * nearest.clip(0, 1))) / 2).astype(np.float32)

"""Shows a part of a clip's scene made anew: dissolves from the scene as it was, and back to it.

Both scenes are drawn at each moment, so that what they have in common moves on without a ghost.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from pipeline.media.seam_blending import FADE_SECONDS
from pipeline.mini.land_renderer import LandRenderer
from pipeline.mini.path_features import latent_times
from pipeline.mini.renderer import Renderer, ScenePrompt


class RetakeRenderer:
    """Decodes a scene that replaces a part of another one, at `fps` frames a second."""

    def __init__(self, renderer: Renderer | LandRenderer, fps: float) -> None:
        """Use a renderer of whole scenes."""
        self._renderer, self._fps = renderer, fps

    def decode(
        self,
        prompt: ScenePrompt,
        background: torch.Tensor,
        first: int,
        previous: torch.Tensor | None,
    ) -> Iterator[np.ndarray]:
        """Yield frames (F, H, W, 3) uint8 as `Renderer.decode` does."""
        shown = self._renderer.decode(prompt, background, first, previous)
        for index, frames in enumerate(shown, first):
            begin, end = latent_times(index, 1, self._fps, is_start=False)[0]
            moments = prompt.clock(np.linspace(begin, end, len(frames)))
            shares = _shares(prompt, moments)[:, None, None, None]  # (F, 1, 1, 1)
            if (shares == 1).all():
                yield frames
                continue
            before = self._replaced(prompt, index)
            yield (before + shares * (frames.astype(np.float32) - before)).round().astype(np.uint8)

    def _replaced(self, prompt: ScenePrompt, index: int) -> np.ndarray:
        """Return the frames (8, H, W, 3) of a latent frame as the scene was."""
        assert prompt.replaces is not None  # else nothing dissolves
        before, background = (
            self._renderer.paint_background(prompt.replaces, x, 1) for x in (index - 1, index)
        )
        return next(self._renderer.decode(prompt.replaces, background, index, before))


def _shares(prompt: ScenePrompt, moments: np.ndarray) -> np.ndarray:
    """Return the share of the new scene at times (F,) on the clock of its paths."""
    until = np.inf if prompt.until is None else prompt.until
    nearest = np.minimum(moments - prompt.seconds, until - moments) / FADE_SECONDS
    return ((1 - np.cos(np.pi * nearest.clip(0, 1))) / 2).astype(np.float32)

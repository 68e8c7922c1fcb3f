"""What the windows of a remix start from: the frames of its clip, read window by window."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch

from pipeline.engines.base import RemixEngine
from pipeline.generation.context import GenerationContext
from pipeline.generation.sources import OpenedClip, window_frames
from pipeline.models.spec import ModelSpec
from pipeline.planning.recipe import sha256_of
from pipeline.planning.windows import Window


class Remix:
    """The clip that a generation remixes; for any other generation there is nothing to start from.

    A scene's remix is in the words alone, and so is that at full strength.
    """

    def __init__(self, context: GenerationContext) -> None:
        """Open nothing yet: windows that are found need no frames."""
        self._context = context
        is_mixed = context.request.task == "remix_video" and 0 < context.plan.strength < 1
        self._clip = context.clip if is_mixed and self._spec.remixes != "scene" else None

    @property
    def facts(self) -> dict[str, object]:
        """Return what determines the windows beside their words, as facts of a content key."""
        if self._clip is None:
            return {}
        return {"remix": sha256_of(self._clip.path), "strength": self._context.plan.strength}

    def source_of(self, window: Window) -> torch.Tensor | None:
        """Return what the clip shows in a window's new latents, as its engine starts from it."""
        if self._clip is None:
            return None
        engine = cast("RemixEngine", self._context.engine)
        return engine.encode_source(self.frames_of(window, self._clip), window.num_latents)

    def frames_of(self, window: Window, clip: OpenedClip) -> np.ndarray:
        """Return a clip's frames (F, H, W, 3) uint8 up to the last one of a window.

        They begin as many latents before its new ones as windows share, and one frame more, which
        stands for a latent frame of its own.
        """
        plan = self._context.plan
        num_before = min(window.start_latent, self._spec.overlap_latents + 1)
        first = (window.start_latent - num_before) * plan.temporal
        last = (window.start_latent + window.num_latents - 1) * plan.temporal
        return window_frames(clip, first, last, fps=plan.model_fps, size=plan.model_size)

    @property
    def _spec(self) -> ModelSpec:
        return self._context.engine.model.spec

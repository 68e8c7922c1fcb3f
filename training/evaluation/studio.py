"""Makes clips as the app does, for the parts that measure finished files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.generation.generate import generate
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.media.video_writer import ClipWriter
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from training.data import FPS
from training.evaluation.setup import HEIGHT, WIDTH
from training.sampling import SHIPPED


@dataclass(frozen=True)
class Made:
    """A clip that was made: its frames (F, H, W, 3) uint8, what was asked, and the file."""

    frames: np.ndarray
    request: GenerationRequest
    path: Path


class Studio:
    """Makes clips as the app does, into files of a folder that is thrown away."""

    def __init__(self, model: Path, folder: Path) -> None:
        self.spec = replace(SHIPPED, repository=model.resolve())
        self.model_cache = ModelCache(models={self.spec.id: self.spec})
        self.folder = folder
        self._count = 0

    def path(self, suffix: str = ".mp4") -> Path:
        """Return a path that is not taken."""
        self._count += 1
        return self.folder / f"{self._count}{suffix}"

    def make(self, task: str, prompt: str, seconds: float, seed: int, **source: object) -> Made:
        """Make a clip, which stays until the folder is thrown away."""
        return self._make(task, [Shot(prompt, seconds)], seed, **source)

    def film(self, shots: Sequence[Shot], seed: int) -> Made:
        """Make a clip of several shots."""
        return self._make("text_to_video", shots, seed)

    def _make(self, task: str, shots: Sequence[Shot], seed: int, **source: object) -> Made:
        request = build_request(task, shots=shots, model=self.spec.id, seed=seed, **source)
        clip = generate(
            request,
            model_cache=self.model_cache,
            output=self.path(),
            on_progress=lambda _: None,
            is_cancelled=lambda: False,
        )
        return Made(_read(clip.path), request, clip.path)

    def write(self, frames: np.ndarray) -> Path:
        """Write frames as a clip at the model's rate."""
        path = self.path()
        with ClipWriter(path, width=WIDTH, height=HEIGHT, fps=FPS) as writer:
            for frame in frames:
                writer.write(frame)
        return path

    def recode(self, frames: np.ndarray) -> np.ndarray:
        """Return frames (F, H, W, 3) as they come back from a file, like those of a made clip."""
        return _read(self.write(frames))


def _read(path: Path) -> np.ndarray:
    return np.concatenate(list(iterate_frames(path, probe_clip(path))))

"""The contract of engines: a loaded model at one picture size, that makes a window at a time.

`generation/` knows engines by this alone. A row of the catalog names its engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch

from pipeline.runtime.loading import LoadedModel

SceneState = Mapping[str, object]
"""Where the paths of a shot had come to, as JSON has it; it stays in the clip's recipe."""
Given = Literal["picture", "clip"] | None
"""What a shot starts from, or leads up to, that comes from outside."""
Sound = np.ndarray
"""Samples (N, 2) float32 from -1 to 1, left and right."""
OnEngineStep = Callable[[int, torch.Tensor], None]
"""`on_step(step, estimate)` after every denoising step; what it raises ends the work."""


@dataclass(frozen=True)
class ShotContext:
    """What a shot starts from, for models that plan ahead; most engines need none of it.

    `follows` and `leads_to` are the scene states that it goes on from or leads up to without a cut,
    `earlier` those of the shots before a cut.
    """

    seed: int = 0
    given: Given = None
    follows: SceneState | None = None
    leads_to: SceneState | None = None
    earlier: Sequence[SceneState] = ()


@dataclass(frozen=True)
class SamplingParams:
    """How a window is sampled; a model that has no steps or no guidance ignores its own."""

    seed: int
    num_inference_steps: int = 1
    guidance_scale: float = 1.0


@dataclass(frozen=True)
class WindowContext:
    """What a window is given, as its engine has it: normalized latents (1, C, T, h, w), or frames.

    `is_start` says that the window's first latent frame stands for a single frame. `keyframe` is
    one such latent frame in the middle: a causal autoencoder's first of the clip that follows.
    `first` is the number of the window's first latent frame in its shot. A single picture is shown,
    too: its frame is the clip's first.
    """

    is_start: bool
    first: int = 0
    before: torch.Tensor | None = None
    after: torch.Tensor | None = None
    keyframe: torch.Tensor | None = None
    is_picture: bool = False

    @property
    def is_backward(self) -> bool:
        """Say whether the window only leads up to something."""
        return self.after is not None and self.before is None

    @property
    def is_bridge(self) -> bool:
        """Say whether the window goes on from something and leads up to something."""
        return self.after is not None and self.before is not None

    @property
    def num_before(self) -> int:
        """Count the latent frames given before the new ones."""
        return 0 if self.before is None else self.before.shape[2]


class Engine(Protocol):
    """Makes the windows of a shot and decodes them.

    A window made is a tensor that only its engine reads: its "part" of the shot, in the order it is
    seen. It is all that has to be kept of it.
    """

    model: LoadedModel

    def encode_prompt(
        self, prompt: str, negative_prompt: str, guidance_scale: float, shot: ShotContext
    ) -> object:
        """Encode a prompt once for all windows and steps of a shot."""

    def remember(self, prompt: object, seconds: float) -> SceneState | None:
        """Return where a prompt's paths are `seconds` after their start, if the model has any."""

    def encode(self, frames: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Return frames (F, H, W, 3) uint8 as a window is given them before its own."""

    def encode_following(self, frames: np.ndarray, generator: torch.Generator) -> WindowContext:
        """Return the first frames of a clip as a window is given them that leads up to it."""

    def make(
        self,
        num_latents: int,
        prompt: object,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Make a part of `num_latents` new latent frames."""

    def tail(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return what a window is given that goes on after some parts."""

    def head(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return what a window is given that leads up to some parts."""

    def decode_shot(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> Iterator[np.ndarray]:
        """Decode a shot's new frames (F, H, W, 3) uint8, some at a time, while its parts come.

        A given picture is decoded too, as their start. The `prompt` they were made with is for
        models that have not put all of it into their latents.
        """

    def decode_last_given(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Return how the model shows the last frame (H, W, 3) that a shot goes on from."""

    def decode_first_following(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Return how the model shows the first frame (H, W, 3) that a shot leads up to."""

    def preview(self, latents: torch.Tensor) -> np.ndarray | None:
        """Return a small picture (h, w, 3) of a window that is being made, if that is cheap."""


class SoundEngine(Engine, Protocol):
    """An engine whose model makes sound with its pictures; its parts hold both."""

    sound_rate: int  # samples a second that it gives
    hearing_rate: int  # samples a second that it is given

    def hear(
        self, given: WindowContext, before: Sound | None, after: Sound | None
    ) -> WindowContext:
        """Return what is given with its sound, `hearing_rate` samples a second.

        `before` ends with the last frame that is given, `after` begins with the first one.
        """

    def decode_sound(
        self, given: WindowContext, parts: Iterable[torch.Tensor]
    ) -> tuple[float, Iterator[Sound]]:
        """Decode what is heard in a shot, and around it, some seconds at a time.

        Returns when it begins, too, in seconds after the shot's first frame (a given picture is
        one). Raises OutputError if the model gives no numbers.
        """


def to_pixels(frames: np.ndarray) -> torch.Tensor:
    """(F, H, W, 3) uint8 -> (1, 3, F, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


def to_frames(x: torch.Tensor) -> np.ndarray:
    """(1, 3, F, H, W) in [-1, 1] -> (F, H, W, 3) uint8."""
    x = x[0].float().mul(127.5).add_(127.5).round_().clamp_(0, 255).to(torch.uint8)
    return x.permute(1, 2, 3, 0).contiguous().cpu().numpy()

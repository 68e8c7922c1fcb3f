"""The `Engine` protocol: a loaded model at one picture size that makes video window by window.

`generation/` uses engines only through this protocol; each row of the catalog names its engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import torch
from PIL import Image

from pipeline.geometry import Size

if TYPE_CHECKING:
    from pipeline.runtime.loading import LoadedModel

SceneState = Mapping[str, Any]
"""Where the motion paths of a shot are at one moment, as JSON values; kept in the recipe."""
EncodedPrompt = Any
"""The result of an engine's `encode_prompt`, which only that engine interprets."""
Given = Literal["picture", "clip"] | None
"""The outside material that a shot starts from or leads up to; None if there is none."""
Sound = np.ndarray
"""Stereo samples (N, 2) float32 in [-1, 1], left and right."""
OnEngineStep = Callable[[int, torch.Tensor], None]
"""`on_step(step, estimate)`, called after every step; an exception from it stops the window.

Steps count from 1. `estimate` is what the window would be if it ended now, in the form of a part.
"""


@dataclass(frozen=True)
class ShotContext:
    """What a shot starts from, for models that plan a scene; most engines ignore it.

    `follows` and `leads_to` are the scene states that the shot continues from or leads up to
    without a cut; `earlier` are those of the shots before a cut. `remixes` is that of a clip at the
    shot's start, whose scene gets the prompt's changes; if the shot replaces a part of the clip,
    `leads_to` is that of the frame after it, and `pace` are the seconds of the clip in one of the
    shot. `characters` are the scenes whose subjects look the same when the prompt names them.
    """

    seed: int = 0
    given: Given = None
    follows: SceneState | None = None
    leads_to: SceneState | None = None
    earlier: Sequence[SceneState] = ()
    remixes: SceneState | None = None
    characters: Sequence[SceneState] = ()
    pace: float = 1.0


@dataclass(frozen=True)
class SamplingParams:
    """How to sample a window; models without steps or guidance ignore those fields.

    `shift` is the flow shift; with None the scheduler keeps its own. `timesteps` are those of one
    of two passes, 1000 for pure noise; with None they are the model's. With `noise_size`, a larger
    size in pixels, the noise is the coarse part of that size's: a draft begins as the clip that it
    is a draft of. With a `source`, what a clip shows in the window's new latents, the window is a
    remix of it, and `strength`, from 0 to 1, is how much changes. `references` are pictures of what
    the prompt calls, for models that show characters from pictures.
    """

    seed: int
    num_inference_steps: int = 1
    guidance_scale: float = 1.0
    shift: float | None = None
    noise_size: Size | None = None
    timesteps: tuple[float, ...] | None = None
    source: torch.Tensor | None = None  # (1, C, T, h, w), see RemixEngine.encode_source
    strength: float = 1.0
    references: Sequence[Image.Image] = ()


@dataclass(frozen=True)
class WindowContext:
    """What a window is conditioned on, in the form that its engine uses.

    The tensors are normalized latents (1, C, T, h, w), LTX-2's packed latents of video and audio
    (1, N, T), or frames (1, 3, F, H, W) uint8. Axis 2 is always time.

    `first` is the index of the window's first latent frame in its shot. With `is_start` that latent
    frame stands for a single frame. `keyframe` is such a latent frame too: a causal autoencoder's
    first one of the clip that follows. With `is_picture`, `before` is one picture, which is also
    the clip's first frame.
    """

    is_start: bool
    first: int = 0
    before: torch.Tensor | None = None  # (1, C, T, h, w), see above
    after: torch.Tensor | None = None  # (1, C, T, h, w), see above
    keyframe: torch.Tensor | None = None  # (1, C, 1, h, w) or (1, 3, 1, H, W)
    is_picture: bool = False

    @property
    def is_backward(self) -> bool:
        """Say whether the window only leads up to something."""
        return self.after is not None and self.before is None

    @property
    def is_bridge(self) -> bool:
        """Say whether the window both continues from something and leads up to something."""
        return self.after is not None and self.before is not None

    @property
    def num_before(self) -> int:
        """Count the latent frames (or frames) given before the new ones."""
        return 0 if self.before is None else self.before.shape[2]


@dataclass(frozen=True)
class FirstPass:
    """A window as the first of two passes made it, at half the sides: its part and its context."""

    num_latents: int  # new ones
    part: torch.Tensor  # (1, C, T, h, w), see Engine
    context: WindowContext


class Engine(Protocol):
    """Makes the windows of a shot and decodes them.

    A finished window is a "part": one tensor, usually (1, C, T, h, w), that only its engine
    interprets. It is all that has to be stored of the window. Parts are passed in display order.
    """

    model: LoadedModel

    def encode_prompt(
        self, prompt: str, negative_prompt: str, guidance_scale: float, shot: ShotContext
    ) -> EncodedPrompt:
        """Encode a prompt once, for all windows and steps of a shot."""

    def remember(self, prompt: EncodedPrompt, seconds: float) -> SceneState | None:
        """Return the scene state `seconds` after the shot's start, or None if there is no scene."""

    def encode(
        self,
        frames: np.ndarray,  # (F, H, W, 3) uint8
        generator: torch.Generator,
    ) -> torch.Tensor:  # (1, C, T, h, w), see WindowContext
        """Encode the frames that a window continues from, as `WindowContext.before` holds them."""

    def encode_following(
        self,
        frames: np.ndarray,  # (F, H, W, 3) uint8
        generator: torch.Generator,
    ) -> WindowContext:
        """Encode the first frames of a clip as the context of a window that leads up to it."""

    def make(
        self,
        num_latents: int,
        prompt: EncodedPrompt,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:  # (1, C, T, h, w), see Engine
        """Make a window with `num_latents` new latent frames and return its part."""

    def tail(
        self,
        given: WindowContext,
        parts: Sequence[torch.Tensor],  # (1, C, T, h, w) each, see Engine
        num_latents: int,
    ) -> torch.Tensor:  # (1, C, T, h, w), see WindowContext
        """Return the `before` of a window that continues after these parts."""

    def head(
        self,
        given: WindowContext,
        parts: Sequence[torch.Tensor],  # (1, C, T, h, w) each, see Engine
        num_latents: int,
    ) -> torch.Tensor:  # (1, C, T, h, w), see WindowContext
        """Return the `after` of a window that leads up to these parts."""

    def decode_shot(
        self,
        given: WindowContext,
        parts: Iterable[torch.Tensor],  # (1, C, T, h, w) each, see Engine
        prompt: EncodedPrompt = None,
    ) -> Iterator[np.ndarray]:  # (F, H, W, 3) uint8 each
        """Decode the new frames of a shot in chunks, while its parts arrive.

        A given picture is decoded too, as the first frame. `prompt` is the encoded prompt of the
        parts, for models whose latents do not hold everything that the prompt decides.
        """

    def decode_last_given(
        self,
        given: WindowContext,
        parts: Iterable[torch.Tensor],  # (1, C, T, h, w) each, see Engine
        prompt: EncodedPrompt = None,
    ) -> np.ndarray:  # (H, W, 3) uint8
        """Return the model's reconstruction of the last frame that the shot continues from."""

    def decode_first_following(
        self,
        given: WindowContext,
        parts: Iterable[torch.Tensor],  # (1, C, T, h, w) each, see Engine
        prompt: EncodedPrompt = None,
    ) -> np.ndarray:  # (H, W, 3) uint8
        """Return the model's reconstruction of the first frame that the shot leads up to."""

    def preview(
        self,
        latents: torch.Tensor,  # a part, or the `estimate` of `on_step`
    ) -> np.ndarray | None:  # (h, w, 3) uint8
        """Return a small picture of an unfinished window, or None if that would be slow."""


class RemixEngine(Engine, Protocol):
    """An engine whose windows can start from what a clip shows."""

    def encode_source(
        self,
        frames: np.ndarray,  # (F, H, W, 3) uint8
        num_latents: int,
    ) -> torch.Tensor:  # (1, C, T, h, w), see WindowContext
        """Return what `SamplingParams.source` holds for the last `num_latents` of some frames.

        The first frame stands for a latent frame of its own; those before the last `num_latents`
        are given so that the autoencoder sees them.
        """


class TwoPassEngine(Engine, Protocol):
    """An engine whose model makes a second pass over a window at twice the sides."""

    def refine(
        self,
        first: FirstPass,
        prompt: EncodedPrompt,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:  # (1, C, T, h, w), see Engine
        """Make the part of a window from what the first pass made of it.

        `context` is the window's own, at the size of this pass. Steps count from 1.
        """


class SoundEngine(Engine, Protocol):
    """An engine whose model makes sound along with the video; its parts hold both."""

    @property
    def sound_rate(self) -> int:
        """Return the sample rate of the sound that it decodes, in Hz."""

    @property
    def hearing_rate(self) -> int:
        """Return the sample rate of the sound that it is given, in Hz."""

    def hear(
        self,
        given: WindowContext,
        before: Sound | None,  # (N, 2) float32 at `hearing_rate`
        after: Sound | None,  # (N, 2) float32 at `hearing_rate`
    ) -> WindowContext:
        """Return the given context with its sound added.

        `before` ends with the last given frame; `after` begins with the first given frame.
        """

    def decode_sound(
        self,
        given: WindowContext,
        parts: Iterable[torch.Tensor],  # (1, N, T) each, packed
    ) -> tuple[float, Iterator[Sound]]:  # seconds, (N, 2) float32 each
        """Decode the sound of a shot and around it, a few seconds at a time.

        Returns the time at which the sound begins, in seconds after the shot's first frame (which
        may be a given picture), and the samples at `sound_rate`. Raises OutputError if the samples
        are not finite.
        """


def to_pixels(frames: np.ndarray) -> torch.Tensor:
    """Convert frames (F, H, W, 3) uint8 to pixels (1, 3, F, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


def to_frames(x: torch.Tensor) -> np.ndarray:
    """Convert pixels (1, 3, F, H, W) in [-1, 1] to frames (F, H, W, 3) uint8."""
    x = x[0].float().mul(127.5).add_(127.5).round_().clamp_(0, 255).to(torch.uint8)
    return x.permute(1, 2, 3, 0).contiguous().cpu().numpy()

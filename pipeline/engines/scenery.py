"""Staged scenes in pictures: the land as the embedded model guesses it, and everybody laid over it.

Latent frames have the numbers that they have in their shot, whose time they stand for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch.nn import functional

from pipeline.engines.engine import to_frames
from pipeline.engines.ltx import PromptEmbeds, token_coords
from pipeline.mini.bodies import Paint, populate, show_scene
from pipeline.mini.scene import ATTRIBUTES, OF_BODIES, Look, Scene
from pipeline.mini.staging import Staging
from pipeline.mini.tracks import latent_times, track_camera, track_scene, track_unknown
from pipeline.reading import LoadedModel

_NUM_PAINTED = 32


@dataclass(frozen=True)
class StagedPrompt(PromptEmbeds):
    """A prompt as the embedded model reads it, and the paths of the scene it makes.

    Without a scene something is given, of which only the camera's path is known beforehand. What a
    file says of its scene is a claim: `is_claimed`.
    """

    staging: Staging | None
    seconds: float  # on the staging's clock when the shot starts
    is_claimed: bool
    camera: str
    width: int  # of a frame, in pixels
    height: int

    def track(self, times: np.ndarray, *, of_scene: bool) -> np.ndarray:
        """Describe latent frames of the given times (T, 2), or the camera alone: (T, D)."""
        if of_scene:
            return track_scene(self.staging, times + self.seconds)
        times = times.clip(min=0)
        if self.camera != "follow":
            return track_camera(self.camera, times, width=self.width, height=self.height)
        return track_unknown(times)


class Scenery:
    """Paints staged scenes with a loaded model."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        self.paint = _painter(model)

    @torch.no_grad()
    def guess_land(
        self, prompt: StagedPrompt, first: int, num_latents: int, *, is_start: bool = False
    ) -> torch.Tensor:
        """Guess normalized latent frames of a scene with nobody in it: (1, C, T, h, w).

        With `is_start` the first of them stands for a single frame.
        """
        model, vae = self._model, self._model.pipe.vae
        fps, side = model.spec.fps, vae.spatial_compression_ratio
        height, width = prompt.height // side, prompt.width // side
        times = latent_times(first, num_latents, fps, is_start=is_start)
        tracks = torch.from_numpy(prompt.track(times, of_scene=True))[None].to(model.device)
        words = values_of(prompt.staging.scene)
        vacant = embed_values(model, words | dict.fromkeys(OF_BODIES))
        starts = torch.arange(num_latents) + (not is_start)  # only a single frame is told apart
        coords = token_coords(starts / fps, height, width, side).to(model.device)
        land = model.pipe.transformer.foresee(vacant, coords, tracks)[1].float()
        return land.unflatten(1, (-1, height, width)).permute(0, 4, 1, 2, 3)

    def populate(
        self, prompt: StagedPrompt, land: torch.Tensor, first: int, *, is_start: bool = False
    ) -> torch.Tensor:
        """Return latent frames of a scene's land with everybody in them: (1, C, T, h, w)."""
        times = self._times(prompt, first, land.shape[2], is_start=is_start)
        return populate(self._model.pipe.vae, prompt.staging, times, land, self.paint)

    @torch.no_grad()
    def show(
        self,
        prompt: StagedPrompt,
        land: torch.Tensor,
        first: int,
        previous: torch.Tensor | None = None,
    ) -> Iterator[np.ndarray]:
        """Decode latent frames of a scene's land and lay everybody over them: (F, H, W, 3) uint8.

        After `previous` (1, C, k, h, w) every one gives eight frames, else the first gives one, its
        last.
        """
        vae, is_start = self._model.pipe.vae, previous is None
        if previous is not None:
            previous = vae.denormalize(previous[:, :, -1]).to(vae.dtype)
        z = vae.denormalize(land).to(vae.dtype)
        pictures = vae.decode_stream(z, previous=previous, is_generated=True)
        times = self._times(prompt, first, land.shape[2], is_start=is_start)
        for frames, (begin, end) in zip(pictures, times.tolist(), strict=True):
            moments = np.linspace(begin, end, frames.shape[2])
            yield to_frames(show_scene(frames, prompt.staging, moments, self.paint))

    def _times(
        self, prompt: StagedPrompt, first: int, num_latents: int, *, is_start: bool
    ) -> np.ndarray:
        """Return when latent frames are, on the staging's clock: (T, 2)."""
        times = latent_times(first, num_latents, self._model.spec.fps, is_start=is_start)
        return times + prompt.seconds


def embed_values(model: LoadedModel, told: dict[str, str | None]) -> torch.Tensor:
    """Embed the values of all attributes: (1, S + 1, D), a blank behind them as in training."""
    encoder, chosen = model.pipe.text_encoder, []
    for (name, values), head in zip(ATTRIBUTES.items(), encoder.heads, strict=True):
        label = 0 if told[name] is None else 1 + values.index(told[name])
        index = torch.tensor([label], device=model.device)
        chosen.append(functional.one_hot(index, head.out_features).to(encoder.dtype))
    slots = encoder.embed_slots(chosen)
    return torch.cat([slots, torch.zeros_like(slots[:, :1])], dim=1)


def values_of(scene: Scene) -> dict[str, str | None]:
    """Return the values of all attributes."""
    return {name: getattr(scene, name) for name in ATTRIBUTES}


def _painter(model: LoadedModel) -> Paint:
    """Return what paints portraits, each once: all that anybody does repeats.

    Two bodies' latent frames of one period are kept. No method, or it would hold its owner.
    """

    @lru_cache(maxsize=_NUM_PAINTED)
    def paint(look: Look, seconds: tuple[float, ...]) -> torch.Tensor:
        told = embed_values(model, dict.fromkeys(ATTRIBUTES) | vars(look))
        clock = torch.tensor(seconds, device=model.device)
        return model.pipe.transformer.portraits.paint(look.subject, told, clock)

    return paint

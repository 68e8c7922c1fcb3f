"""The embedded model's engine: reads the words, stages the scene, and paints along its paths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from pipeline.engines.ltx import Context, Given, LTXEngine, PromptEmbeds, pack
from pipeline.mini.recall import recall
from pipeline.mini.scene import ATTRIBUTES, Scene, complete_scene, continue_scene
from pipeline.mini.staging import (
    Staging,
    latent_times,
    track_camera,
    track_scene,
    track_unknown,
)


@dataclass(frozen=True)
class StagedPrompt(PromptEmbeds):
    """A prompt as the embedded model reads it, and the paths of the scene it makes.

    Without a scene something is given, of which only the camera's path is known beforehand.
    """

    staging: Staging | None
    camera: str
    width: int  # of a frame, in pixels
    height: int

    @property
    def follows(self) -> bool:
        """Say whether it goes on without a cut from a shot whose paths are known."""
        return self.staging is not None and self.staging.follows

    def track(self, times: np.ndarray) -> np.ndarray:
        """Describe latent frames of the given times (T, 2): (T, D)."""
        if self.staging is not None:
            return track_scene(self.staging, times)
        if self.camera != "follow":
            return track_camera(self.camera, times, width=self.width, height=self.height)
        return track_unknown(times)


class MiniEngine(LTXEngine):
    """Runs windows of the embedded model at one picture size."""

    @torch.no_grad()
    def encode_prompt(
        self,
        prompt: str,
        negative_prompt: str,
        guidance_scale: float,
        *,
        seed: int = 0,
        given: Given = None,
        follows: tuple[PromptEmbeds, float] | None = None,
    ) -> StagedPrompt:
        """Read a prompt once for all its windows and steps.

        What the words leave open is as it was in the shot that this one `follows`, for so many
        seconds, or else settled by `seed`; of a given picture or clip only the camera is known.
        """
        named = self.read(prompt)
        spatial = self.pipe.vae.spatial_compression_ratio
        size = {"width": self.width * spatial, "height": self.height * spatial}
        before, since = follows or (None, 0.0)
        if given or (before is not None and before.staging is None):
            # Over a picture nobody lives in, something should move.
            camera = named["camera"] or ("zoom in" if given == "picture" else "static")
            staging, told = None, named | {"camera": camera}
        else:
            if before is None:
                scene, staged = complete_scene(named, seed), None
            else:
                staged = before.staging
                scene = continue_scene(named, staged.scene)
            camera, told = scene.camera, _values(scene)
            staging = Staging(scene, **size, before=staged, since=since)
        embeds = self._embed(told)
        if guidance_scale > 1:
            embeds = torch.cat([self._embed(self.read(negative_prompt)), embeds])
        mask = torch.ones(embeds.shape[:2], device=embeds.device)
        return StagedPrompt(embeds, mask, staging, camera, **size)

    @torch.no_grad()
    def read(self, prompt: str) -> dict[str, str | None]:
        """Return what a prompt names: a value for each attribute, None where it is silent."""
        tokens = self.pipe.tokenizer(
            prompt,
            truncation=True,
            max_length=self.model.spec.max_sequence_length,
            return_tensors="pt",
        ).to(self.model.device)
        logits = self.pipe.text_encoder.classify(tokens.input_ids, tokens.attention_mask)
        answers = [int(x.argmax()) for x in logits]
        return {
            name: values[answer - 1] if answer else None
            for (name, values), answer in zip(ATTRIBUTES.items(), answers, strict=True)
        }

    def _embed(self, told: dict[str, str | None]) -> torch.Tensor:
        """Embed the values of all attributes: (1, S + 1, D), a blank behind them as in training."""
        encoder = self.pipe.text_encoder
        chosen = []
        for (name, values), head in zip(ATTRIBUTES.items(), encoder.heads, strict=True):
            label = 0 if told[name] is None else 1 + values.index(told[name])
            index = torch.tensor([label], device=self.model.device)
            chosen.append(functional.one_hot(index, head.out_features).to(encoder.dtype))
        slots = encoder.embed_slots(chosen)
        return torch.cat([slots, torch.zeros_like(slots[:, :1])], dim=1)

    def _guide(self, prompt: StagedPrompt, num_latents: int, context: Context) -> dict[str, object]:
        times = latent_times(
            context.first, num_latents, self.model.spec.fps, is_start=context.is_start
        )
        if not prompt.follows:
            times = times.clip(min=0)
        tracks = torch.from_numpy(prompt.track(times))[None]
        guide = {"tracks": tracks.to(self.model.device)}
        if prompt.staging is None:
            guide["recalled"] = self._recall(guide["tracks"], context, num_latents)
        batch, dtype = len(prompt.embeds), prompt.embeds.dtype
        return {name: x.to(dtype).expand(batch, -1, -1) for name, x in guide.items()}

    def _recall(self, tracks: torch.Tensor, context: Context, num_latents: int) -> torch.Tensor:
        """Move what a window is given along the camera's path: (1, S, C)."""
        given, at_end = context.before, context.before is None
        if at_end:
            given = context.after
        known = num_latents - given.shape[2] if at_end else given.shape[2] - 1
        latents = given.new_zeros(1, given.shape[1], num_latents, *given.shape[3:])
        latents[:, :, known] = given[:, :, 0 if at_end else -1]
        return pack(recall(self.pipe.vae, latents, tracks, known, at_end=at_end))


def _values(scene: Scene) -> dict[str, str | None]:
    return {name: getattr(scene, name) for name in ATTRIBUTES}

"""The embedded model's engine: reads the words, stages the scene, and paints along its paths."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from pipeline.engines.engine import Context, Given, Memory
from pipeline.engines.ltx import LTXEngine, PromptEmbeds, pack
from pipeline.mini.bodies import carry
from pipeline.mini.recall import dissolve, recall
from pipeline.mini.scene import (
    ATTRIBUTES,
    OF_BODIES,
    Scene,
    complete_scene,
    continue_scene,
    cut_to_scene,
    read_scene,
)
from pipeline.mini.staging import MAX_SECONDS, Staging
from pipeline.mini.tracks import latent_times, track_camera, track_scene, track_unknown

logger = logging.getLogger(__name__)
# More of the given latents' energy than this, and the guess is of something else.
_MAX_UNEXPLAINED = 0.9


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
        follows: Memory | None = None,
        leads_to: Memory | None = None,
        earlier: Sequence[Memory] = (),
    ) -> StagedPrompt:
        """Read a prompt once for all its windows and steps.

        What the words leave open is as it was in what this shot follows or leads to or in `earlier`
        shots, or settled by `seed`; of a picture or a clip from elsewhere only the camera is known.
        """
        named = self.read(prompt)
        staging, seconds = None, 0.0
        if follows or leads_to:
            staging, seconds = self._remembered(follows or leads_to)
        if staging is not None and follows:
            scene = continue_scene(named, staging.scene)
            staging, seconds = self._stage(scene, before=staging, since=seconds), 0.0
        elif staging is not None and not _fits(named, staging.scene):
            staging = None  # it would have to be somewhere else to end where the clip begins
        elif staging is None and given is None:
            known = [read_scene(memory["staging"]["scene"]) for memory in earlier]
            scene = cut_to_scene(named, known) if known else complete_scene(named, seed)
            staging = self._stage(scene)
        # Over a picture nobody lives in, something should move.
        camera = named["camera"] or ("zoom in" if given == "picture" else "static")
        told = named | {"camera": camera} if staging is None else _values(staging.scene)
        embeds = self._embed(told)
        if guidance_scale > 1:
            embeds = torch.cat([self._embed(self.read(negative_prompt)), embeds])
        mask = torch.ones(embeds.shape[:2], device=embeds.device)
        is_claimed = staging is not None and given is not None
        return StagedPrompt(embeds, mask, staging, seconds, is_claimed, camera, **self._size)

    def remember(self, prompt: StagedPrompt, seconds: float) -> Memory | None:
        """Return where a prompt's paths are `seconds` after their start, if they are known."""
        if prompt.staging is None:
            return None
        return {"staging": prompt.staging.to_json(), "seconds": prompt.seconds + seconds}

    @property
    def _size(self) -> dict[str, int]:
        spatial = self.pipe.vae.spatial_compression_ratio
        return {"width": self.width * spatial, "height": self.height * spatial}

    def _stage(self, scene: Scene, **before: object) -> Staging:
        return Staging(scene, **self._size, **before)

    def _remembered(self, memory: Memory) -> tuple[Staging | None, float]:
        """Read a memory, which may come out of a file that anybody can have written."""
        try:
            seconds = float(np.clip(memory["seconds"], -MAX_SECONDS, MAX_SECONDS))
            return Staging.from_json(memory["staging"], **self._size), seconds
        except (KeyError, TypeError, ValueError) as exc:
            logger.info("what a clip says of its scene cannot be used: %s", exc)
            return None, 0.0

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
        is_staged = prompt.staging is not None
        tracks = self._track(prompt, times, of_scene=is_staged)
        guess = self._foresee(tracks, prompt, context) if is_staged else None
        # What a bridge leads to is no part of the scene that it comes from.
        is_bridge = context.before is not None and context.after is not None
        start = replace(context, after=None) if is_bridge else context
        if prompt.is_claimed and not self._shows(guess, num_latents, start):
            guess, tracks = None, self._track(prompt, times, of_scene=False)
        guide = {"tracks": tracks}  # places, in full precision
        if is_bridge:
            guide["recalled"] = self._bridge(tracks, guess, prompt, times, context)
        elif guess is None:
            guide["recalled"] = self._recall(tracks, context, num_latents)
        else:
            guide["recalled"] = self._carry(guess, prompt, times, context)
        return {name: x.expand(len(prompt.embeds), -1, -1) for name, x in guide.items()}

    def _track(self, prompt: StagedPrompt, times: np.ndarray, *, of_scene: bool) -> torch.Tensor:
        tracks = torch.from_numpy(prompt.track(times, of_scene=of_scene))[None]
        return tracks.to(self.model.device)

    def _foresee(
        self, tracks: torch.Tensor, prompt: StagedPrompt, context: Context
    ) -> torch.Tensor:
        """Return the guide's guess at a window of the scene: (1, S, C)."""
        coords = self._coords(tracks.shape[1], context)
        return self.pipe.transformer.foresee(prompt.embeds[-1:], coords, tracks)[1].float()

    def _carry(
        self, guess: torch.Tensor, prompt: StagedPrompt, times: np.ndarray, context: Context
    ) -> torch.Tensor:
        """Return a guess at a window of a scene (1, S, C) with everybody moved along their path."""
        vacant = self._embed(_values(prompt.staging.scene) | dict.fromkeys(OF_BODIES))
        size = (self._size["height"], self._size["width"])

        def foresee(
            tracks: np.ndarray, places: torch.Tensor, is_inhabited: Sequence[bool]
        ) -> torch.Tensor:
            words = [prompt.embeds[-1:] if is_there else vacant for is_there in is_inhabited]
            told = torch.cat(words)
            rows = torch.from_numpy(tracks)[:, None].to(told.device)
            coords = places.to(told.device).expand(len(tracks), -1, -1)
            return self.pipe.transformer.foresee(told, coords, rows, size)[1].float()

        latents = self._unpack(guess)
        num_after = 0 if context.after is None else context.after.shape[2]
        new = slice(context.num_before, len(times) - num_after)
        clock = (times + prompt.seconds)[new]
        fresh = carry(self.pipe.vae, prompt.staging, clock, latents[:, :, new], foresee)
        latents[:, :, new] = fresh
        return pack(latents)

    def _shows(self, guess: torch.Tensor, num_latents: int, context: Context) -> bool:
        """Say whether what is given looks like the scene that it claims to show."""
        new = num_latents - sum(
            0 if x is None else x.shape[2] for x in (context.before, context.after)
        )
        given, is_given = self._lay_out(new, context)
        truth, where = pack(given), pack(is_given.expand(-1, 1, -1, -1, -1))[..., 0]
        error = (guess - truth)[where].square().sum()
        return bool(error < _MAX_UNEXPLAINED * truth[where].square().sum())

    def _recall(self, tracks: torch.Tensor, context: Context, num_latents: int) -> torch.Tensor:
        """Move what a window is given along the camera's path: (1, S, C)."""
        given, at_end = context.before, context.before is None
        if at_end:
            given = context.after
        known = num_latents - given.shape[2] if at_end else given.shape[2] - 1
        latents = given.new_zeros(1, given.shape[1], num_latents, *given.shape[3:])
        latents[:, :, known] = given[:, :, 0 if at_end else -1]
        return pack(recall(self.pipe.vae, latents, tracks, known, at_end=at_end))

    def _bridge(
        self,
        tracks: torch.Tensor,
        guess: torch.Tensor | None,
        prompt: StagedPrompt,
        times: np.ndarray,
        context: Context,
    ) -> torch.Tensor:
        """Go over from what comes before a window to what comes after it: (1, S, C)."""
        num_latents = len(times)
        if guess is None:
            start = self._recall(tracks, replace(context, after=None), num_latents)
        else:
            start = self._carry(guess, prompt, times, context)
        end = self._recall(tracks, replace(context, before=None), num_latents)
        shape = (num_latents, self.height, self.width)
        latents = (x.transpose(1, 2).unflatten(2, shape) for x in (start, end))
        return pack(dissolve(self.pipe.vae, *latents, context.num_before, context.after.shape[2]))


def _fits(named: dict[str, str | None], scene: Scene) -> bool:
    """Say whether words name nothing that makes another scene of it."""
    values = _values(scene) | {name: value for name, value in named.items() if value}
    return complete_scene(values, scene.seed) == scene


def _values(scene: Scene) -> dict[str, str | None]:
    return {name: getattr(scene, name) for name in ATTRIBUTES}

"""The embedded model's engine: reads the words, stages the scene, and paints along its paths."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch.nn import functional

from pipeline.engines.engine import Context, Given, Memory
from pipeline.engines.ltx import LTXEngine, PromptEmbeds, pack
from pipeline.mini.bodies import Paint, populate
from pipeline.mini.recall import dissolve, recall
from pipeline.mini.scene import (
    ATTRIBUTES,
    OF_BODIES,
    Look,
    Scene,
    complete_scene,
    continue_scene,
    cut_to_scene,
    read_scene,
)
from pipeline.mini.staging import MAX_SECONDS, Staging
from pipeline.mini.tracks import latent_times, track_camera, track_scene, track_unknown
from pipeline.reading import LoadedModel

logger = logging.getLogger(__name__)
# More of the given latents' energy than this, and the guess is of something else.
_MAX_UNEXPLAINED = 0.9
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


class MiniEngine(LTXEngine):
    """Runs windows of the embedded model at one picture size."""

    def __init__(self, model: LoadedModel, *, width: int, height: int) -> None:
        super().__init__(model, width=width, height=height)
        self._paint = _painter(model)

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
        return _embed(self.model, told)

    def _guide(self, prompt: StagedPrompt, num_latents: int, context: Context) -> dict[str, object]:
        times = latent_times(
            context.first, num_latents, self.model.spec.fps, is_start=context.is_start
        )
        tracks = self._track(prompt, times, of_scene=prompt.staging is not None)
        # What a bridge leads to is no part of the scene that it comes from.
        is_bridge = context.before is not None and context.after is not None
        start = replace(context, after=None) if is_bridge else context
        guess = None if prompt.staging is None else self._foresee(tracks, prompt, times, context)
        if prompt.is_claimed and not self._shows(guess, num_latents, start):
            guess, tracks = None, self._track(prompt, times, of_scene=False)
        guide = {"tracks": tracks}  # places, in full precision
        if is_bridge:
            guide["recalled"] = self._bridge(tracks, guess, context)
        else:
            guide["recalled"] = guess
            if guess is None:
                guide["recalled"] = self._recall(tracks, context, num_latents)
        return {name: x.expand(len(prompt.embeds), -1, -1) for name, x in guide.items()}

    def _track(self, prompt: StagedPrompt, times: np.ndarray, *, of_scene: bool) -> torch.Tensor:
        tracks = torch.from_numpy(prompt.track(times, of_scene=of_scene))[None]
        return tracks.to(self.model.device)

    def _foresee(
        self, tracks: torch.Tensor, prompt: StagedPrompt, times: np.ndarray, context: Context
    ) -> torch.Tensor:
        """Return a guess at a window of a scene: (1, S, C)."""
        vacant = self._embed(_values(prompt.staging.scene) | dict.fromkeys(OF_BODIES))
        coords = self._coords(len(times), context)
        land = self.pipe.transformer.foresee(vacant, coords, tracks)[1]
        latents = self._unpack(land.float())
        # What is given takes the place of its guess, unless it is to be compared with it.
        num_after = 0 if context.after is None else context.after.shape[2]
        new = slice(context.num_before, len(times) - num_after)
        if prompt.is_claimed:
            new = slice(None)
        clock = (times + prompt.seconds)[new]
        latents[:, :, new] = populate(
            self.pipe.vae, prompt.staging, clock, latents[:, :, new], self._paint
        )
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
        self, tracks: torch.Tensor, guess: torch.Tensor | None, context: Context
    ) -> torch.Tensor:
        """Go over from what comes before a window to what comes after it: (1, S, C)."""
        num_latents = tracks.shape[1]
        start = guess
        if start is None:
            start = self._recall(tracks, replace(context, after=None), num_latents)
        end = self._recall(tracks, replace(context, before=None), num_latents)
        shape = (num_latents, self.height, self.width)
        latents = (x.transpose(1, 2).unflatten(2, shape) for x in (start, end))
        return pack(dissolve(self.pipe.vae, *latents, context.num_before, context.after.shape[2]))


def _embed(model: LoadedModel, told: dict[str, str | None]) -> torch.Tensor:
    encoder, chosen = model.pipe.text_encoder, []
    for (name, values), head in zip(ATTRIBUTES.items(), encoder.heads, strict=True):
        label = 0 if told[name] is None else 1 + values.index(told[name])
        index = torch.tensor([label], device=model.device)
        chosen.append(functional.one_hot(index, head.out_features).to(encoder.dtype))
    slots = encoder.embed_slots(chosen)
    return torch.cat([slots, torch.zeros_like(slots[:, :1])], dim=1)


def _painter(model: LoadedModel) -> Paint:
    """Return what paints portraits, each once: all that anybody does repeats.

    Two bodies' latent frames of one period are kept. No method, or the engine would hold itself.
    """

    @lru_cache(maxsize=_NUM_PAINTED)
    def paint(look: Look, seconds: tuple[float, ...]) -> torch.Tensor:
        told = _embed(model, dict.fromkeys(ATTRIBUTES) | vars(look))
        clock = torch.tensor(seconds, device=model.device)
        return model.pipe.transformer.portraits.paint(look.subject, told, clock)

    return paint


def _fits(named: dict[str, str | None], scene: Scene) -> bool:
    """Say whether words name nothing that makes another scene of it."""
    values = _values(scene) | {name: value for name, value in named.items() if value}
    return complete_scene(values, scene.seed) == scene


def _values(scene: Scene) -> dict[str, str | None]:
    return {name: getattr(scene, name) for name in ATTRIBUTES}

"""The embedded model's engine: reads the words, stages the scene, and makes windows of its land."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from pipeline.engines.engine import Context, Given, Memory, OnEngineStep
from pipeline.engines.ltx import LTXEngine, pack
from pipeline.engines.scenery import Scenery, StagedPrompt, embed_values, values_of
from pipeline.mini.recall import dissolve, recall
from pipeline.mini.scene import (
    ATTRIBUTES,
    Scene,
    complete_scene,
    continue_scene,
    cut_to_scene,
    read_scene,
)
from pipeline.mini.staging import MAX_SECONDS, Staging
from pipeline.mini.tracks import latent_times
from pipeline.reading import LoadedModel

logger = logging.getLogger(__name__)
# More of the given latents' energy than this, and the guess is of something else.
_MAX_UNEXPLAINED = 0.9


class MiniEngine(LTXEngine):
    """Runs windows of the embedded model at one picture size."""

    def __init__(self, model: LoadedModel, *, width: int, height: int) -> None:
        super().__init__(model, width=width, height=height)
        self._scenery = Scenery(model)

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
        told = named | {"camera": camera} if staging is None else values_of(staging.scene)
        embeds = embed_values(self.model, told)
        if guidance_scale > 1:
            embeds = torch.cat([embed_values(self.model, self.read(negative_prompt)), embeds])
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

    def make(
        self,
        num_latents: int,
        prompt: StagedPrompt,
        context: Context,
        *,
        on_step: OnEngineStep | None = None,
        **how: object,
    ) -> torch.Tensor:
        """Make a part of `num_latents` new latent frames; see `denoise` for the rest.

        That of a staged scene shows the land with nobody in it, and has a channel more to say so:
        everybody is laid over it when it is decoded, as sharp as they are painted.
        """
        before, goes_on = self._split(context.before)
        after, leads_up = self._split(context.after)
        context = replace(context, before=before, after=after)
        if prompt.is_claimed and not (goes_on or leads_up):
            prompt = self._believed(prompt, num_latents, context)
        if prompt.staging is None or _is_bridge(context):
            if goes_on:
                before = self._scenery.populate(prompt, before, context.first)
            context = replace(context, before=before)
            return super().make(num_latents, prompt, context, on_step=on_step, **how)
        first = context.first + context.num_before

        def show_step(step: int, estimate: torch.Tensor) -> None:
            middle = first + num_latents // 2
            seen = estimate[:, :, middle - context.first][:, :, None]
            on_step(step, self._scenery.populate(prompt, seen, middle))

        land = super().make(
            num_latents, prompt, context, on_step=None if on_step is None else show_step, **how
        )
        return torch.cat([land, torch.ones_like(land[:, :1])], dim=1)

    def tail(self, given: Context, parts: Sequence[torch.Tensor], num_latents: int) -> torch.Tensor:
        """Return the last latents, of what was given before too if the parts are that short."""
        given = replace(given, before=self._marked(given.before))
        return super().tail(given, [self._marked(part) for part in parts], num_latents)

    def head(self, given: Context, parts: Sequence[torch.Tensor], num_latents: int) -> torch.Tensor:
        """Return the first latents, of what was given after too if the parts are that short."""
        given = replace(given, after=self._marked(given.after))
        return super().head(given, [self._marked(part) for part in parts], num_latents)

    @torch.no_grad()
    def decode_take(
        self, given: Context, parts: Iterable[torch.Tensor], prompt: StagedPrompt | None = None
    ) -> Iterator[np.ndarray]:
        """Decode the new latents of a shot, in the order they are seen, while they come.

        A given picture is decoded too, as their start.
        """
        if prompt is None or prompt.staging is None:
            yield from super().decode_take(given, parts)
            return
        first, previous = int(given.before is not None), given.before
        for part in parts:
            latents, is_land = self._split(part)
            before, goes_on = self._split(previous)
            if is_land:
                if before is not None and not goes_on:  # bodies in it would shine through
                    before = self._scenery.guess_land(prompt, first - 1, 1)
                yield from self._scenery.show(prompt, latents, first, before)
            else:
                if goes_on:
                    before = self._scenery.populate(prompt, before[:, :, -1:], first - 1)
                yield from super().decode_take(replace(given, before=before), [latents])
            first, previous = first + part.shape[2], part

    @torch.no_grad()
    def decode_last_given(
        self, given: Context, parts: Iterable[torch.Tensor], prompt: StagedPrompt | None = None
    ) -> np.ndarray:
        """Return how the model shows the last frame (H, W, 3) that a shot goes on from.

        Where it goes on with the scene, as it shows the scene there.
        """
        if not self._split(next(iter(parts)))[1]:
            return super().decode_last_given(given, parts)
        land = self._scenery.guess_land(prompt, 0, 1)
        return next(self._scenery.show(prompt, land, 0))[-1]

    @torch.no_grad()
    def decode_first_following(
        self, given: Context, parts: Iterable[torch.Tensor], prompt: StagedPrompt | None = None
    ) -> np.ndarray:
        """Return how the model shows the first frame (H, W, 3) that a shot leads up to."""
        parts = list(parts)
        last, is_land = self._split(parts[-1])
        if not is_land:
            return super().decode_first_following(given, parts)
        first = sum(part.shape[2] for part in parts)
        land = self._scenery.guess_land(prompt, first, 1)
        return next(self._scenery.show(prompt, land, first, last))[0]

    def preview(self, latents: torch.Tensor) -> np.ndarray | None:
        """Return a small picture (h, w, 3) of the middle latent frame."""
        return super().preview(self._split(latents)[0])

    def _split(self, latents: torch.Tensor | None) -> tuple[torch.Tensor | None, bool]:
        """Return latents (1, C, T, h, w) alone, and whether they are of land; see `make`."""
        if latents is None:
            return None, False
        num_channels = self.pipe.transformer.config.in_channels
        return latents[:, :num_channels], bool(latents[:, num_channels:].any())

    def _marked(self, latents: torch.Tensor | None) -> torch.Tensor | None:
        """Return latents with the channel that says whether they are of land."""
        if latents is None or latents.shape[1] > self.pipe.transformer.config.in_channels:
            return latents
        return torch.cat([latents, torch.zeros_like(latents[:, :1])], dim=1)

    def _guide(self, prompt: StagedPrompt, num_latents: int, context: Context) -> dict[str, object]:
        times = latent_times(
            context.first, num_latents, self.model.spec.fps, is_start=context.is_start
        )
        is_staged = prompt.staging is not None
        tracks = torch.from_numpy(prompt.track(times, of_scene=is_staged))[None]
        tracks = tracks.to(self.model.device)
        if _is_bridge(context):
            start = self._foresee(prompt, num_latents, context) if is_staged else None
            guess = self._bridge(tracks, start, context)
        elif is_staged:
            first, is_start = context.first, context.is_start
            guess = pack(self._scenery.guess_land(prompt, first, num_latents, is_start=is_start))
        else:
            guess = self._recall(tracks, context, num_latents)
        guide = {"tracks": tracks, "recalled": guess}  # places, in full precision
        return {name: x.expand(len(prompt.embeds), -1, -1) for name, x in guide.items()}

    def _foresee(self, prompt: StagedPrompt, num_latents: int, context: Context) -> torch.Tensor:
        """Return a guess at a window of a scene with everybody in it: (1, S, C)."""
        first, is_start = context.first, context.is_start
        land = self._scenery.guess_land(prompt, first, num_latents, is_start=is_start)
        return pack(self._scenery.populate(prompt, land, first, is_start=is_start))

    def _believed(self, prompt: StagedPrompt, num_latents: int, context: Context) -> StagedPrompt:
        """Return a prompt without its scene if what is given does not look like it."""
        if _is_bridge(context):  # what it leads to is no part of the scene that it comes from
            num_latents += context.after.shape[2]
            context = replace(context, after=None)
        given, is_given = self._lay_out(num_latents, context)
        truth, where = pack(given), pack(is_given.expand(-1, 1, -1, -1, -1))[..., 0]
        guess = self._foresee(prompt, given.shape[2], context)
        error = (guess - truth)[where].square().sum()
        if error < _MAX_UNEXPLAINED * truth[where].square().sum():
            return replace(prompt, is_claimed=False)
        return replace(prompt, staging=None, is_claimed=False)

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


def _is_bridge(context: Context) -> bool:
    return context.before is not None and context.after is not None


def _fits(named: dict[str, str | None], scene: Scene) -> bool:
    """Say whether words name nothing that makes another scene of it."""
    values = values_of(scene) | {name: value for name, value in named.items() if value}
    return complete_scene(values, scene.seed) == scene

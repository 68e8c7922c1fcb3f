"""The embedded model's engine: parses the prompt, plans motion paths and renders windows.

If the scene is known, a part only says so, by an extra channel of ones: the frames follow from the
scene and their time. If not, a window moves the given picture along the camera's path.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import overload

import numpy as np
import torch
from torch.nn import functional

from pipeline.engines.base import (
    OnEngineStep,
    SamplingParams,
    SceneState,
    ShotContext,
    WindowContext,
    to_frames,
    to_pixels,
)
from pipeline.errors import MediaError
from pipeline.mini.motion_paths import MAX_SECONDS, MotionPaths
from pipeline.mini.renderer import Renderer, ScenePrompt
from pipeline.mini.retakes import RetakeRenderer
from pipeline.mini.scene import (
    Scene,
    change_scene,
    complete_scene,
    continue_scene,
    cut_to_scene,
    dress_all,
    read_scene,
)
from pipeline.mini.tables import PATCH, Vocabulary
from pipeline.mini.window_rendering import WindowRenderer
from pipeline.runtime.loading import LoadedModel

logger = logging.getLogger(__name__)
_PREVIEW_SIDE = 320  # pixels


class MiniEngine:
    """Renders windows of the embedded model at one picture size."""

    def __init__(self, model: LoadedModel, *, width: int, height: int) -> None:
        """Use a loaded model; sizes are in pixels."""
        self.model = model
        self._pipe, self._vae = model.pipe, model.pipe.vae
        self._size = {"width": width, "height": height}
        self._known = model.pipe.vocabulary
        self._renderer = Renderer(model.pipe, model.spec.fps)
        self._retakes = RetakeRenderer(self._renderer, model.spec.fps)
        self._windows = WindowRenderer(self._renderer, self._vae, model.device)

    def encode_prompt(
        self, prompt: str, negative_prompt: str, guidance_scale: float, shot: ShotContext
    ) -> ScenePrompt:
        """Parse a prompt and plan the motion paths of its scene.

        Details that the prompt leaves open come from the scene that the shot follows or leads to,
        from earlier shots, or from the seed. For a picture or clip without a scene only the
        camera's path is planned. Negative prompt and guidance are ignored.
        """
        del negative_prompt, guidance_scale
        named = dress_all(self._pipe.parse_prompt(prompt), shot.characters, self._known)
        if shot.remixes is not None and (remix := self._remix(named, shot.remixes, shot)):
            return remix
        paths, seconds = None, 0.0
        if memory := shot.follows or shot.leads_to:
            paths, seconds = self._remembered(memory)
        if paths is not None and shot.follows:
            scene = continue_scene(named, paths.scene, self._known)
            paths, seconds = self._plan_paths(scene, before=paths, since=seconds), 0.0
        elif paths is not None and not _fits(named, paths.scene, self._known):
            paths = None  # the prompt asks for another scene than the one it leads up to
        elif paths is None and shot.given is None:
            scenes = [state["staging"]["scene"] for state in shot.earlier]
            earlier = [read_scene(scene, self._known) for scene in scenes]
            # After a cut the look is that of the shots before; the view and the paths are this
            # take's.
            if earlier:
                scene = cut_to_scene(named, earlier, self._known)
            else:
                scene = complete_scene(named, shot.seed, self._known)
            scene = replace(scene, seed=shot.seed)
            paths = self._plan_paths(scene)
        # Without a camera move a given picture would be a still.
        camera = named["camera"] or ("zoom in" if shot.given == "picture" else "static")
        is_claimed = paths is not None and shot.given is not None
        size = self._size["width"], self._size["height"]
        return ScenePrompt(paths, seconds, is_claimed, camera, *size)

    def _remix(
        self, named: dict[str, str | None], memory: SceneState, shot: ShotContext
    ) -> ScenePrompt | None:
        """Return the scene of a clip with what a prompt names changed, all else as it was.

        If it is not valid, raises MediaError, or returns None where a part of the clip is replaced.
        """
        paths, seconds = self._remembered(memory)
        if paths is None and shot.leads_to is not None:
            return None
        if paths is None:
            raise MediaError(
                "The clip's scene is not of this version of kinora-mini, or was changed; "
                "use a clip that this version has made."
            )
        size = self._size["width"], self._size["height"]
        before = ScenePrompt(paths, seconds, False, paths.scene.camera, *size, shot.pace)
        scene = change_scene(named, paths.scene, self._known)
        if scene != paths.scene:
            paths = self._plan_paths(scene)
        changed = replace(before, paths=paths, camera=scene.camera)
        if shot.leads_to is None:
            return changed
        return replace(changed, replaces=before, until=shot.leads_to["seconds"])

    def remember(self, prompt: ScenePrompt, seconds: float) -> SceneState | None:
        """Return the scene state `seconds` after the shot's start, or None if there is no scene."""
        if prompt.paths is None:
            return None
        return {"staging": prompt.paths.to_json(), "seconds": prompt.clock(seconds)}

    @torch.no_grad()
    def encode(self, frames: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Encode 8 k + 1 frames (F, H, W, 3) uint8 into normalized latents (1, C, k + 1, h, w)."""
        del generator
        return self._vae.normalize(self._vae.encode(self._pixels(frames)).latents.float())

    @torch.no_grad()
    def encode_following(self, frames: np.ndarray, generator: torch.Generator) -> WindowContext:
        """Encode the first frames of a clip (17, H, W, 3) uint8 that a window leads up to."""
        del generator
        after = self._vae.project(self._pixels(frames[:-1]))
        return WindowContext(is_start=False, after=self._vae.normalize(after.float()))

    @torch.no_grad()
    def make(
        self,
        num_latents: int,
        prompt: ScenePrompt,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Render `num_latents` new latent frames (1, C, T, h, w) in one step, without noise.

        If the scene is known they are empty, and an extra channel of ones says so:
        (1, C + 1, T, h, w).
        """
        del params
        before, follows_scene = self._split(context.before)
        after, leads_to_scene = self._split(context.after)
        context = replace(context, before=before, after=after)
        if prompt.is_claimed and not (follows_scene or leads_to_scene):
            prompt = self._windows.verify_claim(prompt, num_latents, context)
        if prompt.replaces is not None and not follows_scene:
            prompt = self._windows.verify_replaced(prompt, num_latents, context)
        if prompt.replaces or (prompt.paths is not None and not context.is_bridge):
            return self._make_scene(prompt, num_latents, context, on_step)
        if before is not None and follows_scene:
            before = self._renderer.encode(prompt, context.first, before.shape[2])
            context = replace(context, before=before)
        window = self._windows.render(prompt, num_latents, context)
        if on_step is not None:
            on_step(1, window)
        return window[:, :, context.num_before :][:, :, :num_latents]

    def _make_scene(
        self,
        prompt: ScenePrompt,
        num_latents: int,
        context: WindowContext,
        on_step: OnEngineStep | None,
    ) -> torch.Tensor:
        """Return the empty part of a known scene; `on_step` gets a still of its middle."""
        if on_step is not None:
            middle = context.first + context.num_before + num_latents // 2
            # Not all eight frames: the first picture of a clip waits for this one.
            on_step(1, self._renderer.encode(prompt, middle, 1, is_start=True))
        height, width = prompt.height // PATCH, prompt.width // PATCH
        part = torch.zeros(
            1,
            self._vae.config.latent_channels + 1,
            num_latents,
            height,
            width,
            device=self.model.device,
        )
        part[:, -1] = 1
        return part

    def tail(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return the last latents (1, C + 1, T, h, w), with given ones if parts are too short."""
        known = [x for x in (given.before, *parts) if x is not None]
        return torch.cat([self._marked(x) for x in known], dim=2)[:, :, -num_latents:]

    def head(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return the first latents (1, C + 1, T, h, w), with given ones if parts are too short."""
        known = [x for x in (*parts, given.after) if x is not None]
        return torch.cat([self._marked(x) for x in known], dim=2)[:, :, :num_latents]

    @torch.no_grad()
    def decode_shot(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: ScenePrompt | None = None
    ) -> Iterator[np.ndarray]:
        """Decode a shot's new frames (F, H, W, 3) uint8 while its parts arrive.

        A given picture is decoded too, as the first frame.
        """
        first, previous = int(given.before is not None), given.before
        for part in parts:
            latents, is_scene = self._split(part)
            before, follows_scene = self._split(previous)
            if is_scene:
                assert prompt is not None  # it tells the scene of marked latents
                count = part.shape[2]
                if prompt.replaces:
                    yield from self._retakes.draw(prompt, first, count)
                else:
                    yield from self._renderer.draw(prompt, first, count, is_start=before is None)
            elif before is not None and given.is_picture and previous is given.before:
                yield from self._decode(torch.cat([before, latents], dim=2))
            else:
                if before is not None and follows_scene:
                    assert prompt is not None
                    before = self._renderer.encode(prompt, first - 1, 1)
                yield from self._decode(latents, before, is_generated=not given.is_picture)
            first, previous = first + part.shape[2], part

    @torch.no_grad()
    def decode_last_given(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: ScenePrompt | None = None
    ) -> np.ndarray:
        """Return the model's version of the last frame (H, W, 3) uint8 a shot continues from.

        If the shot continues with a scene, this is the scene rendered at that time.
        """
        if self._split(next(iter(parts)))[1]:
            assert prompt is not None  # it tells the scene of marked latents
            prompt = prompt.replaces or prompt
            return next(self._renderer.draw(prompt, 0, 1, is_start=True))[-1]
        assert given.before is not None  # there is a last given frame
        *_, chunk = self._decode(given.before)
        return chunk[-1]

    @torch.no_grad()
    def decode_first_following(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: ScenePrompt | None = None
    ) -> np.ndarray:
        """Return the model's version of the first frame (H, W, 3) uint8 a shot leads up to."""
        parts = list(parts)
        last, is_scene = self._split(parts[-1])
        if is_scene:
            assert prompt is not None  # it tells the scene of marked latents
            prompt = prompt.replaces or prompt
            first = sum(part.shape[2] for part in parts) + given.is_bridge
            return next(self._renderer.draw(prompt, first, 1))[0]
        assert given.after is not None  # there is a first frame that follows
        # Smoothed as generated frames are: this removes a step between the two before the seam.
        return next(self._decode(given.after[:, :, :1], last, is_generated=True))[0]

    @torch.no_grad()
    def preview(self, latents: torch.Tensor) -> np.ndarray:
        """Return a small picture (h, w, 3) uint8 of the middle latent frame."""
        latents, _ = self._split(latents)
        middle = self._denormalize(latents[:, :, latents.shape[2] // 2])
        frame = self._vae.decode_linear(middle, 1)  # (1, 3, 1, H, W)
        scale = _PREVIEW_SIDE / max(frame.shape[-2:])
        size = [round(side * scale) for side in frame.shape[-2:]]
        small = functional.interpolate(frame[:, :, 0], size=size, mode="area")
        return to_frames(small[:, :, None])[0]

    def _plan_paths(
        self, scene: Scene, *, before: MotionPaths | None = None, since: float = 0.0
    ) -> MotionPaths:
        return MotionPaths(scene, **self._size, before=before, since=since)

    def _remembered(self, memory: SceneState) -> tuple[MotionPaths | None, float]:
        """Read a scene state from a recipe, which is untrusted input; (None, 0.0) if invalid."""
        try:
            seconds = float(np.clip(memory["seconds"], -MAX_SECONDS, MAX_SECONDS))
            paths = MotionPaths.from_json(memory["staging"], known=self._known, **self._size)
            return paths, seconds
        except (KeyError, TypeError, ValueError) as exc:
            logger.info("Ignoring the invalid scene in a clip's recipe: %s", exc)
            return None, 0.0

    @overload
    def _split(self, latents: torch.Tensor) -> tuple[torch.Tensor, bool]: ...

    @overload
    def _split(self, latents: None) -> tuple[None, bool]: ...

    def _split(self, latents: torch.Tensor | None) -> tuple[torch.Tensor | None, bool]:
        """Return latents (1, C, T, h, w) without the mark, and whether they are a scene's."""
        if latents is None:
            return None, False
        num_channels = self._vae.config.latent_channels
        return latents[:, :num_channels], bool(latents[:, num_channels:].any())

    def _marked(self, latents: torch.Tensor) -> torch.Tensor:
        """Return latents (1, C + 1, T, h, w) with the channel that marks a scene."""
        if latents.shape[1] > self._vae.config.latent_channels:
            return latents
        return torch.cat([latents, torch.zeros_like(latents[:, :1])], dim=1)

    def _decode(
        self,
        latents: torch.Tensor,
        previous: torch.Tensor | None = None,
        *,
        is_generated: bool = False,
    ) -> Iterator[np.ndarray]:
        """Decode normalized latents (1, C, T, h, w) one latent frame at a time.

        Yields frames (F, H, W, 3) uint8; after `previous` (1, C, k, h, w) always eight.
        """
        last = None if previous is None else self._denormalize(previous[:, :, -1])
        z = self._denormalize(latents)
        for frames in self._vae.decode_stream(z, previous=last, is_generated=is_generated):
            yield to_frames(frames)

    def _denormalize(self, latents: torch.Tensor) -> torch.Tensor:
        return self._vae.denormalize(latents).to(self._vae.dtype)

    def _pixels(self, frames: np.ndarray) -> torch.Tensor:
        return to_pixels(frames).to(self.model.device, self._vae.dtype)


def _fits(named: dict[str, str | None], scene: Scene, known: Vocabulary) -> bool:
    """Say whether a scene has everything that the prompt names."""
    values = {name: getattr(scene, name) for name in known}
    values |= {name: value for name, value in named.items() if value}
    return complete_scene(values, scene.seed, known) == scene

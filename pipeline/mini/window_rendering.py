"""Renders windows of the embedded model: of a known scene, or of a given picture that is moved."""

from __future__ import annotations

from dataclasses import replace

import torch

from pipeline.engines.base import WindowContext
from pipeline.mini.autoencoder import AutoencoderKinora
from pipeline.mini.camera_warp import cross_fade_latents, warp_along_camera
from pipeline.mini.renderer import Renderer, ScenePrompt

# A scene from a recipe is rejected if it leaves more of the given latents' energy unexplained.
_MAX_UNEXPLAINED = 0.9


class WindowRenderer:
    """Renders windows with the latents that they are given."""

    def __init__(self, renderer: Renderer, vae: AutoencoderKinora, device: torch.device) -> None:
        """Use a renderer and the autoencoder, which are on a device."""
        self._renderer, self._vae, self._device = renderer, vae, device

    def render(self, prompt: ScenePrompt, num_latents: int, context: WindowContext) -> torch.Tensor:
        """Render a window with its given latents: normalized latents (1, C, T, h, w)."""
        num_after = 0 if context.after is None else context.after.shape[2]
        total = context.num_before + num_latents + num_after
        if not context.is_bridge:
            return self._warp(prompt, total, context)
        if prompt.paths is None:
            start = self._warp(prompt, total, replace(context, after=None))
        else:
            start = self._scene(prompt, total, context)
        end = self._warp(prompt, total, replace(context, before=None))
        return cross_fade_latents(self._vae, start, end, context.num_before, num_after)

    def verify_claim(
        self, prompt: ScenePrompt, num_latents: int, context: WindowContext
    ) -> ScenePrompt:
        """Drop a prompt's claimed scene if the given latents do not look like it."""
        if context.after is not None and context.is_bridge:
            # The clip that follows is not part of the scene.
            num_latents += context.after.shape[2]
            context = replace(context, after=None)
        num_before = context.num_before
        num_after = 0 if context.after is None else context.after.shape[2]
        guess = self._scene(prompt, num_before + num_latents + num_after, context)
        given = [x for x in (context.before, context.after) if x is not None]
        truth = torch.cat(given, dim=2)
        seen = torch.cat([guess[:, :, :num_before], guess[:, :, num_before + num_latents :]], dim=2)
        if (seen - truth).square().sum() < _MAX_UNEXPLAINED * truth.square().sum():
            return replace(prompt, is_claimed=False)
        return replace(prompt, paths=None, is_claimed=False)

    def verify_replaced(
        self, prompt: ScenePrompt, num_latents: int, context: WindowContext
    ) -> ScenePrompt:
        """Drop a prompt's scene if the given latents do not look like the one that it replaces."""
        assert prompt.replaces is not None
        if self.verify_claim(prompt.replaces, num_latents, context).paths is not None:
            return prompt
        return replace(prompt, paths=None, replaces=None)

    def _scene(self, prompt: ScenePrompt, total: int, context: WindowContext) -> torch.Tensor:
        """Render a window of a scene: latents (1, C, T, h, w)."""
        return self._renderer.encode(prompt, context.first, total, is_start=context.is_start)

    def _warp(self, prompt: ScenePrompt, total: int, context: WindowContext) -> torch.Tensor:
        """Move the given frame next to the new ones along the camera's path: (1, C, T, h, w)."""
        is_after = context.before is None
        given = context.after if is_after else context.before
        assert given is not None  # a scene without given frames is known, not moved
        known = total - given.shape[2] if is_after else given.shape[2] - 1
        latents = given.new_zeros(1, given.shape[1], total, *given.shape[3:])
        latents[:, :, known] = given[:, :, 0 if is_after else -1]
        moves = self._renderer.camera_moves(prompt, context.first, total, is_start=context.is_start)
        moves = moves.to(self._device)
        return warp_along_camera(self._vae, latents, moves, known, at_end=is_after)

"""Engine for Helios: shots of any length in chunks of 33 frames, each conditioned on earlier ones.

A window is one call of diffusers' pipeline for a few chunks. Windows pass on the pipeline's own
state, the anchor (the shot's first latent) and the last latents, so that they give the same latents
as one long call with the same noise (bit for bit, on the tests' tiny model).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLWan, DiffusionPipeline
from diffusers.utils.torch_utils import randn_tensor

from pipeline.engines import wan
from pipeline.engines.base import OnEngineStep, SamplingParams, WindowContext, to_pixels
from pipeline.engines.pipeline_call import PipelineCallEngine, Prompt
from pipeline.runtime.loading import LoadedModel

_NUM_STAGES = 3  # of its pyramid: a quarter, half and all of the width and height
_HISTORY_LATENTS = 16 + 2 + 1  # seen by a chunk; the older they are, the more share a token
# The pipeline's default noise on a given picture or clip. The pipeline itself can add it only on
# the generator's device, which is the CPU.
_MIN_SIGMA, _MAX_SIGMA = 0.111, 0.135


class HeliosEngine(PipelineCallEngine):
    """Runs windows of one loaded model at one picture size.

    The context of a window, and the beginning of its part, are latents (1, C, 1 + T, h, w): the
    anchor, then the T latent frames before the new ones.
    """

    def __init__(self, model: LoadedModel, *, width: int, height: int) -> None:
        super().__init__(model, wan.WAN, width=width, height=height)
        assert model.spec.chunk_latents is not None  # the engine is that of a model with chunks
        self._chunk = model.spec.chunk_latents

    @torch.no_grad()
    def encode(self, frames: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Encode a picture or the end of a clip (F, H, W, 3) uint8: (1, C, 1 + T, h, w).

        A clip is encoded in whole chunks; a picture as the last latent of a still clip.
        """
        pipe, device = self.model.pipe, self.model.device
        mean, std = wan.latent_statistics(pipe.vae, device)
        x = to_pixels(_drop_still_start(frames, self.model.spec.num_frames_of_chunk))
        options: dict[str, Any] = {
            "num_latent_frames_per_chunk": self._chunk,
            "generator": generator,
        }
        options |= {"latents_mean": mean, "latents_std": 1 / std, "device": device}
        if x.shape[2] == 1:
            given = pipe.prepare_image_latents(x[:, :, 0], dtype=torch.float32, **options)
        else:
            given = pipe.prepare_video_latents(x, dtype=torch.float32, **options)
        return torch.cat(given, dim=2)

    @torch.no_grad()
    def make(
        self,
        num_latents: int,
        prompt: Prompt,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Make `num_latents` new latent frames; return them after their context.

        `num_inference_steps` counts for each stage; the first chunk of a shot gets twice as many,
        as the model was distilled. Whole chunks are generated and the last one is cut.
        """
        generator = torch.Generator("cpu").manual_seed(params.seed)
        num_chunks = math.ceil(num_latents / self._chunk)
        given = context.before
        if given is not None and context.is_start:
            given = torch.cat([self._noised(x, generator) for x in self._chunks(given)], dim=2)
        steps = [params.num_inference_steps] * _NUM_STAGES
        num_calls = sum(steps) * (num_chunks + context.is_start)
        try:
            latents = _without_decoding(self.model.pipe)(
                prompt=None,  # already encoded
                **prompt,
                **self._size,
                **self.model.spec.call_arguments,
                **_history(given),
                num_frames=num_chunks * self.model.spec.num_frames_of_chunk,
                pyramid_num_inference_steps_list=steps,
                is_amplify_first_chunk=context.is_start,
                guidance_scale=params.guidance_scale,
                generator=generator,
                callback_on_step_end=_counted(on_step, params.num_inference_steps, num_calls),
                output_type="latent",
            ).frames
        finally:
            self.model.pipe.maybe_free_model_hooks()
        new = latents[:, :, -num_chunks * self._chunk :][:, :, :num_latents]
        return torch.cat([new[:, :, :1] if given is None else given, new], dim=2)

    def tail(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return the anchor and the last latents of the last part: (1, C, 1 + T, h, w)."""
        del given, num_latents  # a chunk sees all there are, up to the number it was trained with
        anchor, latents = parts[-1].split([1, parts[-1].shape[2] - 1], dim=2)
        return torch.cat([anchor, latents[:, :, -_HISTORY_LATENTS:]], dim=2)

    def decode_shot(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> Iterator[np.ndarray]:
        """Decode the new frames (F, H, W, 3) uint8 of a shot, chunk by chunk.

        A given picture is decoded too, as the first frame.
        """
        del prompt
        if given.before is not None and given.is_picture:
            yield self._decode(given.before[:, :, :1])
        num_before = given.num_before or 1
        for part in parts:
            new = part[:, :, num_before:]
            num_before = 1 + min(_HISTORY_LATENTS, num_before - 1 + new.shape[2])
            for chunk in new.split(self._chunk, dim=2):
                yield self._decode(chunk)

    def decode_last_given(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Return the model's reconstruction of the last frame (H, W, 3) a shot continues from."""
        del parts, prompt
        assert given.before is not None  # there is a last given frame
        return self._decode(given.before[:, :, -self._chunk :])[-1]

    def _chunks(self, given: torch.Tensor) -> list[torch.Tensor]:
        """Split (1, C, 1 + T, h, w) into the anchor and the chunks after it."""
        anchor, history = given.split([1, given.shape[2] - 1], dim=2)
        return [anchor, *history.split(self._chunk, dim=2)]

    def _noised(self, latents: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Mix noise into each latent frame; draws random numbers in the pipeline's order."""
        share = torch.rand(latents.shape[2], generator=generator).view(1, 1, -1, 1, 1)
        sigma = (share * (_MAX_SIGMA - _MIN_SIGMA) + _MIN_SIGMA).to(latents.device)
        noise = randn_tensor(latents.shape, generator=generator, device=latents.device)
        return sigma * noise + (1 - sigma) * latents


class _NoDecoding:
    """Wraps an autoencoder so that decoding costs nothing: the pipeline always decodes."""

    def __init__(self, vae: AutoencoderKLWan) -> None:
        self._vae = vae

    def __getattr__(self, name: str) -> object:
        return getattr(self._vae, name)

    def decode(self, latents: torch.Tensor, return_dict: bool = True) -> tuple[torch.Tensor]:
        del return_dict
        return (latents[:, :3, :0],)


def _without_decoding(pipe: DiffusionPipeline) -> DiffusionPipeline:
    """Return a pipeline of the same components that leaves decoding to `decode_shot`."""
    config = {name: pipe.config[name] for name in ("is_distilled", "is_cfg_zero_star")}
    parts = pipe.components
    copy = type(pipe)(**parts | {"vae": _NoDecoding(parts["vae"])}, **config)
    copy.set_progress_bar_config(disable=True)
    return copy


def _history(given: torch.Tensor | None) -> dict[str, object]:
    """Return the call arguments for given latents (1, C, 1 + T, h, w), already noised."""
    if given is None:
        return {}
    anchor, history = given.split([1, given.shape[2] - 1], dim=2)
    return {
        "image_latents": anchor,
        "video_latents": history,
        "add_noise_to_image_latents": False,
        "add_noise_to_video_latents": False,
    }


def _counted(on_step: OnEngineStep | None, num_steps: int, num_calls: int) -> object:
    """Return a callback that reports all stages of all chunks as `num_steps` of one window.

    The pipeline has no interrupt flag here: an exception from `on_step` ends its call.
    """
    num_done = 0

    def on_step_end(
        _pipe: DiffusionPipeline, _index: int, _t: torch.Tensor, kwargs: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        nonlocal num_done
        num_done += 1
        if on_step is not None:
            on_step(max(1, num_done * num_steps // num_calls), kwargs["latents"])
        return kwargs

    return on_step_end


def _drop_still_start(frames: np.ndarray, min_frames: int) -> np.ndarray:
    """Drop repeats of the first frame (padding of a short clip) as far as a chunk allows."""
    is_still = (frames == frames[0]).all(axis=(1, 2, 3))
    num_still = int(np.argmin(is_still)) if not is_still.all() else len(frames)
    return frames[max(0, min(num_still - 1, len(frames) - min_frames)) :]

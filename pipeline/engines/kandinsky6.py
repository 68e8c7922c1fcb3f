"""Engine for Kandinsky 6: five seconds of video and sound, from a prompt or a first picture.

Given sound is no part of its calls: each window's sound is its own, and joins are cross-faded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from diffusers import DiffusionPipeline

from pipeline.engines.av_latents import AVLatents, pack, unpack
from pipeline.engines.base import OnEngineStep, SamplingParams, Sound, WindowContext
from pipeline.engines.ltx2_audio import NO_SOUND
from pipeline.engines.pipeline_call import Family, GivenFrames, PipelineCallEngine, Prompt
from pipeline.errors import OutputError
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.prompt_cache import Embeds


def encode_prompt(
    pipe: DiffusionPipeline,
    prompt: str,
    negative_prompt: str,
    is_guided: bool,
    max_sequence_length: int,
) -> Embeds:
    """Encode the prompt, and the negative prompt if guidance is on.

    Returns Qwen's embeddings of the tokens (1, L, D) and CLIP's of the whole prompt (1, D) for
    each. The pipeline's call takes no mask with them: the padding after the tokens is cut off,
    which is the same.
    """
    embeds: list[torch.Tensor] = []
    for words in (prompt, negative_prompt) if is_guided else (prompt,):
        tokens, pooled, mask, *_ = pipe.encode_prompt(
            words, do_classifier_free_guidance=False, max_sequence_length=max_sequence_length
        )
        length = tokens.shape[1] if mask is None else int(mask.sum())
        embeds += [tokens[:, : max(1, length)], pooled]
    return tuple(embeds)


def condition(
    pipe: DiffusionPipeline, given_frames: GivenFrames
) -> tuple[DiffusionPipeline, dict[str, object]]:
    """Pass the last given frame as the first picture."""
    return pipe, {"image": given_frames.start[-1]} if given_frames.start else {}


def decode(pipe: DiffusionPipeline, part: torch.Tensor) -> torch.Tensor:
    """Decode the video of a packed part into pixels (1, 3, 4 T - 3, H, W) in [-1, 1]."""
    vae, latents = pipe.vae, unpack(part).video
    latents = latents.to(vae.device, vae.dtype) / vae.config.scaling_factor
    return vae.decode(latents, return_dict=False)[0]


KANDINSKY6 = Family(
    (
        "prompt_embeds",
        "pooled_prompt_embeds",
        "negative_prompt_embeds",
        "negative_pooled_prompt_embeds",
    ),
    encode_prompt,
    condition,
    decode,
)


class Kandinsky6Engine(PipelineCallEngine):
    """Runs windows of one loaded model at one picture size; a part is a packed `AVLatents`."""

    def __init__(self, model: LoadedModel, *, width: int, height: int) -> None:
        """Use a loaded model; sizes are in pixels."""
        super().__init__(model, KANDINSKY6, width=width, height=height)

    @property
    def sound_rate(self) -> int:
        """Return the sample rate of `decode_sound` in Hz."""
        return self.model.pipe.audio_sample_rate

    @property
    def hearing_rate(self) -> int:
        """Return the sample rate of given sound in Hz, which the model does not use."""
        return self.sound_rate

    def hear(
        self, given: WindowContext, before: Sound | None, after: Sound | None
    ) -> WindowContext:
        """Return the given context unchanged: the model cannot be given sound."""
        del before, after
        return given

    @torch.no_grad()
    def make(
        self,
        num_latents: int,
        prompt: Prompt,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Make `num_latents` new latent frames and the sound of the call, packed (1, N, T)."""
        num_all = num_latents + self._count_given(context)
        made = self._call(num_all, prompt, context, params, on_step)
        pipe = self.model.pipe
        seconds = self._count_frames(num_all) / self.model.spec.fps
        period = pipe.audio_latent_hop_length / pipe.audio_sample_rate
        return pack(AVLatents(made.frames, made.audio.mT, seconds, period))

    def decode_sound(
        self, given: WindowContext, parts: Iterable[torch.Tensor]
    ) -> tuple[float, Iterator[Sound]]:
        """Decode the sound of a shot, window by window.

        Returns the time at which it begins, in seconds after the shot's first frame (which may be
        a given picture), and samples (N, 2) at `sound_rate`. Raises OutputError if the samples are
        not finite.
        """
        num_before = 0 if given.is_picture else given.num_before
        return -num_before / self.model.spec.fps, self._join_sounds(parts)

    def _join_sounds(self, parts: Iterable[torch.Tensor]) -> Iterator[Sound]:
        """Yield samples (N, 2); windows share frames, over whose time their sounds cross-fade."""
        num_shared = self._count_frames(self.model.spec.overlap_latents)
        begin, held = 0, np.zeros((0, 2), np.float32)  # frames, and samples not yielded yet
        for part in parts:
            end = begin + self._count_frames(unpack(part).video.shape[2])
            num_faded = self._num_samples(begin + num_shared) - self._num_samples(begin)
            num_faded = min(num_faded, len(held))
            samples = self._decode_sound(part)
            samples = samples[: self._num_samples(end) - self._num_samples(begin)]
            yield held[: len(held) - num_faded]
            samples[:num_faded] = _cross_fade(held[len(held) - num_faded :], samples[:num_faded])
            held, begin = samples, end - num_shared
        yield held

    def _num_samples(self, num_frames: int) -> int:
        return round(num_frames / self.model.spec.fps * self.sound_rate)

    @torch.no_grad()
    def _decode_sound(self, part: torch.Tensor) -> Sound:
        """Decode the sound (N, 2) of a part: at least as long as its frames."""
        pipe, latents = self.model.pipe, unpack(part)
        vae = pipe.audio_vae
        z = latents.audio.mT.to(self.model.device, vae.dtype) / vae.config.scaling_factor  # (1,C,L)
        mel = vae.decode(z, return_dict=False)[0]  # (1, M, 2 L)
        mono = pipe.vocoder(mel.to(pipe.vocoder.dtype), return_dict=False)[0][0, 0]
        samples = mono.float().cpu().numpy()
        if not np.isfinite(samples).all():
            raise OutputError(NO_SOUND)
        return np.stack([samples, samples], axis=1)


def _cross_fade(before: Sound, after: Sound) -> Sound:
    """Fade from one sound to another (N, 2) at equal power: they are not the same sound."""
    angle = (np.arange(len(after)) + 0.5) / max(1, len(after)) * (math.pi / 2)
    weight = np.sin(angle)[:, None]
    return (weight * after + np.cos(angle)[:, None] * before).astype(np.float32)

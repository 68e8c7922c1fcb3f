"""Engine for LTX-2: video and audio together, with its own loop over `LTX2ConditionPipeline`.

The pipeline's public call takes video conditioning as pixels only, and no audio conditioning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from diffusers import DiffusionPipeline

from pipeline.engines.av_latents import AVLatents, pack, unpack
from pipeline.engines.base import (
    FirstPass,
    OnEngineStep,
    SamplingParams,
    ShotContext,
    Sound,
    WindowContext,
)
from pipeline.engines.ltx import encode_words
from pipeline.engines.ltx2_audio import Layout, SoundCodec, lay_out
from pipeline.engines.ltx2_denoising import PromptEmbeds, audio_tokens, denoise, video_tokens
from pipeline.engines.ltx_latents import VideoCodec, join_context, noise_levels
from pipeline.engines.ltx_latents import unpack as unpack_tokens
from pipeline.engines.upsampling import upsample
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.private_api import keyframe_coords


class LTX2Engine:
    """Runs windows of one loaded model at one picture size; a part is a packed `AVLatents`."""

    def __init__(self, model: LoadedModel, *, width: int, height: int) -> None:
        """Use a loaded model; sizes are in pixels."""
        self.model = model
        self._pipe = model.pipe
        self._frames = VideoCodec(model, width=width, height=height)
        self._codec = SoundCodec(model.pipe, model.device)
        scheduler = model.pipe.scheduler
        # Distilled noise levels are used as they are, without another shift.
        model.pipe.scheduler = type(scheduler).from_config(
            scheduler.config, **model.spec.scheduler_options
        )
        if model.device.type == "mps":
            _round_positions(model.pipe)

    @property
    def sound_rate(self) -> int:
        """Return the sample rate of `decode_sound` in Hz."""
        return self._codec.output_rate

    @property
    def hearing_rate(self) -> int:
        """Return the sample rate that `hear` expects in Hz."""
        return self._codec.input_rate

    @torch.no_grad()
    def encode_prompt(
        self,
        prompt: str,
        negative_prompt: str,
        guidance_scale: float,
        shot: ShotContext | None = None,
    ) -> PromptEmbeds:
        """Encode a prompt once for all its windows and steps; `shot` is not used."""
        del shot
        words = prompt, negative_prompt, guidance_scale > 1
        return PromptEmbeds(*self.model.read_prompt(*words, lambda: self._encode_words(*words)))

    def _encode_words(
        self, prompt: str, negative_prompt: str, is_guided: bool
    ) -> tuple[torch.Tensor, ...]:
        embeds, mask = encode_words(self.model, prompt, negative_prompt, is_guided)
        # The output of the connectors is small; the text encoder's is that of all its layers.
        return self._pipe.connectors(embeds, mask, padding_side=self._pipe.tokenizer_padding_side)

    def remember(self, prompt: PromptEmbeds, seconds: float) -> None:
        """Return None: the model has no scene state."""
        del prompt, seconds

    def encode(self, frames: np.ndarray, generator: torch.Generator) -> torch.Tensor:
        """Encode 8 k + 1 frames (F, H, W, 3) uint8 into packed latents (1, N, T) without audio."""
        del generator
        return pack(self._silent(self._frames.encode(frames), len(frames)))

    def encode_following(self, frames: np.ndarray, generator: torch.Generator) -> WindowContext:
        """Encode the first frames of a clip (17, H, W, 3) uint8 that a window leads up to."""
        del generator
        given = self._frames.encode_following(frames)
        assert given.after is not None  # what was just encoded
        return replace(given, after=pack(self._silent(given.after, len(frames) - 1)))

    def hear(
        self, given: WindowContext, before: Sound | None, after: Sound | None
    ) -> WindowContext:
        """Return the given context with its sound added: samples (N, 2) at `hearing_rate`.

        `before` ends with the last given frame; `after` begins with the first given frame.
        """
        codec = self._codec
        if before is not None and given.before is not None:
            av_latents = unpack(given.before)
            audio = codec.encode(before).to(av_latents.video)
            lead = av_latents.seconds - audio.shape[1] * codec.period
            given = replace(given, before=pack(replace(av_latents, audio=audio, lead=lead)))
        if after is not None and given.after is not None:
            av_latents = unpack(given.after)
            num_columns = round(len(after) / codec.input_rate / codec.mel_seconds)
            num_columns -= (num_columns - 1) % codec.ratio  # whole latents, from the first sample
            num_samples = round(num_columns * codec.mel_seconds * codec.input_rate)
            # Like the video's keyframe, the first audio latent is of another kind: drop it.
            audio = codec.encode(after[:num_samples])[:, 1:].to(av_latents.video)
            lead = codec.mel_seconds - 1 / self.model.spec.fps
            given = replace(given, after=pack(replace(av_latents, audio=audio, lead=lead)))
        return given

    def make(
        self,
        num_latents: int,
        prompt: PromptEmbeds,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Make `num_latents` new latent frames and their audio, packed (1, N, T)."""
        start, source = None, params.source
        if source is not None:
            # Its sound is not used; it is noise at the level at which the video begins.
            start = self._silent(join_context(source, self._video_context(context)), 0)
        return self._make(num_latents, prompt, context, params, on_step, start)

    def encode_source(self, frames: np.ndarray, num_latents: int) -> torch.Tensor:
        """Encode 8 k + 1 frames (F, H, W, 3) uint8; return the last latents (1, C, T, h, w)."""
        return self._frames.encode(frames)[:, :, -num_latents:]

    def refine(
        self,
        first: FirstPass,
        prompt: PromptEmbeds,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Make the latents of a first pass again, the video at twice the sides, packed."""
        made = unpack(first.part.to(self.model.device))
        video = join_context(made.video, self._video_context(first.context))
        start = replace(made, video=upsample(self.model, video))
        return self._make(first.num_latents, prompt, context, params, on_step, start)

    @torch.no_grad()
    def _make(
        self,
        num_latents: int,
        prompt: PromptEmbeds,
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None,
        start: AVLatents | None = None,
    ) -> torch.Tensor:
        """Make a window from noise, or from the video of all of it and the new audio in `start`."""
        begin, end = self._span(num_latents, context)
        sound = self._lay_out_audio(begin, end, context)
        video_context = self._video_context(context)
        given, is_given = self._frames.lay_out(num_latents, video_context)
        size = params.noise_size
        noise_grid = None if size is None else self._frames.grid_of(size)

        def video_of(tokens: torch.Tensor) -> torch.Tensor:
            """Return the video (1, C, T, h, w) of tokens without those of a keyframe."""
            tokens = tokens[:, : given[0, 0].numel()]
            return unpack_tokens(tokens, self._frames.height, self._frames.width)

        def on_tokens(step: int, tokens: torch.Tensor) -> None:
            if on_step is not None:
                on_step(step, pack(self._silent(video_of(tokens), 0)))

        tokens, audio = denoise(
            self._pipe,
            (
                video_tokens(given, is_given, context.keyframe, start, noise_grid),
                audio_tokens(sound, start),
            ),
            {
                "video_coords": self._coords_of_all(given.shape[2], num_latents, context),
                "audio_coords": sound.coords,
            },
            prompt,
            params,
            noise_levels(self.model.spec, params),
            on_tokens,
        )
        video = video_of(tokens)[:, :, video_context.num_before :]
        audio = audio[:, sound.first :][:, : sound.num_latents]
        av_latents = AVLatents(
            video[:, :, :num_latents], audio, end - begin, self._codec.period, sound.start - begin
        )
        return pack(av_latents)

    def tail(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return the last latents, packed, with given ones if the parts are too short."""
        known = [] if given.before is None else [given.before]
        whole = _join([*known, *parts])
        return pack(whole.last(num_latents, self._seconds(num_latents, whole)))

    def head(
        self, given: WindowContext, parts: Sequence[torch.Tensor], num_latents: int
    ) -> torch.Tensor:
        """Return the first latents, packed, with given ones if the parts are too short."""
        known = [] if given.after is None else [given.after]
        whole = _join([*parts, *known])
        return pack(whole.first(num_latents, self._seconds(num_latents, whole)))

    def decode_shot(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> Iterator[np.ndarray]:
        """Decode a shot's new frames (F, H, W, 3) uint8; needs all of its parts first."""
        del prompt
        return self._frames.decode_shot(self._video_context(given), _videos(parts))

    def decode_last_given(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Decode the last frame (H, W, 3) of the clip that a shot continues from."""
        del parts, prompt
        return self._frames.decode_last_given(self._video_context(given))

    def decode_first_following(
        self, given: WindowContext, parts: Iterable[torch.Tensor], prompt: object = None
    ) -> np.ndarray:
        """Decode the first frame (H, W, 3) of the clip that a shot leads up to."""
        del parts, prompt
        return self._frames.decode_first_following(given)

    def decode_sound(
        self, given: WindowContext, parts: Iterable[torch.Tensor]
    ) -> tuple[float, Iterator[Sound]]:
        """Decode the sound of a shot and around it.

        Returns the time at which it begins, in seconds after the shot's first frame (which may be
        a given picture), and samples (N, 2) at `sound_rate`. Raises OutputError if the samples are
        not finite.
        """
        whole = _join(parts)
        start = whole.lead
        if given.before is not None:
            before = unpack(given.before)
            whole = before.join(whole)
            start = whole.lead - (0 if given.is_picture else before.seconds)
        if given.after is not None:
            whole = whole.join(unpack(given.after))
        # The first latent stands for one spectrogram column only, the last of its period.
        start += self._codec.period - self._codec.mel_seconds
        return start, self._codec.decode(whole.audio)

    def preview(self, latents: torch.Tensor) -> np.ndarray:
        """Return a small picture (h, w, 3) uint8 of the middle of packed latents (1, N, T)."""
        return self._frames.colors.show(unpack(latents).video)

    def _silent(self, video: torch.Tensor, num_frames: int) -> AVLatents:
        audio = video.new_zeros(1, 0, self._codec.width)
        return AVLatents(video, audio, num_frames / self.model.spec.fps, self._codec.period)

    def _video_context(self, context: WindowContext) -> WindowContext:
        """Return the context with video latents only (1, C, T, h, w)."""
        before, after = (
            None if packed is None else unpack(packed).video.to(self.model.device)
            for packed in (context.before, context.after)
        )
        return replace(context, before=before, after=after)

    def _seconds(self, num_latents: int, whole: AVLatents) -> float:
        """Return how long `num_latents` at either end last, or the whole if it has fewer."""
        spec = self.model.spec
        if num_latents >= whole.video.shape[2]:
            return whole.seconds
        return num_latents * spec.temporal / spec.fps

    def _time(self, num_latents: int, context: WindowContext) -> float:
        """Return when the first `num_latents` end; a window without frame 0 counts from 1."""
        spec, first = self.model.spec, 0 if context.is_start else 1
        return max(0, (first + num_latents - 1) * spec.temporal + 1) / spec.fps

    def _span(self, num_latents: int, context: WindowContext) -> tuple[float, float]:
        """Return when the new frames of a window begin and end, in seconds of the window."""
        num_before = context.num_before
        end = self._time(num_before + num_latents, context)
        return self._time(num_before, context), end

    def _lay_out_audio(self, begin: float, end: float, context: WindowContext) -> Layout:
        """Lay out the audio latents of a window whose new frames last from `begin` to `end`."""
        before, after = (
            None if packed is None else unpack(packed.to(self.model.device))
            for packed in (context.before, context.after)
        )
        nothing = self._silent(torch.zeros(1, 1, 0, 1, 1, device=self.model.device), 0)
        return lay_out(
            begin, end, before or nothing, after or nothing, self._codec, context.is_start
        )

    def _coords_of_all(
        self, num_frames: int, num_latents: int, context: WindowContext
    ) -> torch.Tensor:
        """Return the position of every video token (1, 3, S, 2): seconds and pixels.

        A window in the middle of a shot has no latent frame 0: its latent frames count from 1. The
        keyframe's tokens come last; it stands at the last new frame.
        """
        first = 0 if context.is_start else 1
        device, fps = self.model.device, self.model.spec.fps
        coords = self._pipe.transformer.rope.prepare_video_coords(
            1, first + num_frames, self._frames.height, self._frames.width, device, fps=fps
        )[:, :, first * self._frames.height * self._frames.width :]
        if context.keyframe is None:
            return coords
        last = first + context.num_before + num_latents - 1
        frame = last * self.model.spec.temporal
        size = self._frames.height, self._frames.width
        extra = keyframe_coords(self._pipe, size, frame, fps, device)
        return torch.cat([coords, extra], dim=2)


def _round_positions(pipe: DiffusionPipeline) -> None:
    """Compute positions in float32: Apple's GPUs have no float64."""
    for part in (pipe.transformer, pipe.connectors):
        for module in part.modules():
            if hasattr(module, "double_precision"):
                module.double_precision = False


def _join(parts: Iterable[torch.Tensor]) -> AVLatents:
    first, *rest = (unpack(part) for part in parts)
    for av_latents in rest:
        first = first.join(av_latents)
    return first


def _videos(parts: Iterable[torch.Tensor]) -> Iterator[torch.Tensor]:
    return (unpack(part).video for part in parts)

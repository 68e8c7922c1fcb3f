"""LTX-2's sound: samples into latents and back, a stretch at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import LTX2ConditionPipeline
from transformers.audio_utils import mel_filter_bank

from pipeline.engines.av_latents import AVLatents
from pipeline.errors import OutputError
from pipeline.runtime.private_api import pack_audio, unpack_audio

# What is made of the sound beyond the last picture: what comes next is mixed into it.
OVERHANG_SECONDS = 0.1
# As the autoencoder was trained (Lightricks/LTX-2, AudioProcessor).
_FFT_SAMPLES = 1024
_QUIETEST = 1e-5
# A stretch of sound is decoded with what is heard around it, so that stretches fit without a seam:
# the causal autoencoder hears 33 latents back, the vocoders 11 more on either side (computed from
# their kernels, at most; see test_ltx2.py for the difference that is left).
_LATENTS_AT_ONCE = 250  # ten seconds
_LATENTS_BEFORE = 56
_LATENTS_AFTER = 16
_NO_SOUND = "The model gave numbers that are no sound; try another seed or the default settings."


class SoundCodec:
    """The audio autoencoder and the vocoder of a loaded pipeline."""

    def __init__(self, pipe: LTX2ConditionPipeline, device: torch.device) -> None:
        """Read the rates from the parts' configurations; nothing is computed yet."""
        self._pipe = pipe
        self._device = device
        config = pipe.audio_vae.config
        self.input_rate: int = config.sample_rate
        self.output_rate: int = pipe.vocoder.config.output_sampling_rate
        self.ratio: int = pipe.audio_vae_temporal_compression_ratio
        self._hop: int = config.mel_hop_length
        self._num_mels: int = config.mel_bins
        self.width: int = config.latent_channels * (self._num_mels // self._mel_ratio)

    @property
    def _mel_ratio(self) -> int:
        return self._pipe.audio_vae_mel_compression_ratio

    @property
    def mel_seconds(self) -> float:
        """Return how long a column of the spectrogram lasts; the first latent is one, not more."""
        return self._hop / self.input_rate

    @property
    def period(self) -> float:
        """Return how long a latent lasts, in seconds."""
        return self.ratio * self.mel_seconds

    @torch.no_grad()
    def encode(self, samples: np.ndarray) -> torch.Tensor:
        """Encode samples (N, 2) float32 at `input_rate` into normalized latents (1, L, D).

        They end with the last sample; what is too short for a latent is left out at the start.
        """
        num_latents = (len(samples) // self._hop - 1) // self.ratio + 1
        num_columns = (num_latents - 1) * self.ratio + 1
        vae = self._pipe.audio_vae
        mel = self._spectrogram(samples[-num_columns * self._hop :])  # (1, 2, T, M)
        mel = mel.to(self._device, vae.dtype)
        return pack_audio(self._pipe, vae.encode(mel).latent_dist.mode().float())

    def _spectrogram(self, samples: np.ndarray) -> torch.Tensor:
        """(N, 2) -> the logarithm of its mel spectrogram (1, 2, N / hop, M)."""
        wave = torch.from_numpy(np.ascontiguousarray(samples.T))
        short = _FFT_SAMPLES // 2 + 1 - wave.shape[1]
        wave = torch.nn.functional.pad(wave, (max(0, short), 0))
        spectrum = torch.stft(
            wave,
            _FFT_SAMPLES,
            self._hop,
            window=torch.hann_window(_FFT_SAMPLES),
            return_complex=True,
        ).abs()  # (2, F, T + 1)
        filters = mel_filter_bank(
            _FFT_SAMPLES // 2 + 1,
            self._num_mels,
            0.0,
            self.input_rate / 2,
            self.input_rate,
            norm="slaney",
            mel_scale="slaney",
        )
        mel = torch.from_numpy(filters.T).float() @ spectrum
        count = len(samples) // self._hop
        return mel[:, :, -count - 1 : -1].clamp(min=_QUIETEST).log().mT[None]

    def decode(self, latents: torch.Tensor) -> Iterator[np.ndarray]:
        """Decode normalized latents (1, L, D) into samples (N, 2) float32 at `output_rate`.

        They come some seconds at a time, as if all were decoded at once. The first latent gives one
        column of the spectrogram, every other one `ratio` of them. Raises OutputError if the
        samples are not finite.
        """
        length = latents.shape[1]
        for start in range(0, length, _LATENTS_AT_ONCE):
            end = min(start + _LATENTS_AT_ONCE, length)
            first, last = max(0, start - _LATENTS_BEFORE), min(end + _LATENTS_AFTER, length)
            samples = self._decode(latents[:, first:last])
            if not np.isfinite(samples).all():
                raise OutputError(_NO_SOUND)
            begin, stop = (self._num_samples(x - first) for x in (start, end))
            yield samples[begin:stop]

    def _num_samples(self, num_latents: int) -> int:
        """Count the samples that so many latents from the first on give."""
        num_columns = max(0, num_latents * self.ratio - (self.ratio - 1))
        return num_columns * self._hop * self.output_rate // self.input_rate

    @torch.no_grad()
    def _decode(self, latents: torch.Tensor) -> np.ndarray:
        pipe, vae = self._pipe, self._pipe.audio_vae
        z = latents.to(self._device).float()
        num_mels = self._num_mels // self._mel_ratio
        z = unpack_audio(pipe, z, num_mels)
        mel = vae.decode(z.to(vae.dtype), return_dict=False)[0]
        return pipe.vocoder(mel)[0].T.float().cpu().numpy()


@dataclass(frozen=True)
class Layout:
    """The sound latents of a window: what is given at either end, new ones from `first` on."""

    audio: torch.Tensor  # (1, L, D), zero where new
    is_given: torch.Tensor  # (1, L, 1)
    coords: torch.Tensor  # (1, 1, L, 2): when each begins and ends, in the window's seconds
    first: int
    num_latents: int
    start: float  # when the first new one begins


def lay_out(
    begin: float, end: float, before: AVLatents, after: AVLatents, codec: SoundCodec, is_start: bool
) -> Layout:
    """Lay out the sound of a window whose new pictures last from `begin` to `end`.

    New sound goes on where given sound ends, at its pace, up to given sound that follows; without
    such it is longer than the pictures by OVERHANG_SECONDS. Without any before, it begins with the
    window where that is a shot's start, as a pipeline's own call has it.
    """
    period = codec.period
    if before.audio.shape[1]:
        start = begin + before.lag
    else:
        # Where a shot begins, the first latent is a single column of the spectrogram.
        start = codec.mel_seconds - period if is_start else begin
    stop = end + OVERHANG_SECONDS
    count = math.ceil((stop - start) / period - 1e-2)
    if after.audio.shape[1]:
        stop = end + after.lead
        count = round((stop - start) / period)
        if not before.audio.shape[1]:
            # At the pace of what follows.
            room = (stop - start) / period
            count = math.ceil(room - 1e-2) if is_start else math.floor(room + 1e-2)
            start = stop - count * period
    first, num_after = before.audio.shape[1], after.audio.shape[1]
    new = before.audio.new_zeros(1, count, codec.width)
    is_given = torch.ones(1, first + count + num_after, 1, dtype=torch.bool, device=new.device)
    is_given[:, first : first + count] = False
    places = [torch.arange(-first, count) * period + start, torch.arange(num_after) * period + stop]
    starts = torch.cat(places)
    coords = torch.stack([starts, starts + period], dim=-1).clamp(min=0)[None, None]
    audio = torch.cat([before.audio, new, after.audio], dim=1)
    return Layout(audio, is_given, coords.to(new.device), first, count, start)

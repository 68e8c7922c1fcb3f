"""LTX-2's audio: encodes samples into latents, decodes them in stretches, lays out a window."""

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

# Sound made beyond the last frame; what comes next is cross-faded into it.
OVERHANG_SECONDS = 0.1
# The values the autoencoder was trained with (Lightricks/LTX-2, AudioProcessor).
_FFT_SAMPLES = 1024
_QUIETEST = 1e-5
# Each stretch is decoded with its surroundings, so that stretches join without a seam: the causal
# autoencoder looks 33 latents back, the vocoders 11 more on either side (upper bounds, computed
# from their kernels; test_ltx2.py has the remaining difference).
_LATENTS_AT_ONCE = 250  # ten seconds
_LATENTS_BEFORE = 56
_LATENTS_AFTER = 16
NO_SOUND = (
    "The model produced NaN or infinite values as sound; try another seed or the default settings."
)


class SoundCodec:
    """The audio autoencoder and the vocoder of a loaded pipeline."""

    def __init__(self, pipe: LTX2ConditionPipeline, device: torch.device) -> None:
        """Read the rates from the components' configurations; computes nothing yet."""
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
        """Return the duration of a spectrogram column in seconds; the first latent has just one."""
        return self._hop / self.input_rate

    @property
    def period(self) -> float:
        """Return the duration of a latent in seconds."""
        return self.ratio * self.mel_seconds

    @torch.no_grad()
    def encode(self, samples: np.ndarray) -> torch.Tensor:
        """Encode samples (N, 2) float32 at `input_rate` into normalized latents (1, L, D).

        The latents end with the last sample; a remainder too short for one is cut at the start.
        """
        num_latents = (len(samples) // self._hop - 1) // self.ratio + 1
        num_columns = (num_latents - 1) * self.ratio + 1
        vae = self._pipe.audio_vae
        mel = self._spectrogram(samples[-num_columns * self._hop :])  # (1, 2, T, M)
        mel = mel.to(self._device, vae.dtype)
        return pack_audio(self._pipe, vae.encode(mel).latent_dist.mode().float())

    def _spectrogram(self, samples: np.ndarray) -> torch.Tensor:
        """Return the log mel spectrogram (1, 2, N / hop, M) of samples (N, 2)."""
        wave = torch.from_numpy(np.ascontiguousarray(samples.T))  # (2, N)
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

        Yields a few seconds at a time, as if all were decoded at once. The first latent gives one
        spectrogram column, every other one `ratio` columns. Raises OutputError if the samples are
        not finite.
        """
        length = latents.shape[1]
        for start in range(0, length, _LATENTS_AT_ONCE):
            end = min(start + _LATENTS_AT_ONCE, length)
            first, last = max(0, start - _LATENTS_BEFORE), min(end + _LATENTS_AFTER, length)
            samples = self._decode(latents[:, first:last])
            if not np.isfinite(samples).all():
                raise OutputError(NO_SOUND)
            begin, stop = (self._num_samples(x - first) for x in (start, end))
            yield samples[begin:stop]

    def _num_samples(self, num_latents: int) -> int:
        """Count the samples that the first `num_latents` latents decode to."""
        num_columns = max(0, num_latents * self.ratio - (self.ratio - 1))
        return num_columns * self._hop * self.output_rate // self.input_rate

    @torch.no_grad()
    def _decode(self, latents: torch.Tensor) -> np.ndarray:
        pipe, vae = self._pipe, self._pipe.audio_vae
        z = latents.to(self._device).float()  # (1, L, D)
        num_mels = self._num_mels // self._mel_ratio
        z = unpack_audio(pipe, z, num_mels)  # (1, C, L, M)
        mel = vae.decode(z.to(vae.dtype), return_dict=False)[0]  # (1, 2, T, num_mels)
        return pipe.vocoder(mel)[0].T.float().cpu().numpy()


@dataclass(frozen=True)
class Layout:
    """The audio latents of a window: given ones at either end, new ones from `first` on."""

    audio: torch.Tensor  # (1, L, D), zero where new
    is_given: torch.Tensor  # (1, L, 1) bool
    coords: torch.Tensor  # (1, 1, L, 2): when each begins and ends, in seconds of the window
    first: int
    num_latents: int
    start: float  # when the first new latent begins, in seconds of the window


def lay_out(
    begin: float, end: float, before: AVLatents, after: AVLatents, codec: SoundCodec, is_start: bool
) -> Layout:
    """Lay out the audio of a window whose new frames last from `begin` to `end`, in seconds.

    New audio starts where the given audio ends, on the same grid of latents, and lasts until the
    given audio that follows; without any, it is OVERHANG_SECONDS longer than the video. Without
    given audio before it, it starts with the window if the window starts the shot, as in the
    pipeline's own call.
    """
    period = codec.period
    if before.audio.shape[1]:
        start = begin + before.lag
    else:
        # At the start of a shot the first latent is a single spectrogram column.
        start = codec.mel_seconds - period if is_start else begin
    stop = end + OVERHANG_SECONDS
    count = math.ceil((stop - start) / period - 1e-2)
    if after.audio.shape[1]:
        stop = end + after.lead
        count = round((stop - start) / period)
        if not before.audio.shape[1]:
            # On the grid of the latents that follow.
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

"""Latents of video and audio together: `AVLatents`, and packing one into a single tensor.

Windows pass the packed tensor on, and the latent cache stores it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

# In audio latents: rounding may be off by this much; positions closer than this count as the same.
_TOLERANCE = 1e-2


@dataclass(frozen=True)
class AVLatents:
    """Video latents that last `seconds`, and the audio latents that go with them.

    Audio latents are consecutive and last `period` seconds each; the first one begins `lead`
    seconds after the first frame. There may be none.
    """

    video: torch.Tensor  # (1, C, T, h, w)
    audio: torch.Tensor  # (1, L, D)
    seconds: float
    period: float
    lead: float = 0.0

    @property
    def lag(self) -> float:
        """Return how many seconds after the video the audio ends."""
        return self.lead + self.audio.shape[1] * self.period - self.seconds

    def up_to(self, seconds: float) -> AVLatents:
        """Cut the audio at the latent boundary closest to a time in seconds."""
        count = max(0, round((seconds - self.lead) / self.period))
        return replace(self, audio=self.audio[:, :count])

    def join(self, later: AVLatents) -> AVLatents:
        """Append a later stretch; where their audio overlaps, the later one's is kept."""
        seconds = self.seconds + later.seconds
        video = torch.cat([self.video, later.video.to(self.video)], dim=2)
        if not later.audio.shape[1]:
            return replace(self, video=video, seconds=seconds)
        if not self.audio.shape[1]:
            lead = self.seconds + later.lead
            return replace(later, video=video, seconds=seconds, lead=lead)
        before = self.up_to(self.seconds + later.lead).audio
        audio = torch.cat([before, later.audio.to(before)], dim=1)
        return replace(self, video=video, audio=audio, seconds=seconds)

    def last(self, num_latents: int, seconds: float) -> AVLatents:
        """Return the last video latents, which last `seconds`, and the audio within them."""
        start = self.seconds - seconds
        whole = self.up_to(self.seconds)
        first = max(0, math.ceil((start - self.lead) / self.period - _TOLERANCE))
        return replace(
            self,
            video=self.video[:, :, -num_latents:],
            audio=whole.audio[:, first:],
            seconds=seconds,
            lead=self.lead + first * self.period - start,
        )

    def first(self, num_latents: int, seconds: float) -> AVLatents:
        """Return the first video latents, which last `seconds`, and the audio within them."""
        count = max(0, math.floor((seconds - self.lead) / self.period + _TOLERANCE))
        return replace(
            self,
            video=self.video[:, :, :num_latents],
            audio=self.audio[:, :count],
            seconds=seconds,
        )


def pack(av_latents: AVLatents) -> torch.Tensor:
    """Pack video, audio and their times into one tensor (1, N, T), float32."""
    video, audio = av_latents.video.float(), av_latents.audio.to(av_latents.video.device).float()
    header = [
        *video.shape[1:],
        *audio.shape[1:],
        av_latents.seconds,
        av_latents.period,
        av_latents.lead,
    ]
    head = torch.tensor(header, device=video.device)
    flat = torch.cat([head, video.flatten(), audio.flatten()])
    num_latents = video.shape[2]
    padded = torch.nn.functional.pad(flat, (0, -len(flat) % num_latents))
    return padded.view(1, -1, num_latents)


def unpack(packed: torch.Tensor) -> AVLatents:
    """Undo `pack`."""
    flat = packed.flatten()
    *shape, length, width = (int(x) for x in flat[:6])
    seconds, period, lead = flat[6:9].tolist()
    num_video = math.prod(shape)
    video = flat[9 : 9 + num_video].view(1, *shape)
    audio = flat[9 + num_video :][: length * width].view(1, length, width)
    return AVLatents(video, audio, seconds, period, lead)

"""Decodes a shot in pieces, for autoencoders that look both ways in time.

The frames equal those of diffusers' framewise decoding bit for bit; memory is that of one piece.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import torch
from diffusers.models import AutoencoderKLLTXVideo

logger = logging.getLogger(__name__)


def use_long_pieces(vae: AutoencoderKLLTXVideo, num_frames: int) -> None:
    """Decode pieces of so many frames, with as many blended as before."""
    num_blended = vae.tile_sample_min_num_frames - vae.tile_sample_stride_num_frames
    vae.tile_sample_min_num_frames = num_frames
    vae.tile_sample_stride_num_frames = num_frames - num_blended


def decode_shot(
    vae: AutoencoderKLLTXVideo, z: torch.Tensor, temb: torch.Tensor | None, *, in_pieces: bool
) -> Iterator[torch.Tensor]:
    """Decode latents (1, C, T, h, w) into pixels (1, 3, F, H, W), 8 T - 7 frames in total.

    If a shot does not fit in GPU memory it is decoded in pieces; if a piece does not fit either, on
    the CPU.
    """
    if not in_pieces:
        try:
            yield vae.decode(z, temb, return_dict=False)[0]
        except torch.OutOfMemoryError:
            logger.warning("Out of GPU memory: decoding in pieces")
        else:
            return
        vae.enable_tiling()
    decode = _PieceDecoder(vae)
    stride = vae.tile_sample_stride_num_frames // vae.temporal_compression_ratio
    num_latents = vae.tile_sample_min_num_frames // vae.temporal_compression_ratio + 1
    num_blended = vae.tile_sample_min_num_frames - vae.tile_sample_stride_num_frames
    if z.shape[2] < num_latents:  # a single piece
        yield decode(z, temb)
        return
    previous: torch.Tensor | None = None
    for start in range(0, z.shape[2], stride):
        piece = decode(z[:, :, start : start + num_latents], temb)
        num_frames = vae.tile_sample_stride_num_frames + (previous is None)
        if previous is not None:
            piece = vae.blend_t(previous.to(piece.device), piece[:, :, :-1], num_blended)
        if piece.shape[2]:
            yield piece[:, :, :num_frames]
        previous = piece


class _PieceDecoder:
    """Decodes on the GPU while there is memory, then on the CPU."""

    def __init__(self, vae: AutoencoderKLLTXVideo) -> None:
        self._vae = vae
        self._is_on_gpu = True

    def __call__(self, z: torch.Tensor, temb: torch.Tensor | None) -> torch.Tensor:
        if self._is_on_gpu:
            try:
                return self._vae.decode(z, temb, return_dict=False)[0]
            except torch.OutOfMemoryError:
                logger.warning("Still out of GPU memory: decoding on the CPU")
            self._is_on_gpu = False
            self._vae = _copy_on_cpu(self._vae)
        temb = None if temb is None else temb.cpu()
        return self._vae.decode(z.cpu(), temb, return_dict=False)[0]


def _copy_on_cpu(vae: AutoencoderKLLTXVideo) -> AutoencoderKLLTXVideo:
    """Return a copy on the CPU: an offloaded autoencoder's hooks would move it back."""
    copy = type(vae).from_config(vae.config).to(vae.dtype).eval()
    copy.load_state_dict({name: x.cpu() for name, x in vae.state_dict().items()})
    copy.enable_tiling()
    return copy

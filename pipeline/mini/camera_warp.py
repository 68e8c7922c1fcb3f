"""Camera moves over a given picture: warps one frame along the camera's path, and cross-fades.

This is how the embedded model continues a picture or a clip whose scene it does not know.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from pipeline.mini.autoencoder import PATCH_FRAMES, AutoencoderKinora

MAX_MIXED_FRAMES = 10


@torch.no_grad()
def warp_along_camera(
    vae: AutoencoderKinora,
    latents: torch.Tensor,
    moves: torch.Tensor,
    known: int,
    *,
    at_end: bool,
) -> torch.Tensor:
    """Move one frame of a window's latents (1, C, T, h, w) along the path of its camera.

    `moves` (T, 8, 3) are the camera at each frame, as `warp_picture` takes them. Latent frame
    `known` is given: its last frame is moved, or its first frame if the given latents are `at_end`
    of the window. Returns normalized latents (1, C, T, h, w), as `latents` are. Areas that move
    into view mirror the edge of the picture.
    """
    frames = vae.decode_linear(vae.denormalize(latents[:, :, known]).to(vae.dtype))
    # Positions need float32: bfloat16 has only 256 of them across a picture, and some become NaN.
    picture = frames[:, :, 0 if at_end else -1].float().clamp(-1, 1)  # (1, 3, H, W)
    start = moves[known, 0 if at_end else -1][None]  # (1, 3)
    parts = [
        vae.normalize(vae.project(warp_picture(picture, start, move[None]).to(vae.dtype)))
        for move in moves
    ]
    return torch.cat(parts, dim=2).to(latents.dtype)


def warp_picture(picture: torch.Tensor, start: torch.Tensor, moves: torch.Tensor) -> torch.Tensor:
    """Show a picture (B, 3, H, W), taken at camera position `start`, at other positions `moves`.

    `start` (B, 3) and `moves` (B, F, 3) hold the zoom, and how far everything has moved right and
    down as a share of the picture. Returns frames (B, 3, F, H, W).
    """
    size, num_frames = picture.shape[-2:], moves.shape[1]
    zoom, shift = moves[..., :1] / start[:, None, :1], moves[..., 1:] - start[:, None, 1:]
    scale = torch.eye(2, device=picture.device, dtype=picture.dtype) / zoom[..., None]
    # In the coordinates of grid_sample a picture is 2 wide and 2 high.
    shift = -2 * shift * start[:, None, :1]
    affine = torch.cat([scale, shift[..., None]], dim=-1)  # (B, F, 2, 3)
    grid = functional.affine_grid(
        affine.flatten(0, 1), [len(affine) * num_frames, 1, *size], align_corners=False
    )
    pictures = picture[:, None].expand(-1, num_frames, -1, -1, -1).flatten(0, 1)
    moved = functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    return moved.unflatten(0, (-1, num_frames)).transpose(1, 2)


@torch.no_grad()
def cross_fade_latents(
    vae: AutoencoderKinora,
    start: torch.Tensor,
    end: torch.Tensor,
    num_before: int,
    num_after: int,
) -> torch.Tensor:
    """Cross-fade between two windows frame by frame; all are normalized latents (1, C, T, h, w).

    The first `num_before` latent frames are those of `start`, the last `num_after` those of `end`.
    What moves is seen twice meanwhile, so the middle frames alone are mixed.
    """
    mixed = start.clone()
    first_after = start.shape[2] - num_after
    mixed[:, :, first_after:] = end[:, :, first_after:]
    num_frames = PATCH_FRAMES * (first_after - num_before)
    num_mixed = min(num_frames, MAX_MIXED_FRAMES)
    begin = (num_frames - num_mixed) // 2
    shares = (torch.arange(1, num_frames + 1, device=start.device) - begin) / (num_mixed + 1)
    for index, share in zip(
        range(num_before, first_after), shares.split(PATCH_FRAMES), strict=True
    ):
        one, other = (
            vae.decode_linear(vae.denormalize(x[:, :, index]).to(vae.dtype)) for x in (start, end)
        )
        frames = torch.lerp(one, other, share.clamp(0, 1)[None, None, :, None, None].to(one))
        mixed[:, :, index] = vae.normalize(vae.project(frames))[:, :, 0].to(mixed)
    return mixed

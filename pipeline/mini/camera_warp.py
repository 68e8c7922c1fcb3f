"""What a window shows if nothing in it moves but the camera: the picture it was given, again.

Of a picture or a clip from elsewhere no more than that is known beforehand. It is where the
transformer starts from there, as it starts from the guide's guess where it knows the scene.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from pipeline.mini.autoencoder import PATCH_FRAMES, AutoencoderKinora
from pipeline.mini.path_features import FEATURE_COLUMNS

_COLUMN = {name: index for index, name in enumerate(FEATURE_COLUMNS)}


@torch.no_grad()
def warp_along_camera(
    vae: AutoencoderKinora, latents: torch.Tensor, tracks: torch.Tensor, known: int, *, at_end: bool
) -> torch.Tensor:
    """Move one frame of a window's given latents (B, C, T, h, w) along its camera's path.

    `tracks` (B, T, D) tell the path; latent frame `known` is given, and its last picture is what is
    moved, or its first one if the given latents are `at_end` of the window. Latents are normalized;
    those that come back are too, and what moves into the picture mirrors what was at its edge.
    """
    frames = vae.decode_linear(vae.denormalize(latents[:, :, known]).to(vae.dtype))
    # Places in full precision: in bfloat16 a picture has 256 of them, and some are not numbers.
    picture = frames[:, :, 0 if at_end else -1].float().clamp(-1, 1)
    moves = _camera_moves(tracks.float())  # (B, T, 8, 3)
    start = moves[:, known, 0 if at_end else -1]
    parts = [
        vae.normalize(vae.project(warp_picture(picture, start, moves[:, index]).to(vae.dtype)))
        for index in range(tracks.shape[1])
    ]
    return torch.cat(parts, dim=2).to(latents.dtype)


def warp_picture(picture: torch.Tensor, start: torch.Tensor, moves: torch.Tensor) -> torch.Tensor:
    """Show a picture (B, 3, H, W), seen at `start` (B, 3), at camera `moves` (B, F, 3).

    Moves are zoom, and how far everything has gone right and down in shares of the picture.
    Returns frames (B, 3, F, H, W).
    """
    size, num_frames = picture.shape[-2:], moves.shape[1]
    zoom, way = moves[..., :1] / start[:, None, :1], moves[..., 1:] - start[:, None, 1:]
    scale = torch.eye(2, device=picture.device, dtype=picture.dtype) / zoom[..., None]
    # In the coordinates of grid_sample a picture is two wide.
    affine = torch.cat([scale, -2 * (way * start[:, None, :1])[..., None]], dim=-1)  # (B, F, 2, 3)
    grid = functional.affine_grid(
        affine.flatten(0, 1), [len(affine) * num_frames, 1, *size], align_corners=False
    )
    pictures = picture[:, None].expand(-1, num_frames, -1, -1, -1).flatten(0, 1)
    moved = functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    return moved.unflatten(0, (-1, num_frames)).transpose(1, 2)


def _camera_moves(tracks: torch.Tensor) -> torch.Tensor:
    """Read the camera of each picture of latent frames from tracks (B, T, D): (B, T, 8, 3)."""

    def column(name: str) -> torch.Tensor:
        return tracks[..., _COLUMN[name], None]

    share = torch.linspace(-0.5, 0.5, PATCH_FRAMES, device=tracks.device, dtype=tracks.dtype)
    zoom = torch.where(column("knows camera") > 0, column("zoom"), 1.0)
    zoom = zoom * (share * column("zoom step")).exp()
    ways = (column(name) + share * column(f"{name} step") for name in ("pan", "tilt"))
    return torch.stack([zoom, *ways], dim=-1)


@torch.no_grad()
def cross_fade_latents(
    vae: AutoencoderKinora,
    start: torch.Tensor,
    end: torch.Tensor,
    num_before: int,
    num_after: int,
) -> torch.Tensor:
    """Go over from some latents to others, frame by frame: normalized (1, C, T, h, w) each.

    The first `num_before` latent frames stay what they are in `start`, the last `num_after` what
    they are in `end`.
    """
    mixed = start.clone()
    first_after = start.shape[2] - num_after
    mixed[:, :, first_after:] = end[:, :, first_after:]
    num_frames = PATCH_FRAMES * (first_after - num_before)
    shares = torch.arange(1, num_frames + 1, device=start.device) / (num_frames + 1)
    for index, share in zip(
        range(num_before, first_after), shares.split(PATCH_FRAMES), strict=True
    ):
        one, other = (
            vae.decode_linear(vae.denormalize(x[:, :, index]).to(vae.dtype)) for x in (start, end)
        )
        frames = torch.lerp(one, other, share[None, None, :, None, None].to(one))
        mixed[:, :, index] = vae.normalize(vae.project(frames))[:, :, 0].to(mixed)
    return mixed

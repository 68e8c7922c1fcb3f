"""Compute the autoencoder's basis in closed form and save the autoencoder.

Run: python -m training.fit_encoder --output assets/kinora-mini
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch

from pipeline.mini import AutoencoderKinora
from pipeline.mini.autoencoder import patchify
from training.data import FPS, SIZES, draw_begin, to_tensor
from training.grammar import draw_scene
from training.pictures import render_picture_move
from training.world import render

logger = logging.getLogger(__name__)
NUM_CHUNKS = 1100
PATCHES_PER_CHUNK = 28
STILL_SHARE = 0.2
PICTURE_SHARE = 0.08
# Normalized latents keep this power of each component's deviation: the large structure stays
# dominant (the transformer learns it first) while fine components are lifted above the noise floor.
WHITENING_POWER = 0.5


def draw_frames(rng: np.random.Generator, height: int, width: int, num_frames: int) -> np.ndarray:
    """Render a scene or, now and then, a camera over an arbitrary picture: (F, H, W, 3) uint8."""
    times = np.arange(num_frames) / FPS
    if rng.random() < PICTURE_SHARE:
        return render_picture_move(rng, height=height, width=width, times=times)[0]
    scene = draw_scene(rng)
    times = draw_begin(scene, rng) + times
    return render(scene, height=height, width=width, times=times.tolist())[0]


def draw_patches(seed: int, num_chunks: int) -> torch.Tensor:
    """Render chunks of eight frames and cut random patches out of them: (N, 24576) float32."""
    rng = np.random.default_rng(seed)
    sizes, shares, patches = list(SIZES), list(SIZES.values()), []
    for _ in range(num_chunks):
        height, width = sizes[rng.choice(len(sizes), p=shares)]
        frames = draw_frames(rng, height, width, 9)[1:]
        if rng.random() < STILL_SHARE:
            frames = np.repeat(frames[:1], 8, axis=0)
        x = patchify(to_tensor(frames)).flatten(0, 2)  # (h w, 24576)
        patches.append(x[rng.choice(len(x), PATCHES_PER_CHUNK, replace=False)])
    return torch.cat(patches)


@torch.no_grad()
def main() -> None:
    """Fit on one set of patches, report the reconstruction of another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--channels", type=int, default=256)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(0)
    patches = draw_patches(seed=0, num_chunks=NUM_CHUNKS)
    logger.info("%d patches at %d frames a second", len(patches), FPS)
    _, _, basis = torch.svd_lowrank(patches, q=args.channels + 32, niter=3)
    model = AutoencoderKinora(latent_channels=args.channels)
    model.basis.copy_(basis[:, : args.channels].T)
    latents = patches @ model.basis.T
    deviation = latents.std(dim=0)
    model.latents_mean.copy_(latents.mean(dim=0))
    scale = deviation**WHITENING_POWER
    rms = ((deviation / scale) ** 2).mean().sqrt()
    model.latents_std.copy_(scale * rms)
    model.normalized_deviations.copy_(deviation / model.latents_std)
    test = draw_patches(seed=1, num_chunks=60)
    for channels in (64, 128, 192, 256, 288):
        kept = basis[:, :channels]
        error = ((test - test @ kept @ kept.T) ** 2).mean() / 4
        logger.info("%d components: %.2f dB", channels, -10 * torch.log10(error))
    logger.info("normalized deviations %s", model.normalized_deviations[::8].tolist())
    model.save_pretrained(args.output / "vae")


if __name__ == "__main__":
    main()

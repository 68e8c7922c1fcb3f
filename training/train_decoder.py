"""Train the decoder's refiner to give back what the projection drops: edges, detail, smooth seams.

Run: python -m training.train_decoder --model DIR --folder DIR --minutes 20
Reads and writes MODEL/vae; resumes from FOLDER/decoder.pt. The encoder does not change.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import numpy as np
import torch

from pipeline.mini import AutoencoderKinora
from pipeline.mini.autoencoder import Refiner
from training.data import draw_sample, to_tensor

logger = logging.getLogger(__name__)
CROP = 128
BATCH_SIZE = 4
POOL_SIZE = 96
# Latents are disturbed a little, so that the decoder also cleans what the transformer leaves.
MAX_NOISE = 0.15


def render_pool(rng: np.random.Generator, size: int) -> np.ndarray:
    """Render clips of two latent frames: (N, 16, 288, 512, 3) uint8."""
    return np.stack([draw_sample(rng, 288, 512, 16)[0] for _ in range(size)])


def draw_crops(pool: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
    """Cut random crops on the patch grid: (B, 3, 16, CROP, CROP) in [-1, 1]."""
    crops = []
    for index in rng.integers(len(pool), size=BATCH_SIZE):
        y = 32 * int(rng.integers((288 - CROP) // 32 + 1))
        x = 32 * int(rng.integers((512 - CROP) // 32 + 1))
        frames = pool[index, :, y : y + CROP, x : x + CROP]
        if rng.random() < 0.15:  # a still: what a first latent frame is made from
            frames = np.repeat(frames[:1], 16, axis=0)
        crops.append(to_tensor(np.ascontiguousarray(frames)))
    return torch.cat(crops)


def decoder_loss(model: AutoencoderKinora, crops: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Squared error of pixels and of their differences across space, on the second eight frames.

    Absolute errors were tried first: after 200 steps they had not moved the PSNR.
    """
    with torch.no_grad():
        latents = model.project(crops)  # (B, C, 2, h, w)
        scale = model.latents_std.view(1, -1, 1, 1, 1) * noise.view(-1, 1, 1, 1, 1)
        latents = latents + scale * torch.randn_like(latents)
    decoded = model.decode_latent_frame(latents[:, :, 1], latents[:, :, 0])
    target = crops[:, :, 8:]
    error = decoded - target
    edges = error.diff(dim=-1).square().mean() + error.diff(dim=-2).square().mean()
    return error.square().mean() + 0.5 * edges


@torch.no_grad()
def psnr(model: AutoencoderKinora, clips: np.ndarray) -> tuple[float, float]:
    """Return the PSNR in dB of the whole decode and of the linear decode alone."""
    errors = []
    for frames in clips:
        x = to_tensor(frames)
        latents = model.project(x)
        now, before = latents[:, :, 1], latents[:, :, 0]
        both = (model.decode_latent_frame(now, before), model.decode_linear(now))
        errors.append([((y.clamp(-1, 1) - x[:, :, 8:]) ** 2).mean().item() / 4 for y in both])
    full, linear = -10 * np.log10(np.mean(errors, axis=0))
    return float(full), float(linear)


def main() -> None:
    """Train until the time is up, with a short decay at the end; report held-out PSNR."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = AutoencoderKinora.from_pretrained(args.model / "vae", torch_dtype=torch.float32)
    model.refiner = Refiner(
        model.config.latent_channels, model.config.coarse_channels, model.config.fine_channels
    )
    optimizer = torch.optim.AdamW(model.refiner.parameters(), lr=args.lr, betas=(0.9, 0.95))
    step, state_path = 0, args.folder / "decoder.pt"
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        model.refiner.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    held_out = render_pool(np.random.default_rng(10_500), 12)
    pool = render_pool(np.random.default_rng((500, step)), POOL_SIZE)
    begin = time.monotonic()
    while (elapsed := (time.monotonic() - begin) / 60) < args.minutes:
        rng = np.random.default_rng((step, 501))
        rate = args.lr * min(1, (step + 1) / 30, (args.minutes - elapsed) / (0.25 * args.minutes))
        for group in optimizer.param_groups:
            group["lr"] = rate
        noise = torch.from_numpy(rng.uniform(0, MAX_NOISE, BATCH_SIZE)).float()
        loss = decoder_loss(model, draw_crops(pool, rng), noise * torch.from_numpy(rng.random(BATCH_SIZE) < 0.6))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.refiner.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 4 == 0:  # a fresh clip for an old one
            pool[rng.integers(POOL_SIZE)] = render_pool(rng, 1)[0]
        if step % 100 == 0:
            full, linear = psnr(model, held_out)
            logger.info("step %d loss %.4f held-out %.2f dB, linear %.2f dB", step, loss, full, linear)
    full, linear = psnr(model, held_out)
    logger.info("step %d done: held-out %.2f dB, linear %.2f dB", step, full, linear)
    state = {"model": model.refiner.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
    torch.save(state, state_path)
    model.save_pretrained(args.folder / "vae")


if __name__ == "__main__":
    main()

"""Train the autoencoder's refiner: from the linear decode of renders to the renders themselves.

Run: python -m training.train_decoder --model DIR --minutes 40
Reads and writes DIR/vae; a second run goes on from the first.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import numpy as np
import torch

from pipeline.mini import AutoencoderKinora
from training.data import draw_sample, to_tensor

logger = logging.getLogger(__name__)
HEIGHT, WIDTH = 288, 512
NUM_LATENTS = 3
STILL_SHARE = 0.15
CROP_PATCHES = 5
MARGIN = 16  # pixels at a crop's edges that see less than they would in a picture
BATCH_SIZE = 4
POOL_SIZE = 240
STEPS_PER_RENDER = 4
LEARNING_RATE = 2e-3
WARMUP_STEPS = 100
LOG_STEPS = 200


def draw_clip(rng: np.random.Generator) -> np.ndarray:
    """Render a clip of a still and three times eight frames."""
    return draw_sample(rng, HEIGHT, WIDTH, 1 + 8 * NUM_LATENTS).frames


def decode_pair(
    vae: AutoencoderKinora, x: torch.Tensor, index: int, *, is_still: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return linear frames, the one before and the truth of one latent frame of a clip.

    `x` is (1, 3, 25, H, W); the results are (1, 3, 8, H, W), (1, 3, H, W) and (1, 3, 8, H, W).
    """
    still = vae.decode_linear(vae.project_still(x[:, :, 8 * index])[:, :, 0])
    if is_still:
        return still, still[:, :, 0], x[:, :, 8 * index, None].expand(-1, -1, 8, -1, -1)
    truth = x[:, :, 8 * index + 1 : 8 * index + 9]
    frames = vae.decode_linear(vae.project(truth)[:, :, 0])
    if index == 0:
        return frames, still[:, :, -1], truth
    earlier = vae.project(x[:, :, 8 * index - 7 : 8 * index + 1])
    return frames, vae.decode_linear(earlier[:, :, 0])[:, :, -1], truth


@torch.no_grad()
def draw_batch(
    vae: AutoencoderKinora, pool: list[np.ndarray], rng: np.random.Generator
) -> tuple[torch.Tensor, ...]:
    """Cut patch-aligned crops out of clips of the pool."""
    parts = []
    for _ in range(BATCH_SIZE):
        clip = pool[rng.integers(len(pool))]
        y, x = (int(rng.integers(n // 32 - CROP_PATCHES + 1)) * 32 for n in (HEIGHT, WIDTH))
        side = 32 * CROP_PATCHES
        crop = to_tensor(clip[:, y : y + side, x : x + side])
        index, is_still = int(rng.integers(NUM_LATENTS)), rng.random() < STILL_SHARE
        parts.append(decode_pair(vae, crop, index, is_still=is_still))
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


@torch.no_grad()
def measure(vae: AutoencoderKinora, clips: list[np.ndarray]) -> tuple[float, float]:
    """Return the mean PSNR of whole clips in dB: by the linear decode alone, and refined."""
    values = []
    for clip in clips:
        x = to_tensor(clip)
        z = vae.encode(x, return_dict=False)[0]
        linear = [vae.decode_linear(z[:, :, i]) for i in range(z.shape[2])]
        linear = torch.cat([linear[0][:, :, -1:], *linear[1:]], dim=2)
        refined = vae.decode(z, return_dict=False)[0]
        errors = [((y.clamp(-1, 1) - x) / 2).square().mean() for y in (linear, refined)]
        values.append([-10 * error.log10().item() for error in errors])
    return tuple(np.mean(values, axis=0).round(3).tolist())


def main() -> None:
    """Train until the time is up, rendering new clips into a pool all along."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder with vae/")
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    vae = AutoencoderKinora.from_pretrained(args.model / "vae", torch_dtype=torch.float32)
    refiner = vae.refiner
    # What is lacking is small, and so are its gradients: far below AdamW's usual epsilon.
    optimizer = torch.optim.AdamW(refiner.parameters(), LEARNING_RATE, eps=1e-12, weight_decay=1e-3)
    rng = np.random.default_rng((args.seed, 1))
    test_rng = np.random.default_rng((10_000, 1))
    tests = [draw_clip(test_rng) for _ in range(16)]
    logger.info("linear, refined: %s dB", measure(vae, tests))
    pool, step, ratios, begin = [draw_clip(rng) for _ in range(40)], 0, [], time.monotonic()
    while (share := (time.monotonic() - begin) / 60 / args.minutes) < 1:
        if step % STEPS_PER_RENDER == 0:
            if len(pool) == POOL_SIZE:
                pool.pop(0)
            pool.append(draw_clip(rng))
        frames, before, truth = draw_batch(vae, pool, rng)
        inner = (..., slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
        loss = (refiner(frames, before) - truth)[inner].square().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(refiner.parameters(), 0.02)
        rate = LEARNING_RATE * min(1, (step + 1) / WARMUP_STEPS, max(0.02, (1 - share) / 0.4))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        ratios.append((loss / (frames - truth)[inner].square().mean()).item())
        step += 1
        if step % LOG_STEPS == 0:
            ratio = round(float(np.median(ratios[-LOG_STEPS:])), 3)
            logger.info("step %d error ratio %s, %s dB", step, ratio, measure(vae, tests))
            vae.save_pretrained(args.model / "vae")
    logger.info("step %d, %s dB", step, measure(vae, tests))
    vae.save_pretrained(args.model / "vae")


if __name__ == "__main__":
    main()

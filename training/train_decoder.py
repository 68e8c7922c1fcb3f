"""Train the autoencoder's refiner: from the linear decode of renders to the renders themselves.

Run: python -m training.train_decoder --model DIR --transformer DIR --minutes 40
Half of the time it is given what the guide guesses of a render: that has edges between its patches,
and is softer. Reads and writes DIR/vae; a second run goes on from the first.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipeline.mini import AutoencoderKinora, GuidedLTXTransformer3DModel, SlotTextEncoder
from pipeline.mini.autoencoder import Refiner
from pipeline.mini.staging import TRACK_COLUMNS, latent_times
from training.data import FPS, draw_sample, to_tensor
from training.train import embed_labels, video_coords

logger = logging.getLogger(__name__)
HEIGHT, WIDTH = 288, 512
NUM_LATENTS = 3
STILL_SHARE = 0.15
GUESS_SHARE = 0.5
CROP_PATCHES = 5
MARGIN = 16  # pixels at a crop's edges that see less than they would in a picture
BATCH_SIZE = 4
POOL_SIZE = 240
STEPS_PER_RENDER = 4
LEARNING_RATE = 6e-4
WARMUP_STEPS = 100
LOG_STEPS = 200
NUM_TESTS = 16


@dataclass(frozen=True)
class Clip:
    """A still and three times eight frames, and what their latents are or are guessed to be."""

    frames: np.ndarray  # (25, H, W, 3) uint8
    latents: torch.Tensor  # (C, 4, h, w), not normalized
    guess: torch.Tensor  # the same; the latents where nothing can be guessed


class Studio:
    """Renders clips, and lets the guide guess at them."""

    def __init__(self, parts: Path, transformer: Path) -> None:
        self.vae = AutoencoderKinora.from_pretrained(parts / "vae", torch_dtype=torch.float32)
        self._text = SlotTextEncoder.from_pretrained(parts / "text_encoder", dtype=torch.float32)
        self._transformer = GuidedLTXTransformer3DModel.from_pretrained(
            transformer, torch_dtype=torch.float32
        )

    @torch.no_grad()
    def draw_clip(self, rng: np.random.Generator) -> Clip:
        """Render a scene or, now and then, a camera over a picture."""
        sample = draw_sample(rng, HEIGHT, WIDTH, 1 + 8 * NUM_LATENTS)
        latents = self.vae.encode(to_tensor(sample.frames), return_dict=False)[0]
        times = sample.begin + latent_times(0, 1 + NUM_LATENTS, FPS, is_start=True)
        track = torch.from_numpy(sample.track(times))[None]
        if not track[0, 0, TRACK_COLUMNS.index("knows view")]:
            return Clip(sample.frames, latents[0], latents[0])
        shape = latents.shape[2:]
        coords = video_coords(torch.ones(1, dtype=torch.bool), *shape)
        words = embed_labels(self._text, torch.tensor([sample.labels]))
        guess = self._transformer.foresee(words, coords, track)[1]
        guess = guess.transpose(1, 2).unflatten(2, shape)
        return Clip(sample.frames, latents[0], self.vae.denormalize(guess)[0])


def decode_pair(
    vae: AutoencoderKinora, z: torch.Tensor, index: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Decode latent frame `index` of (C, 4, h, w) linearly: it, and the frame before.

    Returns (1, 3, 8, H, W) and (1, 3, H, W); a still is its own past.
    """
    frames = vae.decode_linear(z[None, :, index])
    if index == 0:
        return frames, frames[:, :, 0]
    return frames, vae.decode_linear(z[None, :, index - 1])[:, :, -1]


@torch.no_grad()
def draw_batch(
    vae: AutoencoderKinora, pool: list[Clip], rng: np.random.Generator
) -> tuple[torch.Tensor, ...]:
    """Cut patch-aligned crops out of clips of the pool."""
    parts = []
    for _ in range(BATCH_SIZE):
        clip = pool[rng.integers(len(pool))]
        y, x = (int(rng.integers(n // 32 - CROP_PATCHES + 1)) for n in (HEIGHT, WIDTH))
        latents = clip.guess if rng.random() < GUESS_SHARE else clip.latents
        latents = latents[:, :, y : y + CROP_PATCHES, x : x + CROP_PATCHES]
        index = 0 if rng.random() < STILL_SHARE else 1 + int(rng.integers(NUM_LATENTS))
        times = [0] * 8 if index == 0 else list(range(8 * index - 7, 8 * index + 1))
        rows, columns = (slice(32 * side, 32 * (side + CROP_PATCHES)) for side in (y, x))
        truth = to_tensor(clip.frames[times, rows, columns])
        parts.append((*decode_pair(vae, latents, index), truth))
    return tuple(torch.cat(part) for part in zip(*parts, strict=True))


def lacking_share(
    refiner: Refiner, frames: torch.Tensor, before: torch.Tensor, truth: torch.Tensor
) -> torch.Tensor:
    """Return what of the linear decode's squared error is left, the mean of shares (B,)."""
    inner = (..., slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))

    def error(x: torch.Tensor) -> torch.Tensor:
        return (x - truth)[inner].square().flatten(1).mean(1)

    # Of clips with hardly an error there is nothing to learn.
    return (error(refiner(frames, before)) / (error(frames) + 1e-4)).mean()


@torch.no_grad()
def measure(vae: AutoencoderKinora, clips: list[Clip]) -> dict[str, float]:
    """Return mean PSNRs of whole clips in dB: linear and refined, of latents and of guesses."""
    values = defaultdict(list)
    for clip in clips:
        x = to_tensor(clip.frames)
        for name, z in (("latents", clip.latents), ("guesses", clip.guess)):
            linear = [vae.decode_linear(z[None, :, i]) for i in range(z.shape[1])]
            linear = torch.cat([linear[0][:, :, -1:], *linear[1:]], dim=2)
            refined = torch.cat(list(vae.decode_stream(z[None])), dim=2)
            for how, y in (("linear", linear), ("refined", refined)):
                error = ((y.clamp(-1, 1) - x) / 2).square().mean()
                values[f"{name}, {how}"].append(-10 * error.log10().item())
    return {name: round(float(np.mean(x)), 2) for name, x in values.items()}


def main() -> None:
    """Train until the time is up, rendering new clips into a pool all along."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder with vae/")
    parser.add_argument("--transformer", type=Path, required=True, help="whose guide guesses")
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    studio = Studio(args.model, args.transformer)
    vae, refiner = studio.vae, studio.vae.refiner
    optimizer = torch.optim.AdamW(refiner.parameters(), LEARNING_RATE, weight_decay=1e-3)
    rng = np.random.default_rng((args.seed, 1))
    test_rng = np.random.default_rng((10_000, 1))
    tests = [studio.draw_clip(test_rng) for _ in range(NUM_TESTS)]
    logger.info("%s", measure(vae, tests))
    pool, step, ratios, begin = [studio.draw_clip(rng) for _ in range(40)], 0, [], time.monotonic()
    while (share := (time.monotonic() - begin) / 60 / args.minutes) < 1:
        if step % STEPS_PER_RENDER == 0:
            if len(pool) == POOL_SIZE:
                pool.pop(0)
            pool.append(studio.draw_clip(rng))
        frames, before, truth = draw_batch(vae, pool, rng)
        loss = lacking_share(refiner, frames, before, truth)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(refiner.parameters(), 1.0)
        rate = LEARNING_RATE * min(1, (step + 1) / WARMUP_STEPS, max(0.02, (1 - share) / 0.4))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        ratios.append(loss.item())
        step += 1
        if step % LOG_STEPS == 0:
            ratio = round(float(np.median(ratios[-LOG_STEPS:])), 3)
            logger.info("step %d error left %s", step, ratio)
            vae.save_pretrained(args.model / "vae")
    logger.info("step %d %s", step, measure(vae, tests))
    vae.save_pretrained(args.model / "vae")


if __name__ == "__main__":
    main()

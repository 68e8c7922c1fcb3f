"""Train the background network: from positions and words directly to latents.

Run: torchrun --nproc-per-node 2 -m training.train_background --model DIR --data DIR --folder DIR
Every step sees a few patches of very many latent frames: three times as much of the world for the
same work as with whole windows. Resumes from FOLDER/state.pt, which `training.export` reads.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pipeline.mini import AutoencoderKinora, BackgroundModel, SlotTextEncoder
from training.batches import ShardStore, draw_points
from training.data import embed_labels
from training.process import start_process
from training.tables import Plan, train

NUM_FRAMES, NUM_TOKENS = 112, 36
TABLE_RATE_FACTOR = 20.0
REFRESH_STEPS = 50


def build_background(text: SlotTextEncoder, deviations: torch.Tensor) -> BackgroundModel:
    """Build the network with its input at unit variance and its output at zero.

    `deviations` (C,) are those of normalized latents.
    """
    torch.manual_seed(0)
    model = BackgroundModel(text.num_slots, text.config.hidden_size, len(deviations))
    for layer, gain in ((model.read_position, 1.5), (model.read_words, 1.0)):
        torch.nn.init.normal_(layer.weight, std=gain * layer.in_features**-0.5)
    torch.nn.init.zeros_(model.to_latents.weight)
    model.deviations.copy_(deviations)
    return model


def background_loss(
    model: BackgroundModel,
    text: SlotTextEncoder,
    store: ShardStore,
    rng: np.random.Generator,
    clip_share: float,
) -> tuple[torch.Tensor, float]:
    """Return the squared error of the guess, and its share of what there is to guess."""
    points = draw_points(store, rng, NUM_FRAMES, NUM_TOKENS, clip_share)
    words = embed_labels(text, points.labels).flatten(1)
    with torch.autocast("cpu", torch.bfloat16):
        guess = model(words, points.coords, points.tracks, points.size)
    loss = (guess.float() - points.latents).square().mean()
    return loss, (loss / points.latents.square().mean()).item()


def main() -> None:
    """Train until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder with text_encoder, vae")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--clip-share", type=float, default=0.6, help="of frames that move")
    args = parser.parse_args()
    rank = start_process()
    text = SlotTextEncoder.from_pretrained(args.model / "text_encoder", dtype=torch.float32)
    vae = AutoencoderKinora.from_pretrained(args.model / "vae", torch_dtype=torch.float32)
    model = build_background(text, vae.normalized_deviations)
    store = ShardStore(args.data)
    loss = partial(background_loss, model, text, store, clip_share=args.clip_share)

    def loss_of(step: int) -> tuple[torch.Tensor, float]:
        if step % REFRESH_STEPS == 0 or not store.seen:
            store.refresh()
        return loss(rng=np.random.default_rng((step, rank, 79)))

    plan = Plan(args.folder, args.minutes, args.lr, TABLE_RATE_FACTOR)
    train(model, model.grid.parameters(), plan, loss_of)


if __name__ == "__main__":
    main()

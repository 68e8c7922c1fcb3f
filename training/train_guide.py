"""Train the transformer's guide alone: from places and words straight to latents.

Run: torchrun --nproc-per-node 2 -m training.train_guide --model DIR --data DIR --folder DIR
Every step sees a few patches of very many latent frames: three times as much of the world for the
same work as whole windows show. Resumes from FOLDER/state.pt; `training.train --guide` goes on
from it.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import numpy as np
import torch
from torch import distributed

from pipeline.mini import AutoencoderKinora, GuidedLTXTransformer3DModel, SlotTextEncoder
from training.batches import ShardStore, draw_points
from training.process import average_gradients, minutes_since, save_state, start_process
from training.train import build_transformer, embed_labels

logger = logging.getLogger(__name__)
NUM_FRAMES, NUM_TOKENS = 112, 36
WARMUP_STEPS = 50
# A row of a table moves only when its place is seen.
TABLE_RATE_FACTOR = 20.0
SAVE_MINUTES = 5.0
LOG_STEPS = 50
REFRESH_STEPS = 50


def guide_loss(
    model: GuidedLTXTransformer3DModel,
    text: SlotTextEncoder,
    store: ShardStore,
    rng: np.random.Generator,
    clip_share: float,
) -> tuple[torch.Tensor, float]:
    """Return the squared error of the guess, and its share of what there is to guess."""
    points = draw_points(store, rng, NUM_FRAMES, NUM_TOKENS, clip_share)
    words = embed_labels(text, points.labels)
    _, guess = model.foresee(words, points.coords, points.tracks, points.size)
    loss = (guess - points.latents).square().mean()
    return loss, (loss / points.latents.square().mean()).item()


def main() -> None:
    """Train until the time is up; the rate falls over the second half."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder with text_encoder, vae")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="an earlier run's state.pt to begin with")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--clip-share", type=float, default=0.6, help="of frames that move")
    args = parser.parse_args()
    rank = start_process()
    text = SlotTextEncoder.from_pretrained(args.model / "text_encoder", dtype=torch.float32)
    vae = AutoencoderKinora.from_pretrained(args.model / "vae", torch_dtype=torch.float32)
    model = build_transformer(vae.normalized_deviations.tolist())
    guide = model.guide
    tables = list(guide.atlas.parameters())
    is_table = {id(p) for p in tables}
    rest = [p for p in guide.parameters() if id(p) not in is_table]
    optimizer = torch.optim.AdamW(
        [{"params": rest, "weight_decay": 0.01}, {"params": tables, "weight_decay": 0.0}],
        args.lr,
        betas=(0.9, 0.98),
    )
    if args.init:
        guide.load_state_dict(torch.load(args.init, weights_only=True)["guide"])
    args.folder.mkdir(parents=True, exist_ok=True)
    state_path, step = args.folder / "state.pt", 0
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        guide.load_state_dict(state["guide"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
        logger.info("resumed at step %d", step)

    def save() -> None:
        state = {"guide": guide.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
        save_state(state, state_path)
        model.save_pretrained(args.folder / "transformer")

    store, shares = ShardStore(args.data), []
    begin = saved_at = time.monotonic()
    while True:
        elapsed = minutes_since(begin) / args.minutes
        if elapsed >= 1:
            break
        if step % REFRESH_STEPS == 0 or not store.seen:
            store.refresh()
        loss, share = guide_loss(
            model, text, store, np.random.default_rng((step, rank, 79)), args.clip_share
        )
        guide.zero_grad()
        loss.backward()
        average_gradients(guide)
        rate = args.lr * min(1, (step + 1) / WARMUP_STEPS, max(0.05, (1 - elapsed) * 2))
        for group, factor in zip(optimizer.param_groups, (1, TABLE_RATE_FACTOR), strict=True):
            group["lr"] = rate * factor
        optimizer.step()
        step += 1
        shares.append(share)
        if step % LOG_STEPS == 0:
            mean = float(np.mean(shares[-LOG_STEPS:]))
            seen = [store.count(kind) for kind in ("images", "clips")]
            logger.info("step %d unexplained %.4f rate %.5f samples %s", step, mean, rate, seen)
        if rank == 0 and (time.monotonic() - saved_at) / 60 > SAVE_MINUTES:
            save()
            saved_at = time.monotonic()
    if rank == 0:
        save()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()

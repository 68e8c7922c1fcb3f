"""A judge of generated frames: a small classifier of a frame's latents, trained on renders.

Run: python -m training.oracle --data DIR --output oracle.pt
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training.batches import ShardStore
from training.grammar import ATTRIBUTES

logger = logging.getLogger(__name__)
# What a single frame shows; motion and camera need more than one.
JUDGED = ("subject", "colour", "place", "time", "weather", "size")
EPOCHS = 6
BATCH_SIZE = 64


class Oracle(nn.Module):
    """Normalized first latent frames (B, C, h, w) -> logits (B, values) for each of `JUDGED`."""

    def __init__(self, channels: int = 96, width: int = 160) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.GELU(), nn.Dropout2d(0.1),
            nn.Conv2d(width, width, 3, padding=1), nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1, stride=2), nn.GELU(), nn.Dropout2d(0.1),
            nn.Conv2d(width, width, 3, padding=1), nn.GELU(),
        )  # fmt: skip
        # Where the subject is does not matter, what is above and below does: pool to a few rows.
        self.rows = nn.AdaptiveAvgPool2d((4, 1))
        self.heads = nn.ModuleList(nn.Linear(5 * width, len(ATTRIBUTES[name])) for name in JUDGED)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        hidden = self.body(x)
        pooled = torch.cat([self.rows(hidden).flatten(1), hidden.amax((2, 3))], dim=1)
        return [head(pooled) for head in self.heads]


def collect(store: ShardStore, size: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Gather the scenes of one picture size: latents (N, C, h, w) and labels (N, J)."""
    group = store.shards["images"][size]
    latents = np.concatenate([shard["latents"] for shard in group])
    labels = np.concatenate([shard["labels"] for shard in group])
    columns = [list(ATTRIBUTES).index(name) for name in JUDGED]
    is_scene = labels[:, 0] > 0
    values = torch.from_numpy(labels[is_scene][:, columns]).long() - 1
    return torch.from_numpy(latents[is_scene]), values


def accuracy(oracle: Oracle, latents: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Return the share of right answers for every judged attribute."""
    oracle.eval()
    with torch.no_grad():
        logits = [
            torch.cat(parts)
            for parts in zip(*(oracle(x.float()) for x in latents.split(256)), strict=True)
        ]
    oracle.train()
    return {
        name: round((x.argmax(1) == labels[:, i]).float().mean().item(), 3)
        for i, (name, x) in enumerate(zip(JUDGED, logits, strict=True))
    }


def main() -> None:
    """Train on 95 % of the stills, report the accuracy on the rest, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--size", default="288x512")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    store = ShardStore(args.data)
    store.refresh()
    latents, labels = collect(store, args.size)
    held_out = len(latents) // 20
    order = torch.randperm(len(latents))
    test, train = order[:held_out], order[held_out:]
    oracle = Oracle()
    optimizer = torch.optim.AdamW(oracle.parameters(), lr=1e-3, weight_decay=0.05)
    steps = EPOCHS * (len(train) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, steps + 1)
    for epoch in range(EPOCHS):
        for rows in train[torch.randperm(len(train))].split(BATCH_SIZE)[: steps // EPOCHS]:
            x = latents[rows].float()
            # The judge has to read what a model draws: a little rougher than the renders.
            x = x + torch.randn_like(x) * 0.3 * torch.rand(len(x), 1, 1, 1)
            loss = sum(
                functional.cross_entropy(y, labels[rows, i]) for i, y in enumerate(oracle(x))
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        logger.info(
            "epoch %d loss %.3f held-out %s",
            epoch,
            loss.item(),
            accuracy(oracle, latents[test], labels[test]),
        )
    torch.save(oracle.state_dict(), args.output)


if __name__ == "__main__":
    main()

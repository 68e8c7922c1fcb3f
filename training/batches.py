"""Reads the shards that `data.py` writes, while they are still being added."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from training.path_features import FEATURE_COLUMNS

_KNOWS_SCENE = FEATURE_COLUMNS.index("knows view")


class ShardStore:
    """All shards of a folder in memory, by kind and picture size; `refresh` picks up new ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: set[Path] = set()
        self.shards: dict[str, dict[str, list[dict[str, np.ndarray]]]] = {
            "images": defaultdict(list), "clips": defaultdict(list),
        }  # fmt: skip

    def refresh(self) -> None:
        """Load the shards that came since the last call."""
        for path in sorted(set(self.folder.glob("*.npz")) - self.seen):
            kind, size, *_ = path.stem.split("-")
            with np.load(path) as arrays:
                self.shards[kind][size].append(dict(arrays))
            self.seen.add(path)

    def count(self, kind: str) -> int:
        """Return how many samples of a kind there are."""
        return sum(len(s["labels"]) for group in self.shards[kind].values() for s in group)

    def draw_size(self, kind: str, rng: np.random.Generator) -> list[dict[str, np.ndarray]]:
        """Draw a picture size by its number of samples; return its shards."""
        groups = list(self.shards[kind].values())
        shares = np.array([sum(len(s["labels"]) for s in group) for group in groups], float)
        return groups[rng.choice(len(groups), p=shares / shares.sum())]


def draw_row(
    group: list[dict[str, np.ndarray]], rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], int]:
    """Draw a shard and a row in it that shows a scene, not a picture from elsewhere."""
    for _ in range(1000):
        shard = group[rng.integers(len(group))]
        row = int(rng.integers(len(shard["labels"])))
        track = shard["tracks"][row].reshape(-1, len(FEATURE_COLUMNS))[0]
        if track[_KNOWS_SCENE]:
            return shard, row
    raise ValueError(f"No scene in {len(group)} shards; render more.")

"""Draw training batches from the shards: patches of background, without characters.

`tables.py` owns the optimization.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipeline.mini.path_features import FEATURE_COLUMNS
from pipeline.mini.scene import ATTRIBUTES, CAST, OF_BODIES, PATCH

# Of somebody's height, how far from their box they are seen.
_MARGIN_SHARE = 0.42
_IS_OF_BODIES = np.array([name in OF_BODIES for name in ATTRIBUTES])
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


def companion_box(track: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the box (4,) in pixels of a track's (D,) companion; an empty one if it has none."""
    row = dict(zip(FEATURE_COLUMNS, track.tolist(), strict=True))
    if not row["companion"]:
        return np.zeros(4, np.float32)
    x, y = row["companion x"] * width, row["companion y"] * height
    tall = row["companion height"] * height
    half = tall * list(CAST.values())[int(row["companion kind"])][0] / 2
    return np.array([x - half, y - tall / 2, x + half, y + tall / 2], np.float32)


@dataclass
class Points:
    """Tokens from all over: B latent frames, a few patches of each."""

    latents: torch.Tensor  # (B, S, C)
    coords: torch.Tensor  # (B, 3, S), as `BackgroundModel` takes them
    labels: torch.Tensor  # (B, L)
    tracks: torch.Tensor  # (B, 1, D)
    size: tuple[int, int]  # of the pictures, in pixels


def draw_points(
    store: ShardStore,
    rng: np.random.Generator,
    num_frames: int,
    num_tokens: int,
    clip_share: float,
) -> Points:
    """Draw a few background patches from each of many latent frames of one picture size.

    The frames are of clips with a probability of `clip_share`, of stills else. Nobody is seen in
    the patches, and no zoom.
    """
    kind = "clips" if store.count("clips") and rng.random() < clip_share else "images"
    group = store.draw_size(kind, rng)
    channels, (height, width) = group[0]["latents"].shape[1], group[0]["latents"].shape[-2:]
    latents = np.empty((num_frames, num_tokens, channels), np.float32)
    coords = np.zeros((num_frames, 3, num_tokens), np.float32)
    labels, tracks = [], []
    for _ in range(100 * num_frames):
        shard, row = draw_row(group, rng)
        if kind == "images":
            frame, box, track = shard["latents"][row], shard["boxes"][row], shard["tracks"][row]
        else:
            time = int(rng.integers(shard["latents"].shape[2]))
            frame, box = shard["latents"][row, :, time], shard["boxes"][row, time]
            track = shard["tracks"][row, time]
        boxes = np.stack([box, companion_box(track, PATCH * height, PATCH * width)])
        places = np.flatnonzero(_is_land(boxes, height, width))
        if is_zoomed(track) or len(places) < num_tokens:
            continue
        y, x = np.divmod(rng.choice(places, num_tokens, replace=False), width)
        index = len(tracks)
        latents[index] = frame[:, y, x].T
        coords[index, 0] = kind == "clips"  # not a clip's first
        coords[index, 1:] = PATCH * np.stack([y, x])
        labels.append(shard["labels"][row] * ~_IS_OF_BODIES)
        tracks.append(track[None])
        if len(tracks) == num_frames:
            break
    else:
        raise ValueError(f"No land in {len(group)} shards of {kind}; render more.")
    return Points(
        latents=torch.from_numpy(latents),
        coords=torch.from_numpy(coords),
        labels=torch.from_numpy(np.stack(labels)).long(),
        tracks=torch.from_numpy(np.stack(tracks)),
        size=(PATCH * height, PATCH * width),
    )


def is_zoomed(track: np.ndarray) -> bool:
    """Say whether path features (D,) show the background zoomed."""
    row = dict(zip(FEATURE_COLUMNS, track.tolist(), strict=True))
    return row["zoom"] != 1 or row["zoom step"] != 0


def _is_land(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Say of which patches (h, w) no body in the boxes (N, 4) covers any, nor its shadow."""
    is_land = np.ones((height, width), bool)
    for left, top, right, bottom in boxes.astype(np.float32).tolist():
        if bottom == top:
            continue
        margin = _MARGIN_SHARE * (bottom - top)  # waving arms, and smoke
        edges = np.array([left - margin, right + margin, top - margin]) / PATCH
        first, last = max(0, int(np.floor(edges[0]))), max(0, int(np.ceil(edges[1])))
        is_land[max(0, int(np.floor(edges[2]))) :, first:last] = False  # to the ground below
    return is_land

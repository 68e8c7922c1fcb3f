"""Draw training batches from the shards: stills, clips from a start, windows that continue.

Owns what is conditioned in training, so that a picture, a source clip at either end and the tail of
an earlier window are all in distribution; `train.py` owns the optimisation.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipeline.mini.staging import CAMERA_COLUMNS, SUBJECT_COLUMNS, VIEW_COLUMNS

TOKENS_PER_BATCH = 2016
SUBJECT_WEIGHT = 4.0
MAX_CONTEXT_NOISE = 0.3
CLIP_POINTS_SHARE = 0.6


@dataclass
class Batch:
    """What one step learns from; B samples of T latent frames."""

    latents: torch.Tensor  # (B, C, T, h, w)
    labels: torch.Tensor  # (B, S), 0 for "not said"
    weights: torch.Tensor  # (B, T, h, w)
    context: torch.Tensor  # (B, T), True where the latent frame is given
    is_start: torch.Tensor  # (B,), True where the first latent frame stands for a single frame
    tracks: torch.Tensor  # (B, T, D), where everybody is; see `staging.TRACK_COLUMNS`


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


def subject_weights(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Weight tokens by how much of them the subject's box covers: (..., 4) -> (..., h, w)."""
    boxes = boxes.astype(np.float32) / 32
    y, x = np.arange(height), np.arange(width)
    left, top, right, bottom = (boxes[..., i, None] for i in range(4))
    across = (np.minimum(right, x + 1) - np.maximum(left, x)).clip(0, 1)  # (..., w)
    down = (np.minimum(bottom, y + 1) - np.maximum(top, y)).clip(0, 1)  # (..., h)
    return 1 + (SUBJECT_WEIGHT - 1) * down[..., :, None] * across[..., None, :]


def draw_images(store: ShardStore, rng: np.random.Generator) -> Batch:
    """Draw a batch of single frames."""
    group = store.draw_size("images", rng)
    height, width = group[0]["latents"].shape[-2:]
    size = TOKENS_PER_BATCH // (height * width)
    picks = [group[i] for i in rng.integers(len(group), size=size)]
    rows = [int(rng.integers(len(shard["labels"]))) for shard in picks]
    pairs = list(zip(picks, rows, strict=True))
    boxes = np.stack([shard["boxes"][row] for shard, row in pairs])
    return Batch(
        latents=torch.from_numpy(np.stack([s["latents"][r] for s, r in pairs])).float()[:, :, None],
        labels=torch.from_numpy(np.stack([s["labels"][r] for s, r in pairs])).long(),
        weights=torch.from_numpy(subject_weights(boxes, height, width))[:, None],
        context=torch.zeros(size, 1, dtype=torch.bool),
        is_start=torch.ones(size, dtype=torch.bool),
        tracks=torch.from_numpy(np.stack([s["tracks"][r] for s, r in pairs]))[:, None],
    )


@dataclass
class Points:
    """Tokens from all over: B latent frames, a few patches of each."""

    latents: torch.Tensor  # (B, S, C)
    coords: torch.Tensor  # (B, 3, S), as `LTXConditionPipeline` counts
    labels: torch.Tensor  # (B, L)
    tracks: torch.Tensor  # (B, 1, D)
    weights: torch.Tensor  # (B, S)
    size: tuple[int, int]  # of the pictures, in pixels


def draw_points(
    store: ShardStore, rng: np.random.Generator, num_frames: int, num_tokens: int
) -> Points:
    """Draw a few patches each of many latent frames of one picture size."""
    kind = "clips" if store.count("clips") and rng.random() < CLIP_POINTS_SHARE else "images"
    group = store.draw_size(kind, rng)
    channels, (height, width) = group[0]["latents"].shape[1], group[0]["latents"].shape[-2:]
    latents = np.empty((num_frames, num_tokens, channels), np.float32)
    coords = np.zeros((num_frames, 3, num_tokens), np.float32)
    weights = np.empty((num_frames, num_tokens), np.float32)
    labels, tracks = [], []
    for index in range(num_frames):
        shard = group[rng.integers(len(group))]
        row = int(rng.integers(len(shard["labels"])))
        y, x = np.divmod(rng.choice(height * width, num_tokens, replace=False), width)
        if kind == "images":
            frame, box, track = shard["latents"][row], shard["boxes"][row], shard["tracks"][row]
        else:
            time = int(rng.integers(shard["latents"].shape[2]))
            frame, box = shard["latents"][row, :, time], shard["boxes"][row, time]
            track = shard["tracks"][row, time]
            coords[index, 0] = 1.0  # not a clip's first
        latents[index] = frame[:, y, x].T
        coords[index, 1:] = 32 * np.stack([y, x])
        weights[index] = subject_weights(box, height, width)[y, x]
        labels.append(shard["labels"][row])
        tracks.append(track[None])
    return Points(
        latents=torch.from_numpy(latents),
        coords=torch.from_numpy(coords),
        labels=torch.from_numpy(np.stack(labels)).long(),
        tracks=torch.from_numpy(np.stack(tracks)),
        weights=torch.from_numpy(weights),
        size=(32 * height, 32 * width),
    )


def draw_context(rng: np.random.Generator, num_frames: int, *, is_start: bool) -> np.ndarray:
    """Draw which latent frames (T,) are given: none, the first, the first few, or the last few.

    A window from the middle of a clip always continues from something, or leads up to it.
    """
    context = np.zeros(num_frames, bool)
    some = int(rng.integers(1, max(1, min(3, num_frames - 1)) + 1))
    draw = rng.random()
    if is_start and draw < 0.5:
        return context
    if is_start and draw < 0.7:
        context[0] = True
    elif draw < 0.85 if is_start else draw < 0.7:
        context[:some] = True
    else:
        context[-some:] = True
    return context


def draw_clips(store: ShardStore, rng: np.random.Generator, num_frames: int) -> Batch:
    """Draw a batch of windows of T latent frames, each with its own start and context."""
    group = store.draw_size("clips", rng)
    channels, total, height, width = group[0]["latents"].shape[1:]
    size = max(1, TOKENS_PER_BATCH // (height * width * num_frames))
    latents = np.empty((size, channels, num_frames, height, width), np.float32)
    boxes = np.empty((size, num_frames, 4), np.float32)
    context = np.empty((size, num_frames), bool)
    starts = rng.random(size) < 0.7
    labels, tracks = [], []
    for index, is_start in enumerate(starts.tolist()):
        shard = group[rng.integers(len(group))]
        row = int(rng.integers(len(shard["labels"])))
        moving = num_frames - is_start  # latent frames of eight frames each
        begin = int(rng.integers(0, total - moving + 1))
        latents[index, :, is_start:] = shard["latents"][row, :, begin : begin + moving]
        boxes[index, is_start:] = shard["boxes"][row, begin : begin + moving]
        if is_start:
            latents[index, :, 0] = shard["stills"][row, begin]
            boxes[index, 0] = shard["boxes"][row, begin]
        still = shard["still_tracks"][row, begin : begin + is_start]
        tracks.append(np.concatenate([still, shard["tracks"][row, begin : begin + moving]]))
        context[index] = draw_context(rng, num_frames, is_start=is_start)
        labels.append(shard["labels"][row])
    return Batch(
        latents=torch.from_numpy(latents),
        labels=torch.from_numpy(np.stack(labels)).long(),
        weights=torch.from_numpy(subject_weights(boxes, height, width)),
        context=torch.from_numpy(context),
        is_start=torch.from_numpy(starts),
        tracks=torch.from_numpy(np.stack(tracks)),
    )


def drop_words(
    labels: torch.Tensor, tracks: torch.Tensor, is_given: np.ndarray, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Leave words unsaid and paths unknown, as they are for a picture or a clip from elsewhere.

    Takes and returns labels (B, S) and tracks (B, T, D); `is_given` (B,) says where something is.
    """
    size = len(labels)
    # From words alone nothing is left open; what is given may speak for itself.
    is_open = rng.random(size) < np.where(is_given, 0.5, 0.1)
    unsaid = np.where(is_open & (rng.random(size) < 0.6), 0.3, 0)[:, None]
    keep = rng.random(labels.shape) >= unsaid
    keep &= ~(is_open & (rng.random(size) < 0.3))[:, None]
    tracks = tracks.clone()
    for columns, share in ((SUBJECT_COLUMNS, 0.7), (VIEW_COLUMNS, 0.7), (CAMERA_COLUMNS, 0.25)):
        dropped = torch.from_numpy(is_open & (rng.random(size) < share))
        tracks[:, :, columns] *= ~dropped[:, None, None]
    return labels * torch.from_numpy(keep), tracks

"""Draw training batches from the shards: windows that something is given to, patches of land.

Owns what is conditioned in training, so that a picture, a source clip at either end and the tail of
an earlier window are all in distribution; `train.py` owns the optimisation.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pipeline.mini.scene import ATTRIBUTES, CAST, OF_BODIES
from pipeline.mini.staging import PATCH
from pipeline.mini.tracks import SUBJECT_COLUMNS, TRACK_COLUMNS, VIEW_COLUMNS

TOKENS_PER_BATCH = 2016
SUBJECT_WEIGHT = 4.0
MAX_CONTEXT_NOISE = 0.3
# Of what is given: pictures that are no scene of the world.
PICTURE_SHARE = 0.4
# Of somebody's height, how far from their box they are seen.
_MARGIN_SHARE = 0.42
_IS_OF_BODIES = np.array([name in OF_BODIES for name in ATTRIBUTES])
_KNOWS_SCENE = TRACK_COLUMNS.index("knows view")


@dataclass
class Batch:
    """What one step learns from; B samples of T latent frames."""

    latents: torch.Tensor  # (B, C, T, h, w)
    labels: torch.Tensor  # (B, S), 0 for "not said"
    weights: torch.Tensor  # (B, T, h, w)
    context: torch.Tensor  # (B, T), True where the latent frame is given
    is_start: torch.Tensor  # (B,), True where the first latent frame stands for a single frame
    tracks: torch.Tensor  # (B, T, D), where everybody is; see `tracks.TRACK_COLUMNS`


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
    group: list[dict[str, np.ndarray]], rng: np.random.Generator, *, is_scene: bool = True
) -> tuple[dict[str, np.ndarray], int]:
    """Draw a shard and a row in it that shows a scene, or a picture that is none."""
    for _ in range(1000):
        shard = group[rng.integers(len(group))]
        row = int(rng.integers(len(shard["labels"])))
        track = shard["tracks"][row].reshape(-1, len(TRACK_COLUMNS))[0]
        if bool(track[_KNOWS_SCENE]) == is_scene:
            return shard, row
    raise ValueError(f"No sample with is_scene={is_scene} in {len(group)} shards; render more.")


def subject_weights(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Weight tokens by how much of them the subject's box covers: (..., 4) -> (..., h, w)."""
    boxes = boxes.astype(np.float32) / PATCH
    y, x = np.arange(height), np.arange(width)
    left, top, right, bottom = (boxes[..., i, None] for i in range(4))
    across = (np.minimum(right, x + 1) - np.maximum(left, x)).clip(0, 1)  # (..., w)
    down = (np.minimum(bottom, y + 1) - np.maximum(top, y)).clip(0, 1)  # (..., h)
    return 1 + (SUBJECT_WEIGHT - 1) * down[..., :, None] * across[..., None, :]


def companion_box(track: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the box (4,) in pixels of a track's (D,) companion; an empty one if it has none."""
    row = dict(zip(TRACK_COLUMNS, track.tolist(), strict=True))
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
    coords: torch.Tensor  # (B, 3, S), as `LTXConditionPipeline` counts
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
    """Draw a few patches of land each of many latent frames of one picture size.

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
    """Say whether a track (D,) shows its land other than at its own size."""
    row = dict(zip(TRACK_COLUMNS, track.tolist(), strict=True))
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


def draw_context(rng: np.random.Generator, num_frames: int, *, is_start: bool) -> np.ndarray:
    """Draw which latent frames (T,) are given: the first, the first few, or the last few."""
    context = np.zeros(num_frames, bool)
    some = int(rng.integers(1, max(1, min(3, num_frames - 1)) + 1))
    draw = rng.random()
    if is_start and draw < 0.7:
        context[0] = True
    elif draw < 0.85 if is_start else draw < 0.7:
        context[:some] = True
    else:
        context[-some:] = True
    return context


def draw_clips(store: ShardStore, rng: np.random.Generator, num_frames: int) -> Batch:
    """Draw a batch of windows of T latent frames, each with its own start and context.

    Something is given to all of them, and some show a picture that is no scene of the world.
    """
    group = store.draw_size("clips", rng)
    channels, total, height, width = group[0]["latents"].shape[1:]
    size = max(1, TOKENS_PER_BATCH // (height * width * num_frames))
    latents = np.empty((size, channels, num_frames, height, width), np.float32)
    boxes = np.empty((size, num_frames, 4), np.float32)
    context = np.empty((size, num_frames), bool)
    starts = rng.random(size) < 0.7
    labels, tracks = [], []
    for index, is_start in enumerate(starts.tolist()):
        is_picture = rng.random() < PICTURE_SHARE
        shard, row = draw_row(group, rng, is_scene=not is_picture)
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


def forget_scene(
    labels: torch.Tensor, tracks: torch.Tensor, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Know only the camera's path and some of the words, as of a picture from elsewhere.

    Takes and returns labels (B, S) and tracks (B, T, D).
    """
    unsaid = rng.choice([0.0, 0.3, 1.0], size=(len(labels), 1))
    keep = torch.from_numpy(rng.random(labels.shape) >= unsaid)
    tracks = tracks.clone()
    tracks[:, :, [*SUBJECT_COLUMNS, *VIEW_COLUMNS]] = 0
    return labels * keep, tracks

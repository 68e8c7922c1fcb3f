"""Train the oracle on renders.

Run: python -m training.train_oracle --model DIR --data DIR --output oracle.safetensors
The content of frames is learned from the shards' latents, so that the autoencoder's losses do not
count against a clip. Motion is learned from clips that are rendered for it.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pipeline.mini import AutoencoderKinora
from pipeline.mini.scene import ATTRIBUTES, CAST, Scene
from training.batches import ShardStore, draw_row
from training.data import FPS
from training.grammar import draw_scene
from training.oracle import (
    NUM_LATENTS,
    OF_A_CLIP,
    WHOLE,
    Finder,
    Follower,
    Oracle,
    Teller,
    Viewer,
    cell_middles,
    crop,
    halve,
    load_oracle,
    pick_frames,
    save_oracle,
    to_grey,
)
from training.path_features import FEATURE_COLUMNS
from training.world import render

logger = logging.getLogger(__name__)
SIZE = "288x512"
BATCH_SIZE = 24
CLIP_BATCH_SIZE = 48
_NAMES = list(ATTRIBUTES)


class Peek:
    """Decodes single frames of latents at half size: training reads them, nothing drawn again."""

    def __init__(self, vae: AutoencoderKinora) -> None:
        self._basis = vae.basis.detach().unflatten(1, (3, 8, 32, 32))  # (C, 3, 8, 32, 32)
        self._vae = vae

    def __call__(self, latents: torch.Tensor, index: int) -> torch.Tensor:
        """Decode frame `index` of eight: normalized latents (B, C, h, w) -> (B, 3, 16 h, 16 w)."""
        basis = functional.avg_pool2d(self._basis[:, :, index], 2).flatten(1)  # (C, 3 16 16)
        z = self._vae.denormalize(latents.float()).permute(0, 2, 3, 1)
        x = (z @ basis).unflatten(3, (3, 16, 16))
        return x.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3).clamp(-1, 1)


@dataclass(frozen=True)
class Frames:
    """A training batch of single frames."""

    frames: torch.Tensor  # (B, 3, 144, 256), half-size
    labels: np.ndarray  # (B, S)
    tracks: np.ndarray  # (B, D)


def draw_frames(store: ShardStore, peek: Peek, rng: np.random.Generator) -> Iterator[Frames]:
    """Draw frames of scenes, from stills and clips alike."""
    while True:
        latents, labels, tracks = [], [], []
        while len(latents) < BATCH_SIZE:
            kind = "images" if rng.random() < 0.6 else "clips"
            group = store.shards[kind][SIZE]
            shard, row = draw_row(group, rng)
            labels.append(shard["labels"][row])
            if kind == "images":
                latents.append(shard["latents"][row])
                tracks.append(shard["tracks"][row])
            else:
                index = rng.integers(shard["latents"].shape[2])
                latents.append(shard["latents"][row][:, index])
                tracks.append(shard["tracks"][row, index])
        frames = peek(torch.from_numpy(np.stack(latents)), 4)  # the middle, as in the tracks
        yield Frames(frames, np.stack(labels).astype(np.int64), np.stack(tracks))


@dataclass(frozen=True)
class Somebody:
    """Everybody in a batch of frames."""

    rows: torch.Tensor  # (N,), the frame each is in
    boxes: torch.Tensor  # (N, 4)
    labels: torch.Tensor  # (N, 4), of `OF_SOMEBODY`; -1 where there is none


def everybody(labels: np.ndarray, tracks: np.ndarray) -> Somebody:
    """List who is in frames: labels (B, S) and tracks (B, D)."""
    rows, boxes, answers = [], [], []
    slots = {name: labels[:, i] for i, name in enumerate(_NAMES)}
    who = (
        ("", ("subject", "colour", "emotion", "size")),
        ("companion ", ("companion", "companion_colour", None, None)),
    )
    for prefix, names in who:
        for row in np.flatnonzero(slots[names[0]] > 0):
            track = dict(zip(FEATURE_COLUMNS, tracks[row].tolist(), strict=True))
            answer = [-1 if name is None else int(slots[name][row]) - 1 for name in names]
            height = track[f"{prefix}height"]
            width = height * CAST[ATTRIBUTES["subject"][answer[0]]][0] * 288 / 512
            rows.append(int(row))
            boxes.append([track[f"{prefix}x"], track[f"{prefix}y"], width, height])
            answers.append(answer)
    return Somebody(torch.tensor(rows), torch.tensor(boxes), torch.tensor(answers))


def finder_loss(finder: Finder, small: torch.Tensor, somebody: Somebody) -> torch.Tensor:
    """Return the loss of who is where, in quarter-size frames (B, 3, 72, 128)."""
    logits, boxes = finder(small)
    y, x = cell_middles()
    target = torch.zeros_like(logits)
    wanted = torch.zeros_like(boxes)
    # The smaller one, later in the list, is drawn behind the larger.
    for row, box in reversed(list(zip(somebody.rows.tolist(), somebody.boxes, strict=True))):
        round_ = ((x - box[0]) / (box[2] / 2)) ** 2 + ((y - box[1]) / (box[3] / 2)) ** 2
        target[row][(round_ < 1.2) & (target[row] < 1)] = -1  # does not matter
        inside = round_ < max(0.3, float(round_.min()) + 1e-6) if round_.min() < 1 else round_ < 0
        target[row][inside] = 1
        wanted[row][inside] = box
    sure = functional.binary_cross_entropy_with_logits(
        logits, target.clamp(min=0), reduction="none"
    )
    weight = torch.where(target > 0, 4.0, 1.0) * (target >= 0)
    where = (boxes - wanted).abs()[target > 0]
    return 4 * (sure * weight).sum() / weight.sum() + 20 * where.mean()


def teller_loss(
    teller: Teller, frames: torch.Tensor, somebody: Somebody, rng: np.random.Generator
) -> torch.Tensor:
    """Return the loss of who they are, boxed as carelessly as the finder may do it."""
    boxes = somebody.boxes
    inside = ((boxes[:, :2] > 0.03) & (boxes[:, :2] < 0.97)).all(1)
    rows, boxes, labels = somebody.rows[inside], boxes[inside], somebody.labels[inside]
    shift = torch.from_numpy(rng.normal(0, 0.05, (len(boxes), 2))).float() * boxes[:, 2:]
    scale = torch.from_numpy(rng.normal(0, 0.08, (len(boxes), 2))).float().exp()
    boxes = torch.cat([boxes[:, :2] + shift, boxes[:, 2:] * scale], dim=1)
    loss = torch.zeros(())
    for logits, label in zip(teller(crop(frames[rows], boxes), boxes), labels.T, strict=True):
        if (label >= 0).any():
            loss = loss + functional.cross_entropy(logits, label, ignore_index=-1)
    return loss


def viewer_loss(viewer: Viewer, small: torch.Tensor, labels: np.ndarray) -> torch.Tensor:
    """Return the loss of what whole frames show."""
    values = (torch.from_numpy(labels[:, _NAMES.index(name)]) - 1 for name in WHOLE)
    pairs = zip(viewer(small), values, strict=True)
    return sum(functional.cross_entropy(logits, value) for logits, value in pairs)


def frame_losses(
    oracle: Oracle, batches: Iterator[Frames], rng: np.random.Generator
) -> Iterator[torch.Tensor]:
    """Yield the loss of all that a single frame shows."""
    for batch in batches:
        small = functional.avg_pool2d(batch.frames, 2)
        somebody = everybody(batch.labels, batch.tracks)
        yield (
            finder_loss(oracle.finder, small, somebody)
            + teller_loss(oracle.teller, batch.frames, somebody, rng)
            + viewer_loss(oracle.viewer, small, batch.labels)
        )


def train(
    parameters: list[nn.Parameter], losses: Iterator[torch.Tensor], steps: int, lr: float
) -> None:
    """Take `steps` steps of AdamW down the losses, at a rate that rises and falls once."""
    optimizer = torch.optim.AdamW(parameters, lr=lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps + 1, pct_start=0.15)
    mean = 0.0
    for step in range(steps):
        loss = next(losses)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        mean += loss.item() / 100
        if step % 100 == 99:
            logger.info("step %d loss %.3f", step + 1, mean)
            mean = 0.0


def render_clips(count: int, rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, Scene]]:
    """Render scenes with characters: quarter-size frames (13, 3, 72, 128) of each."""
    times = pick_frames(np.arange(1 + 8 * (NUM_LATENTS - 1))) / FPS
    while count:
        scene = draw_scene(rng)
        if scene.subject is not None:
            frames, _ = render(scene, height=288, width=512, times=times.tolist())
            count -= 1
            yield functional.avg_pool2d(halve(frames), 2), scene


def collect_clips(oracle: Oracle, count: int, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    """Render clips and find the subject in them: grey frames, boxes, labels (N, 2)."""
    grey, paths, labels = [], [], []
    for small, scene in render_clips(count, rng):
        with torch.no_grad():
            paths.append(oracle.find(small, 1 + (scene.companion is not None))[0])
        grey.append(to_grey(small).half())
        values = (ATTRIBUTES[name].index(getattr(scene, name)) for name in OF_A_CLIP)
        labels.append(torch.tensor(list(values)))
    return torch.stack(grey), torch.stack(paths), torch.stack(labels)


_MIRRORED = {"right": "left", "pan left": "pan right"}
_REVERSED = _MIRRORED | {"rise": "fall", "tilt up": "tilt down", "zoom in": "zoom out"}


def follower_losses(
    follower: Follower, clips: tuple[torch.Tensor, ...], rng: np.random.Generator
) -> Iterator[torch.Tensor]:
    """Draw clips, half of them mirrored and half backwards; yield the loss of what moves."""
    grey, paths, labels = clips

    def swapped(pairs: dict[str, str]) -> list[torch.Tensor]:
        both = pairs | {b: a for a, b in pairs.items()}
        values = (ATTRIBUTES[name] for name in OF_A_CLIP)
        return [torch.tensor([v.index(both.get(x, x)) for x in v]) for v in values]

    mirrored, backwards = swapped(_MIRRORED), swapped(_REVERSED)
    while True:
        rows = torch.from_numpy(rng.integers(len(labels), size=CLIP_BATCH_SIZE))
        x, path, label = grey[rows].float(), paths[rows].clone(), labels[rows].clone()
        flip, turn = (torch.from_numpy(rng.random(len(rows)) < 0.5) for _ in range(2))
        x[flip] = x[flip].flip(-1)
        path[flip, :, 0] = 1 - path[flip, :, 0]
        x[turn], path[turn] = x[turn].flip(1), path[turn].flip(1)
        for i, (mirror, back) in enumerate(zip(mirrored, backwards, strict=True)):
            label[flip, i] = mirror[label[flip, i]]
            label[turn, i] = back[label[turn, i]]
        dx, dy = rng.integers(-5, 6, 2).tolist()
        x = x.roll((dy, dx), (2, 3))
        path[..., 0] += dx / 64
        path[..., 1] += dy / 36
        x = x * torch.from_numpy(rng.uniform(0.6, 1.4, (len(rows), 1, 1, 1))).float()
        path = path + 0.004 * torch.from_numpy(rng.standard_normal(path.shape)).float()
        answers = follower(x, path)
        yield sum(functional.cross_entropy(y, label[:, i]) for i, y in enumerate(answers))


def main() -> None:
    """Train what reads single frames, then the follower on what they find; save the oracle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder with vae/")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="an earlier oracle to go on from")
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--clips", type=int, default=2500, help="rendered for the follower")
    parser.add_argument("--clip-steps", type=int, default=1000)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    store = ShardStore(args.data)
    oracle = load_oracle(args.init).train() if args.init else Oracle()
    store.refresh()
    vae = AutoencoderKinora.from_pretrained(args.model / "vae", torch_dtype=torch.float32)
    peek = Peek(vae)
    readers = (oracle.finder, oracle.teller, oracle.viewer)
    parameters = [p for reader in readers for p in reader.parameters()]
    losses = frame_losses(oracle, draw_frames(store, peek, rng), rng)
    train(parameters, losses, args.steps, args.lr)
    save_oracle(oracle, args.output)
    clips = collect_clips(oracle.eval(), args.clips, rng)
    losses = follower_losses(oracle.follower.train(), clips, rng)
    train(list(oracle.follower.parameters()), losses, args.clip_steps, 1e-3)
    save_oracle(oracle, args.output)


if __name__ == "__main__":
    main()

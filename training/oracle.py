"""A judge of generated clips, trained on renders: who is there, where, in what, moving how.

Run: python -m training.oracle --model DIR --data DIR --output oracle.safetensors
Two small networks. The first reads a frame: who covers each cell of it, in which colour, and what
the whole picture shows. The second reads thirteen frames, a quarter of a second from each other,
and where the first one saw the subject in them: its motion and the camera's.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from pipeline.mini import AutoencoderKinora
from pipeline.mini.scene import ATTRIBUTES, CAST
from pipeline.mini.staging import TRACK_COLUMNS
from training.batches import ShardStore

logger = logging.getLogger(__name__)
WHOLE = ("place", "time", "weather", "style")
OF_SOMEBODY = ("colour", "emotion", "size")
OF_A_CLIP = ("motion", "camera")
NUM_LATENTS = 7
# Of the eight frames of a latent frame, counted from 0: which ones are looked at.
_PICKED = (1, 5)
NUM_FRAMES = 1 + len(_PICKED) * (NUM_LATENTS - 1)
SIZE = "288x512"
CELL = 16  # pixels of a full-size frame
_HEIGHT, _WIDTH = 288 // CELL, 512 // CELL
_NAMES = list(ATTRIBUTES)
_NUM_SUBJECTS = len(CAST)
_COLUMN = {name: index for index, name in enumerate(TRACK_COLUMNS)}
BATCH_SIZE = 24
CLIP_BATCH_SIZE = 48


def _conv(channels: int, width: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, stride, 1), nn.GroupNorm(8, width), nn.GELU()
    )


class FrameReader(nn.Module):
    """Half-size frames (B, 3, 144, 256) in [-1, 1] -> logits of cells and of the whole picture."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 24, 4, 2, 1), nn.GELU(), _conv(24, 48, 2), _conv(48, 64, 2),
            _conv(64, 96), _conv(96, 96),
        )  # fmt: skip
        self.around = nn.Sequential(_conv(96, 96, 2), _conv(96, 96))
        self.whole = nn.ModuleList(nn.Linear(5 * 96, len(ATTRIBUTES[name])) for name in WHOLE)
        self.subject = nn.Conv2d(192, _NUM_SUBJECTS + 1, 1)
        self.of_somebody = nn.ModuleList(
            nn.Conv2d(192, len(ATTRIBUTES[name]), 1) for name in OF_SOMEBODY
        )

    def forward(
        self, frames: torch.Tensor
    ) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
        """Return who (B, 17, 18, 32), of somebody [(B, V, 18, 32)] and of the whole [(B, V)]."""
        near = self.body(frames)
        far = self.around(near)
        rows = functional.adaptive_avg_pool2d(far, (4, 1)).flatten(1)
        pooled = torch.cat([rows, far.amax((2, 3))], dim=1)
        cells = torch.cat([near, functional.interpolate(far, size=near.shape[2:])], dim=1)
        heads = [head(cells) for head in self.of_somebody]
        return self.subject(cells), heads, [head(pooled) for head in self.whole]


class ClipReader(nn.Module):
    """Frames in grey (B, 13, 72, 128) and where somebody is (B, 13, 4) -> logits."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2 * NUM_FRAMES - 1, 48, 5, 2, 2), nn.GELU(), _conv(48, 64, 2),
            _conv(64, 96, 2), _conv(96, 96),
        )  # fmt: skip
        self.mix = nn.Sequential(nn.Linear(96 * 12 + 7 * NUM_FRAMES, 192), nn.GELU())
        self.heads = nn.ModuleList(nn.Linear(192, len(ATTRIBUTES[name])) for name in OF_A_CLIP)

    def forward(self, grey: torch.Tensor, paths: torch.Tensor) -> list[torch.Tensor]:
        """Return the logits of motion and camera, (B, 8) each."""
        x = self.body(torch.cat([grey, 4 * grey.diff(dim=1)], dim=1))
        x = functional.adaptive_avg_pool2d(x, (3, 4)).flatten(1)
        steps = functional.pad(paths[..., :3].diff(dim=1), (0, 0, 1, 0)) * 8
        hidden = self.mix(torch.cat([x, paths.flatten(1), steps.flatten(1)], dim=1))
        return [head(hidden) for head in self.heads]


@dataclass(frozen=True)
class Reading:
    """What the oracle saw: for each attribute the value, and the chance it gives to each."""

    values: dict[str, str | None]
    companion: str | None
    companion_colour: str | None
    relation: str | None


class Oracle(nn.Module):
    """Both readers, and how their answers become a reading."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = FrameReader()
        self.clip = ClipReader()

    @torch.no_grad()
    def read(self, frames: torch.Tensor, *, is_paired: bool = False) -> Reading:
        """Read half-size frames (13, 3, 144, 256); look for a companion if `is_paired`."""
        who, of_somebody, whole = self.frame(frames)
        chances = who.softmax(1)
        mass = chances[:, :-1].sum((0, 2, 3))  # (16,)
        order = mass.argsort(descending=True).tolist()
        values: dict[str, str | None] = dict.fromkeys(ATTRIBUTES)
        for name, logits in zip(WHOLE, whole, strict=True):
            values[name] = ATTRIBUTES[name][int(logits.log_softmax(-1).sum(0).argmax())]
        tellers = [self._tell(chances[:, i], of_somebody) for i in order[:2]]
        paths = [_path(chances[:, i]) for i in order[:2]]
        values |= tellers[0] | {"subject": ATTRIBUTES["subject"][order[0]]}
        grey = functional.avg_pool2d(frames.mean(1, keepdim=True), 2)[:, 0]
        for name, logits in zip(OF_A_CLIP, self.clip(grey[None], paths[0][None]), strict=True):
            values[name] = ATTRIBUTES[name][int(logits.argmax())]
        if not is_paired:
            return Reading(values, None, None, None)
        return Reading(
            values,
            ATTRIBUTES["subject"][order[1]],
            tellers[1]["colour"],
            _relate(*paths),
        )

    def _tell(self, chances: torch.Tensor, heads: list[torch.Tensor]) -> dict[str, str]:
        """Tell colour, emotion and size of whom `chances` (F, h, w) are of."""
        weights = chances[:, None] / chances.sum().clamp(min=1e-6)
        return {
            name: ATTRIBUTES[name][int((logits.log_softmax(1) * weights).sum((0, 2, 3)).argmax())]
            for name, logits in zip(OF_SOMEBODY, heads, strict=True)
        }


def _path(chances: torch.Tensor) -> torch.Tensor:
    """Find the middle of somebody in cells' chances (F, h, w): x, y, size and mass (F, 4)."""
    sharp = chances**2
    mass = sharp.sum((1, 2)) + 1e-3
    y = torch.linspace(0, 1, chances.shape[1])[None, :, None]
    x = torch.linspace(0, 1, chances.shape[2])[None, None]
    middle_x, middle_y = (sharp * x).sum((1, 2)) / mass, (sharp * y).sum((1, 2)) / mass
    return torch.stack([middle_x, middle_y, mass.sqrt() / 10, (mass > 1).float()], dim=1)


def _relate(subject: torch.Tensor, companion: torch.Tensor) -> str:
    """Say where the subject is, seen from its companion, by their paths (F, 4)."""
    both = (subject[:, 3] * companion[:, 3])[:, None]
    dx, dy = (((subject - companion)[:, :2] * both).sum(0) / both.sum().clamp(min=1)).tolist()
    if abs(dx) * 16 > abs(dy) * 9:
        return "left of" if dx < 0 else "right of"
    return "above" if dy < 0 else "below"


def load_oracle(path: Path) -> Oracle:
    """Load a trained oracle."""
    oracle = Oracle()
    oracle.load_state_dict({name: x.float() for name, x in load_file(path).items()})
    return oracle.eval()


def save_oracle(oracle: Oracle, path: Path) -> None:
    """Save an oracle in half precision."""
    save_file({name: x.half().contiguous() for name, x in oracle.state_dict().items()}, path)


def halve(frames: np.ndarray) -> torch.Tensor:
    """(F, 288, 512, 3) uint8 -> half-size frames (F, 3, 144, 256) in [-1, 1]."""
    x = torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous().float()
    return functional.avg_pool2d(x, 2) / 127.5 - 1


def pick_frames(frames: np.ndarray) -> np.ndarray:
    """Pick what the oracle looks at, (13, H, W, 3), of a clip (F >= 49, H, W, 3) from its start."""
    picked = [8 * i + 1 + k for i in range(NUM_LATENTS - 1) for k in _PICKED]
    return frames[[0, *picked]]


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


def cell_targets(labels: np.ndarray, tracks: np.ndarray) -> dict[str, torch.Tensor]:
    """Lay out who covers each cell: labels (B, S) and tracks (B, D) -> (B, 18, 32) each.

    -1 where nobody is or, at somebody's edges, where it does not matter.
    """
    size = len(labels)
    names = ("subject", *OF_SOMEBODY)
    targets = {name: np.full((size, _HEIGHT, _WIDTH), -1, np.int64) for name in names}
    targets["subject"][:] = _NUM_SUBJECTS
    y = (np.arange(_HEIGHT)[:, None] + 0.5) / _HEIGHT
    x = (np.arange(_WIDTH)[None] + 0.5) / _WIDTH
    slots = {name: labels[:, i] for i, name in enumerate(_NAMES)}
    who = (("companion", "companion_colour", "companion "), ("subject", "colour", ""))
    for subject, colour, prefix in who:
        for index in np.flatnonzero(slots[subject] > 0):
            track = dict(zip(TRACK_COLUMNS, tracks[index].tolist(), strict=True))
            height = track[f"{prefix}height"]
            width = height * CAST[ATTRIBUTES["subject"][slots[subject][index] - 1]][0] * 288 / 512
            dx = np.abs(x - track[f"{prefix}x"]) / (width / 2)
            dy = np.abs(y - track[f"{prefix}y"]) / (height / 2)
            round_ = dx**2 + dy**2
            cells = targets["subject"][index]
            cells[(round_ < 1.1) & (round_ >= 0.5)] = -1
            inside = round_ < 0.5
            cells[inside] = slots[subject][index] - 1
            targets["colour"][index][inside] = slots[colour][index] - 1
            for name in ("emotion", "size"):
                is_its = subject == "subject" and slots[name][index] > 0
                targets[name][index][inside] = slots[name][index] - 1 if is_its else -1
    return {name: torch.from_numpy(values) for name, values in targets.items()}


def frame_batches(store: ShardStore, peek: Peek, rng: np.random.Generator) -> Iterator[tuple]:
    """Draw frames of scenes, from stills and clips alike: half-size frames, labels, tracks."""
    while True:
        latents, labels, tracks = [], [], []
        while len(latents) < BATCH_SIZE:
            kind = "images" if rng.random() < 0.6 else "clips"
            group = store.shards[kind][SIZE]
            shard = group[rng.integers(len(group))]
            row = rng.integers(len(shard["labels"]))
            if shard["tracks"][row].reshape(-1, len(TRACK_COLUMNS))[0, _COLUMN["knows view"]] == 0:
                continue  # not a scene
            labels.append(shard["labels"][row])
            if kind == "images":
                latents.append(shard["latents"][row])
                tracks.append(shard["tracks"][row])
            else:
                index = rng.integers(shard["latents"].shape[2])
                latents.append(shard["latents"][row][:, index])
                tracks.append(shard["tracks"][row, index])
        frames = peek(torch.from_numpy(np.stack(latents)), 4)  # the middle, as in the tracks
        yield frames, np.stack(labels).astype(np.int64), np.stack(tracks)


def frame_loss(
    reader: FrameReader, frames: torch.Tensor, labels: np.ndarray, tracks: np.ndarray
) -> torch.Tensor:
    """Return the summed cross-entropy of all that a frame shows."""
    who, of_somebody, whole = reader(frames)
    targets = cell_targets(labels, tracks)
    loss = 4 * functional.cross_entropy(who, targets["subject"], ignore_index=-1)
    for name, logits in zip(OF_SOMEBODY, of_somebody, strict=True):
        if (targets[name] >= 0).any():
            loss = loss + functional.cross_entropy(logits, targets[name], ignore_index=-1)
    for name, logits in zip(WHOLE, whole, strict=True):
        values = torch.from_numpy(labels[:, _NAMES.index(name)]) - 1
        loss = loss + functional.cross_entropy(logits, values)
    return loss


def train(network: nn.Module, losses: Iterator[torch.Tensor], steps: int, lr: float) -> None:
    """Take `steps` steps of AdamW down the losses, at a rate that rises and falls once."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps + 1)
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


def collect_clips(store: ShardStore, peek: Peek, reader: FrameReader) -> tuple[torch.Tensor, ...]:
    """Read all clips of scenes with somebody in them: grey frames, paths, labels (N, 2)."""
    grey, paths, labels = [], [], []
    columns = [_NAMES.index(name) for name in OF_A_CLIP]
    for shard in store.shards["clips"][SIZE]:
        for row in np.flatnonzero(shard["labels"][:, 0] > 0):
            moving = torch.from_numpy(shard["latents"][row])[:, : NUM_LATENTS - 1].transpose(0, 1)
            pairs = torch.stack([peek(moving, index) for index in _PICKED], dim=1)
            first = peek(torch.from_numpy(shard["stills"][row][:1]), 7)
            frames = torch.cat([first, pairs.flatten(0, 1)])
            with torch.no_grad():
                chances = reader(frames)[0].softmax(1)[:, int(shard["labels"][row, 0]) - 1]
            grey.append(functional.avg_pool2d(frames.mean(1, keepdim=True), 2)[:, 0].half())
            paths.append(_path(chances))
            labels.append(torch.from_numpy(shard["labels"][row][columns].astype(np.int64)) - 1)
    return torch.stack(grey), torch.stack(paths), torch.stack(labels)


def clip_losses(
    reader: ClipReader, clips: tuple[torch.Tensor, ...], rng: np.random.Generator
) -> Iterator[torch.Tensor]:
    """Draw clips, half of them mirrored, and yield the loss of motion and camera."""
    grey, paths, labels = clips
    mirrored = []
    for name in OF_A_CLIP:
        swap = {"right": "left", "left": "right", "pan left": "pan right", "pan right": "pan left"}
        values = ATTRIBUTES[name]
        mirrored.append(torch.tensor([values.index(swap.get(x, x)) for x in values]))
    while True:
        rows = torch.from_numpy(rng.integers(len(labels), size=CLIP_BATCH_SIZE))
        x, path, label = grey[rows].float(), paths[rows].clone(), labels[rows].clone()
        flip = torch.from_numpy(rng.random(len(rows)) < 0.5)
        x[flip] = x[flip].flip(-1)
        path[flip, :, 0] = 1 - path[flip, :, 0]
        for i, swapped in enumerate(mirrored):
            label[flip, i] = swapped[label[flip, i]]
        x = x * torch.from_numpy(rng.uniform(0.6, 1.4, (len(rows), 1, 1, 1))).float()
        answers = reader(x, path)
        yield sum(functional.cross_entropy(y, label[:, i]) for i, y in enumerate(answers))


def main() -> None:
    """Train the frame reader, then the clip reader on what it sees; save both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder with vae/")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--init", type=Path, help="an earlier oracle to go on from")
    parser.add_argument("--steps", type=int, default=1600)
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
    batches = frame_batches(store, peek, rng)
    losses = (frame_loss(oracle.frame, *batch) for batch in batches)
    train(oracle.frame, losses, args.steps, 2e-3)
    save_oracle(oracle, args.output)
    clips = collect_clips(store, peek, oracle.frame.eval())
    logger.info("%d clips", len(clips[0]))
    train(oracle.clip, clip_losses(oracle.clip, clips, rng), args.clip_steps, 2e-3)
    save_oracle(oracle, args.output)


if __name__ == "__main__":
    main()

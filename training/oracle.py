"""A judge of generated clips, trained on renders: who is there, where, in what, moving how.

Run: python -m training.oracle --model DIR --data DIR --output oracle.safetensors
Four small networks. A finder boxes everybody in a frame, a teller looks at what a box holds, a
viewer at the whole frame; a follower reads thirteen frames, a quarter of a second from each other,
and the boxes in them: the subject's motion and the camera's.
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
from pipeline.mini.scene import ATTRIBUTES, CAST, Scene
from pipeline.mini.staging import TRACK_COLUMNS
from training.batches import ShardStore
from training.data import FPS
from training.grammar import draw_scene
from training.world import render

logger = logging.getLogger(__name__)
WHOLE = ("place", "time", "weather", "style")
OF_SOMEBODY = ("subject", "colour", "emotion", "size")
OF_A_CLIP = ("motion", "camera")
NUM_LATENTS = 7
# Of the eight frames of a latent frame, counted from 0: which ones are looked at.
_PICKED = (1, 5)
NUM_FRAMES = 1 + len(_PICKED) * (NUM_LATENTS - 1)
SIZE = "288x512"
CELL = 16  # pixels of a full-size frame
_HEIGHT, _WIDTH = 288 // CELL, 512 // CELL
_NAMES = list(ATTRIBUTES)
_COLUMN = {name: index for index, name in enumerate(TRACK_COLUMNS)}
BATCH_SIZE = 24
CLIP_BATCH_SIZE = 48
CROP_SIZE = 48
CROP_MARGIN = 1.15


def _conv(channels: int, width: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, stride, 1), nn.GroupNorm(8, width), nn.GELU()
    )


class Finder(nn.Module):
    """Boxes everybody in quarter-size frames (B, 3, 72, 128) in [-1, 1], cell by cell."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Sequential(_conv(3, 24, 2), _conv(24, 64, 2), _conv(64, 64))
        self.far = nn.Sequential(_conv(64, 128, 2), _conv(128, 128), _conv(128, 128))
        self.mix = nn.Sequential(nn.Conv2d(192, 96, 1), nn.GELU())
        self.answer = nn.Conv2d(96, 5, 1)

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits of somebody's middle (B, 18, 32) and boxes (B, 18, 32, 4).

        A box is the middle's x and y, width and height, in shares of the frame.
        """
        near = self.near(frames)
        far = functional.interpolate(self.far(near), size=near.shape[2:])
        answer = self.answer(self.mix(torch.cat([near, far], dim=1)))
        y, x = _cell_middles()
        dx, dy, width, height = (answer[:, 1:] / 4).unbind(1)
        sides = (0.25 * width.clamp(-4, 2).exp(), 0.35 * height.clamp(-4, 2).exp())
        return answer[:, 0], torch.stack([x + dx, y + dy, *sides], dim=-1)


class Teller(nn.Module):
    """Tells who is in crops (B, 3, 48, 48) cut out by boxes (B, 4)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(3, 32, 2), _conv(32, 64, 2), _conv(64, 96), _conv(96, 128, 2), _conv(128, 128)
        )
        self.hidden = nn.Sequential(nn.Linear(128 * 9 + 4, 192), nn.GELU())
        self.heads = nn.ModuleList(nn.Linear(192, len(ATTRIBUTES[name])) for name in OF_SOMEBODY)

    def forward(self, crops: torch.Tensor, boxes: torch.Tensor) -> list[torch.Tensor]:
        """Return the logits of each of `OF_SOMEBODY`, (B, V)."""
        x = functional.avg_pool2d(self.body(crops), 2).flatten(1)
        hidden = self.hidden(torch.cat([x, 4 * boxes], dim=1))
        return [head(hidden) for head in self.heads]


class Viewer(nn.Module):
    """Tells what a whole quarter-size frame (B, 3, 72, 128) shows."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(3, 32, 2), _conv(32, 64, 2), _conv(64, 96, 2), _conv(96, 96)
        )
        self.heads = nn.ModuleList(nn.Linear(5 * 96, len(ATTRIBUTES[name])) for name in WHOLE)

    def forward(self, frames: torch.Tensor) -> list[torch.Tensor]:
        """Return the logits of each of `WHOLE`, (B, V)."""
        x = self.body(frames)
        rows = x.unflatten(2, (3, 3)).mean((3, 4)).flatten(1)
        pooled = torch.cat([rows, x.amax((2, 3)), x.std((2, 3))], dim=1)
        return [head(pooled) for head in self.heads]


class Follower(nn.Module):
    """Tells what moves from frames in grey (B, 13, 36, 64) and the subject's boxes (B, 13, 5)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2 * NUM_FRAMES - 1, 64, 5, 2, 2), nn.GELU(), _conv(64, 96, 2), _conv(96, 96)
        )  # fmt: skip
        self.mix = nn.Sequential(nn.Linear(96 * 12 + 5 * (2 * NUM_FRAMES - 1), 192), nn.GELU())
        self.heads = nn.ModuleList(nn.Linear(192, len(ATTRIBUTES[name])) for name in OF_A_CLIP)

    def forward(self, grey: torch.Tensor, boxes: torch.Tensor) -> list[torch.Tensor]:
        """Return the logits of each of `OF_A_CLIP`, (B, V)."""
        x = self.body(torch.cat([grey, 4 * grey.diff(dim=1)], dim=1))
        x = x.unflatten(2, (3, 3)).unflatten(4, (4, 4)).mean((3, 5)).flatten(1)
        steps = boxes.diff(dim=1).clamp(-0.25, 0.25) * 16
        hidden = self.mix(torch.cat([x, 2 * boxes.flatten(1) - 1, steps.flatten(1)], dim=1))
        return [head(hidden) for head in self.heads]


def _cell_middles() -> tuple[torch.Tensor, torch.Tensor]:
    y = (torch.arange(_HEIGHT) + 0.5) / _HEIGHT
    x = (torch.arange(_WIDTH) + 0.5) / _WIDTH
    return y[:, None].expand(_HEIGHT, _WIDTH), x[None].expand(_HEIGHT, _WIDTH)


def crop(frames: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
    """Cut squares round boxes (B, 4) out of half-size frames (B, 3, H, W): (B, 3, 48, 48)."""
    ratio = frames.shape[3] / frames.shape[2]
    x, y, width, height = boxes.unbind(1)
    side = CROP_MARGIN * torch.maximum(width * ratio, height)  # in heights of the frame
    line = torch.linspace(-0.5, 0.5, CROP_SIZE)
    across = (x[:, None] + side[:, None] / ratio * line) * 2 - 1
    down = (y[:, None] + side[:, None] * line) * 2 - 1
    size = (len(boxes), CROP_SIZE, CROP_SIZE)
    grid = torch.stack([across[:, None].expand(size), down[:, :, None].expand(size)], dim=-1)
    return functional.grid_sample(frames, grid, padding_mode="border", align_corners=False)


class Oracle(nn.Module):
    """All four, and how their answers become a reading."""

    def __init__(self) -> None:
        super().__init__()
        self.finder = Finder()
        self.teller = Teller()
        self.viewer = Viewer()
        self.follower = Follower()

    @torch.no_grad()
    def read(self, frames: torch.Tensor, *, is_paired: bool = False) -> dict[str, str | None]:
        """Read half-size frames (13, 3, 144, 256); look for a companion if `is_paired`.

        Returns a value for each attribute, and for a companion's only if there should be one.
        """
        small = functional.avg_pool2d(frames, 2)
        seen: dict[str, str | None] = dict.fromkeys(ATTRIBUTES)
        seen |= _vote(self.viewer(small), WHOLE, torch.ones(len(frames)))
        subject, *others = self.find(small, 1 + is_paired)
        seen |= self._tell(frames, subject)
        seen |= _vote(self.follower(to_grey(small)[None], subject[None]), OF_A_CLIP, torch.ones(1))
        for other in others:
            told = self._tell(frames, other)
            seen["companion"], seen["companion_colour"] = told["subject"], told["colour"]
            seen["relation"] = _relate(subject, other)
        return seen

    def find(self, small: torch.Tensor, how_many: int) -> list[torch.Tensor]:
        """Box the largest one or two in quarter-size frames (F, 3, 72, 128): [(F, 5)].

        The fifth number is how sure it is that somebody is there.
        """
        logits, boxes = self.finder(small)
        rows = torch.arange(len(small))
        found = []
        for _ in range(how_many):
            sure, best = logits.flatten(1).max(1)
            box = boxes.flatten(1, 2)[rows, best]
            found.append(torch.cat([box, sure.sigmoid()[:, None]], dim=1))
            y, x = _cell_middles()
            middle, sides = box[:, None, None, :2], box[:, None, None, 2:]
            inside = ((torch.stack([x, y], dim=-1) - middle).abs() < 0.6 * sides).all(-1)
            logits = logits.masked_fill(inside, -20.0)
        if how_many == 1:
            return found
        # The two take turns at being found first: each goes on from where it was.
        a, b = found
        for i in range(1, len(small)):
            stay = (a[i] - a[i - 1])[:2].norm() + (b[i] - b[i - 1])[:2].norm()
            swap = (b[i] - a[i - 1])[:2].norm() + (a[i] - b[i - 1])[:2].norm()
            if swap < stay:
                a[i], b[i] = b[i].clone(), a[i].clone()
        return [a, b] if a[:, 3].median() >= b[:, 3].median() else [b, a]

    def _tell(self, frames: torch.Tensor, boxes: torch.Tensor) -> dict[str, str]:
        told = self.teller(crop(frames, boxes[:, :4]), boxes[:, :4])
        inside = ((boxes[:, :2] > 0.06) & (boxes[:, :2] < 0.94)).all(1)
        return _vote(told, OF_SOMEBODY, boxes[:, 4] * (0.05 + inside))


def _vote(
    answers: list[torch.Tensor], names: tuple[str, ...], weights: torch.Tensor
) -> dict[str, str]:
    """Let frames vote with their chances: logits [(F, V)], weights (F,)."""
    return {
        name: ATTRIBUTES[name][int((logits.softmax(-1) * weights[:, None]).sum(0).argmax())]
        for name, logits in zip(names, answers, strict=True)
    }


def _relate(subject: torch.Tensor, companion: torch.Tensor) -> str:
    """Say where the subject is, seen from its companion, by their boxes (F, 5)."""
    both = (subject[:, 4] * companion[:, 4])[:, None]
    dx, dy = ((subject - companion)[:, :2] * both).sum(0).tolist()
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
    """Pick what the oracle looks at, (13, ...), of a clip (F >= 49, ...) from its start."""
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


def to_grey(small: torch.Tensor) -> torch.Tensor:
    """Quarter-size frames (F, 3, 72, 128) -> an eighth of the size, in grey (F, 36, 64)."""
    return functional.avg_pool2d(small.mean(1, keepdim=True), 2)[:, 0]


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
            shard = group[rng.integers(len(group))]
            row = rng.integers(len(shard["labels"]))
            if not _is_scene(shard["tracks"][row]):
                continue
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


def _is_scene(track: np.ndarray) -> bool:
    return bool(track.reshape(-1, len(TRACK_COLUMNS))[0, _COLUMN["knows view"]])


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
            track = dict(zip(TRACK_COLUMNS, tracks[row].tolist(), strict=True))
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
    y, x = _cell_middles()
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
    """Render scenes with somebody in them: quarter-size frames (13, 3, 72, 128) of each."""
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
    """Train the frame reader, then the clip reader on what it sees; save both."""
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

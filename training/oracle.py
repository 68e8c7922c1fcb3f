"""The oracle: four small networks, trained on renders, that judge generated clips.

A finder boxes the characters in a frame, a teller classifies the content of a box, a viewer the
whole frame. A follower reads thirteen frames, a quarter of a second apart, with their boxes, and
tells the motion of subject and camera. `train_oracle.py` trains them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from pipeline.mini.scene import ATTRIBUTES, Vocabulary

WHOLE = ("place", "time", "weather", "style")
OF_SOMEBODY = ("subject", "colour", "emotion", "size")
OF_A_CLIP = ("motion", "camera")
# What "everything right" means; the rest is told beside it.
MAIN = ("subject", "colour", "place", "time", "motion", "camera")
NUM_LATENTS = 7
# Of the eight frames of a latent frame, counted from 0: which ones are looked at.
_PICKED = (1, 5)
NUM_FRAMES = 1 + len(_PICKED) * (NUM_LATENTS - 1)
CELL = 16  # pixels of a full-size frame
_HEIGHT, _WIDTH = 288 // CELL, 512 // CELL
CROP_SIZE = 48
CROP_MARGIN = 1.15


def _conv(channels: int, width: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, stride, 1), nn.GroupNorm(8, width), nn.GELU()
    )


class Finder(nn.Module):
    """Boxes the characters in quarter-size frames (B, 3, 72, 128) in [-1, 1], cell by cell."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Sequential(_conv(3, 24, 2), _conv(24, 64, 2), _conv(64, 64))
        self.far = nn.Sequential(_conv(64, 128, 2), _conv(128, 128), _conv(128, 128))
        self.mix = nn.Sequential(nn.Conv2d(192, 96, 1), nn.GELU())
        self.answer = nn.Conv2d(96, 5, 1)

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits of characters' centres (B, 18, 32) and boxes (B, 18, 32, 4).

        A box is the middle's x and y, width and height, in shares of the frame.
        """
        near = self.near(frames)
        far = functional.interpolate(self.far(near), size=near.shape[2:])
        answer = self.answer(self.mix(torch.cat([near, far], dim=1)))
        y, x = cell_middles()
        dx, dy, width, height = (answer[:, 1:] / 4).unbind(1)
        sides = (0.25 * width.clamp(-4, 2).exp(), 0.35 * height.clamp(-4, 2).exp())
        return answer[:, 0], torch.stack([x + dx, y + dy, *sides], dim=-1)


class Teller(nn.Module):
    """Tells who is in crops (B, 3, 48, 48) cut out by boxes (B, 4)."""

    def __init__(self, known: Vocabulary) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(3, 32, 2), _conv(32, 64, 2), _conv(64, 96), _conv(96, 128, 2), _conv(128, 128)
        )
        self.hidden = nn.Sequential(nn.Linear(128 * 9 + 4, 192), nn.GELU())
        self.heads = nn.ModuleList(nn.Linear(192, len(known[name])) for name in OF_SOMEBODY)

    def forward(self, crops: torch.Tensor, boxes: torch.Tensor) -> list[torch.Tensor]:
        """Return the logits of each of `OF_SOMEBODY`, (B, V)."""
        x = functional.avg_pool2d(self.body(crops), 2).flatten(1)
        hidden = self.hidden(torch.cat([x, 4 * boxes], dim=1))
        return [head(hidden) for head in self.heads]


class Viewer(nn.Module):
    """Tells what a whole quarter-size frame (B, 3, 72, 128) shows."""

    def __init__(self, known: Vocabulary) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(3, 32, 2), _conv(32, 64, 2), _conv(64, 96, 2), _conv(96, 96)
        )
        self.heads = nn.ModuleList(nn.Linear(5 * 96, len(known[name])) for name in WHOLE)

    def forward(self, frames: torch.Tensor) -> list[torch.Tensor]:
        """Return the logits of each of `WHOLE`, (B, V)."""
        x = self.body(frames)
        rows = x.unflatten(2, (3, 3)).mean((3, 4)).flatten(1)
        pooled = torch.cat([rows, x.amax((2, 3)), x.std((2, 3))], dim=1)
        return [head(pooled) for head in self.heads]


class Follower(nn.Module):
    """Tells what moves from frames in grey (B, 13, 36, 64) and the subject's boxes (B, 13, 5)."""

    def __init__(self, known: Vocabulary) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2 * NUM_FRAMES - 1, 64, 5, 2, 2), nn.GELU(), _conv(64, 96, 2), _conv(96, 96)
        )  # fmt: skip
        self.mix = nn.Sequential(nn.Linear(96 * 12 + 5 * (2 * NUM_FRAMES - 1), 192), nn.GELU())
        self.heads = nn.ModuleList(nn.Linear(192, len(known[name])) for name in OF_A_CLIP)

    def forward(self, grey: torch.Tensor, boxes: torch.Tensor) -> list[torch.Tensor]:
        """Return the logits of each of `OF_A_CLIP`, (B, V)."""
        x = self.body(torch.cat([grey, 4 * grey.diff(dim=1)], dim=1))
        x = x.unflatten(2, (3, 3)).unflatten(4, (4, 4)).mean((3, 5)).flatten(1)
        steps = boxes.diff(dim=1).clamp(-0.25, 0.25) * 16
        hidden = self.mix(torch.cat([x, 2 * boxes.flatten(1) - 1, steps.flatten(1)], dim=1))
        return [head(hidden) for head in self.heads]


def cell_middles() -> tuple[torch.Tensor, torch.Tensor]:
    """Return y and x (18, 32) of the cells' middles, in shares of the frame."""
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
    """All four, and how their answers become a reading of the values that they know."""

    def __init__(self, known: Vocabulary = ATTRIBUTES) -> None:
        super().__init__()
        self.known = known
        self.finder = Finder()
        self.teller = Teller(known)
        self.viewer = Viewer(known)
        self.follower = Follower(known)

    @torch.no_grad()
    def read(self, frames: torch.Tensor, *, is_paired: bool = False) -> dict[str, str | None]:
        """Read half-size frames (13, 3, 144, 256); look for a companion if `is_paired`.

        Returns a value for each attribute, and for a companion's only if there should be one.
        """
        small = functional.avg_pool2d(frames, 2)
        seen: dict[str, str | None] = dict.fromkeys(ATTRIBUTES)
        seen |= self._vote(self.viewer(small), WHOLE, torch.ones(len(frames)))
        subject, *others = self.find(small, 1 + is_paired)
        seen |= self._tell(frames, subject)
        answers = self.follower(to_grey(small)[None], subject[None])
        seen |= self._vote(answers, OF_A_CLIP, torch.ones(1))
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
            y, x = cell_middles()
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
        return self._vote(told, OF_SOMEBODY, boxes[:, 4] * (0.05 + inside))

    def _vote(
        self, answers: list[torch.Tensor], names: tuple[str, ...], weights: torch.Tensor
    ) -> dict[str, str]:
        """Let frames vote with their chances: logits [(F, V)], weights (F,)."""
        return {
            name: self.known[name][int((logits.softmax(-1) * weights[:, None]).sum(0).argmax())]
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
    """Load a trained oracle; of each attribute it knows the first values, as many as it answers."""
    weights = {name: x.float() for name, x in load_file(path).items()}
    readers = (("teller", OF_SOMEBODY), ("viewer", WHOLE), ("follower", OF_A_CLIP))
    known = {
        name: ATTRIBUTES[name][: len(weights[f"{reader}.heads.{index}.bias"])]
        for reader, names in readers
        for index, name in enumerate(names)
    }
    oracle = Oracle(known)
    oracle.load_state_dict(weights)
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


def to_grey(small: torch.Tensor) -> torch.Tensor:
    """Quarter-size frames (F, 3, 72, 128) -> an eighth of the size, in grey (F, 36, 64)."""
    return functional.avg_pool2d(small.mean(1, keepdim=True), 2)[:, 0]


def read_clip(oracle: Oracle, frames: np.ndarray, *, is_paired: bool) -> dict[str, str | None]:
    """Let the oracle read a clip from its start: frames (F >= 49, 288, 512, 3) uint8."""
    return oracle.read(halve(pick_frames(frames)), is_paired=is_paired)

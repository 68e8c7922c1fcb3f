"""Train the sprite network on characters that are drawn on demand.

Run: torchrun --nproc-per-node 2 -m training.train_sprites --model DIR --folder DIR
Resumes from FOLDER/state.pt, which `training.export` reads.
"""

from __future__ import annotations

import argparse
import logging
from itertools import product
from pathlib import Path

import numpy as np
import torch

from pipeline.mini import SlotTextEncoder, SpriteModel
from pipeline.mini.scene import ATTRIBUTES, OF_LOOKS, PERIOD_SECONDS, Look
from pipeline.mini.sprites import CELL
from training.actors import draw_portrait
from training.data import embed_labels, labels_of
from training.process import start_process
from training.tables import Plan, load_state, train

logger = logging.getLogger(__name__)
NUM_SPRITES = 40  # a step and process
TABLE_RATE_FACTOR = 5.0
# Looked at once to find out which cells anything is ever seen in.
_CENSUS_TIMES, _CENSUS_STYLES = 65, ("flat", "papercut")
# Differences far below this count by their squares, as errors that nobody sees.
_SMALL = 0.02


def draw_look(rng: np.random.Generator) -> Look:
    """Draw a random character, the one with a face twice as often."""
    values = {name: str(rng.choice(ATTRIBUTES[name])) for name in OF_LOOKS}
    if rng.random() < 1 / len(ATTRIBUTES["subject"]):
        values["subject"] = "child"
    if values["subject"] != "child" or rng.random() < 0.1:
        values["emotion"] = None  # a companion's is not said
    return Look(**values)


def cut_cells(portrait: np.ndarray) -> torch.Tensor:
    """Cut a portrait (H, W, 4) uint8 into its cells (N, 4, 16, 16), row by row, from 0 to 1."""
    rows, columns = (side // CELL for side in portrait.shape[:2])
    cells = portrait.reshape(rows, CELL, columns, CELL, 4).transpose(0, 2, 4, 1, 3)
    return torch.from_numpy(cells.reshape(-1, 4, CELL, CELL).astype(np.float32) / 255)


def find_used(model: SpriteModel) -> None:
    """Mark the cells that are ever visible."""
    model.is_used.fill_(True)
    is_used = torch.zeros_like(model.is_used)
    for subject in ATTRIBUTES["subject"]:
        rows, _ = model.cells_of(subject)
        emotions = ATTRIBUTES["emotion"] if subject == "child" else (None,)
        for style, emotion in product(_CENSUS_STYLES, emotions):
            look = Look(subject, "red", "day", "clear", emotion, style)
            for seconds in np.linspace(0, PERIOD_SECONDS, _CENSUS_TIMES):
                seen = cut_cells(draw_portrait(look, seconds))[:, 3].amax((1, 2)) > 0
                is_used[rows] |= seen
    model.is_used.copy_(is_used)


def sprites_loss(
    model: SpriteModel, text: SlotTextEncoder, rng: np.random.Generator
) -> tuple[torch.Tensor, float]:
    """Return the error of cells of portraits at random, and its root mean square."""
    labels, seconds, truths, rows, owners = [], [], [], [], []
    for index in range(NUM_SPRITES):
        look, clock = draw_look(rng), rng.uniform(0, PERIOD_SECONDS)
        cells, places = model.cells_of(look.subject)
        truths.append(cut_cells(draw_portrait(look, clock))[places])
        labels.append(labels_of(look))
        seconds.append(clock)
        rows.append(cells)
        owners.append(torch.full_like(cells, index))
    slots = embed_labels(text, torch.tensor(labels))
    with torch.autocast("cpu", torch.bfloat16):
        cells = model(slots, torch.tensor(seconds), torch.cat(rows), torch.cat(owners))
    square = (cells.float() - torch.cat(truths)).square()
    loss = (square + _SMALL**2).sqrt().mean()
    return loss, square.mean().sqrt().item()


def main() -> None:
    """Train until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder with text_encoder")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    args = parser.parse_args()
    rank = start_process()
    text = SlotTextEncoder.from_pretrained(args.model / "text_encoder", dtype=torch.float32)
    text.requires_grad_(False)
    torch.manual_seed(0)
    model = SpriteModel(text.config.hidden_size)
    plan = Plan(args.folder, args.minutes, args.lr, TABLE_RATE_FACTOR)
    if load_state(plan) is None:
        find_used(model)
        logger.info("%d of %d cells are used", model.is_used.sum(), len(model.is_used))

    def loss_of(step: int) -> tuple[torch.Tensor, float]:
        return sprites_loss(model, text, np.random.default_rng((step, rank, 83)))

    train(model, [model.cells.weight], plan, loss_of)


if __name__ == "__main__":
    main()

"""Train the text encoder to read captions into slots, and save it with its tokenizer.

Run: python -m training.train_text --output assets/kinora-mini --steps 4000
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from pipeline.mini import SlotTextConfig, SlotTextEncoder, build_tokenizer
from pipeline.mini.scene import ATTRIBUTES
from training.captions import draw_caption, vocabulary
from training.grammar import draw_scene

logger = logging.getLogger(__name__)
BATCH_SIZE = 128
WORD_DROPOUT = 0.06


def draw_batch(rng: np.random.Generator, size: int, **how: bool) -> tuple[list[str], torch.Tensor]:
    """Draw captions and their slot labels (B, S); label 0 is "not said"."""
    captions, labels = [], []
    for _ in range(size):
        caption, named = draw_caption(draw_scene(rng), rng, **how)
        if rng.random() < 0.03:
            caption, named = "", {}
        captions.append(caption)
        labels.append(
            [1 + v.index(named[name]) if name in named else 0 for name, v in ATTRIBUTES.items()]
        )
    return captions, torch.tensor(labels)


def accuracy(
    model: SlotTextEncoder, tokenizer: object, captions: list[str], labels: torch.Tensor
) -> torch.Tensor:
    """Return the share of right slots (S,) on given captions."""
    model.eval()
    with torch.no_grad():
        tokens = tokenizer(captions, padding=True, truncation=True, return_tensors="pt")
        logits = model.classify(tokens.input_ids, tokens.attention_mask)
    model.train()
    return torch.stack(
        [(x.argmax(-1) == labels[:, i]).float().mean() for i, x in enumerate(logits)]
    )


def main() -> None:
    """Train for a number of steps at a falling rate; print held-out accuracy; save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    tokenizer = build_tokenizer(vocabulary(), len(ATTRIBUTES))
    config = SlotTextConfig(
        vocab_size=len(tokenizer),
        slot_names=list(ATTRIBUTES),
        slot_values=list(ATTRIBUTES.values()),
    )
    model = SlotTextEncoder(config)
    for table in model.embed_values:  # fixed, far apart, of unit scale: the transformer reads these
        torch.nn.init.orthogonal_(table.weight)
        table.weight.data *= config.hidden_size**0.5
        table.weight.requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.5e-3, args.steps, pct_start=0.05)
    unknown = tokenizer.unk_token_id
    for step in range(args.steps):
        captions, labels = draw_batch(rng, BATCH_SIZE)
        tokens = tokenizer(captions, padding=True, truncation=True, return_tensors="pt")
        words = tokens.input_ids >= 2 + len(ATTRIBUTES)
        dropped = words & (torch.rand(words.shape) < WORD_DROPOUT)
        ids = tokens.input_ids.masked_fill(dropped, unknown)
        logits = model.classify(ids, tokens.attention_mask)
        loss = sum(functional.cross_entropy(x, labels[:, i]) for i, x in enumerate(logits))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            logger.info("step %d loss %.4f", step, loss.item())
    for how in ({}, {"complete": True}, {"held_out": True, "complete": True}):
        captions, labels = draw_batch(np.random.default_rng(1), 1000, **how)
        shares = accuracy(model, tokenizer, captions, labels)
        logger.info("%s %s", how or "as in training", [round(x, 4) for x in shares.tolist()])
    model.half().save_pretrained(args.output / "text_encoder")
    tokenizer.save_pretrained(args.output / "tokenizer")


if __name__ == "__main__":
    main()

"""Train the text encoder to read captions into slots, and save it with its tokenizer.

Run: python -m training.train_text --words RUN/words.npz --output RUN --steps 6000
With --development half of the known phrases are kept out of training and measured instead.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from pipeline.mini import SlotTextConfig, SlotTextEncoder, build_tokenizer
from pipeline.mini.tables import ATTRIBUTES
from training.captions import development_words, draw_caption, passed_over, slot_phrases
from training.grammar import draw_scene
from training.judge import MAIN
from training.lexicon import Lexicon, load_lexicon
from training.phrases import HELD_OUT_WORDS

logger = logging.getLogger(__name__)
BATCH_SIZE = 64
WORD_DROPOUT = 0.03
# Deviation of the noise on word vectors, whose numbers are about 1.
VECTOR_NOISE = 0.4
NUM_MEASURED = 1000
# Of other things: whatever is read in them is read wrongly.
UNRELATED = (
    "the committee will publish its annual report next week",
    "please remember to buy some bread and cheese",
    "he wrote a long letter to his lawyer about the contract",
    "our software update fixes several security problems",
    "the orchestra rehearsed the second symphony twice",
    "interest rates have been discussed by the bank",
    "she studied chemistry and mathematics at university",
    "the recipe needs two spoons of sugar and an onion",
    "my neighbour's singing lessons are expensive",
    "a philosopher asked what knowledge means",
    "the election results are expected on tuesday",
    "translate this paragraph for the patient",
    "the plumber repaired a leaking pipe",
    "the singer forgot the lyrics of the song",
    "a dentist explains how to use this medicine",
    "new shoes and a woollen jacket for the meeting",
    "history lessons describe the treaty in detail",
    "the password must contain eight letters",
    "a newspaper and a weekly magazine",
    "their insurance company refused to pay",
)


def draw_batch(
    rng: np.random.Generator, size: int, lexicon: Lexicon | None = None, **how: object
) -> tuple[list[str], torch.Tensor]:
    """Draw captions and their slot labels (B, S), disturbed by a lexicon; label 0 is "not said"."""
    captions, labels = [], []
    for _ in range(size):
        scene = draw_scene(rng)
        if lexicon and rng.random() < 0.3:  # rain and snow fall, whatever the subject does
            scene = replace(scene, weather=str(rng.choice(ATTRIBUTES["weather"])))
        caption, named = draw_caption(scene, rng, **how)
        if rng.random() < 0.03:
            caption, named = lexicon.babble(rng) if lexicon else "", {}
        captions.append(lexicon.disturb(caption, rng) if lexicon else caption)
        labels.append(
            [1 + v.index(named[name]) if name in named else 0 for name, v in ATTRIBUTES.items()]
        )
    return captions, torch.tensor(labels)


@torch.no_grad()
def read_captions(model: SlotTextEncoder, tokenizer: object, captions: list[str]) -> torch.Tensor:
    """Return the likeliest label of each slot (B, S)."""
    model.eval()
    tokens = tokenizer(captions, padding=True, truncation=True, return_tensors="pt")
    logits = model(tokens.input_ids, tokens.attention_mask)
    model.train()
    return torch.stack([x.argmax(-1) for x in logits], dim=1)


def accuracy(
    model: SlotTextEncoder, tokenizer: object, captions: list[str], labels: torch.Tensor
) -> dict[str, float]:
    """Return the share of right readings: of each slot, and of the main six together."""
    right = read_captions(model, tokenizer, captions) == labels
    shares = dict(zip(ATTRIBUTES, right.float().mean(0).tolist(), strict=True))
    main = [list(ATTRIBUTES).index(name) for name in MAIN]
    shares["main six together"] = right[:, main].all(1).float().mean().item()
    return {name: round(share, 3) for name, share in shares.items()}


def measure(model: SlotTextEncoder, tokenizer: object, unseen: frozenset[str]) -> None:
    """Log what a trained encoder reads rightly, and how many slots sentences of others fill."""
    for how in ({}, {"complete": True}, {"held_out": True, "complete": True}):
        drawn = draw_batch(np.random.default_rng(1), NUM_MEASURED, unseen=unseen, **how)
        logger.info("%s %s", how or "as in training", accuracy(model, tokenizer, *drawn))
    filled = read_captions(model, tokenizer, list(UNRELATED)).count_nonzero().item()
    logger.info("%d slots filled by %d sentences of other things", filled, len(UNRELATED))


def build_encoder(lexicon: Lexicon) -> tuple[SlotTextEncoder, object]:
    """Build an untrained encoder whose words are the lexicon's, and its tokenizer."""
    tokenizer = build_tokenizer(lexicon.words, len(ATTRIBUTES))
    config = SlotTextConfig(
        vocab_size=len(tokenizer),
        word_size=lexicon.vectors.shape[1],
        hidden_size=160,
        num_layers=3,
        slot_names=list(ATTRIBUTES),
        slot_values=list(ATTRIBUTES.values()),
        reads_languages=True,
        slot_phrases=slot_phrases(),
        passed_over=passed_over(),
    )
    model = SlotTextEncoder(config)
    model.embed_tokens.weight.data = lexicon.table(len(tokenizer) - len(lexicon.words))
    model.embed_tokens.requires_grad_(False)
    return model, tokenizer


def train(
    model: SlotTextEncoder,
    tokenizer: object,
    lexicon: Lexicon,
    steps: int,
    unseen: frozenset[str] = HELD_OUT_WORDS,
) -> None:
    """Train for a number of steps at a rising and falling rate."""
    rng = np.random.default_rng(0)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.5e-3, steps, pct_start=0.05)
    for step in range(steps):
        captions, labels = draw_batch(rng, BATCH_SIZE, lexicon, unseen=unseen)
        tokens = tokenizer(captions, padding=True, truncation=True, return_tensors="pt")
        embeds = model.embed_tokens(tokens.input_ids)  # (B, L, W)
        words = tokens.input_ids >= 2 + len(ATTRIBUTES)
        dropped = words & (torch.rand(words.shape) < WORD_DROPOUT)
        embeds = embeds + VECTOR_NOISE * torch.randn(embeds.shape) * words[..., None]
        embeds = embeds.masked_fill(dropped[..., None], 0)
        logits = model.classify_embeds(embeds, tokens.attention_mask)
        loss = sum(functional.cross_entropy(x, labels[:, i]) for i, x in enumerate(logits))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            logger.info("step %d loss %.4f", step, loss.item())


def main() -> None:
    """Train, log what is read rightly, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--development", action="store_true")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(0)
    unseen = development_words() if args.development else HELD_OUT_WORDS
    lexicon = load_lexicon(args.words, unseen)
    model, tokenizer = build_encoder(lexicon)
    train(model, tokenizer, lexicon, args.steps, unseen)
    model.half().save_pretrained(args.output / "text_encoder")
    tokenizer.save_pretrained(args.output / "tokenizer")
    # Read back: what is measured is what is saved, in half precision on disk.
    measure(model.float(), tokenizer, unseen)


if __name__ == "__main__":
    main()

"""English words with which training disturbs captions: similar words, unrelated ones, or none.

Similarity is that of the vectors of `word_vectors.py` to the phrases that training may see. Words
of held-out phrases are never used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from training.captions import meanings, vocabulary
from training.phrases import HELD_OUT_WORDS

# Chosen by hand; what was tried beside them is in LOG.md.
NEAR = 0.6  # cosine of a word that may stand for one of a caption
MARGIN = 0.1  # by which it must be nearer to that one than to any of another meaning
FAR = 0.45  # cosine below which a word names nothing in the world
REPLACED_SHARE = 0.3  # of the words that have near ones
FAR_SHARE = 0.6  # of the captions that are disturbed
DISTURBED_SHARE = 0.6


@dataclass(frozen=True)
class Lexicon:
    """Words and their vectors (N, D), of length one; which may stand for a word, which for none."""

    words: list[str]
    vectors: np.ndarray
    near: dict[str, list[str]]
    far: list[str]

    def table(self, num_special: int) -> torch.Tensor:
        """Return the frozen embedding of a tokenizer's vocabulary; special tokens are zero."""
        scaled = torch.from_numpy(self.vectors).float() * self.vectors.shape[1] ** 0.5
        return torch.cat([scaled.new_zeros(num_special, scaled.shape[1]), scaled])

    def disturb(self, caption: str, rng: np.random.Generator) -> str:
        """Say some words of a caption in words near to them, and put far ones in between."""
        if rng.random() >= DISTURBED_SHARE:
            return caption
        words = re.findall(r"\w+|[^\w\s]", caption)
        for index, word in enumerate(words):
            if word in self.near and rng.random() < REPLACED_SHARE:
                words[index] = _pick(self.near[word], rng)
        if rng.random() < FAR_SHARE:
            for _ in range(rng.integers(1, 4)):
                words.insert(int(rng.integers(len(words) + 1)), _pick(self.far, rng))
        return " ".join(words)

    def babble(self, rng: np.random.Generator) -> str:
        """Say something that names nothing."""
        return " ".join(_pick(self.far, rng) for _ in range(rng.integers(0, 12)))


def load_lexicon(path: Path, unseen: frozenset[str] = HELD_OUT_WORDS) -> Lexicon:
    """Load the vectors that `word_vectors` has saved and sort words by what they are near to."""
    data = np.load(path)
    words, vectors = data["words"].tolist(), data["vectors"].astype("float32")
    named = meanings(unseen)
    rows = {word: index for index, word in enumerate(words)}
    known = [word for word in named if word in rows]
    likeness = vectors @ vectors[[rows[word] for word in known]].T  # (N, K)
    best = likeness.argmax(1)
    differs = np.array([[not named[a] & named[b] for b in known] for a in known])
    nearness = likeness.max(1)
    margin = nearness - np.where(differs[best], likeness, -1).max(1)
    taken = set(vocabulary(frozenset())) | {x for phrase in HELD_OUT_WORDS for x in phrase.split()}
    near: dict[str, list[str]] = {}
    far = []
    for index, word in enumerate(words):
        if word in taken:
            continue
        if nearness[index] < FAR:
            far.append(word)
        elif nearness[index] >= NEAR and margin[index] >= MARGIN:
            near.setdefault(known[best[index]], []).append(word)
    return Lexicon(words, vectors, near, far)


def _pick(words: list[str], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]

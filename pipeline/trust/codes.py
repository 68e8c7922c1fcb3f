"""The id that an invisible mark carries: six bytes, and four more by which it is read all the same.

The ten bytes are a word of a Reed-Solomon code, of which any six say the other four. They are seen
with scores for all their values, so the likeliest word is looked for, and not one within a number
of errors: ordered statistics, as in Fossorier and Lin, "Soft-decision decoding of linear block
codes based on ordered statistics" (1995). It reads marks a tenth weaker.
"""

from __future__ import annotations

import hmac
from functools import cache
from itertools import combinations

import numpy as np
from reedsolo import RSCodec

from pipeline.trust.tile import NUM_SYMBOLS

ID_BYTES = 6
_CODEC = RSCodec(NUM_SYMBOLS - ID_BYTES)
_KEPT = np.array(list(combinations(range(NUM_SYMBOLS), ID_BYTES)))  # (210, 6): all sixes of bytes
# Of six all are the likeliest, or one is second to it.
_RANKS = np.vstack([np.zeros(ID_BYTES, int), np.eye(ID_BYTES, dtype=int)])  # (7, 6)


def id_of(key: bytes, name: str) -> str:
    """Return the id (12 hexadecimal digits) of footage with a name; nobody else can tell it."""
    return hmac.digest(key, name.encode(), "sha256")[:ID_BYTES].hex()


def symbols_of(mark_id: str) -> list[int]:
    """Return the ten symbols, 0 to 255, that say an id."""
    return list(_CODEC.encode(bytes.fromhex(mark_id)))


def read_id(scores: np.ndarray) -> tuple[str, float]:
    """Return the likeliest id, and its symbols' mean score; of each symbol's values (10, 256)."""
    factors, products = _tables()
    values = np.argsort(-scores, axis=1)[:, :2]  # (10, 2)
    kept = values[_KEPT[:, None], _RANKS]  # (210, 7, 6)
    words = np.bitwise_xor.reduce(products[factors[:, None], kept[:, :, None]], axis=-1)
    words = words.reshape(-1, NUM_SYMBOLS)
    means = scores[np.arange(NUM_SYMBOLS), words].mean(axis=1)
    best = int(means.argmax())
    return words[best, :ID_BYTES].tobytes().hex(), float(means[best])


@cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Return what words follow by from six of their bytes, and the field's products.

    They are the factors (210, 10, 6), for each of the sixes, and (256, 256), all uint8. A word is a
    polynomial with roots at the first powers of the field's generator: what is lost of it follows
    by Lagrange's formula.
    """
    power, log = np.array(_CODEC.gf_exp, np.uint8), np.array(_CODEC.gf_log, int)
    products = power[log[:, None] + log]
    products[0] = products[:, 0] = 0
    places = power[NUM_SYMBOLS - 1 - np.arange(NUM_SYMBOLS)]
    apart = log[places[:, None] ^ places]  # (10, 10)
    factors = np.zeros((len(_KEPT), NUM_SYMBOLS, ID_BYTES), np.uint8)
    for six, kept in zip(factors, _KEPT, strict=True):
        six[kept] = np.eye(ID_BYTES, dtype=np.uint8)
        lost = np.setdiff1d(np.arange(NUM_SYMBOLS), kept)
        for place in lost:
            others = lost[lost != place]
            logs = apart[kept][:, others].sum(1) - apart[place, others].sum()
            six[place] = power[logs % 255]
    return factors, products

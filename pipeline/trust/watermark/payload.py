"""Encodes a mark's ID as a Reed-Solomon codeword (6 data bytes, 4 parity), and decodes it.

pattern.py turns the symbols into a pattern and scores the symbols it sees.
"""

from __future__ import annotations

import hmac
from functools import cache
from itertools import combinations

import numpy as np
from reedsolo import RSCodec

from pipeline.trust.watermark.pattern import NUM_SYMBOLS

ID_BYTES = 6
_CODEC = RSCodec(NUM_SYMBOLS - ID_BYTES)
_KEPT = np.array(list(combinations(range(NUM_SYMBOLS), ID_BYTES)))  # (210, 6): all choices of six
# For each choice: the likeliest value of every byte, or the second likeliest of exactly one.
_RANKS = np.vstack([np.zeros(ID_BYTES, int), np.eye(ID_BYTES, dtype=int)])  # (7, 6)


def id_of(key: bytes, name: str) -> str:
    """Return the ID (12 hex digits) of footage with a name; computing it takes the `key`."""
    return hmac.digest(key, name.encode(), "sha256")[:ID_BYTES].hex()


def symbols_of(mark_id: str) -> list[int]:
    """Return the ten symbols, 0 to 255, that encode an ID (12 hex digits)."""
    return list(_CODEC.encode(bytes.fromhex(mark_id)))


def read_id(scores: np.ndarray) -> tuple[str, float]:
    """Return the likeliest ID and the mean score of its symbols.

    `scores` is (10, 256), one for each value of each symbol. Ordered-statistics decoding finds the
    likeliest codeword. It reads marks a tenth weaker than correcting a fixed number of errors does:
    Fossorier and Lin, "Soft-decision decoding of linear block codes based on ordered statistics"
    (1995).
    """
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
    """Return the factors that complete a codeword from six bytes, and the field's product table.

    The factors are (210, 10, 6), one set for each choice of six bytes; the products are (256, 256).
    Both are uint8. A codeword is a polynomial with roots at the first powers of the field's
    generator, so Lagrange's formula gives the missing bytes.
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

"""The id that an invisible mark carries: six bytes, and four more that repair those misread."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

import numpy as np
from reedsolo import ReedSolomonError, RSCodec

from pipeline.trust.tile import NUM_SYMBOLS

ID_BYTES = 6
_CODEC = RSCodec(NUM_SYMBOLS - ID_BYTES)


def id_of(key: bytes, name: str) -> str:
    """Return the id (12 hexadecimal digits) of footage with a name; nobody else can tell it."""
    return hmac.digest(key, name.encode(), "sha256")[:ID_BYTES].hex()


def symbols_of(mark_id: str) -> list[int]:
    """Return the ten symbols, 0 to 255, that say an id."""
    return list(_CODEC.encode(bytes.fromhex(mark_id)))


def read_id(symbols: Sequence[int], scores: np.ndarray) -> str | None:
    """Return the id that symbols say, or None if too many are wrong.

    Two may be wrong; of three or four it has to be known that they are: the weakest are tried.
    """
    weakest = np.argsort(scores).tolist()
    for num_erased in (0, 2, 3):
        try:
            data = _CODEC.decode(bytes(symbols), erase_pos=sorted(weakest[:num_erased]))[0]
        except ReedSolomonError:
            continue
        return bytes(data).hex()
    return None

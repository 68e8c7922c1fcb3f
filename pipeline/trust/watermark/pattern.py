"""The invisible mark's pattern: a tile of waves, derived from a key and repeated over the picture.

mark.py embeds the pattern, detection.py finds it and payload.py turns IDs into symbols.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

TILE = 64
SHORT = 160
NUM_SYMBOLS = 10
# Cycles per tile: lower frequencies drown in the picture, higher ones do not survive H.264.
SLOWEST, FASTEST = 4, 20
_PLACES = 16  # shifts per axis
_SYNC_SHARE = 0.3  # share of the waves used for the sync


def _band() -> tuple[np.ndarray, np.ndarray]:
    """Return each wave's cycles per tile, down and across (N,); one of each conjugate pair."""
    u, v = np.mgrid[-FASTEST : FASTEST + 1, 0 : FASTEST + 1].reshape(2, -1)
    radius = np.hypot(u, v)
    is_used = (radius >= SLOWEST) & (radius <= FASTEST) & ((v > 0) | (u > 0))
    return u[is_used], v[is_used]


DOWN, ACROSS = _band()
"""Cycles per tile of the waves (N,) of every tile; ACROSS is never negative."""


class Tile:
    """The waves of one key: each has a phase, and belongs to the sync or to one symbol.

    A tile is TILE x TILE samples on a grid where every picture's short side has SHORT samples, so
    the pattern scales with the picture. The sync waves are the same in every mark of the key and
    are used to find it and its position. The other waves form ten groups; the shift of a group
    (16 x 16 positions) encodes one eight-bit symbol of the ID. Spread spectrum: Cox, Kilian,
    Leighton and Shamoon, "Secure Spread Spectrum Watermarking for Multimedia" (1997).
    """

    def __init__(self, key: bytes) -> None:
        """Derive phases and groups from a hash of the key, so they never change."""
        stream = hashlib.shake_256(b"kinora mark" + key).digest(8 * 2 * len(DOWN))
        order, phases = np.frombuffer(stream, "<u8").reshape(2, -1)
        self.waves = np.exp(2j * np.pi * (phases / 2.0**64))  # (N,)
        num_sync = round(_SYNC_SHARE * len(DOWN))
        groups = np.arange(len(DOWN)) % NUM_SYMBOLS
        groups[:num_sync] = NUM_SYMBOLS  # not a symbol: the sync
        self._group = np.empty_like(groups)
        self._group[np.argsort(order, kind="stable")] = groups

    @property
    def sync(self) -> np.ndarray:
        """Return the waves (N,) complex that find a mark; those that carry the ID are 0."""
        return np.where(self._group == NUM_SYMBOLS, self.waves, 0)

    def draw(self, symbols: Sequence[int], height: int, width: int) -> np.ndarray:
        """Return the pattern (H, W) that encodes ten symbols, 0 to 255; its mean square is 1."""
        down, across = (np.append(place, 0)[self._group] for place in np.divmod(symbols, _PLACES))
        turns = (DOWN * down + ACROSS * across) / _PLACES
        grid = np.zeros((2 * FASTEST + 1, FASTEST + 1), complex)
        grid[DOWN + FASTEST, ACROSS] = self.waves * np.exp(-2j * np.pi * turns)
        rows, columns = waves_of((height, width), SHORT / min(height, width) / TILE)
        half = rows @ grid * np.sqrt(2 / len(DOWN))  # (H, waves across)
        return half.real @ columns.real.T - half.imag @ columns.imag.T

    def score_symbols(self, seen: np.ndarray) -> np.ndarray:
        """Score every value of each symbol (10, 256), given waves (N,) aligned to the tile.

        Scores are in standard deviations over a symbol's 256 values.
        """
        grid = np.zeros((NUM_SYMBOLS + 1, _PLACES, _PLACES), complex)
        # Whole-position shifts act alike on waves whose frequencies are equal modulo _PLACES.
        np.add.at(grid, (self._group, DOWN % _PLACES, ACROSS % _PLACES), seen * self.waves.conj())
        scores = np.fft.ifft2(grid[:NUM_SYMBOLS]).real.reshape(NUM_SYMBOLS, -1)
        return scores / (scores.std(axis=1, keepdims=True) + 1e-12)


def waves_of(shape: tuple[int, int], step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the waves down (H, 41) and across (W, 21) a picture of pixels `step` tiles apart."""
    numbers = np.arange(-FASTEST, FASTEST + 1), np.arange(FASTEST + 1)
    down, across = (
        np.exp(2j * np.pi * step * np.outer(np.arange(size) + 0.5, number))
        for size, number in zip(shape, numbers, strict=True)
    )
    return down, across

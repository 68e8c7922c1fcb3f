"""The invisible mark's pattern: a tile of waves that a key has drawn, repeated over the picture.

The tile is a square of TILE samples on a grid on which every picture's short side has SHORT, so
that the pattern scales with the picture. Of its waves some are the same in every mark of the key,
by which a mark and its place are found; the others say the id, in symbols of eight bits, each
by how far a group of waves is shifted (16 x 16 places). Spread spectrum, as in Cox, Kilian,
Leighton and Shamoon, "Secure Spread Spectrum Watermarking for Multimedia" (1997).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

TILE = 64
SHORT = 160
NUM_SYMBOLS = 10
# Waves a tile: slower ones drown in what pictures are made of, faster ones do not survive H.264.
SLOWEST, FASTEST = 4, 20
_PLACES = 16  # a side
_SYNC_SHARE = 0.3  # of the waves


def _band() -> tuple[np.ndarray, np.ndarray]:
    """Return how often the waves go down and across a tile (N,); of a wave and its mirror one."""
    u, v = np.mgrid[-FASTEST : FASTEST + 1, 0 : FASTEST + 1].reshape(2, -1)
    radius = np.hypot(u, v)
    is_used = (radius >= SLOWEST) & (radius <= FASTEST) & ((v > 0) | (u > 0))
    return u[is_used], v[is_used]


DOWN, ACROSS = _band()
"""The waves (N,) of every tile, as whole waves a tile; across they are never negative."""


class Tile:
    """What a key makes of the waves: a phase for each, and what it is for."""

    def __init__(self, key: bytes) -> None:
        """Draw by hashing the key, so that it is the same everywhere and always."""
        stream = hashlib.shake_256(b"kinora mark" + key).digest(8 * 2 * len(DOWN))
        order, phases = np.frombuffer(stream, "<u8").reshape(2, -1)
        self.waves = np.exp(2j * np.pi * (phases / 2.0**64))  # (N,)
        num_sync = round(_SYNC_SHARE * len(DOWN))
        groups = np.arange(len(DOWN)) % NUM_SYMBOLS
        groups[:num_sync] = NUM_SYMBOLS  # no symbol: the sync
        self._group = np.empty_like(groups)
        self._group[np.argsort(order, kind="stable")] = groups

    @property
    def sync(self) -> np.ndarray:
        """Return what waves (N,) complex are held against to find a mark: 0 where the id is."""
        return np.where(self._group == NUM_SYMBOLS, self.waves, 0)

    def draw(self, symbols: Sequence[int], height: int, width: int) -> np.ndarray:
        """Return the pattern (H, W) that says ten symbols, 0 to 255; its mean square is 1."""
        down, across = (np.append(place, 0)[self._group] for place in np.divmod(symbols, _PLACES))
        turns = (DOWN * down + ACROSS * across) / _PLACES
        grid = np.zeros((2 * FASTEST + 1, FASTEST + 1), complex)
        grid[DOWN + FASTEST, ACROSS] = self.waves * np.exp(-2j * np.pi * turns)
        rows, columns = waves_of((height, width), SHORT / min(height, width) / TILE)
        half = rows @ grid * np.sqrt(2 / len(DOWN))  # (H, waves across)
        return half.real @ columns.real.T - half.imag @ columns.imag.T

    def score_symbols(self, seen: np.ndarray) -> np.ndarray:
        """Return how likely each symbol has each value (10, 256), in waves (N,) seen in place.

        A score is in standard deviations of all 256 values'.
        """
        grid = np.zeros((NUM_SYMBOLS + 1, _PLACES, _PLACES), complex)
        # Shifted by whole places, waves with the same rest turn alike.
        np.add.at(grid, (self._group, DOWN % _PLACES, ACROSS % _PLACES), seen * self.waves.conj())
        scores = np.fft.ifft2(grid[:NUM_SYMBOLS]).real.reshape(NUM_SYMBOLS, -1)
        return scores / (scores.std(axis=1, keepdims=True) + 1e-12)


def waves_of(shape: tuple[int, int], step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the waves down (H, 41) and across (W, 21) a picture of pixels `step` tiles apart."""
    numbers = np.arange(-FASTEST, FASTEST + 1), np.arange(FASTEST + 1)
    return tuple(
        np.exp(2j * np.pi * step * np.outer(np.arange(size) + 0.5, number))
        for size, number in zip(shape, numbers, strict=True)
    )

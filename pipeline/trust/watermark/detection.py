"""Finds invisible marks in frames that may have been scaled, cropped, mirrored or re-encoded.

The mark stays the same over a window of frames while the picture changes. So the frames are
normalized and summed, and the sum is folded to one tile at every scale and matched to the key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import cast

import cv2
import numpy as np

from pipeline.errors import MediaError
from pipeline.trust.watermark.pattern import ACROSS, DOWN, FASTEST, SHORT, TILE, Tile, waves_of
from pipeline.trust.watermark.payload import read_id

WINDOW_FRAMES = 48
# 24 frames detect a mark as surely as 48.
_MOST_LOOKED_AT = 24
# Lowest scores at which a mark counts as found, and at which its ID counts as read. The highest of
# 10,032 unmarked windows was 6.57 (benchmarks/marks.json). The best ID read from pure noise reaches
# 2.7 once in 1000; next to a mark too weak to read, a wrong ID reached 3.0 twice in 600.
LEAST_SCORE = 7.0
LEAST_CODE_SCORE = 3.0
_ROUGH_SCORE = 5.0  # below it, a fine search around a scale is not worth the time
_SIDE = 2 * SHORT  # pixels: the short side that frames are resized to
MAX_ASPECT = 16  # of frames that are searched: memory grows with it, as the short side is fixed
# Scales searched: a crop may leave 0.63 of the short side, or padding may make it 1.6.
_SCALES = np.geomspace(0.63, 1.6, 79)
_NEARBY = np.linspace(-0.006, 0.006, 5)  # fine steps around a scale
_GRAIN = 1.0  # grey levels: weaker differences are not picture content
_LOUDEST = 2.0  # cap on a wave's weight, as a multiple of the mean at its frequency
_TINY = 1e-12
_RING = np.rint(np.hypot(DOWN, ACROSS)).astype(int)


@dataclass(frozen=True)
class MarkWindow:
    """A stretch of a clip: its detection score, and the mark's ID if it could be read."""

    first_frame: int
    num_frames: int
    score: float
    mark_id: str | None

    @property
    def is_marked(self) -> bool:
        """Return whether the key's mark was found, readable or not."""
        return self.score >= LEAST_SCORE


@dataclass(frozen=True)
class Evidence:
    """A window's frames with the picture removed; works for any key.

    `detail` is (H, W) float32 with a short side of 320. `waves` is (2 x scales, N) complex64: the
    waves of the detail folded at each scale, then the same mirrored.
    """

    detail: np.ndarray
    waves: np.ndarray


def find_marks(frames: Iterable[np.ndarray], key: bytes) -> Iterator[MarkWindow]:
    """Yield a MarkWindow for every WINDOW_FRAMES frames (H, W, 3) uint8; the last may be shorter.

    Holds the luma of one window at a short side of 320 pixels. Raises MediaError for frames longer
    than MAX_ASPECT times their width, or the other way round.
    """
    tile, lumas, first = Tile(key), map(_luma, frames), 0
    while window := list(islice(lumas, WINDOW_FRAMES)):
        score, mark_id = look_for(tile, _sum_up(window))
        yield MarkWindow(first, len(window), score, mark_id)
        first += len(window)


def gather(frames: list[np.ndarray]) -> Evidence:
    """Normalize the frames (H, W, 3) uint8 of one window and sum them."""
    return _sum_up([_luma(frame) for frame in frames])


def _sum_up(lumas: list[np.ndarray]) -> Evidence:
    step = -(-len(lumas) // _MOST_LOOKED_AT)
    detail = cast("np.ndarray", sum(_even_out(luma) for luma in lumas[::step]))
    folded = np.stack([_fold(detail, scale) for scale in _SCALES])
    both = np.concatenate([folded, folded[:, :, ::-1]])
    return Evidence(detail, _whiten(np.fft.rfft2(both)[:, DOWN, ACROSS]).astype(np.complex64))


def look_for(tile: Tile, evidence: Evidence) -> tuple[float, str | None]:
    """Return the score of the tile's mark, in standard deviations, and its ID if it can be read."""
    rough = _match(tile, evidence.waves, TILE)[0]
    score, seen = float(rough.max()), None
    if score >= _ROUGH_SCORE:
        score, seen = _look_closer(tile, evidence, np.argsort(rough)[-3:])
    mark_id = None
    if seen is not None and score >= LEAST_SCORE:
        likeliest, code_score = read_id(tile.score_symbols(seen))
        mark_id = likeliest if code_score >= LEAST_CODE_SCORE else None
    return round(score, 2), mark_id


def _luma(frame: np.ndarray) -> np.ndarray:
    """Return a frame's luma (h, w) uint8 with a short side of 320 pixels."""
    height, width = frame.shape[:2]
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise MediaError(
            f"The picture is {width}x{height} pixels; Kinora looks for marks in pictures that are "
            f"up to {MAX_ASPECT} times as long as they are wide, so crop it and try again."
        )
    scale = _SIDE / min(height, width)
    size = (round(width * scale), round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), size, interpolation=method)


def _even_out(luma: np.ndarray) -> np.ndarray:
    """Remove low frequencies from a frame's luma, and divide the rest by its local strength."""
    luma = luma.astype(np.float32)
    detail = luma - cv2.blur(cv2.blur(luma, (17, 17)), (17, 17))
    power = cv2.blur(cv2.blur(detail * detail, (13, 13)), (13, 13))
    # Rounding can make zero power slightly negative.
    return detail / (cv2.sqrt(np.maximum(power, 0)) + _GRAIN)


def _fold(detail: np.ndarray, scale: float) -> np.ndarray:
    """Resize detail to the tile's grid and sum its tiles: (TILE, TILE)."""
    shrink = SHORT / _SIDE / scale
    height, width = (max(1, round(side * shrink)) for side in detail.shape)
    down, across = -(-height // TILE), -(-width // TILE)
    padded = np.zeros((down * TILE, across * TILE), np.float32)
    padded[:height, :width] = cv2.resize(detail, (width, height), interpolation=cv2.INTER_AREA)
    return padded.reshape(down, TILE, across, TILE).sum((0, 2))


def _whiten(waves: np.ndarray) -> np.ndarray:
    """Equalize waves (..., N) across frequencies, and cap the outliers."""
    sizes = np.abs(waves)
    means = np.ones((*waves.shape[:-1], _RING.max() + 1))
    for ring in range(_RING.min(), _RING.max() + 1):
        means[..., ring] = sizes[..., ring == _RING].mean(-1)
    weights = np.minimum(sizes / (means[..., _RING] + _TINY), _LOUDEST)
    return waves / (sizes + _TINY) * weights


def _match(tile: Tile, waves: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlate waves (M, N) with the sync at size x size shifts; return best scores and shifts."""
    grids = np.zeros((len(waves), size, size // 2 + 1), np.complex64)
    grids[:, DOWN, ACROSS] = waves * tile.sync.conj().astype(np.complex64)
    surfaces = np.fft.irfft2(grids, (size, size)).reshape(len(waves), -1)
    return surfaces.max(1) / (surfaces.std(1) + _TINY), surfaces.argmax(1)


def _look_closer(
    tile: Tile, evidence: Evidence, candidates: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the best score near the candidate scales, and the aligned waves (N,) there.

    Scale 1 is always tried too: most clips keep their size, and 1 lies between two of the scales.
    """
    pairs = [(1.0, False)] + [
        (_SCALES[index % len(_SCALES)] * (1 + nearby), index >= len(_SCALES))
        for index in candidates
        for nearby in _NEARBY
    ]
    seen = _whiten(np.stack([_project(evidence.detail, *pair) for pair in pairs]))
    size = 2 * TILE
    scores, places = _match(tile, seen, size)
    best = int(scores.argmax())
    down, across = divmod(int(places[best]), size)
    turns = (DOWN * down + ACROSS * across) / size
    return float(scores[best]), seen[best] * np.exp(2j * np.pi * turns)


def _project(detail: np.ndarray, scale: float, is_mirrored: bool) -> np.ndarray:
    """Return the waves (N,) of the unfolded detail at a scale."""
    detail = detail[:, ::-1] if is_mirrored else detail
    rows, columns = waves_of(detail.shape, SHORT / _SIDE / scale / TILE)
    columns = columns.astype(np.complex64)
    half = detail @ columns.real - 1j * (detail @ columns.imag)
    return (rows.conj().T @ half)[DOWN + FASTEST, ACROSS]

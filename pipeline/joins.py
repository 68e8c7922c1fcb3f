"""Where new footage meets given footage: same rate, same size, and no jump of detail at the join.

The model gives back a given frame almost, not exactly. What it lacks there (its residual) is added
to the new frames next to the join and fades out, so that neither sharpness nor colour jumps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from PIL import Image

from pipeline.geometry import Size

FADE_SECONDS = 0.4


def resize(frame: np.ndarray, size: Size) -> np.ndarray:
    """Scale a frame (H, W, 3) uint8 to a size; returns it unchanged if it has that size."""
    if frame.shape[1::-1] == tuple(size):
        return frame
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))


def frame_indices(num_out: int, fps_out: float, num_in: int, fps_in: float) -> np.ndarray:
    """Say which new frame is shown at each output time after a join, nearest in time.

    Both run from the join: output frame j is (j + 1) / fps_out after it, new frame i is
    (i + 1) / fps_in after it.
    """
    nearest = np.rint(np.arange(1, num_out + 1) * fps_in / fps_out).astype(int) - 1
    return nearest.clip(0, num_in - 1)


def even_indices(num_out: int, num_in: int) -> np.ndarray:
    """Say which new frame is shown at each output time between two joins, all of them evenly."""
    nearest = np.rint(np.arange(1, num_out + 1) * (num_in + 1) / (num_out + 1)).astype(int) - 1
    return nearest.clip(0, num_in - 1)


def pick(frames: Iterable[np.ndarray], indices: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the frames at ascending indices, which may repeat, from a stream."""
    wanted = iter(indices.tolist())
    index = next(wanted, None)
    for position, frame in enumerate(frames):
        while index == position:
            yield frame
            index = next(wanted, None)
        if index is None:
            return


def cut(
    shots: Iterable[Iterable[np.ndarray]], num_dissolved: Sequence[int]
) -> Iterator[np.ndarray]:
    """Yield the frames (H, W, 3) of all shots; the first `num_dissolved` of each are mixed.

    They are mixed with as many last frames of the shot before, which wait for them.
    """
    held: deque[np.ndarray] = deque()
    for frames, num_mixed, num_held in zip(
        shots, num_dissolved, [*num_dissolved[1:], 0], strict=True
    ):
        # The shares in between: neither of the shots alone is seen twice.
        shares = iter(np.arange(1, num_mixed + 1) / (num_mixed + 1))
        coming: deque[np.ndarray] = deque()
        for frame in frames:
            share = next(shares, None)
            coming.append(frame if share is None else mix(held.popleft(), frame, share))
            if len(coming) > num_held:
                yield coming.popleft()
        held = coming
    yield from held


def mix(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    """Mix two frames (H, W, 3) uint8 by the share of the later one, 0 to 1."""
    return np.rint(before + share * (after.astype(np.float32) - before)).astype(np.uint8)


def residual(given: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Return what a decoded frame lacks of the given one: (H, W, 3) int16."""
    return given.astype(np.int16) - decoded.astype(np.int16)


def fade_weights(num_frames: int, fps: float) -> np.ndarray:
    """Return each new frame's share of the residual: near 1 at the join, 0 after FADE_SECONDS."""
    distance = np.arange(1, num_frames + 1) / (FADE_SECONDS * fps + 1)
    return (1 - distance).clip(0, 1) ** 2


def add_residual(
    frames: Iterable[np.ndarray], lacking: np.ndarray, weights: np.ndarray
) -> Iterator[np.ndarray]:
    """Add the residual to a stream of frames (H, W, 3), each with its weight."""
    for frame, weight in zip(frames, weights, strict=False):
        if weight:
            yield (frame + weight * lacking).round().clip(0, 255).astype(np.uint8)
        else:
            yield frame

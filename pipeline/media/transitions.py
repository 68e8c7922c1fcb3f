"""Where new footage meets given footage, or a shot another: same rate, same size, mixed or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from PIL import Image

from pipeline.geometry import Size

Frames = Callable[[], Iterator[np.ndarray]]


def resize(frame: np.ndarray, size: Size) -> np.ndarray:
    """Scale a frame (H, W, 3) uint8 to a size; returns it unchanged if it has that size."""
    if frame.shape[1::-1] == tuple(size):
        return frame
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))


def resize_each(frames: Iterable[np.ndarray], size: Size) -> Iterator[np.ndarray]:
    """Scale a stream of frames; one that comes again is scaled once, and is the same array."""
    last: np.ndarray | None = None
    scaled: np.ndarray | None = None
    for frame in frames:
        if scaled is None or frame is not last:
            last, scaled = frame, resize(frame, size)
        yield scaled


def frame_indices(
    num_out: int, fps_out: float | Fraction, num_in: int, fps_in: float | Fraction
) -> np.ndarray:
    """Say which new frame is shown at each output time after a seam, nearest in time.

    Both run from the seam: output frame j is (j + 1) / fps_out after it, new frame i is
    (i + 1) / fps_in after it.
    """
    nearest = np.rint(np.arange(1, num_out + 1) * float(fps_in) / float(fps_out)).astype(int) - 1
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


class Stretch:
    """A shot's part of the finished clip, up to where the next shot begins to come in."""

    def __init__(self, make: Frames, before: Stretch | None, num_mixed: int, num_held: int) -> None:
        """Take a shot's frames (H, W, 3) from `make()`, which may be called once more.

        The first `num_mixed` are mixed with the last of the shot `before`; the last `num_held` wait
        for the next shot and are not part of the stretch.
        """
        self._make = make
        self._before = before if num_mixed else None
        self._num_mixed = num_mixed
        self._num_held = num_held
        self._held: deque[np.ndarray] | None = None

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the frames, while the shot's are being made."""
        held = self._before.held() if self._before else deque()
        self._before = None
        # The shares in between: neither of the shots alone is seen twice.
        shares = iter(np.arange(1, self._num_mixed + 1) / (self._num_mixed + 1))
        coming: deque[np.ndarray] = deque()
        for frame in self._make():
            share = next(shares, None)
            coming.append(frame if share is None else mix(held.popleft(), frame, share))
            if len(coming) > self._num_held:
                yield coming.popleft()
        self._held = coming

    def held(self) -> deque[np.ndarray]:
        """Return the frames that wait; the shot is made for them if its frames were not used."""
        held, self._held = self._held, None
        return deque(self._make(), self._num_held) if held is None else held


def cut(shots: Iterable[Frames], num_dissolved: Sequence[int]) -> Iterator[Stretch]:
    """Yield the shots' stretches; the first `num_dissolved` frames of each are mixed."""
    before: Stretch | None = None
    for make, num_mixed, num_held in zip(
        shots, num_dissolved, [*num_dissolved[1:], 0], strict=True
    ):
        before = Stretch(make, before, num_mixed, num_held)
        yield before


def mix(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    """Mix two frames (H, W, 3) uint8 by the share of the later one, 0 to 1."""
    return np.rint(before + share * (after.astype(np.float32) - before)).astype(np.uint8)

"""How a clip changes from start to end: colour, saturation, contrast and sharpness.

A moving camera, or a character that leaves, changes them too, so clips are compared with the render
of the same scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.color import rgb2gray, rgb2lab
from skimage.measure import blur_effect

# Of a clip: its beginning and its end (FramePack, arXiv 2504.12626).
END_SHARE = 0.15
LOOKS = ("saturation", "contrast", "sharpness")
_STRIDE = 8  # frames from one that is looked at to the next


@dataclass(frozen=True)
class Looks:
    """How the frames of a clip look, (N,) each from 0 to 1, and their mean colours (N, 3) CIELAB.

    `times` are theirs, in seconds.
    """

    times: np.ndarray
    saturation: np.ndarray
    contrast: np.ndarray
    sharpness: np.ndarray
    colour: np.ndarray

    def first(self, seconds: float) -> Looks:
        """Return those of the clip's first seconds."""
        count = int(np.searchsorted(self.times, seconds))
        return Looks(*(values[:count] for values in vars(self).values()))

    def change(self, name: str) -> np.ndarray:
        """Return the mean of the last frames less the mean of the first, of one of the fields."""
        values = getattr(self, name)
        count = max(1, round(END_SHARE * len(values)))
        return values[-count:].mean(0) - values[:count].mean(0)

    def drift(self, name: str, truth: Looks | None = None) -> float:
        """Return how far that change goes, or how far from the change of a truth.

        From 0 to 1; `colour` in Delta E*ab (CIE 1976).
        """
        change = self.change(name) - (truth.change(name) if truth else 0)
        return float(np.linalg.norm(change))

    def slope(self, name: str) -> float:
        """Return the slope of the line of least squares through the values, a minute."""
        return float(np.polyfit(self.times / 60, getattr(self, name), 1)[0])


def read_looks(frames: np.ndarray, fps: float) -> Looks:
    """Look at every eighth of the frames (F, H, W, 3) uint8."""
    picked = np.arange(0, len(frames), _STRIDE)
    looks = [(saturation(x), contrast(x), sharpness(x), mean_colour(x)) for x in frames[picked]]
    return Looks(picked / fps, *(np.array(values) for values in zip(*looks, strict=True)))


def saturation(frame: np.ndarray) -> float:
    """Return the mean chroma of the hexcone model (Smith, SIGGRAPH 1978), 0 to 1.

    That is HSV's saturation before it is divided by the value: what is dark does not count double.
    """
    return float((frame.max(-1) - frame.min(-1)).mean() / 255)


def contrast(frame: np.ndarray) -> float:
    """Return the standard deviation of grey from 0 to 1: RMS contrast (Peli, JOSA A 7, 1990)."""
    return float(rgb2gray(frame).std())


def sharpness(frame: np.ndarray) -> float:
    """Return 1 less the perceptual blur, 0 to 1 (Crété-Roffet et al., SPIE 6492, 2007)."""
    return 1 - float(blur_effect(rgb2gray(frame).astype(np.float32)))


def mean_colour(frame: np.ndarray) -> np.ndarray:
    """Return the mean colour (3,) of a frame in CIELAB."""
    return rgb2lab(frame.mean((0, 1)) / 255)

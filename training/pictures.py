"""Pans, tilts and zooms over arbitrary pictures, which train the model to keep a user's picture.

The pictures are scikit-image's samples (two are kept for evaluation) and random textures.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import skimage
from PIL import Image, ImageFilter

from pipeline.mini.camera import aim_camera
from pipeline.mini.tables import ATTRIBUTES

_FOLDER = Path(skimage.__file__).parent / "data"
_TRAINING = (
    "astronaut.png", "rocket.jpg", "motorcycle_left.png", "hubble_deep_field.jpg", "ihc.png",
    "grass.png", "gravel.png", "brick.png", "retina.jpg", "camera.png", "clock_motion.png",
)  # fmt: skip
EVALUATION = ("chelsea.png", "coffee.png")


@lru_cache(maxsize=32)
def open_sample(name: str) -> Image.Image:
    """Open one of scikit-image's pictures as RGB."""
    return Image.open(_FOLDER / name).convert("RGB")


def _texture(rng: np.random.Generator) -> Image.Image:
    """Draw smooth random colour fields with a few bold shapes, 640 x 480."""
    small = rng.integers(0, 256, (int(rng.integers(2, 9)), int(rng.integers(2, 9)), 3), np.uint8)
    picture = Image.fromarray(small).resize((640, 480), Image.Resampling.BICUBIC)
    if rng.random() < 0.6:
        shapes = np.asarray(picture).copy()
        for _ in range(int(rng.integers(1, 8))):
            y, x = rng.integers(0, (480, 640))
            h, w = rng.integers(20, 200, 2)
            shapes[y : y + h, x : x + w] = rng.integers(0, 256, 3)
        picture = Image.fromarray(shapes).rotate(float(rng.uniform(0, 90)), expand=False)
    return picture


def _draw_picture(rng: np.random.Generator) -> Image.Image:
    if rng.random() < 0.45:
        return _texture(rng)
    picture = open_sample(str(rng.choice(_TRAINING)))
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(1, 4))))
    gain = rng.uniform(0.6, 1.3, 3)
    return Image.fromarray((np.asarray(picture) * gain).clip(0, 255).astype(np.uint8))


def render_picture_move(
    rng: np.random.Generator, *, height: int, width: int, times: Sequence[float]
) -> tuple[np.ndarray, str]:
    """Move a camera over a random picture.

    Returns frames (F, H, W, 3) uint8 and the camera's name.
    """
    picture = _draw_picture(rng)
    camera = str(rng.choice([name for name in ATTRIBUTES["camera"] if name != "follow"]))
    zoom, pan, tilt = np.array([aim_camera(camera, time, height) for time in times]).T
    pan, tilt = pan / width, tilt / height
    ratio = width / height
    # The largest crop of the right shape that leaves room for the whole way, or a smaller one.
    widest = min(picture.width / (1 + np.ptp(pan)), picture.height * ratio / (1 + np.ptp(tilt)))
    crop_width = widest * rng.uniform(0.7, 1.0)
    crop_height = crop_width / ratio
    x = crop_width * pan.max() + rng.uniform() * (picture.width - crop_width * (1 + np.ptp(pan)))
    y = crop_height * tilt.max() + rng.uniform() * (
        picture.height - crop_height * (1 + np.ptp(tilt))
    )
    frames = np.empty((len(times), height, width, 3), np.uint8)
    for index in range(len(times)):
        w, h = crop_width / zoom[index], crop_height / zoom[index]
        left = x - pan[index] * crop_width + (crop_width - w) / 2
        top = y - tilt[index] * crop_height + (crop_height - h) / 2
        box = (
            max(left, 0),
            max(top, 0),
            min(left + w, picture.width),
            min(top + h, picture.height),
        )
        frames[index] = picture.resize((width, height), Image.Resampling.BILINEAR, box=box)
    return frames, camera

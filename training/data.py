"""Render scenes, encode them, and store the latents as shards that training reads while they grow.

Run: python -m training.data images --model DIR --output DIR --shards 40 --seed 1
     python -m training.data clips  --model DIR --output DIR --shards 40 --seed 2
A shard is one .npz file of one picture size. Seeds below 1000 are for training, seeds from 10,000
on for evaluation.
"""

from __future__ import annotations

import argparse
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from pipeline.mini import AutoencoderKinora
from pipeline.mini.camera import CAMERA_SECONDS
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.scene import ATTRIBUTES, Scene
from training.grammar import draw_scene
from training.path_features import camera_features, scene_features
from training.pictures import render_picture_move
from training.world import render

logger = logging.getLogger(__name__)
FPS = 16
NUM_CLIP_LATENTS = 7
# (height, width) -> share of the training data; all have about 144 tokens a latent frame.
SIZES = {
    (288, 512): 0.55, (512, 288): 0.11, (384, 384): 0.11,
    (320, 448): 0.08, (448, 320): 0.08, (256, 608): 0.07,
}  # fmt: skip
PICTURE_SHARE = 0.08
IMAGES_PER_SHARD = 256
CLIPS_PER_SHARD = 32


def labels_of(scene: Scene) -> list[int]:
    """Return the slot labels (S,) of a scene.

    Label 0 is "not said", or "there is none".
    """
    values = {name: getattr(scene, name) for name in ATTRIBUTES}
    return [
        0 if values[name] is None else 1 + options.index(values[name])
        for name, options in ATTRIBUTES.items()
    ]


def to_tensor(frames: np.ndarray) -> torch.Tensor:
    """(F, H, W, 3) uint8 -> (1, 3, F, H, W) in [-1, 1]."""
    x = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].contiguous()
    return x.float().div_(127.5).sub_(1)  # in this order: 8 times as fast as on a view


@dataclass(frozen=True)
class Sample:
    """One rendered training sample; a track is that of latent frames at times it is asked for."""

    frames: np.ndarray  # (F, H, W, 3) uint8
    boxes: np.ndarray  # (F, 4), the subject's, in pixels
    labels: list[int]
    begin: float  # seconds from the start of the shot
    track: Callable[[np.ndarray], np.ndarray]


def draw_begin(scene: Scene, rng: np.random.Generator) -> float:
    """Draw when a clip starts, at a whole number of latent frames; often at the shot's start."""
    if rng.random() < 0.4:
        return 0.0
    latest = CAMERA_SECONDS if scene.camera.startswith(("zoom", "tilt")) else 20.0
    return int(rng.integers(1, latest * FPS / 8 + 1)) * 8 / FPS


def draw_sample(rng: np.random.Generator, height: int, width: int, num_frames: int) -> Sample:
    """Render one training sample: a scene or, now and then, a camera over an arbitrary picture."""
    offsets = np.arange(num_frames) / FPS
    if rng.random() < PICTURE_SHARE:
        frames, camera = render_picture_move(rng, height=height, width=width, times=offsets)
        labels = [0] * len(ATTRIBUTES)
        labels[list(ATTRIBUTES).index("camera")] = 1 + ATTRIBUTES["camera"].index(camera)
        boxes = np.zeros((num_frames, 4), np.float32)
        track = partial(camera_features, camera, width=width, height=height)
        return Sample(frames, boxes, labels, 0.0, track)
    scene = draw_scene(rng)
    begin = draw_begin(scene, rng)
    frames, boxes = render(scene, height=height, width=width, times=(begin + offsets).tolist())
    staging = MotionPaths(scene, width=width, height=height)
    return Sample(frames, boxes, labels_of(scene), begin, partial(scene_features, staging))


def encode_stills(model: AutoencoderKinora, frames: np.ndarray) -> np.ndarray:
    """Encode each frame as a first latent frame: (F, H, W, 3) -> (F, C, h, w) float16."""
    x = to_tensor(frames)[0].transpose(0, 1)  # (F, 3, H, W)
    return model.normalize(model.project_still(x))[:, :, 0].half().numpy()


def build_images(
    model: AutoencoderKinora, rng: np.random.Generator, size: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Build a shard of single frames: latents (N, C, h, w), boxes (N, 4), labels, tracks (N, D)."""
    samples: list[Sample] = []
    for _ in range(IMAGES_PER_SHARD):
        samples.append(draw_sample(rng, *size, 1))
    return {
        "latents": encode_stills(model, np.concatenate([x.frames for x in samples])),
        "boxes": np.concatenate([x.boxes for x in samples]).astype(np.float16),
        "labels": np.array([x.labels for x in samples], np.int8),
        "tracks": np.concatenate([x.track(np.full((1, 2), x.begin)) for x in samples]),
    }


def build_clips(
    model: AutoencoderKinora, rng: np.random.Generator, size: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Build a shard of clips of 1 + 8 K frames.

    `stills` (N, K, C, h, w) are frames 0, 8, 16, ... as first latents; `latents` (N, C, K, h, w)
    the eight frames after each; `boxes` (N, K, 4) the subject's in the middle of those;
    `still_tracks` and `tracks` (N, K, D) say where everybody is in the two.
    """
    num_frames = 1 + 8 * NUM_CLIP_LATENTS
    starts = 8 * np.arange(NUM_CLIP_LATENTS)[:, None] / FPS
    shard = defaultdict(list)
    for _ in range(CLIPS_PER_SHARD):
        sample = draw_sample(rng, *size, num_frames)
        moving = model.normalize(model.project(to_tensor(sample.frames[1:])))[0]
        shard["stills"].append(encode_stills(model, sample.frames[0:-1:8]))
        shard["latents"].append(moving.half().numpy())
        shard["boxes"].append(sample.boxes[4::8].astype(np.float16))
        shard["labels"].append(np.array(sample.labels, np.int8))
        times = sample.begin + starts
        shard["still_tracks"].append(sample.track(times + np.zeros(2)))
        shard["tracks"].append(sample.track(times + np.array([1, 8]) / FPS))
    return {name: np.stack(values) for name, values in shard.items()}


@torch.no_grad()
def main() -> None:
    """Write shards, each under a name that says what it holds, skipping those already there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("images", "clips"))
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--shards", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    model = AutoencoderKinora.from_pretrained(args.model / "vae", torch_dtype=torch.float32)
    args.output.mkdir(parents=True, exist_ok=True)
    build = build_images if args.kind == "images" else build_clips
    sizes, shares = list(SIZES), list(SIZES.values())
    for index in range(args.shards):
        rng = np.random.default_rng((args.seed, index))
        height, width = sizes[rng.choice(len(sizes), p=shares)]
        path = args.output / f"{args.kind}-{height}x{width}-{args.seed:03d}-{index:04d}.npz"
        if path.exists():
            continue
        unfinished = path.with_suffix(".part")
        with unfinished.open("wb") as file:
            np.savez(file, **build(model, rng, (height, width)))
        unfinished.rename(path)
        logger.info("%s", path.name)


if __name__ == "__main__":
    main()

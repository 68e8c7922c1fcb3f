"""Render scenes, encode them, and store the latents as shards that training reads while they grow.

Run: python -m training.data images --model DIR --output DIR --shards 40 --seed 1
     python -m training.data clips  --model DIR --output DIR --shards 40 --seed 2
A shard is one .npz of one picture size. Seeds below 1000 are for training, those from 10,000 on for
evaluation.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch

from pipeline.mini import AutoencoderKinora
from training.grammar import ATTRIBUTES, Scene, draw_scene
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
    """Return the scene's slot labels (S,); label 0 is "not said", or "there is none"."""
    values = {name: getattr(scene, name) for name in ATTRIBUTES}
    return [
        0 if values[name] is None else 1 + options.index(values[name])
        for name, options in ATTRIBUTES.items()
    ]


def to_tensor(frames: np.ndarray) -> torch.Tensor:
    """(F, H, W, 3) uint8 -> (1, 3, F, H, W) in [-1, 1]."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


def start_time(scene: Scene, rng: np.random.Generator) -> float:
    """Draw when a clip starts: mostly at 0; later only where the camera has not come to rest."""
    latest = 2.0 if scene.camera.startswith(("zoom", "tilt")) else 20.0
    return 0.0 if rng.random() < 0.6 else float(rng.uniform(0, latest))


def draw_sample(
    rng: np.random.Generator, height: int, width: int, num_frames: int
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Render one training sample: frames (F, H, W, 3), subject boxes (F, 4) and slot labels."""
    offsets = np.arange(num_frames) / FPS
    if rng.random() < PICTURE_SHARE:
        frames, camera = render_picture_move(rng, height=height, width=width, times=offsets)
        labels = [0] * len(ATTRIBUTES)
        labels[list(ATTRIBUTES).index("camera")] = 1 + ATTRIBUTES["camera"].index(camera)
        return frames, np.zeros((num_frames, 4), np.float32), labels
    scene = draw_scene(rng)
    begin = float(rng.uniform(0, 1.5)) if num_frames == 1 else start_time(scene, rng)
    frames, boxes = render(scene, height=height, width=width, times=(begin + offsets).tolist())
    return frames, boxes, labels_of(scene)


def encode_stills(model: AutoencoderKinora, frames: np.ndarray) -> np.ndarray:
    """Encode each frame as a first latent frame: (F, H, W, 3) -> (F, C, h, w) float16."""
    x = to_tensor(frames)[0].transpose(0, 1)  # (F, 3, H, W)
    return model.normalize(model.project_still(x))[:, :, 0].half().numpy()


def build_images(
    model: AutoencoderKinora, rng: np.random.Generator, size: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Build a shard of single frames: latents (N, C, h, w), boxes (N, 4), labels (N, S)."""
    latents, boxes, labels = [], [], []
    for _ in range(IMAGES_PER_SHARD):
        frames, image_boxes, image_labels = draw_sample(rng, *size, 1)
        latents.append(encode_stills(model, frames))
        boxes.append(image_boxes)
        labels.append(image_labels)
    return {
        "latents": np.concatenate(latents),
        "boxes": np.concatenate(boxes).astype(np.float16),
        "labels": np.array(labels, np.int8),
    }


def build_clips(
    model: AutoencoderKinora, rng: np.random.Generator, size: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Build a shard of clips of 1 + 8 K frames.

    `stills` (N, K, C, h, w) are frames 0, 8, 16, ... as first latents; `latents` (N, C, K, h, w)
    the eight frames after each; `boxes` (N, K, 4) the subject's in the middle of those.
    """
    num_frames = 1 + 8 * NUM_CLIP_LATENTS
    stills, latents, boxes, labels = [], [], [], []
    for _ in range(CLIPS_PER_SHARD):
        frames, clip_boxes, clip_labels = draw_sample(rng, *size, num_frames)
        stills.append(encode_stills(model, frames[0:-1:8]))
        latents.append(model.normalize(model.project(to_tensor(frames[1:])))[0].half().numpy())
        boxes.append(clip_boxes[4::8])
        labels.append(clip_labels)
    return {
        "stills": np.stack(stills),
        "latents": np.stack(latents),
        "boxes": np.stack(boxes).astype(np.float16),
        "labels": np.array(labels, np.int8),
    }


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
        partial = path.with_suffix(".part")
        with partial.open("wb") as file:
            np.savez(file, **build(model, rng, (height, width)))
        partial.rename(path)
        logger.info("%s", path.name)


if __name__ == "__main__":
    main()

"""Measures how close frames are to their source pictures: autoencoder and image to video."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from training.data import FPS, draw_begin, to_tensor
from training.evaluation.setup import HEIGHT, WIDTH, Setup
from training.evaluation.studio import Studio
from training.grammar import draw_scene
from training.pictures import EVALUATION, open_sample
from training.sampling import load_engine
from training.world import render

_LATER = 12  # the picture itself has faded out by then: what is seen is the model's


@torch.no_grad()
def evaluate_autoencoder(setup: Setup) -> dict[str, object]:
    """Encode and decode 17 frames of renders; the mean of their PSNRs in dB."""
    rng, values = setup.rng(5), []
    vae = load_engine(setup.folder).model.pipe.vae
    for index in range(setup.args.renders // 2):
        scene = draw_scene(rng, held_out=index % 4 == 0)
        times = draw_begin(scene, rng) + np.arange(17) / FPS
        frames, _ = render(scene, height=HEIGHT, width=WIDTH, times=times.tolist())
        x = to_tensor(frames).to(vae.dtype)
        x = vae.decode(vae.encode(x, return_dict=False)[0], return_dict=False)[0].float()
        out = (x[0].permute(1, 2, 3, 0) * 127.5 + 127.5).round().clamp(0, 255).numpy()
        values.append(psnr(out, frames))
    low, high = np.percentile(values, (10, 90))
    return {
        "PSNR in dB, mean of clips": round(float(np.mean(values)), 2),
        "a tenth below": round(low, 1),
        "a tenth above": round(high, 1),
        "clips": len(values),
    }


def evaluate_pictures(setup: Setup, studio: Studio) -> dict[str, object]:
    """Compare an image-to-video clip's beginning with the picture it was given."""
    rng, renders, photographs = setup.rng(6), [], []
    for seed in range(8):
        scene = draw_scene(rng)
        picture = render(scene, height=HEIGHT, width=WIDTH, times=[0.0])[0][0]
        renders.append(_first_frames_psnr(studio, picture, seed))
    for seed, name in enumerate(EVALUATION):
        sample = open_sample(name)
        height = round(sample.width * HEIGHT / WIDTH)
        top = (sample.height - height) // 2
        box = (0, top, sample.width, top + height)
        picture = np.asarray(sample.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS, box=box))
        photographs.append(_first_frames_psnr(studio, picture, seed))
    figures: dict[str, object] = {"clips": len(renders) + len(photographs)}
    for name, values in (("renders", renders), ("photographs", photographs)):
        first, later = np.mean(values, axis=0).round(2).tolist()
        figures[name] = {
            "first frame, PSNR in dB": first,
            f"frame {_LATER + 1} with a resting camera": later,
        }
    return figures


def _first_frames_psnr(studio: Studio, picture: np.ndarray, seed: int) -> tuple[float, float]:
    """Return how near the first frame and a later one are to the picture, in dB."""
    path = studio.path(".png")
    Image.fromarray(picture).save(path)
    source = {"image": path, "aspect_ratio": "16:9"}
    frames = studio.make("image_to_video", "static camera", 1.0, seed, **source).frames
    return psnr(frames[0], picture), psnr(frames[_LATER], picture)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two uint8 arrays in dB."""
    error = np.square(a.astype(np.float32) - b.astype(np.float32)).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))

"""Measure the embedded model as people meet it: does it obey, hold together, move, keep up?

Run: python -m training.evaluate --model assets/kinora-mini --oracle tests/oracle.safetensors \
         --output assets/kinora-mini/figures.json
Every part can be left out or run alone (--parts). Scenes and words come from seeds that training
never uses; the figures are written together with the hashes of the weights they are of.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pipeline.generate import generate
from pipeline.loader import Loader
from pipeline.media import ClipWriter, iterate_frames, probe_clip
from pipeline.mini.scene import ATTRIBUTES, Scene
from pipeline.plan import plan_generation
from pipeline.request import GenerationRequest, Shot, build_request
from training.captions import draw_caption
from training.data import FPS, draw_begin, to_tensor
from training.grammar import draw_scene
from training.oracle import MAIN, NUM_LATENTS, Oracle, load_oracle, read_clip
from training.pictures import EVALUATION, open_sample
from training.sampling import SHIPPED, add_arguments, load_engine, make_clip
from training.weights import hash_weights
from training.world import render

logger = logging.getLogger(__name__)
EVALUATION_SEED = 20_000
WIDTH, HEIGHT = 512, 288
_SEAM_REACH = 4
_LATER = 12  # the picture itself has faded out by then: what is seen is the model's


@dataclass(frozen=True)
class Setup:
    """What all parts share."""

    folder: Path
    oracle: Oracle
    args: argparse.Namespace

    def rng(self, part: int) -> np.random.Generator:
        """Return a part's own stream of scenes."""
        return np.random.default_rng((EVALUATION_SEED, part))


def draw_inhabited(rng: np.random.Generator, *, held_out: bool = False) -> Scene:
    """Draw a scene with somebody in it."""
    while (scene := draw_scene(rng, held_out=held_out)).subject is None:
        pass
    return scene


def right_answers(seen: dict[str, str | None], named: dict[str, str]) -> dict[str, bool]:
    """Say for everything a caption names whether the oracle saw it."""
    return {name: seen[name] == value for name, value in named.items()}


def summarize(rows: list[dict[str, bool]]) -> dict[str, float]:
    """Return the share of right answers for each attribute, where named, and for all together."""
    shares = {
        name: round(float(np.mean([row[name] for row in rows if name in row])), 3)
        for name in ATTRIBUTES
        if any(name in row for row in rows)
    }
    together = [all(row.get(name, True) for name in MAIN) for row in rows]
    return shares | {"main six together": round(float(np.mean(together)), 3), "clips": len(rows)}


def evaluate_oracle(setup: Setup) -> dict[str, object]:
    """Measure the judge itself, on renders of scenes seen and held out in training."""
    rng, rows = setup.rng(1), []
    times = np.arange(1 + 8 * (NUM_LATENTS - 1)) / FPS
    for index in range(setup.args.renders):
        scene = draw_inhabited(rng, held_out=index % 4 == 0)
        frames, _ = render(scene, height=HEIGHT, width=WIDTH, times=times.tolist())
        named = {n: v for n in ATTRIBUTES if (v := getattr(scene, n)) is not None}
        rows.append(
            right_answers(
                read_clip(setup.oracle, frames, is_paired=scene.companion is not None), named
            )
        )
    return summarize(rows)


def evaluate_prompts(setup: Setup, part: int, **how: bool) -> dict[str, object]:
    """Make a clip of each prompt and let the oracle read it."""
    rng, rows, args = setup.rng(part), [], setup.args
    engine = load_engine(setup.folder)
    for seed in range(args.prompts):
        scene = draw_inhabited(rng, held_out=how.get("held_out", False))
        words = {"complete": True, "held_out": how.get("paraphrased", False)}
        prompt, named = draw_caption(scene, rng, **words)
        frames = make_clip(engine, prompt, NUM_LATENTS, args.steps, args.guidance, seed)
        right = right_answers(
            read_clip(setup.oracle, frames, is_paired=scene.companion is not None), named
        )
        rows.append(right)
        if wrong := [name for name, is_right in right.items() if not is_right]:
            logger.info("  %s: %s", ", ".join(wrong), prompt)
    return summarize(rows)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two uint8 arrays in dB."""
    error = np.square(a.astype(np.float32) - b.astype(np.float32)).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@torch.no_grad()
def evaluate_autoencoder(setup: Setup) -> dict[str, object]:
    """Encode and decode 17 frames of renders; the mean of their PSNRs in dB."""
    rng, values = setup.rng(5), []
    vae = load_engine(setup.folder).pipe.vae
    for index in range(setup.args.renders // 2):
        scene = draw_scene(rng, held_out=index % 4 == 0)
        times = draw_begin(scene, rng) + np.arange(17) / FPS
        frames, _ = render(scene, height=HEIGHT, width=WIDTH, times=times.tolist())
        x = vae.decode(vae.encode(to_tensor(frames), return_dict=False)[0], return_dict=False)[0]
        out = (x[0].permute(1, 2, 3, 0) * 127.5 + 127.5).round().clamp(0, 255).numpy()
        values.append(psnr(out, frames))
    low, high = np.percentile(values, (10, 90))
    return {
        "PSNR in dB, mean of clips": round(float(np.mean(values)), 2),
        "a tenth below": round(low, 1),
        "a tenth above": round(high, 1),
        "clips": len(values),
    }


@dataclass(frozen=True)
class Made:
    """A clip that was made: its frames (F, H, W, 3) uint8, what was asked, and the file."""

    frames: np.ndarray
    request: GenerationRequest
    path: Path


class Studio:
    """Makes clips as the app does, into files of a folder that is thrown away."""

    def __init__(self, setup: Setup, folder: Path) -> None:
        self.spec = replace(SHIPPED, repository=setup.folder.resolve())
        self.loader = Loader(models={self.spec.id: self.spec})
        self.folder = folder
        self._count = 0

    def path(self, suffix: str = ".mp4") -> Path:
        """Return a path that is not taken."""
        self._count += 1
        return self.folder / f"{self._count}{suffix}"

    def make(self, task: str, prompt: str, seconds: float, seed: int, **source: object) -> Made:
        """Make a clip, which stays until the folder is thrown away."""
        shots = (Shot(prompt, seconds),)
        request = build_request(task, shots=shots, model=self.spec.id, seed=seed, **source)
        clip = generate(
            request,
            loader=self.loader,
            output=self.path(),
            on_progress=lambda _: None,
            is_cancelled=lambda: False,
        )
        frames = np.concatenate(list(iterate_frames(clip.path, probe_clip(clip.path))))
        return Made(frames, request, clip.path)

    def write(self, frames: np.ndarray) -> Path:
        """Write frames as a clip at the model's rate."""
        path = self.path()
        with ClipWriter(path, width=WIDTH, height=HEIGHT, fps=FPS) as writer:
            for frame in frames:
                writer.write(frame)
        return path


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


def seam_ratio(frames: np.ndarray, join: int) -> float:
    """Compare the step into frame `join` with the steps round it: 1 where nothing is to be seen."""
    around = frames[join - _SEAM_REACH - 1 : join + _SEAM_REACH + 1].astype(np.float32)
    steps = np.abs(np.diff(around, axis=0)).mean((1, 2, 3))
    others = np.delete(steps, _SEAM_REACH)
    # Half a grey level is what coding alone changes.
    return float((steps[_SEAM_REACH] + 0.5) / (others.mean() + 0.5))


def evaluate_seams(setup: Setup, studio: Studio) -> dict[str, object]:
    """Compare joins of windows and of extensions with the same frames of rendered clips."""
    rng, truth, joins = setup.rng(7), [], defaultdict(list)
    for seed in range(setup.args.long_clips):
        scene = draw_inhabited(rng)
        prompt, _ = draw_caption(scene, rng, complete=True)
        rendered = render(scene, height=HEIGHT, width=WIDTH, times=np.arange(96) / FPS)[0]
        truth += [seam_ratio(_recoded(studio, rendered), join) for join in (32, 40, 49, 64, 80)]
        long = studio.make("text_to_video", prompt, 9.0, seed)
        starts = _window_joins(plan_generation(long.request, studio.spec))
        joins["windows"] += [seam_ratio(long.frames, join) for join in starts]
        own = studio.make("text_to_video", prompt, 3.0, seed).path
        longer = studio.make("extend_video", prompt, 2.0, seed, video=own).frames
        joins["extensions of its own clips, forward"].append(seam_ratio(longer, 49))
        back = {"video": own, "direction": "backward"}
        longer = studio.make("extend_video", prompt, 2.0, seed, **back).frames
        ratio = seam_ratio(longer, len(longer) - 49)
        joins["extensions of its own clips, backward"].append(ratio)
        other = studio.write(rendered[:40])
        longer = studio.make("extend_video", prompt, 2.0, seed, video=other).frames
        joins["extensions of renders"].append(seam_ratio(longer, 40))
    low, high = np.percentile(truth, (5, 95))
    figures: dict[str, object] = {"band": [round(low, 3), round(high, 3)]}
    for name, ratios in joins.items():
        inside = np.mean([low <= ratio <= high for ratio in ratios])
        figures[name] = {
            "inside the band": round(float(inside), 3),
            "median": round(float(np.median(ratios)), 3),
            "joins": len(ratios),
        }
    return figures


def _recoded(studio: Studio, frames: np.ndarray) -> np.ndarray:
    path = studio.write(frames)
    return np.concatenate(list(iterate_frames(path, probe_clip(path))))


def _window_joins(plan: object) -> list[int]:
    """Return the numbers of the first frames of all windows but the first."""
    windows = plan.shots[0].windows
    return [8 * window.start_latent - 7 for window in windows[1:]]


def dynamic_degree(frames: np.ndarray) -> float:
    """Return how much the most moving twentieth of the picture changes in a quarter second."""
    grey = frames[::4].mean(-1).astype(np.float32)
    changes = np.abs(np.diff(grey, axis=0)).reshape(len(grey) - 1, -1)
    top = changes.shape[1] // 20
    return float(np.partition(changes, -top, axis=1)[:, -top:].mean())


def evaluate_motion(setup: Setup, studio: Studio) -> dict[str, object]:
    """Look for motion in the first and the last ten seconds of a minute."""
    rng, degrees = setup.rng(8), {"moving": [], "still": []}
    times = (np.arange(10 * FPS) / FPS).tolist()
    for index in range(40):
        kind = "still" if index % 2 else "moving"
        scene = _draw_moving(rng, is_moving=kind == "moving")
        frames, _ = render(scene, height=HEIGHT // 2, width=WIDTH // 2, times=times)
        degrees[kind].append(dynamic_degree(frames))
    threshold = (np.median(degrees["moving"]) * np.median(degrees["still"])) ** 0.5
    first, last = [], []
    for seed in range(setup.args.minutes):
        scene = _draw_moving(rng, is_moving=True)
        prompt, _ = draw_caption(scene, rng, complete=True)
        small = studio.make("text_to_video", prompt, 60.0, seed).frames[:, ::2, ::2]
        first.append(dynamic_degree(small[: 10 * FPS]))
        last.append(dynamic_degree(small[-10 * FPS :]))
    return {
        "above the threshold, first 10 s": round(float(np.mean(np.array(first) > threshold)), 3),
        "above the threshold, last 10 s": round(float(np.mean(np.array(last) > threshold)), 3),
        "threshold": round(float(threshold), 2),
        "renders on the right side of it": round(
            float(
                np.mean(
                    [x > threshold for x in degrees["moving"]]
                    + [x <= threshold for x in degrees["still"]]
                )
            ),
            3,
        ),
        "medians": [round(float(np.median(x)), 2) for x in (first, last)],
        "clips": len(first),
    }


def _draw_moving(rng: np.random.Generator, *, is_moving: bool) -> Scene:
    while True:
        scene = draw_inhabited(rng)
        is_calm = scene.camera == "static" and scene.weather in ("clear", "fog")
        if is_calm and (scene.motion == "still") != is_moving:
            return scene


def evaluate_speed(setup: Setup, studio: Studio) -> dict[str, object]:
    """Time a minute of video in a process of its own, loading included, and its peak of memory."""
    command = [sys.executable, "-m", "training.evaluate", "--model", str(setup.folder)]
    output = studio.path(".json")
    subprocess.run([*command, "--minute", str(output)], check=True)
    return json.loads(output.read_text())


def time_minute(folder: Path, output: Path) -> None:
    """Make one minute of video and write how long it took and how much memory it needed."""
    with tempfile.TemporaryDirectory() as scratch:
        begin = time.monotonic()
        spec = replace(SHIPPED, repository=folder.resolve())
        request = build_request(
            "text_to_video",
            shots=(Shot("a red car moves to the right in a city at sunset", 60.0),),
            model=spec.id,
            seed=1,
        )
        clip = generate(
            request,
            loader=Loader(models={spec.id: spec}),
            output=Path(scratch) / "minute.mp4",
            on_progress=lambda _: None,
            is_cancelled=lambda: False,
        )
        seconds = time.monotonic() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    figures = {
        "seconds of video a second": round(clip.num_frames / clip.fps / seconds, 2),
        "seconds": round(seconds, 1),
        "peak memory in GB": round(peak / 1e9, 2),
        "size": [clip.width, clip.height, clip.fps],
        "threads": torch.get_num_threads(),
    }
    output.write_text(json.dumps(figures))


def parts(setup: Setup, studio: Studio) -> dict[str, Callable[[], dict[str, object]]]:
    """List what is measured, by name."""
    return {
        "oracle on renders": lambda: evaluate_oracle(setup),
        "prompts": lambda: evaluate_prompts(setup, 2),
        "prompts, held-out combinations": lambda: evaluate_prompts(setup, 3, held_out=True),
        "prompts, held-out words": lambda: evaluate_prompts(setup, 4, paraphrased=True),
        "autoencoder": lambda: evaluate_autoencoder(setup),
        "image to video": lambda: evaluate_pictures(setup, studio),
        "seams": lambda: evaluate_seams(setup, studio),
        "motion": lambda: evaluate_motion(setup, studio),
        "speed": lambda: evaluate_speed(setup, studio),
    }


def evaluate(setup: Setup, chosen: list[str]) -> Iterator[tuple[str, dict[str, object]]]:
    """Run the chosen parts, all if none is named; yield their figures as they come."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, measure in parts(setup, Studio(setup, Path(scratch))).items():
            if not chosen or any(name.startswith(part) for part in chosen):
                yield name, measure()


def main() -> None:
    """Measure, print a line for each part, and write all figures with the weights' hashes."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--oracle", type=Path)
    parser.add_argument("--parts", nargs="*", default=[], help="beginnings of parts' names")
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--renders", type=int, default=200)
    parser.add_argument("--long-clips", type=int, default=24)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--minute", type=Path, help="time a minute of video, write that and end")
    args = parser.parse_args()
    if args.minute:
        time_minute(args.model, args.minute)
        return
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logger.setLevel(logging.INFO)
    setup = Setup(args.model, load_oracle(args.oracle), args)
    figures: dict[str, object] = {"weights": hash_weights(args.model)}
    for name, measured in evaluate(setup, args.parts):
        logger.info("%s: %s", name, json.dumps(measured))
        figures[name] = measured
        if args.output:
            args.output.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()

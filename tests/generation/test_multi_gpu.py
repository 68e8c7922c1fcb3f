"""Several processes that make a clip together, on a processor: what one makes alone."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.generation.generate import generate
from pipeline.media.video_reader import iterate_frames, probe_clip, read_metadata
from pipeline.planning.recipe import RECIPE_TAG
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.ranks import WAN, save_tiny_rows, tiny_rows
from tests.tiny import CPU, LTX

RANKS = Path(__file__).parents[1] / "ranks.py"


@pytest.fixture(scope="module")
def saved(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    saved = tmp_path_factory.mktemp("saved")
    save_tiny_rows(saved, folder / "ltx")
    return saved


def run(*arguments: object, num_processes: int = 2) -> subprocess.CompletedProcess[str]:
    count = f"--nproc-per-node={num_processes}"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", count, RANKS]
    return subprocess.run(
        [*map(str, [*command, *arguments])],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def frames_of(path: Path) -> np.ndarray:
    return np.concatenate(list(iterate_frames(path, probe_clip(path))))


@pytest.mark.parametrize("name", [WAN, LTX])
def test_two_processes_make_what_one_makes_alone(saved: Path, tmp_path: Path, name: str) -> None:
    """Two windows, the second from the first: LTX-Video's are given latents then."""
    duration = "1.7" if name == LTX else "1"
    num_steps = 8 if name == LTX else 4  # a distilled model is not asked for any other number
    output = tmp_path / "together.mp4"
    words = ["--prompt", "a red car", "--seed", "5", "--duration", duration]
    steps = ["--num-inference-steps", str(num_steps), "--aspect-ratio", "16:9"]
    done = run(saved, name, *words, *steps, "--output", output)
    assert done.returncode == 0, done.stderr
    request = build_request(
        "text_to_video",
        model=name,
        prompt="a red car",
        seed=5,
        duration=float(duration),
        num_inference_steps=num_steps,
        aspect_ratio="16:9",
    )
    clip = generate(
        request,
        model_cache=ModelCache(CPU, tiny_rows(saved)),
        output=tmp_path / "alone.mp4",
        on_progress=lambda _: None,
        is_cancelled=lambda: False,
    )
    assert len(clip.recipe["windows"]) == 2
    alone, together = frames_of(clip.path), frames_of(output)
    assert together.shape == alone.shape
    error = np.square(together.astype(float) - alone).mean()
    assert not error or 10 * math.log10(255**2 / error) > 35
    assert json.loads(read_metadata(output)[RECIPE_TAG])["speed"] == {"num_gpus": 2}


def test_a_model_without_a_plan_is_refused_in_a_sentence(saved: Path, tmp_path: Path) -> None:
    words = ["--prompt", "a red car", "--output", tmp_path / "clip.mp4"]
    done = run(saved, "wan-2.1-vace-1.3b", *words)
    assert done.returncode != 0
    assert "Wan 2.1 VACE 1.3B cannot be split over several GPUs; choose one of" in done.stderr
    assert not (tmp_path / "clip.mp4").exists()


def test_it_says_how_it_is_started(saved: Path, tmp_path: Path) -> None:
    words = ["--prompt", "a red car", "--output", tmp_path / "clip.mp4"]
    done = run(saved, WAN, *words, num_processes=1)
    assert "Start this with torchrun, and --nproc-per-node 2 or more" in done.stderr

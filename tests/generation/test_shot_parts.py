"""Some shots of a film made apart, as several workers do, and put together by another call."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from pipeline.errors import GenerationCancelledError
from pipeline.generation.generate import Clip, generate
from pipeline.generation.progress import Progress
from pipeline.planning.request import Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import MINI

KINDS = ("cut", "continue", "cut", "dissolve")


def latents(folder: Path) -> dict[str, bytes]:
    paths = folder.glob("windows/*")
    return {path.name: load_file(path)["latents"].numpy().tobytes() for path in paths}


def pieces(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("pieces/*")}


def test_shots_made_apart_are_found_by_the_call_that_puts_them_together(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    shots = [Shot("a red boat", 2.0, transition=kind) for kind in KINDS]
    request = build_request("text_to_video", shots=shots, model=MINI, seed=5)
    made: list[int] = []

    def make(folder: Path, only: tuple[int, ...] | None = None) -> Clip:
        def note(progress: Progress) -> None:
            made.extend([progress.window] if progress.stage == "sampling" and progress.step else [])

        folder.mkdir(exist_ok=True)
        how = {"model_cache": model_caches[MINI], "output": folder / "result.mp4", "keep": folder}
        return generate(request, **how, on_progress=note, is_cancelled=lambda: False, shots=only)

    whole, apart = tmp_path / "whole", tmp_path / "apart"
    clip = make(whole)
    made.clear()
    assert make(apart, (2,)).num_frames == 0
    assert set(made) == {3}
    assert not (apart / "result.mp4").exists()
    make(apart, (0, 1))
    make(apart, (3,))
    assert latents(apart) == latents(whole)
    # The first two are not mixed with others.
    assert len(pieces(apart)) == 2
    assert pieces(apart) < pieces(whole)
    assert {path.name for path in apart.iterdir()} == {"windows", "pieces"}
    assert make(apart).num_frames == clip.num_frames
    assert pieces(apart) == pieces(whole)


def test_parts_can_be_stopped(model_caches: dict[str, ModelCache], tmp_path: Path) -> None:
    request = build_request("text_to_video", shots=[Shot("a car", 2.0)] * 2, model=MINI, seed=5)
    with pytest.raises(GenerationCancelledError):
        generate(
            request,
            model_cache=model_caches[MINI],
            output=tmp_path / "result.mp4",
            keep=tmp_path,
            on_progress=lambda _: None,
            is_cancelled=lambda: True,
            shots=(1,),
        )

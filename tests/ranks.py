"""The command for several GPUs, on this machine's processor: run it with torch.distributed.run.

Run: python -m torch.distributed.run --nproc-per-node 2 tests/ranks.py FOLDER MODEL OPTIONS...
diffusers counts the processor as no device (`rank % torch.accelerator.device_count()` in
`ModelMixin._resolve_parallel_config`): it is told of one. All else is as on a GPU, over gloo.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import torch

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from pipeline.generation import multi_gpu  # noqa: E402
from pipeline.models.registry import MODELS  # noqa: E402
from pipeline.models.spec import ModelSpec  # noqa: E402
from tests.tiny import CPU, LTX, tiny_models  # noqa: E402
from tests.tiny_wan import save_tiny_wan  # noqa: E402

WAN = "wan-2.2-5b"


def save_tiny_rows(folder: Path, ltx: Path) -> None:
    """Save the tiny pipelines of `tiny_rows`; `ltx` is the folder of a saved LTX-Video."""
    save_tiny_wan(WAN, folder / "wan")
    shutil.copytree(ltx, folder / "ltx")


def tiny_rows(folder: Path) -> dict[str, ModelSpec]:
    """Return rows of saved tiny pipelines, with tokens for two: gloo gathers equal shares only."""
    wan = replace(
        MODELS[WAN],
        repository=str(folder / "wan"),
        revision=None,
        max_sequence_length=32,
        num_pixels=64 * 64,
        sizes={},
        window_frames=13,
    )
    ltx = tiny_models(folder)[LTX]
    return {**MODELS, WAN: wan, LTX: ltx}


if __name__ == "__main__":
    torch.accelerator.device_count = lambda: 1
    multi_gpu.main(sys.argv[2:], tiny_rows(Path(sys.argv[1])), CPU)

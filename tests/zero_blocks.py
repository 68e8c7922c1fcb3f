"""ZeroGPU's compiled blocks where there is no ZeroGPU: run it, and it makes and uses some.

Run: python zero_blocks.py REPOSITORY_FOLDER MODEL_FOLDER RESULT
Compiles a block of a saved Wan pipeline for this machine's processor, as it is done for ZeroGPU's
card; puts it where the Hub's stand-in finds it; loads the pipeline with it by the app's model
cache.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

# The library wants a torch that was built for CUDA.
torch.version.cuda = "12.8"
torch._C._cuda_init = lambda: None
sys.path[0] = str(Path(__file__).resolve().parent.parent)

import spaces  # noqa: E402

from pipeline.engines import open_engine  # noqa: E402
from pipeline.engines.base import SamplingParams, WindowContext  # noqa: E402
from pipeline.models.registry import MODELS  # noqa: E402
from pipeline.runtime.loading import LoadedModel  # noqa: E402
from pipeline.runtime.model_cache import ModelCache  # noqa: E402
from tests.tiny import CPU  # noqa: E402

WAN = "wan-2.2-5b"


def make(model: LoadedModel, num_latents: int = 2) -> torch.Tensor:
    """Make a window, without guidance so that there is one kind of call."""
    engine = open_engine(model, width=64, height=64)
    prompt = engine.encode_prompt("a red car", "", 1.0)
    params = SamplingParams(seed=5, num_inference_steps=2)
    return engine.make(num_latents, prompt, WindowContext(is_start=True), params)


def compile_block(model: LoadedModel, folder: Path) -> None:
    """Compile the first block for the calls that a window makes, and save it as a repository."""
    block = model.pipe.transformer.blocks[0]
    with spaces.aoti_capture(block) as call:
        make(model)
    exported = torch.export.export(block, call.args, call.kwargs)
    spaces.aoti_compile_and_save(folder / "made", exported)
    package = folder / type(block).__name__ / "package.pt2"
    package.parent.mkdir()
    (folder / "made" / "root" / "package.pt2").rename(package)


def main() -> None:
    """Compile, use, and write down what came of it."""
    repository, saved, result = map(Path, sys.argv[1:])
    row = replace(MODELS[WAN], repository=str(saved), revision=None, max_sequence_length=32)
    plain = ModelCache(CPU, {WAN: row}).load(WAN)
    compile_block(plain, repository)
    row = replace(row, aot_blocks="someone/blocks")
    model = ModelCache(CPU, {WAN: row}, load_blocks=spaces.aoti_blocks_load).load(WAN)
    made, expected = make(model), make(plain)
    # A size that it was not compiled for.
    others = [make(each, num_latents=4) for each in (model, plain)]
    figures = {
        "fingerprint": model.fingerprint,
        "difference": (made - expected).abs().max().item(),
        "deviation": expected.std().item(),
        "other size is plain": torch.equal(*others),
    }
    result.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()

"""Make one clip on several GPUs of one computer; each works on a part of every window's tokens.

Run: torchrun --nproc-per-node 2 -m pipeline.generation.multi_gpu MODEL --prompt WORDS --output FILE

Every GPU holds the whole model and encodes the prompt; diffusers splits the transformer's tokens
(Ulysses: Jacobs et al. 2023, "DeepSpeed Ulysses"). The first process writes the clip.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from pipeline.errors import InvalidRequestError, KinoraError
from pipeline.generation.generate import Clip, generate
from pipeline.generation.progress import Progress
from pipeline.geometry import ASPECT_RATIOS
from pipeline.models.registry import MODELS
from pipeline.models.spec import ModelSpec, Task
from pipeline.planning.request import DEFAULT_SHOT_SECONDS, GenerationRequest
from pipeline.planning.validation import build_request
from pipeline.runtime.acceleration import AccelerationSettings, can_share
from pipeline.runtime.device import Machine
from pipeline.runtime.model_cache import ModelCache

logger = logging.getLogger(__name__)


def main(
    arguments: Sequence[str] | None = None,
    models: dict[str, ModelSpec] = MODELS,
    machine: Machine | None = None,
) -> None:
    """Run as one of the processes that torchrun started."""
    args = _parser().parse_args(arguments)
    if "LOCAL_RANK" not in os.environ or int(os.environ["WORLD_SIZE"]) < 2:
        sys.exit("Start this with torchrun, and --nproc-per-node 2 or more: one process per GPU.")
    rank = int(os.environ["LOCAL_RANK"])
    logging.basicConfig(level=logging.INFO if rank == 0 else logging.ERROR, format="%(message)s")
    if torch.cuda.is_available():
        torch.cuda.set_device(rank)
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        model_cache = ModelCache(
            machine, models, AccelerationSettings(num_gpus=distributed.get_world_size())
        )
        clip = make_together(args, model_cache)
    except KinoraError as exc:
        sys.exit(str(exc))
    finally:
        distributed.destroy_process_group()
    logger.info("%s: %d frames, seed %d", clip.path, clip.num_frames, clip.seed)


def make_together(args: argparse.Namespace, model_cache: ModelCache) -> Clip:
    """Make the clip; every process gets the same request and computes its own share of tokens.

    Raises InvalidRequestError if the model cannot be split, or does not fit on a single GPU.
    """
    _check(model_cache, args.model)
    request, is_first = _shared_request(args), distributed.get_rank() == 0

    def say(progress: Progress) -> None:
        if is_first:
            logger.info("%3d %%  %s", round(progress.fraction * 100), progress.stage)

    with tempfile.TemporaryDirectory() as folder:
        output = args.output if is_first else Path(folder) / "clip.mp4"
        return generate(
            request,
            model_cache=model_cache,
            output=output,
            on_progress=say,
            is_cancelled=lambda: False,
        )


def _check(model_cache: ModelCache, model_id: str) -> None:
    spec = model_cache.spec(model_id)
    if not spec.can_split:
        able = ", ".join(row.id for row in MODELS.values() if row.can_split)
        raise InvalidRequestError(
            f"{spec.label} cannot be split over several GPUs; choose one of {able}."
        )
    if not can_share(spec, model_cache.placement(model_id)):
        raise InvalidRequestError(
            f"{spec.label} does not fit on one of these GPUs, and each of them has to hold the "
            "whole model; run it on one GPU, with `python app.py`."
        )


def _shared_request(args: argparse.Namespace) -> GenerationRequest:
    """Return the first process's request, so that all processes use the same random seed."""
    task: Task = "text_to_video" if args.image is None else "image_to_video"
    shared: list[GenerationRequest | KinoraError | None] = [None]
    if distributed.get_rank() == 0:
        try:
            shared = [build_request(task, **_fields(args))]
        except KinoraError as exc:
            shared = [exc]
    distributed.broadcast_object_list(shared)
    (request,) = shared
    if isinstance(request, KinoraError):
        raise request
    assert request is not None  # the first process has sent one
    return request


def _fields(args: argparse.Namespace) -> dict[str, Any]:
    names = ("model", "prompt", "duration", "aspect_ratio", "seed", "image", "num_inference_steps")
    return {name: getattr(args, name) for name in names}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="torchrun --nproc-per-node N -m pipeline.generation.multi_gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="the id of a model, see the table in README")
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--output", type=Path, required=True, help="the mp4 file to write")
    parser.add_argument("--duration", type=float, default=DEFAULT_SHOT_SECONDS, metavar="SECONDS")
    parser.add_argument("--aspect-ratio", choices=ASPECT_RATIOS, default="16:9")
    parser.add_argument("--seed", type=int, default=-1, help="-1 for a random seed")
    parser.add_argument("--image", type=Path, help="a picture to start from")
    parser.add_argument("--num-inference-steps", type=int)
    return parser


if __name__ == "__main__":
    main()

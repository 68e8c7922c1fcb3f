"""Put the trained parts together as one pipeline folder that the app's loader reads.

Run: python -m training.export --parts DIR --transformer DIR --output assets/kinora-mini
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTXConditionPipeline
from transformers import PreTrainedTokenizerFast

from pipeline.mini import AutoencoderKinora, GuidedLTXTransformer3DModel, SlotTextEncoder
from training.train import TIME_SHIFT


def main() -> None:
    """Load every part in half precision and save them as an `LTXConditionPipeline`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--parts", type=Path, required=True, help="has vae, text_encoder, tokenizer"
    )
    parser.add_argument("--transformer", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    half = {"dtype": torch.float16}
    pipe = LTXConditionPipeline(
        # The schedule is shifted towards noise as the training times were.
        scheduler=FlowMatchEulerDiscreteScheduler(shift=TIME_SHIFT),
        vae=AutoencoderKinora.from_pretrained(args.parts / "vae", torch_dtype=torch.float16),
        text_encoder=SlotTextEncoder.from_pretrained(args.parts / "text_encoder", **half),
        tokenizer=PreTrainedTokenizerFast.from_pretrained(args.parts / "tokenizer"),
        transformer=GuidedLTXTransformer3DModel.from_pretrained(
            args.transformer, torch_dtype=torch.float16
        ),
    )
    for part in (pipe.vae, pipe.transformer):
        part.register_to_config(_name_or_path="")  # else the folder on this machine
    pipe.save_pretrained(args.output)


if __name__ == "__main__":
    main()

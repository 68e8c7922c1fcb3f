"""Put the trained parts together as one pipeline folder that the app's loader reads.

Run: python -m training.export --parts DIR --guide STATE --portraits STATE --output DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTXConditionPipeline
from transformers import PreTrainedTokenizerFast

from pipeline.mini import AutoencoderKinora, GuidedLTXTransformer3DModel, SlotTextEncoder
from training.train import TIME_SHIFT, build_transformer


def main() -> None:
    """Load every part in half precision and save them as an `LTXConditionPipeline`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--parts", type=Path, required=True, help="has vae, text_encoder, tokenizer"
    )
    parser.add_argument("--guide", type=Path, required=True, help="of training.train_guide")
    parser.add_argument("--portraits", type=Path, required=True, help="of training.train_portraits")
    parser.add_argument("--transformer", type=Path, help="folder of training.train, if it helps")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    half = {"dtype": torch.float16}
    vae = AutoencoderKinora.from_pretrained(args.parts / "vae", torch_dtype=torch.float16)
    pipe = LTXConditionPipeline(
        # The schedule is shifted towards noise as the training times were.
        scheduler=FlowMatchEulerDiscreteScheduler(shift=TIME_SHIFT),
        vae=vae,
        text_encoder=SlotTextEncoder.from_pretrained(args.parts / "text_encoder", **half),
        tokenizer=PreTrainedTokenizerFast.from_pretrained(args.parts / "tokenizer"),
        transformer=_build(args, vae.normalized_deviations.tolist()).half(),
    )
    for part in (pipe.vae, pipe.transformer):
        part.register_to_config(_name_or_path="")  # else the folder on this machine
    pipe.save_pretrained(args.output)


def _build(args: argparse.Namespace, deviations: list[float]) -> GuidedLTXTransformer3DModel:
    guide, portraits = (
        torch.load(path, weights_only=True)["model"] for path in (args.guide, args.portraits)
    )
    if args.transformer:
        model = GuidedLTXTransformer3DModel.from_pretrained(args.transformer)
        # What the guide tells the transformer was trained with it.
        guide |= {f"tell.{name}": value for name, value in model.guide.tell.state_dict().items()}
    else:  # silent
        model = build_transformer(deviations)
    model.guide.load_state_dict(guide)
    model.portraits.load_state_dict(portraits)
    return model


if __name__ == "__main__":
    main()

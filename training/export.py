"""Assemble the trained parts into one pipeline folder that the app loads.

Run: python -m training.export --parts DIR --background STATE --sprites STATE --output DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from pipeline.mini import (
    AutoencoderKinora,
    BackgroundModel,
    KinoraMiniPipeline,
    SlotTextEncoder,
    SpriteModel,
)


def main() -> None:
    """Load every part in half precision and save them as a `KinoraMiniPipeline`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--parts", type=Path, required=True, help="has vae, text_encoder, tokenizer"
    )
    parser.add_argument(
        "--background", type=Path, required=True, help="of training.train_background"
    )
    parser.add_argument("--sprites", type=Path, required=True, help="of training.train_sprites")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    half = {"dtype": torch.float16}
    vae = AutoencoderKinora.from_pretrained(args.parts / "vae", torch_dtype=torch.float16)
    text = SlotTextEncoder.from_pretrained(args.parts / "text_encoder", **half)
    background = BackgroundModel(
        text.num_slots, text.config.hidden_size, vae.config.latent_channels
    )
    sprites = SpriteModel(text.config.hidden_size)
    for model, path in ((background, args.background), (sprites, args.sprites)):
        model.load_state_dict(torch.load(path, weights_only=True)["model"])
    pipe = KinoraMiniPipeline(
        tokenizer=PreTrainedTokenizerFast.from_pretrained(args.parts / "tokenizer"),
        text_encoder=text,
        background=background.half(),
        sprites=sprites.half(),
        vae=vae,
    )
    for part in (pipe.vae, pipe.background, pipe.sprites):
        part.register_to_config(_name_or_path="")  # else the folder on this machine
    pipe.save_pretrained(args.output)


if __name__ == "__main__":
    main()

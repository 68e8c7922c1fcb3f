"""Assemble the trained parts into one pipeline folder that the app loads.

Run: python -m training.export --parts DIR --painter DIR/painter --output DIR
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from pipeline.mini import AutoencoderKinora, KinoraMiniPipeline, PainterModel, SlotTextEncoder


def load_painter(folder: Path) -> PainterModel:
    """Load a painter from the state and the configuration that `train_painter` wrote."""
    painter = PainterModel.from_config(PainterModel.load_config(folder))
    state = torch.load(folder / "state.pt", weights_only=True)
    painter.load_state_dict(state["model"])
    return painter


def main() -> None:
    """Load every part in half precision and save them as a `KinoraMiniPipeline`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--parts", type=Path, required=True, help="has vae, text_encoder, tokenizer"
    )
    parser.add_argument("--painter", type=Path, required=True, help="of training.train_painter")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    vae = AutoencoderKinora.from_pretrained(args.parts / "vae", torch_dtype=torch.float16)
    text = SlotTextEncoder.from_pretrained(args.parts / "text_encoder", dtype=torch.float16)
    pipe = KinoraMiniPipeline(
        tokenizer=PreTrainedTokenizerFast.from_pretrained(args.parts / "tokenizer"),
        text_encoder=text,
        painter=load_painter(args.painter).half(),
        vae=vae,
    )
    for part in (pipe.vae, pipe.painter):
        part.register_to_config(_name_or_path="")  # else the folder on this machine
    pipe.save_pretrained(args.output)


if __name__ == "__main__":
    main()

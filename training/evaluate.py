"""Measure how well the embedded model obeys: an oracle reads the frames that prompts gave.

Run: python -m training.evaluate --model assets/kinora-mini --oracle oracle.pt --prompts 100
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch

from training.captions import draw_caption
from training.data import encode_stills
from pipeline.mini.scene import ATTRIBUTES
from training.grammar import draw_scene
from training.oracle import JUDGED, Oracle
from training.sampling import add_arguments, load_engine, make_clip

logger = logging.getLogger(__name__)
EVALUATION_SEED = 20_000


def main() -> None:
    """Generate, decode, encode the last frame, ask the oracle; report the share that is right."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--oracle", type=Path, required=True)
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--held-out", action="store_true", help="combinations training never saw")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logger.setLevel(logging.INFO)
    engine = load_engine(args.model)
    oracle = Oracle()
    oracle.load_state_dict(torch.load(args.oracle, weights_only=True))
    oracle.eval()
    rng = np.random.default_rng(EVALUATION_SEED)
    right = []
    for seed in range(args.prompts):
        scene = draw_scene(rng, held_out=args.held_out)
        prompt, named = draw_caption(scene, rng, complete=True)
        frames = make_clip(engine, prompt, args.latents, args.steps, args.guidance, seed)
        latents = torch.from_numpy(encode_stills(engine.pipe.vae, frames[-1:])).float()
        with torch.no_grad():
            answers = [logits.argmax().item() for logits in oracle(latents)]
        right.append(
            [
                name not in named or ATTRIBUTES[name][answer] == named[name]
                for name, answer in zip(JUDGED, answers, strict=True)
            ]
        )
    shares = np.mean(right, axis=0)
    for name, share in zip(JUDGED, shares, strict=True):
        logger.info("%-8s %.2f", name, share)
    main_ones = [JUDGED.index(name) for name in ("colour", "place", "time")]
    logger.info(
        "colour, place and time together %.2f",
        np.mean(np.all(np.array(right)[:, main_ones], axis=1)),
    )


if __name__ == "__main__":
    main()

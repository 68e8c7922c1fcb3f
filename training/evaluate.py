"""Measure how well the embedded model follows prompts, keeps its world, moves, and how fast it is.

Run: python -m training.evaluate --model assets/kinora-mini \
         --output assets/kinora-mini/figures.json
Parts can be run alone (--parts); they are in `training/evaluation/`. The figures are saved with the
hashes of the weights they were measured with.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from training import evaluation
from training.evaluation.films import evaluate_films
from training.evaluation.motion import evaluate_motion
from training.evaluation.pictures import evaluate_autoencoder, evaluate_pictures
from training.evaluation.prompts import evaluate_judge, evaluate_prompts
from training.evaluation.read_prompts import evaluate_reading
from training.evaluation.renders import evaluate_renders
from training.evaluation.seams import evaluate_seams
from training.evaluation.setup import Setup
from training.evaluation.speed import evaluate_speed, time_minute
from training.evaluation.studio import Studio
from training.sampling import add_arguments
from training.weights import hash_weights

logger = logging.getLogger(__name__)


def parts(setup: Setup, studio: Studio) -> dict[str, Callable[[], dict[str, object]]]:
    """List what is measured, by name."""
    return {
        "judge on renders": lambda: evaluate_judge(setup),
        "prompts": lambda: evaluate_prompts(setup, 2),
        "prompts, held-out combinations": lambda: evaluate_prompts(setup, 3, held_out=True),
        "prompts, held-out words": lambda: evaluate_prompts(setup, 4, paraphrased=True),
        "reading": lambda: evaluate_reading(setup.reader()),
        "renders": lambda: evaluate_renders(setup),
        "autoencoder": lambda: evaluate_autoencoder(setup),
        "image to video": lambda: evaluate_pictures(setup, studio),
        "seams": lambda: evaluate_seams(setup, studio),
        "motion": lambda: evaluate_motion(setup, studio),
        "films": lambda: evaluate_films(setup, studio),
        "speed": lambda: evaluate_speed(setup, studio),
    }


def evaluate(setup: Setup, chosen: list[str]) -> Iterator[tuple[str, dict[str, object]]]:
    """Run the chosen parts, all if none is named; yield their figures as they come."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, measure in parts(setup, Studio(setup.folder, Path(scratch))).items():
            if not chosen or any(name.startswith(part) for part in chosen):
                yield name, measure()


def main() -> None:
    """Measure, print a line for each part, and write all figures with the weights' hashes."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--parts", nargs="*", default=[], help="beginnings of parts' names")
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--renders", type=int, default=200)
    parser.add_argument("--long-clips", type=int, default=24)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--scenes", type=int, default=24)
    parser.add_argument("--films", type=int, default=24)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--minute", type=Path, help="time a minute of video, write that and end")
    args = parser.parse_args()
    if args.minute:
        time_minute(args.model, args.minute)
        return
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for name in (__name__, evaluation.__name__):
        logging.getLogger(name).setLevel(logging.INFO)
    setup = Setup(args.model, args)
    figures: dict[str, object] = {"weights": hash_weights(args.model)}
    for name, measured in evaluate(setup, args.parts):
        logger.info("%s: %s", name, json.dumps(measured))
        figures[name] = measured
        if args.output:
            args.output.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()

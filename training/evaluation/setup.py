"""Shared by all parts of the evaluation: the model, the oracle, the counts and random scenes.

Scenes and words come from seeds that training never uses.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.mini.scene import Scene
from training.grammar import draw_scene
from training.oracle import Oracle

EVALUATION_SEED = 20_000
WIDTH, HEIGHT = 512, 288


@dataclass(frozen=True)
class Setup:
    """What all parts share."""

    folder: Path
    oracle: Oracle
    args: argparse.Namespace

    def rng(self, part: int) -> np.random.Generator:
        """Return a part's own stream of scenes."""
        return np.random.default_rng((EVALUATION_SEED, part))


def draw_inhabited(rng: np.random.Generator, *, held_out: bool = False) -> Scene:
    """Draw a scene with a character."""
    while (scene := draw_scene(rng, held_out=held_out)).subject is None:
        pass
    return scene

"""Shared by all parts of the evaluation: the model, the counts and random scenes.

Scenes and words come from seeds that training never uses.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.mini import SlotTextConfig
from pipeline.mini.scene import Scene
from pipeline.mini.tables import ATTRIBUTES, Vocabulary
from training.grammar import draw_scene
from training.sampling import load_engine

EVALUATION_SEED = 20_000
WIDTH, HEIGHT = 512, 288


@dataclass(frozen=True)
class Setup:
    """What all parts share."""

    folder: Path
    args: argparse.Namespace

    @property
    def known(self) -> Vocabulary:
        """What the weights know, as their text encoder's configuration says."""
        config = SlotTextConfig.from_pretrained(self.folder / "text_encoder")
        pairs = zip(config.slot_names, config.slot_values, strict=True)
        return {name: tuple(values) for name, values in pairs}

    def reader(self) -> Callable[[str], list[int]]:
        """Return what reads a prompt into a label for each slot that the weights have."""
        pipe, known = load_engine(self.folder).model.pipe, self.known

        def read(prompt: str) -> list[int]:
            named = pipe.parse_prompt(prompt)
            return [
                0 if named[name] is None else 1 + values.index(named[name])
                for name, values in known.items()
            ]

        return read

    def rng(self, part: int) -> np.random.Generator:
        """Return a part's own stream of scenes."""
        return np.random.default_rng((EVALUATION_SEED, part))


def draw_inhabited(
    rng: np.random.Generator, *, held_out: bool = False, known: Vocabulary = ATTRIBUTES
) -> Scene:
    """Draw a scene with a character, of what is known."""
    while (scene := draw_scene(rng, held_out=held_out, known=known)).subject is None:
        pass
    return scene

"""Measure how well the embedded model's reader tells words that are drawn from those that are not.

Run: python -m training.evaluation.understanding
understanding.json has prompts as people write them, each with words that its clip shows (`known`)
and words that it cannot (`unknown`), written before the rules. The thresholds were chosen on its
development half.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.models.registry import EMBEDDED, MODELS
from pipeline.planning.understanding import Reader
from pipeline.runtime.prompt_readers import PromptReaders

logger = logging.getLogger(__name__)
PROMPTS = Path(__file__).with_suffix(".json")


def load_prompts(half: str) -> list[dict[str, Any]]:
    """Return the labelled prompts of a half: "development" or "test"."""
    return json.loads(PROMPTS.read_text(encoding="utf-8"))[half]


def mistakes(reader: Reader, rows: Sequence[dict[str, Any]]) -> tuple[list[str], list[str], int]:
    """Return the known words that were missed, the unknown ones taken for known, and the total."""
    missed, taken, total = [], [], 0
    for row in rows:
        understood = {word.lower() for word in reader.read(row["prompt"]).understood}
        missed += [word for word in row["known"] if word not in understood]
        taken += [word for word in row["unknown"] if word in understood]
        total += len(row["known"]) + len(row["unknown"])
    return missed, taken, total


def main() -> None:
    """Log the mistakes and the accuracy of both halves."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    reader = PromptReaders().find(MODELS[EMBEDDED])
    assert reader is not None  # its row names one
    for half in ("development", "test"):
        missed, taken, total = mistakes(reader, load_prompts(half))
        right = 1 - (len(missed) + len(taken)) / total
        logger.info("%s: %.3f of %d words; missed %s, taken %s", half, right, total, missed, taken)


if __name__ == "__main__":
    main()

"""Reads all that a model of a closed world knows, without loading it: for people to choose from."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.models.spec import ModelSpec


def read_vocabulary(spec: ModelSpec) -> dict[str, tuple[str, ...]]:
    """Return the plainest phrase for each value of each slot; empty if the model reads any words.

    They stand in the configuration of its text encoder, see `SlotTextConfig`.
    """
    if not spec.reader:
        return {}
    path = Path(spec.repository) / "text_encoder" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    phrases = config.get("slot_phrases", {})
    return {
        slot: tuple(next(iter(phrases.get(slot, {}).get(value, ())), value) for value in values)
        for slot, values in zip(config["slot_names"], config["slot_values"], strict=True)
    }

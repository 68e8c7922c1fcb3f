"""Reads all that a model of a closed world knows, without loading it: for people to choose from."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.models.spec import ModelSpec


def read_vocabulary(spec: ModelSpec) -> dict[str, tuple[str, ...]]:
    """Return the plainest phrase for each value that can be said, by slot.

    They stand in the configuration of its text encoder, see `SlotTextConfig`. Empty if the model
    reads any words.
    """
    if not spec.reader:
        return {}
    path = Path(spec.repository) / "text_encoder" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    phrases = config.get("slot_phrases", {})
    known = dict(zip(config["slot_names"], config["slot_values"], strict=True))
    for slot, said in phrases.items():  # no word says that something has its natural colour
        known[slot] = [said[value][0] for value in known[slot] if said.get(value)]
    return {slot: tuple(values) for slot, values in known.items()}

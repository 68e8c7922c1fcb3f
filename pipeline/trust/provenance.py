"""What a clip says of its origin: the recipe in its container's tag, which anybody can write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.media import read_metadata
from pipeline.recipe import RECIPE_TAG

_CLAIM = (
    "This file says that Kinora made it, and how; it is not signed, and anybody can write such a "
    "note, so take it as a claim."
)
_NOTHING = (
    "This file says nothing of Kinora; such a note is easily removed, so that proves nothing."
)


def verify_clip(path: Path) -> dict[str, Any]:
    """Report what a clip claims, as JSON. Raises MediaError if the file cannot be read."""
    recipe = _read_recipe(read_metadata(path).get(RECIPE_TAG, ""))
    return {
        "made_by_kinora_claim": recipe is not None,
        "recipe": recipe,
        "signed": False,
        "conclusion": _NOTHING if recipe is None else _CLAIM,
    }


def _read_recipe(text: str) -> dict[str, Any] | None:
    """Read a tag that may be anything."""
    try:
        recipe = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return recipe if isinstance(recipe, dict) else None

"""The last thing that is done to a clip before it is handed out: it is signed, and that is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.recipe import owners_recipe, read_recipe
from pipeline.request import GenerationRequest
from pipeline.trust.identity import Identity
from pipeline.trust.signing import sign_clip


def deliver(
    request: GenerationRequest, clip: Path, recipe: Mapping[str, Any], identity: Identity
) -> dict[str, Any]:
    """Sign a finished clip where it is; return its recipe with what came of that.

    `signed` is true only after reading back; `signing` is one sentence if there is something to
    say, `warnings` are sentences on what the clip was made from.
    """
    return {**recipe, **sign_clip(clip, recipe, request, identity).to_json()}


def deliver_unfinished(
    request: GenerationRequest, clip: Path, identity: Identity
) -> dict[str, Any] | None:
    """Do the same to what a job had finished before it was stopped; None if that is no clip."""
    recipe = read_recipe(clip) if clip.is_file() else None
    if recipe is None:
        return None
    return deliver(request, clip, owners_recipe(recipe, request), identity)

"""The last that is done to a clip before it is handed out: it is signed, and the registry told."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import MediaError
from pipeline.planning.recipe import owners_recipe, read_recipe
from pipeline.planning.request import GenerationRequest
from pipeline.trust.provenance.credentials import read_credentials
from pipeline.trust.provenance.fingerprint import hash_parts
from pipeline.trust.provenance.identity import Identity
from pipeline.trust.provenance.registry import Registry
from pipeline.trust.provenance.signing import sign_clip

logger = logging.getLogger(__name__)


def sign_and_register(
    request: GenerationRequest,
    clip: Path,
    recipe: Mapping[str, Any],
    identity: Identity,
    registry: Registry,
) -> dict[str, Any]:
    """Sign a job's finished clip where it is; return its recipe with what came of that.

    `signed` is true only after reading back; `signing` is one sentence if there is something to
    say, `warnings` are sentences on what the clip was made from.
    """
    outcome = sign_clip(clip, recipe, request, identity)
    _register(clip, recipe, identity, registry)
    return {**recipe, **outcome.to_json()}


def sign_unfinished(
    request: GenerationRequest, clip: Path, identity: Identity, registry: Registry
) -> dict[str, Any] | None:
    """Do the same to what a job had finished before it was stopped; None if that is no clip."""
    recipe = read_recipe(clip) if clip.is_file() else None
    if recipe is None:
        return None
    return sign_and_register(request, clip, owners_recipe(recipe, request), identity, registry)


def _register(
    clip: Path, recipe: Mapping[str, Any], identity: Identity, registry: Registry
) -> None:
    """Write down what can find a clip again: a row less is no reason to be without the clip."""
    try:
        hashes = hash_parts(clip)
        manifest = read_credentials(clip, identity).to_json()
    except (MediaError, OSError):
        logger.exception("A clip could not be registered")
        return
    del manifest["recipe"]  # has its own place
    registry.record(clip.parent.name, recipe, manifest, hashes)

"""Clips with recipes, and what is done to signed ones, for the tests of credentials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.media.video_writer import ClipWriter
from pipeline.models.registry import MODELS
from pipeline.planning.plan import Source, plan_generation
from pipeline.planning.recipe import RECIPE_TAG, build_recipe, public_recipe
from pipeline.planning.request import GenerationRequest
from pipeline.planning.validation import build_request
from pipeline.trust.provenance.identity import Identity
from pipeline.trust.provenance.signing import Outcome, sign_clip
from tests.sources import numbered_frames

MODEL = "kinora-mini"
PROMPT = "a red boat on a lake"


def ask(task: str = "text_to_video", **fields: Any) -> GenerationRequest:  # noqa: ANN401
    words = {} if "shots" in fields else {"prompt": PROMPT}
    return build_request(task, **({"model": MODEL, "seed": 7} | words | fields))


def recipe_of(request: GenerationRequest) -> dict[str, Any]:
    source = None if request.image is None and request.video is None else Source(96, 64, 16.0, 9)
    spec = MODELS[request.model]
    recipe = build_recipe(request, spec, plan_generation(request, spec, source))
    return json.loads(json.dumps(recipe))


def write_clip(path: Path, recipe: dict[str, Any], num_frames: int = 24) -> Path:
    """Write a clip as a generation does, with its recipe in the container's tag."""
    with ClipWriter(path, width=96, height=64, fps=16) as writer:
        writer.write(np.ascontiguousarray(numbered_frames(num_frames)))
        writer.metadata = {RECIPE_TAG: json.dumps(public_recipe(recipe))}
    return path


def make_signed(
    path: Path, request: GenerationRequest, identity: Identity, **added: object
) -> tuple[Outcome, dict[str, Any]]:
    """Write and sign the clip of a request; return what came of it, and the recipe."""
    recipe = recipe_of(request) | added
    write_clip(path, recipe)
    return sign_clip(path, recipe, request, identity), recipe


def flip_a_bit(path: Path, place: float = 0.75) -> Path:
    """Change one bit of a file, at a share of its length: the pictures are in the last half."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 1
    path.write_bytes(data)
    return path


def replace_once(path: Path, old: bytes, new: bytes) -> Path:
    """Change some bytes of a file in the first place where they are."""
    data = path.read_bytes()
    assert old in data
    assert len(old) == len(new)
    path.write_bytes(data.replace(old, new, 1))
    return path

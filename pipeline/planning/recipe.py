"""The recipe of a clip: everything needed to make it again, and the versions that made it."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from pipeline.geometry import Size
from pipeline.media.video_reader import read_metadata
from pipeline.models.spec import ModelSpec
from pipeline.planning.plan import Plan
from pipeline.planning.request import SOURCE_FIELDS, GenerationRequest
from pipeline.planning.understanding import OF_WORDS

RECIPE_TAG = "kinora"  # the container tag that holds the recipe
VERSION = "0.1.0"
_PACKAGES = ("torch", "diffusers", "transformers")


def build_recipe(
    request: GenerationRequest,
    spec: ModelSpec,
    plan: Plan,
    loras: Sequence[Mapping[str, object]] = (),
) -> dict[str, Any]:
    """Return a recipe as JSON values; sources are named by their SHA-256, never by a path.

    `loras` are the facts of the active LoRAs; see `Adapter`.
    """
    return {
        **_inputs(request),
        "model": _name_of(spec),
        "loras": list(loras),
        "num_inference_steps": plan.num_inference_steps,
        "guidance_scale": plan.guidance_scale,
        "shift": plan.shift,
        # Used where the request has none; the model's own, so it is no secret of the user's.
        "default_negative_prompt": "" if request.negative_prompt else plan.negative_prompt,
        "width": plan.size.width,
        "height": plan.size.height,
        "fps": float(plan.fps),
        "num_new_frames": plan.num_frames,
        "model_size": list(plan.model_size),
        "passes": _describe_passes(plan),
        "model_label": spec.label,
        "windows": [
            {"shot": window.shot_index, "latents": window.num_latents, "seed": window.seed}
            for shot in plan.shots
            for window in shot.windows
        ],
        "versions": _versions(),
    }


def build_cut_recipe(request: GenerationRequest, size: Size, fps: Fraction) -> dict[str, Any]:
    """Return the recipe of a clip that was cut from others, without a model, as JSON values."""
    return {
        **_inputs(request),
        "width": size.width,
        "height": size.height,
        "fps": float(fps),
        "num_new_frames": 0,
        "new_spans": [],
        "marks": [],
        "is_lossless": False,
        "versions": _versions(),
    }


def _inputs(request: GenerationRequest) -> dict[str, Any]:
    """Return a request as JSON values, its files by their content."""
    inputs = request.to_json()
    for name in SOURCE_FIELDS:
        inputs[name] = _by_content(getattr(request, name))
    digests = {
        path: _by_content(path) for shot in request.shots for path in (shot.image, shot.video)
    }
    inputs["characters"] = [
        {"name": x.name, "image": _by_content(x.image)} for x in request.characters
    ]
    inputs["shots"] = [
        values | {"image": digests[shot.image], "video": digests[shot.video]}
        for values, shot in zip(inputs["shots"], request.shots, strict=True)
    ]
    return inputs


def _versions() -> dict[str, str]:
    return {"kinora": VERSION} | {name: importlib.metadata.version(name) for name in _PACKAGES}


def _describe_passes(plan: Plan) -> list[dict[str, object]]:
    """List the size and the steps of each pass over a window."""
    second = plan.second_pass
    if second is None:
        return [{"size": list(plan.model_size), "steps": plan.num_inference_steps}]
    return [
        {"size": list(second.first_size), "steps": plan.num_inference_steps},
        {"size": list(plan.model_size), "steps": second.num_steps},
    ]


def public_recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe as the file contains it: with SHA-256 hashes instead of the prompts.

    Single words of the prompts are left out. With `shows_prompt` everything stays.
    """
    if recipe.get("shows_prompt"):
        return dict(recipe)
    recipe = {name: value for name, value in recipe.items() if name not in OF_WORDS}
    shots = [shot | {"prompt": _text_digest(shot["prompt"])} for shot in recipe["shots"]]
    # Names of characters are words of the prompts too.
    hidden: dict[str, Any] = {
        "characters": [x | {"name": ""} for x in recipe.get("characters", ())]
    }
    hidden |= {"shots": shots, "negative_prompt": _text_digest(recipe["negative_prompt"])}
    if rewritten := recipe.get("rewritten"):
        texts = "typed", "prompt"
        hidden["rewritten"] = [
            values | {name: _text_digest(values[name]) for name in texts} for values in rewritten
        ]
    return {**recipe, **hidden}


def owners_recipe(recipe: Mapping[str, Any], request: GenerationRequest) -> dict[str, Any]:
    """Return a recipe that was read from a file, with the prompts of its request."""
    shots = [
        values | {"prompt": shot.prompt}
        for values, shot in zip(recipe["shots"], request.shots, strict=True)
    ]
    return {**recipe, "shots": shots, "negative_prompt": request.negative_prompt}


def read_recipe(path: Path) -> dict[str, Any] | None:
    """Return the recipe in a file's tag, or None. It is not signed: anyone can write one.

    Raises MediaError if the file cannot be read.
    """
    return parse_recipe(read_metadata(path).get(RECIPE_TAG, ""))


def parse_recipe(tag: str) -> dict[str, Any] | None:
    """Return the recipe in a tag's text, or None if the text is not a recipe."""
    try:
        recipe = json.loads(tag)
    except (ValueError, RecursionError):
        return None
    return recipe if isinstance(recipe, dict) else None


def read_memories(path: Path) -> dict[str, dict[str, object]]:
    """Return the scene memories of a clip's "first" and "last" frame from its recipe.

    Anyone can write them, and they may be missing: invalid ones are left out.
    """
    try:
        memories = (read_recipe(path) or {})["memories"]
        return {
            name: dict(memory)
            for name, memory in memories.items()
            if isinstance(memory, dict) and isinstance(memory.get("seconds"), int | float)
        }
    except (AttributeError, KeyError, TypeError):
        return {}


def _name_of(spec: ModelSpec) -> str:
    """Return a model's id, or its label, without folders, if its id has a path."""
    used = [Path(spec.repository), *(Path(file.address) for file in spec.files.values())]
    is_asked_by_path = any(x.is_absolute() for x in used) and {*spec.id} & {*"/\\"}
    return spec.label if is_asked_by_path else spec.id


def _text_digest(text: str) -> dict[str, str] | str:
    return text and {"sha256": hashlib.sha256(text.encode()).hexdigest()}


def _by_content(path: Path | None) -> dict[str, str] | None:
    return None if path is None else {"sha256": sha256_of(path)}


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()

"""Builds a clip's C2PA 2.2 manifest as plain data, in IPTC's vocabulary; signing.py signs it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pipeline.planning.request import GenerationRequest
from pipeline.trust.provenance.credential_types import COMPOSITE, GENERATED, PICTURE, Credentials
from pipeline.trust.provenance.credentials import DISCLOSURE, RECIPE

NAME = "Kinora"
MARK_ALGORITHM = "io.github.kinora.mark"
_ADDED = {
    "forward": "New footage was generated at the end.",
    "backward": "New footage was generated at the beginning.",
    "loop": "New footage was generated that leads back to the beginning.",
    "bridge": "New footage was generated that leads up to another clip.",
}
_TRIMMED = "A part of the clip was kept."
_CHANGED = {
    "retake_video": "Footage within the clip was generated anew.",
    "remix_video": "The clip was generated anew, with other words.",
}
_JOINED = "Parts of clips were put one behind the other."
# Others may use a clip as model input, but are asked not to train on it.
_MINING = {
    "cawg.ai_inference": "allowed",
    "cawg.ai_generative_training": "notAllowed",
    "cawg.ai_training": "notAllowed",
    "cawg.data_mining": "notAllowed",
}


@dataclass(frozen=True)
class Input:
    """A file that a clip was made from, and its relationship to the clip."""

    path: Path
    label: str
    title: str  # not the file name, which may be private
    relationship: str
    credentials: Credentials = field(default=Credentials("none"), repr=False)

    def to_json(self) -> dict[str, str]:
        """Return the input as a manifest ingredient."""
        return {"label": self.label, "title": self.title, "relationship": self.relationship}


def inputs_of(request: GenerationRequest) -> list[Input]:
    """List the pictures and clips that a clip was made from, each file once.

    The clip that was changed is the parent, the first one if several were joined.
    """
    if request.task == "cut_video":
        first, *others = request.clips
        found = [Input(first, "clip", "the clip that was cut", "parentOf")]
        return found + [
            Input(path, f"clip-{number}", f"clip {number}, which was joined to it", "componentOf")
            for number, path in enumerate(others, 2)
        ]
    if request.video is not None:
        what = "extended" if request.task == "extend_video" else "changed"
        found = [Input(request.video, "clip", f"the clip that was {what}", "parentOf")]
        if request.video_after is not None:
            follows = "the clip that the bridge leads to"
            found.append(Input(request.video_after, "clip-after", follows, "componentOf"))
        return found
    return [
        Input(path, f"picture-{number}", f"picture {number}", PICTURE)
        for number, path in enumerate(request.pictures, 1)
    ]


def make_manifest(
    recipe: Mapping[str, Any], request: GenerationRequest, inputs: list[Input]
) -> dict[str, Any]:
    """Return a clip's manifest. The recipe goes in unchanged: use `public_recipe` first."""
    version = recipe["versions"]["kinora"]
    agent = {"name": NAME, "version": version}
    mark = _soft_binding(recipe)
    made = {"softwareAgent": agent, **_source_type(recipe, inputs), **_changes(recipe)}
    actions = [*_actions(request, inputs, made), *([_MARKED] if mark else [])]
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    assertions = [
        _assertion("c2pa.actions.v2", {"actions": [x | {"when": now} for x in actions]}),
        *([_assertion(DISCLOSURE, _disclosure(recipe))] if recipe["model"] else []),
        _assertion(
            "cawg.training-mining", {"entries": {k: {"use": use} for k, use in _MINING.items()}}
        ),
        # As text, because c2pa reads lists of numbers back as bytes.
        _assertion(RECIPE, {"recipe": json.dumps(recipe)}) | {"kind": "Json"},
    ]
    if mark:
        assertions.append(_assertion("c2pa.soft-binding", mark))
    return {"claim_generator_info": [agent], "title": "clip.mp4", "assertions": assertions}


_MARKED = {"action": "c2pa.watermarked.bound"}


def _actions(
    request: GenerationRequest, inputs: list[Input], made: dict[str, Any]
) -> list[dict[str, Any]]:
    """List the actions: created, or opened and edited; further clips are also placed.

    `made` says how new footage was made. Its source type is that of the whole clip.
    """
    labels = [x.label for x in inputs]
    if not request.clips:
        given = {"parameters": {"ingredientIds": labels}} if inputs else {}
        return [{"action": "c2pa.created"} | made | given]
    actions = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": labels[:1]}},
        {"action": "c2pa.edited", "description": _describe(request)} | made,
    ]
    if labels[1:]:
        actions.append({"action": "c2pa.placed", "parameters": {"ingredientIds": labels[1:]}})
    return actions


def _describe(request: GenerationRequest) -> str:
    if request.task == "cut_video":
        return _JOINED if len(request.shots) > 1 else _TRIMMED
    if request.task in _CHANGED:
        return _CHANGED[request.task]
    return _ADDED[request.direction]


def _source_type(recipe: Mapping[str, Any], inputs: list[Input]) -> dict[str, str]:
    """Return the IPTC source type of the whole clip; none if nothing in it was generated."""
    if all(x.credentials.is_generated_here for x in inputs):
        return {"digitalSourceType": GENERATED}
    types = {x.credentials.source_type for x in inputs}
    if recipe["model"] or types & {GENERATED, COMPOSITE}:
        return {"digitalSourceType": COMPOSITE}
    return {}


def _changes(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the regions of interest (C2PA 2.2, section 18.2) where a clip is new, in seconds."""
    spans, fps = recipe.get("new_spans") or (), float(recipe["fps"])
    regions = [
        {
            "type": "temporal",
            "time": {
                "type": "npt",
                "start": f"{span['first_frame'] / fps:.3f}",
                "end": f"{(span['first_frame'] + span['num_frames']) / fps:.3f}",
            },
        }
        for span in spans
    ]
    return {"changes": [{"region": [x]} for x in regions]} if regions else {}


def _disclosure(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the C2PA 2.4 disclosure that a model, guided by a prompt, made the clip."""
    model, revision = recipe["model"], recipe.get("model_revision")
    return {
        "modelType": "c2pa.types.model",
        "modelName": recipe.get("model_label", model),
        "modelIdentifier": f"{model}@{revision}" if revision else model,
        "contentProfile": {"humanOversightLevel": "prompt_guided"},
    }


def _soft_binding(recipe: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the invisible marks and their times in milliseconds, or None if there are none."""
    fps = recipe["fps"]
    blocks = [
        {
            "scope": {
                "timespan": {
                    "start": round(mark["first_frame"] * 1000 / fps),
                    "end": round((mark["first_frame"] + mark["num_frames"]) * 1000 / fps),
                }
            },
            "value": str(mark["id"]),
        }
        for mark in recipe.get("marks") or ()
    ]
    return {"alg": MARK_ALGORITHM, "blocks": blocks} if blocks else None


def _assertion(label: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "data": data}

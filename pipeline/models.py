"""The table of models, by their ids; what is in it is the catalogue's."""

from __future__ import annotations

import os

from pipeline.catalogue import ROWS
from pipeline.errors import InvalidRequestError, ModelError
from pipeline.geometry import ASPECT_RATIOS
from pipeline.spec import ModelSpec, Task

MODELS: dict[str, ModelSpec] = {spec.id: spec for spec in ROWS}


def get_model(model_id: str) -> ModelSpec:
    """Return a row of `MODELS`; raise InvalidRequestError, naming them all, if it has none."""
    if not isinstance(model_id, str) or model_id not in MODELS:
        raise InvalidRequestError(
            f"There is no model named {str(model_id)[:60]!r}; choose one of {', '.join(MODELS)}."
        )
    return MODELS[model_id]


def default_model_id() -> str:
    """Return the model that is offered first: KINORA_MODEL, or the embedded one.

    Raises ModelError if KINORA_MODEL names a model that does not exist.
    """
    model_id = os.environ.get("KINORA_MODEL") or next(iter(MODELS))
    if model_id not in MODELS:
        raise ModelError(
            f"KINORA_MODEL is {model_id!r}, which is not a model; "
            f"set it to one of {', '.join(MODELS)}."
        )
    return model_id


def models_for(task: Task) -> list[ModelSpec]:
    """List the models that can do a task, in the order of the table."""
    return [spec for spec in MODELS.values() if task in spec.tasks]


def model_for(task: Task, model_id: str) -> str:
    """Return a model's id if it can do a task, else that of the first one that can."""
    able = [spec.id for spec in models_for(task)]
    return model_id if model_id in able else able[0]


def describe_models() -> list[dict[str, object]]:
    """List the models as JSON, for people who choose one: no paths of this machine in it."""
    return [
        {
            "id": spec.id,
            "label": spec.label,
            "description": spec.description,
            "tasks": list(spec.tasks),
            "directions": list(spec.directions),
            "cannot": dict(spec.cannot),
            "max_shot_seconds": spec.max_shot_seconds,
            "camera_moves": list(spec.camera_words),
            "licence": spec.licence,
            "licence_note": spec.licence_note,
            "fps": spec.fps,
            "sizes": {name: list(spec.size_for(name)) for name in ASPECT_RATIOS},
            "num_inference_steps": spec.default_num_inference_steps,
            "guidance_scale": spec.default_guidance_scale,
            "uses_negative_prompt": spec.uses_negative_prompt,
        }
        for spec in MODELS.values()
    ]

"""Which models and LoRAs a request may name: the catalog's rows, and those of the owner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pipeline.errors import InvalidRequestError
from pipeline.geometry import Size
from pipeline.models.catalog import ROWS
from pipeline.models.spec import ALL_TASKS, ModelSpec, Quality, Task

MODELS: dict[str, ModelSpec] = {spec.id: spec for spec in ROWS}
EMBEDDED = next(spec.id for spec in ROWS if spec.ships_with_app)


class Models(Mapping[str, ModelSpec]):
    """The offered models by id, and the offered LoRAs by name.

    With `recognise`, requests may name others: a local folder, or a repository on the Hub. Use it
    only in an app that no other users can reach, because it reads any path and downloads anything.
    """

    def __init__(
        self,
        rows: Iterable[ModelSpec] = ROWS,
        loras: Mapping[str, str] | None = None,
        recognise: Callable[[str], ModelSpec] | None = None,
    ) -> None:
        """Offer rows, and LoRAs as names with their file or place on the Hub.

        `recognise` makes a row for a folder or Hub repository, or raises InvalidRequestError.
        """
        self._rows = {spec.id: spec for spec in rows}
        self._loras = dict(loras or {})
        self._recognise = recognise
        self._recognised: dict[str, ModelSpec] = {}

    def __getitem__(self, model_id: str) -> ModelSpec:
        """Return an offered row."""
        return self._rows[model_id]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the offered ids in the order of the table."""
        return iter(self._rows)

    def __len__(self) -> int:
        """Return the number of offered models."""
        return len(self._rows)

    @property
    def is_open(self) -> bool:
        """Return whether requests may name models and LoRAs that are not offered."""
        return self._recognise is not None

    @property
    def loras(self) -> tuple[str, ...]:
        """List the names of the offered LoRAs."""
        return tuple(self._loras)

    def find(self, model_id: str | None) -> ModelSpec:
        """Return the row of a requested model. Raises InvalidRequestError if there is none.

        What may not be named is not looked up: the message is the same whether it exists or not.
        """
        if not isinstance(model_id, str) or not self._may_name(model_id):
            raise InvalidRequestError(
                f"There is no model named {str(model_id)[:60]!r}; choose one of {', '.join(self)}."
            )
        if model_id in self._rows:
            return self._rows[model_id]
        if model_id not in self._recognised:
            assert self._recognise is not None  # or else it may not be named
            self._recognised[model_id] = self._recognise(model_id)
        return self._recognised[model_id]

    def find_lora(self, name: str) -> str:
        """Return the file or the place on the Hub of a LoRA's name.

        Raises InvalidRequestError if it may not be named. Does not check that it exists.
        """
        if name in self._loras:
            return self._loras[name]
        if self.is_open:
            return name
        offered = f"choose one of {', '.join(self._loras)}" if self._loras else "leave it out"
        raise InvalidRequestError(f"There is no LoRA named {name[:60]!r} here; {offered}.")

    def for_task(self, task: Task) -> list[ModelSpec]:
        """List the offered models that can do a task."""
        return [spec for spec in self._rows.values() if task in spec.tasks]

    def first_for(self, task: Task, model_id: str) -> str:
        """Return a model's id if it can do a task, else the id of the first model that can."""
        able = [spec.id for spec in self.for_task(task)]
        return model_id if model_id in able else able[0]

    def _may_name(self, model_id: str) -> bool:
        # A single word is always a row's id, never a folder that happens to have this name.
        is_place = "/" in model_id or "\\" in model_id
        return model_id in self._rows or (self.is_open and is_place)


SHIPPED = Models()


def describe_models(models: Models = SHIPPED) -> list[dict[str, Any]]:
    """List the models as JSON for users who choose one, without paths of this machine."""
    return [_describe(spec) for spec in models.values()]


def _describe(spec: ModelSpec) -> dict[str, Any]:
    """Describe a row; settings that the model does not have are left out."""
    facts: dict[str, Any] = {
        "id": spec.id,
        "label": spec.label,
        "description": spec.description,
        "tasks": list(spec.tasks),
        "directions": list(spec.directions),
        "cannot": {**_lacking(spec), **spec.cannot},
        "max_shot_seconds": spec.max_shot_seconds,
        "camera_moves": list(spec.camera_words),
        "licence": spec.licence,
        "licence_note": spec.licence_note,
        "access_note": spec.access_note,
        "fps": spec.fps,
        "has_audio": spec.has_audio,
        "sizes": {name: list(size) for name, size in spec.sizes_for(spec.tasks[0]).items()},
        "default_negative_prompt": spec.default_negative_prompt,
        "task_defaults": {task: dict(values) for task, values in spec.task_defaults.items()},
    }
    settings = {
        "num_inference_steps": spec.default_num_inference_steps,
        "guidance_scale": spec.default_guidance_scale,
        "shift": spec.default_shift,
        "uses_negative_prompt": spec.uses_negative_prompt or None,
        "takes_loras": spec.takes_loras or None,
        "qualities": _describe_qualities(spec),
        "prompt_words": spec.prompt_words,
    }
    return facts | {name: value for name, value in settings.items() if value is not None}


def _lacking(spec: ModelSpec) -> dict[str, str]:
    """Return the tasks that a model lacks because of something else that it cannot do."""
    reasons = {task: spec.why_not(task) for task in ALL_TASKS}
    return {task: reason for task, reason in reasons.items() if reason is not None}


def _describe_qualities(spec: ModelSpec) -> dict[str, Any] | None:
    """Describe the sizes and the passes of each quality; None for a model that has only one."""
    if len(spec.qualities) == 1:
        return None
    return {quality: _describe_quality(spec, quality) for quality in spec.qualities}


def clip_sizes(spec: ModelSpec, task: Task, quality: Quality) -> dict[str, Size]:
    """Return the sizes of a model's finished clips by aspect ratio."""
    if quality == "hd" and spec.second_pass is not None:
        standard = spec.sizes_for(task)
        return {name: spec.second_pass.size_for(name, size) for name, size in standard.items()}
    return spec.at(quality).sizes_for(task)


def _describe_quality(spec: ModelSpec, quality: Quality) -> dict[str, Any]:
    sizes = clip_sizes(spec, spec.tasks[0], quality)
    steps = [spec.default_num_inference_steps]
    if quality == "hd" and spec.second_pass is not None:
        steps.append(len(spec.second_pass.timesteps))
    return {"sizes": {name: list(size) for name, size in sizes.items()}, "steps": steps}

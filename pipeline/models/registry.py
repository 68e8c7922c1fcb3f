"""Which models and LoRAs may be asked for: the catalogue's rows, and what the owner has added."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from pipeline.errors import InvalidRequestError
from pipeline.geometry import ASPECT_RATIOS
from pipeline.models.catalog import ROWS
from pipeline.models.spec import ModelSpec, Task

MODELS: dict[str, ModelSpec] = {spec.id: spec for spec in ROWS}
EMBEDDED = next(spec.id for spec in ROWS if spec.ships_with_app)


class Models(Mapping[str, ModelSpec]):
    """The models that are offered, by their ids, and the LoRAs, by their names.

    With `recognise` whoever asks may name others: a folder of this computer, or a place on the Hub.
    It is for an app that runs for its own person, for it reads any path and downloads anything.
    """

    def __init__(
        self,
        rows: Iterable[ModelSpec] = ROWS,
        loras: Mapping[str, str] | None = None,
        recognise: Callable[[str], ModelSpec] | None = None,
    ) -> None:
        """Offer rows, and LoRAs: what each is called, and the file or place that it stands for.

        `recognise` makes a row of a folder or of a place on the Hub, or raises InvalidRequestError.
        """
        self._rows = {spec.id: spec for spec in rows}
        self._loras = dict(loras or {})
        self._recognise = recognise
        self._recognised: dict[str, ModelSpec] = {}

    def __getitem__(self, model_id: str) -> ModelSpec:
        """Return a row that is offered."""
        return self._rows[model_id]

    def __iter__(self) -> Iterator[str]:
        """Go through the ids that are offered, in the order of the table."""
        return iter(self._rows)

    def __len__(self) -> int:
        """Count what is offered."""
        return len(self._rows)

    @property
    def is_open(self) -> bool:
        """Say whether others may be named than those that are offered."""
        return self._recognise is not None

    @property
    def loras(self) -> tuple[str, ...]:
        """List the names of the LoRAs that are offered."""
        return tuple(self._loras)

    def find(self, model_id: str) -> ModelSpec:
        """Return the row of what somebody asks for.

        Raises InvalidRequestError if there is none. Of what may not be named nothing is looked at:
        the sentence is the same whether it exists or not.
        """
        if not isinstance(model_id, str) or not self._may_name(model_id):
            raise InvalidRequestError(
                f"There is no model named {str(model_id)[:60]!r}; choose one of {', '.join(self)}."
            )
        if model_id in self._rows:
            return self._rows[model_id]
        if model_id not in self._recognised:
            self._recognised[model_id] = self._recognise(model_id)
        return self._recognised[model_id]

    def find_lora(self, name: str) -> str:
        """Return the file or the place on the Hub that a LoRA's name stands for.

        Raises InvalidRequestError if it may not be named; whether it exists is not looked at.
        """
        if name in self._loras:
            return self._loras[name]
        if self.is_open:
            return name
        offered = f"choose one of {', '.join(self._loras)}" if self._loras else "leave it out"
        raise InvalidRequestError(f"There is no LoRA named {name[:60]!r} here; {offered}.")

    def for_task(self, task: Task) -> list[ModelSpec]:
        """List the models that are offered for a task."""
        return [spec for spec in self._rows.values() if task in spec.tasks]

    def first_for(self, task: Task, model_id: str) -> str:
        """Return a model's id if it can do a task, else that of the first one that can."""
        able = [spec.id for spec in self.for_task(task)]
        return model_id if model_id in able else able[0]

    def _may_name(self, model_id: str) -> bool:
        # A word alone is a row's id, and never a folder that happens to lie around.
        is_place = "/" in model_id or "\\" in model_id
        return model_id in self._rows or (self.is_open and is_place)


SHIPPED = Models()


def get_model(model_id: str) -> ModelSpec:
    """Return a row of `MODELS`; raise InvalidRequestError, naming them all, if it has none."""
    return SHIPPED.find(model_id)


def describe_models(models: Models = SHIPPED) -> list[dict[str, object]]:
    """List the models as JSON, for people who choose one: no paths of this machine in it."""
    return [_describe(spec) for spec in models.values()]


def _describe(spec: ModelSpec) -> dict[str, object]:
    """Describe a row; a setting that the model does not have is left out."""
    facts = {
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
        "has_audio": spec.has_audio,
        "sizes": {name: list(spec.size_for(name)) for name in ASPECT_RATIOS},
    }
    settings = {
        "num_inference_steps": spec.default_num_inference_steps,
        "guidance_scale": spec.default_guidance_scale,
        "uses_negative_prompt": spec.uses_negative_prompt or None,
        "takes_loras": spec.takes_loras or None,
    }
    return facts | {name: value for name, value in settings.items() if value is not None}

"""What users of a running app can choose: the models, qualities and lengths that suit it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipeline.errors import InvalidRequestError
from pipeline.models.download_sizes import DownloadSize, DownloadSizes
from pipeline.models.registry import Models, describe_models
from pipeline.models.spec import ModelSpec, Quality, Task
from pipeline.planning.abilities import refuse_impossible
from pipeline.planning.plan import check_windows_fit_calls
from pipeline.planning.request import DEFAULT_SHOT_SECONDS, GenerationRequest
from pipeline.runtime.default_model import larger_model_id
from pipeline.runtime.model_cache import ModelCache

SLOW_SECONDS = 2.0  # the length that is offered first where a model takes minutes for it


class Offers:
    """The models of a running app, as its machine can run them."""

    def __init__(
        self, models: Models, default_model: str, model_cache: ModelCache, *, is_fixed: bool = False
    ) -> None:
        """Offer the default model first; with `is_fixed`, offer nothing else.

        On ZeroGPU another model would be loaded or downloaded during the visitor's GPU time. The
        `model_cache` is only asked what fits.
        """
        self.models = models
        self.default_model = default_model
        self.model_cache = model_cache
        self.sizes = DownloadSizes()
        self._is_fixed = is_fixed

    def first_model(self, task: Task) -> ModelSpec:
        """Return the default model of a task."""
        return self.models[self.models.first_for(task, self.default_model)]

    def first_quality(self, spec: ModelSpec) -> Quality:
        """Return the quality that is offered first: a CPU takes minutes for a draft already."""
        return "draft" if self._is_slow(spec) and "draft" in spec.qualities else "standard"

    def first_seconds(self, spec: ModelSpec, chosen: float = DEFAULT_SHOT_SECONDS) -> float:
        """Return the length that is offered first, or a chosen one that never is."""
        if chosen not in (SLOW_SECONDS, DEFAULT_SHOT_SECONDS):
            return chosen
        return SLOW_SECONDS if self._is_slow(spec) else DEFAULT_SHOT_SECONDS

    def _is_slow(self, spec: ModelSpec) -> bool:
        is_stepwise = spec.default_num_inference_steps is not None
        return is_stepwise and self.model_cache.machine.device == "cpu"

    def fitting_qualities(self, spec: ModelSpec) -> list[Quality]:
        """List the qualities of a model that fit on this machine; all, if none does."""
        return [x for x in spec.qualities if self._fits(spec.id, x)] or [*spec.qualities]

    def _fits(self, model_id: str, quality: Quality) -> bool:
        try:
            self.model_cache.placement(model_id, quality)
        except InvalidRequestError:
            return False
        return True

    def can_be_hd(self, request: GenerationRequest) -> bool:
        """Say whether a clip's model makes HD of it, and it is not in HD yet."""
        try:
            refuse_impossible(replace(request, quality="hd"), self.models.find(request.model))
        except InvalidRequestError:  # or the model is no longer offered
            return False
        return request.quality != "hd"

    def may_sound(self, request: GenerationRequest) -> bool:
        """Say whether a clip may have sound: its model's, or that of its clips."""
        try:
            return bool(request.clips) or self.models.find(request.model).has_audio
        except InvalidRequestError:  # the model is no longer offered
            return True

    def check_machine(self, request: GenerationRequest) -> None:
        """Raise InvalidRequestError if the model of a new or an old request cannot run here."""
        if request.model:
            self.check_fixed(request)
            self.model_cache.placement(request.model, request.quality)

    def check_fixed(self, request: GenerationRequest) -> None:
        """Raise InvalidRequestError if this app makes clips with another model only."""
        if not self._is_fixed or not request.model:
            return
        if request.model != self.default_model:
            raise InvalidRequestError(
                f"This Space has only {self.models[self.default_model].label} on its GPU; choose "
                "that model, or set KINORA_MODEL in a Space of your own."
            )
        check_windows_fit_calls(request, self.models.find(request.model))

    def larger_model(self, task: Task) -> ModelSpec | None:
        """Return the model to offer for what the embedded one does not know, if one fits here."""
        found = larger_model_id(self.models, self.model_cache.machine)
        able = found is not None and task in self.models[found].tasks and not self._is_fixed
        return self.models[found] if found and able else None

    def for_task(self, task: Task) -> list[ModelSpec]:
        """List the models that users may choose for a task."""
        able = self.models.for_task(task)
        return [spec for spec in able if spec.id == self.default_model and self._is_fixed] or able

    def describe_models(self) -> list[dict[str, Any]]:
        """List the models as JSON, the default first, each with its placement and download here."""
        fits = {model_id: self._describe_fit(model_id) for model_id in self.models}
        sizes = self.sizes.find(
            self.model_cache.source(spec.id) if fits[spec.id]["fits"] else spec
            for spec in self.models.values()
        )
        rows = [
            row | fits[row["id"]] | _describe_download(sizes[row["id"]])
            for row in describe_models(self.models)
        ]
        return sorted(rows, key=lambda row: row["id"] != self.default_model)

    def _describe_fit(self, model_id: str) -> dict[str, object]:
        try:
            return {"fits": True, "placement": self.model_cache.describe(model_id)}
        except InvalidRequestError as exc:
            return {"fits": False, "placement": str(exc)}


def _describe_download(size: DownloadSize) -> dict[str, object]:
    return {"download_bytes": size.num_bytes, "download_is_computed": size.is_computed}

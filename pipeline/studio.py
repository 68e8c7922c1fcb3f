"""What the page and the API both do: check a request, queue it, watch it, hand out its clip.

Knows jobs and media files; Gradio is left to `page/`, the model to the worker's `run`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from pipeline.errors import InvalidRequestError
from pipeline.generation.progress import Progress
from pipeline.generation.sources import OpenedSource, check_sources, open_source
from pipeline.jobs.history import History
from pipeline.jobs.states import JobState
from pipeline.jobs.timing import Timing
from pipeline.jobs.worker import JobWorker
from pipeline.media.images import crop_to_size
from pipeline.media.video_reader import read_last_frames
from pipeline.models.download import is_downloaded
from pipeline.models.registry import SHIPPED, Models, describe_models
from pipeline.models.spec import TASK_SOURCES, ModelSpec, Task
from pipeline.planning.plan import (
    Plan,
    Source,
    check_windows_fit_calls,
    plan_generation,
    working_seconds,
)
from pipeline.planning.request import GenerationRequest
from pipeline.planning.validation import build_request
from pipeline.rate_limits import Limits
from pipeline.runtime.model_cache import ModelCache
from pipeline.trust.moderation.review import Reviewer
from pipeline.trust.moderation.rules import Moderator, read_strictness
from pipeline.trust.provenance.report import Verifier

SECONDS_BETWEEN_LOOKS = 0.2
MAX_SHOWN_SIDE = 2048  # pixels: more than any model draws, and a PNG is written in a second
# A plan does not depend on the words, so that it can be shown before there are any.
_ANY_PROMPT = "anything"
_Seen = TypeVar("_Seen")


@dataclass(frozen=True)
class JobSnapshot:
    """A job at one moment: its state, and the newest progress while it runs."""

    state: JobState
    progress: Progress | None


@dataclass(frozen=True)
class Estimate:
    """A plan, where the model will live, and how long it takes.

    `seconds` is None if nobody knows; if they are not measured they are computed, from what the
    machine is thought to do. `placement` is a sentence, empty for a model that comes with Kinora.
    `download_bytes` is about how much has to come from the Hub first, 0 if the weights are here.
    """

    plan: Plan
    placement: str
    seconds: float | None
    is_measured: bool
    download_bytes: int = 0


def estimate_request(
    request: GenerationRequest,
    spec: ModelSpec,
    source: Source | None,
    model_cache: ModelCache,
    timing: Timing,
) -> Estimate:
    """Say what a request comes to. Raises InvalidRequestError if its model does not fit."""
    placement = model_cache.describe(spec.id)
    plan = plan_generation(request, spec, source)
    seconds, speed = timing.estimate(request), model_cache.machine.operations_per_second
    is_measured = seconds is not None
    if not is_measured and not spec.ships_with_app and speed:
        seconds = working_seconds(plan, spec, speed)
    to_download = 0 if is_downloaded(spec) else spec.num_bytes
    told = "" if spec.ships_with_app else placement
    return Estimate(plan, told, seconds, is_measured, to_download)


class Studio:
    """The jobs of one running app, and the model that it offers first."""

    def __init__(
        self,
        worker: JobWorker,
        model_cache: ModelCache,
        default_model: str,
        *,
        is_fixed: bool = False,
        models: Models = SHIPPED,
        verifier: Verifier | None = None,
        reviewer: Reviewer | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Use a worker that runs already; with `is_fixed` no other model than that one.

        On ZeroGPU another one would be loaded, or downloaded, in its visitor's time on the card.
        The `model_cache` is asked for what fits, and loads nothing here. The `verifier` knows what
        was made here. Without a `reviewer` it is as strict as the environment says, without
        `limits` everybody may ask for anything.
        """
        self.limits = limits or Limits()
        self.worker = worker
        self.reviewer = reviewer or Reviewer(Moderator(read_strictness()), models)
        self._verifier = verifier or Verifier()
        self.history = History(worker, self._review, self._verifier.registry)
        self.default_model = default_model
        self.models = models
        self._model_cache = model_cache
        self._is_fixed = is_fixed

    def first_model(self, task: Task) -> ModelSpec:
        """Return the model that is offered first for a task."""
        return self.models[self.models.first_for(task, self.default_model)]

    async def submit(
        self, task: Task, fields: dict[str, Any], *, client_id: str = "", **origin: str | None
    ) -> str:
        """Queue a request and return its job id; raise InvalidRequestError before any waiting.

        `client_id` is whose limits count it. `fields` are those of `build_request`; a picture or a
        clip is opened here too. Of a job that it is `based_on` it has the seed, if it asks for
        none: what is unchanged is then the same. For the rest of `origin` see `JobStore.create`.
        """
        with self.limits.job(client_id, self._is_unfinished) as place:
            place.job_id = await asyncio.to_thread(self._submit, task, fields, origin, client_id)
        return place.job_id

    async def resume(self, job_id: str, client_id: str) -> JobState:
        """Go on with a job as `JobWorker.resume` does, within somebody's limits."""
        with self.limits.job(client_id, self._is_unfinished) as place:
            state = await asyncio.to_thread(self.worker.resume, job_id)
            place.job_id = job_id
        return state

    async def again(self, visitor: str, job_id: str, client_id: str) -> str:
        """Ask for a visitor's own clip once more as `History.again` does, within their limits."""
        with self.limits.job(client_id, self._is_unfinished) as place:
            place.job_id = await asyncio.to_thread(self.history.again, visitor, job_id)
        return place.job_id

    def _review(self, request: GenerationRequest) -> GenerationRequest:
        return self.reviewer.review(request).request

    def _is_unfinished(self, job_id: str) -> bool:
        try:
            return not self.worker.state(job_id).is_over
        except InvalidRequestError:  # deleted meanwhile
            return False

    async def inspect(self, client_id: str, work: Callable[..., _Seen], *values: object) -> _Seen:
        """Do what opens somebody's file, in a thread and within their limits."""

        def inspect() -> _Seen:
            # In the thread, which goes on when nobody waits any more.
            with self.limits.look(client_id):
                return work(*values)

        return await asyncio.to_thread(inspect)

    def _submit(
        self, task: Task, fields: dict[str, Any], origin: dict[str, str | None], client_id: str
    ) -> str:
        if (based_on := origin.get("based_on")) and fields.get("seed", -1) == -1:
            fields = fields | {"seed": self.worker.store.facts(based_on).request.seed}
        request = self._request(task, fields)
        self._model_cache.placement(request.model)  # refuses what does not fit
        opens = TASK_SOURCES[task] or any(shot.image for shot in request.shots)
        with self.limits.look(client_id) if opens else nullcontext():
            check_sources(request)
            request = self._review(request)
        return self.worker.submit(request, **origin)

    def _request(self, task: Task, fields: dict[str, Any]) -> GenerationRequest:
        """Build the request; no model, and 0 for what the model decides, mean its defaults."""
        defaults = {"model": fields.get("model") or self.first_model(task).id}
        for name in ("num_inference_steps", "guidance_scale"):
            value = fields.get(name)
            defaults[name] = None if value == 0 and not isinstance(value, bool) else value
        request = build_request(task, models=self.models, **(fields | defaults))
        if self._is_fixed and request.model != self.default_model:
            raise InvalidRequestError(
                f"This Space has {self.models[self.default_model].label} on its card and no other "
                "model; choose that one, or set KINORA_MODEL in a Space of your own."
            )
        if self._is_fixed:
            check_windows_fit_calls(request, self.models.find(request.model))
        return request

    def plan(self, task: Task, fields: dict[str, Any], source: Source | None = None) -> Plan:
        """Say what would be done; raise InvalidRequestError for values that would be refused."""
        request = self._request(task, fields | {"prompt": _ANY_PROMPT})
        return plan_generation(request, self.models.find(request.model), source)

    def estimate_request(
        self, task: Task, fields: dict[str, Any], source: Source | None = None
    ) -> Estimate:
        """Say what a request comes to on this machine; raise as `plan` does, or if it cannot."""
        request = self._request(task, fields | {"prompt": _ANY_PROMPT})
        spec = self.models.find(request.model)
        return estimate_request(request, spec, source, self._model_cache, self.worker.timing)

    def offer(self, task: Task) -> list[ModelSpec]:
        """List the models that may be chosen for a task here."""
        able = self.models.for_task(task)
        return [spec for spec in able if spec.id == self.default_model and self._is_fixed] or able

    def describe_models(self) -> list[dict[str, Any]]:
        """List the models as JSON, the default first, each with how this machine would hold it."""
        rows = [row | self._describe_fit(row["id"]) for row in describe_models(self.models)]
        return sorted(rows, key=lambda row: row["id"] != self.default_model)

    def _describe_fit(self, model_id: str) -> dict[str, object]:
        try:
            return {"fits": True, "placement": self._model_cache.describe(model_id)}
        except InvalidRequestError as exc:
            return {"fits": False, "placement": str(exc)}

    def open(self, task: Task, path: str | Path) -> OpenedSource:
        """Open the picture or the clip of a task; raise MediaError if it cannot be used."""
        fields = {"prompt": _ANY_PROMPT, TASK_SOURCES[task]: path}
        return open_source(self._request(task, fields))

    def crop(self, fields: dict[str, Any]) -> tuple[OpenedSource, Image.Image, tuple[int, ...]]:
        """Open a picture and return it, what is kept of it, and that part's box in it."""
        source = self.open("image_to_video", fields["image"])
        size = self.plan("image_to_video", fields, source.facts).model_size
        return source, *crop_to_size(source.picture, *size)

    def last_frame(self, clip: str | Path) -> np.ndarray:
        """Return a clip's last frame (H, W, 3) uint8; raise MediaError if it cannot be read."""
        source = self.open("extend_video", clip)
        return read_last_frames(source.path, source.info, 1)[0]

    def plain_picture(self, path: str | Path) -> np.ndarray:
        """Return a picture (H, W, 3) uint8 that every browser can show, at most 2048 pixels wide.

        Raises MediaError if it cannot be used.
        """
        picture = self.open("image_to_video", path).picture
        picture.thumbnail((MAX_SHOWN_SIDE, MAX_SHOWN_SIDE))
        return np.asarray(picture)

    async def watch(self, job_id: str) -> AsyncIterator[JobSnapshot]:
        """Yield what is new of a job, its end last; whoever stops looking does not stop it."""
        shown: JobSnapshot | None = None
        while shown is None or not shown.state.is_over:
            # The progress first: it is gone when the job is over.
            progress = self.worker.progress(job_id)
            snapshot = JobSnapshot(self.worker.state(job_id), progress)
            is_new = shown is None or (
                snapshot.state != shown.state or snapshot.progress is not shown.progress
            )
            if is_new:
                shown = snapshot
                yield snapshot
            if not snapshot.state.is_over:
                await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    def verify(self, path: Path) -> dict[str, Any]:
        """Report where a clip or a picture comes from; raise MediaError if it cannot be read."""
        return self._verifier.verify(path)

"""What the page and the API share: checking, queueing and watching requests, opening uploads.

Gradio is left to `page/`, and running the model to the worker's `run` function.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from PIL import Image

from pipeline.errors import InvalidRequestError
from pipeline.generation.cutting import Cut, plan_cut
from pipeline.generation.progress import Progress
from pipeline.generation.sources import (
    OpenedClip,
    OpenedSource,
    around,
    check_sources,
    fit_to_source,
    open_source,
)
from pipeline.inspections import Inspector
from pipeline.jobs.characters import CharacterStore, KeptCharacter, request_showing
from pipeline.jobs.estimates import Estimate, estimate_request
from pipeline.jobs.history import History
from pipeline.jobs.states import JobState
from pipeline.jobs.store import Origin
from pipeline.jobs.worker import JobWorker
from pipeline.media.images import crop_to_size
from pipeline.media.stills import frame_at
from pipeline.models.registry import SHIPPED, Models
from pipeline.models.spec import TASK_SOURCES, TASKS_WITHOUT_MODEL, Task
from pipeline.offers import Offers
from pipeline.planning.abilities import refuse_impossible
from pipeline.planning.plan import Plan, Source, plan_generation
from pipeline.planning.request import MAX_VARIATIONS, GenerationRequest, vary
from pipeline.planning.validation import build_request
from pipeline.rate_limits import Limits
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.prompt_readers import PromptReaders
from pipeline.trust.moderation.review import Reviewer
from pipeline.trust.moderation.rules import Moderator, read_strictness
from pipeline.trust.provenance.report import Verifier

if TYPE_CHECKING:
    from typing_extensions import Unpack

SECONDS_BETWEEN_LOOKS = 0.2
MAX_SHOWN_SIDE = 2048  # pixels: larger than any model's output; writing such a PNG takes a second
# A plan does not depend on the prompt, so it can be shown before there is one.
_ANY_PROMPT = "anything"
Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""
_Seen = TypeVar("_Seen")


@dataclass(frozen=True)
class JobSnapshot:
    """A job at one moment: its state, and its latest progress while it runs."""

    state: JobState
    progress: Progress | None


class Studio:
    """The jobs, models and limits of one running app."""

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
        readers: PromptReaders | None = None,
        describe_machines: Callable[[], str] | None = None,
    ) -> None:
        """Use a running worker, and offer models as `Offers` does.

        The `verifier` knows which clips were made here. Without a `reviewer`, the strictness comes
        from the environment; without `limits`, there are none. `describe_machines` says in a line
        where clips are made, if not on this machine.
        """
        self.describe_machines = describe_machines
        self.limits = limits or Limits()
        self.worker = worker
        self.reviewer = reviewer or Reviewer(Moderator(read_strictness()), models)
        self._verifier = verifier or Verifier()
        self.characters = CharacterStore(
            worker.store.root / "characters", worker.store.space.max_age
        )
        worker.store.space.rooms.append(self.characters)
        self.history = History(worker, self._check_again)
        self.offers = Offers(models, default_model, model_cache, is_fixed=is_fixed)
        self.models = models
        self._inspector = Inspector(self.limits)
        self.readers = readers or PromptReaders(models)

    def close(self) -> None:
        """Stop inspections and the worker; unfinished jobs continue at the next start."""
        self._inspector.close()
        self.worker.close()

    async def submit(
        self, task: Task, fields: dict[str, Any], *, client_id: str = "", **origin: Unpack[Origin]
    ) -> str:
        """Queue a request and return its job id, as `submit_variations` does."""
        return (await self.submit_variations(task, fields, 1, client_id=client_id, **origin))[0]

    async def submit_variations(
        self,
        task: Task,
        fields: dict[str, Any],
        count: int,
        *,
        client_id: str = "",
        **origin: Unpack[Origin],
    ) -> list[str]:
        """Queue a request `count` times, with seeds one apart, and return the job ids.

        All are queued or none. Raises InvalidRequestError before queueing.

        Each counts towards the limits of `client_id`. `fields` are those of `build_request`;
        pictures and clips are opened here too. With `based_on` in `origin` and no seed, the job
        uses that earlier job's seed, so unchanged shots stay the same. `JobStore.create` documents
        the rest of `origin`.
        """
        if count not in range(1, MAX_VARIATIONS + 1):
            raise InvalidRequestError(
                f"{count} variations were requested; choose a number from 1 to {MAX_VARIATIONS}."
            )
        with contextlib.ExitStack() as stack:
            jobs = [self.limits.job(client_id, self._is_unfinished) for _ in range(count)]
            slots = [stack.enter_context(job) for job in jobs]
            owner = origin.get("visitor", "")
            fields = await asyncio.to_thread(self.characters.add_called, owner, fields)
            request = await asyncio.to_thread(self._prepare, task, fields, origin.get("based_on"))
            if request.sources:
                request = await self.inspect(client_id, self._check_files, request)
            else:
                request = await asyncio.to_thread(self._review, request)
            requests = vary(request, count)
            job_ids = await asyncio.to_thread(self.worker.submit_all, requests, **origin)
            for slot, job_id in zip(slots, job_ids, strict=True):
                slot.job_id = job_id
        return job_ids

    async def resume(self, job_id: str, client_id: str) -> JobState:
        """Resume a job as `JobWorker.resume` does, within the client's limits.

        Raises InvalidRequestError if it can no longer be made on this machine.
        """
        with self.limits.job(client_id, self._is_unfinished) as slot:
            state = await asyncio.to_thread(self._resume, job_id)
            slot.job_id = job_id
        return state

    async def again(
        self, visitor: str, job_id: str, client_id: str, *, is_same: bool = False
    ) -> str:
        """Make a visitor's clip again as `History.again` does, within their limits."""
        with self.limits.job(client_id, self._is_unfinished) as slot:
            again = partial(self.history.again, visitor, job_id, is_same=is_same)
            slot.job_id = await asyncio.to_thread(again)
        return slot.job_id

    def can_resume(self, job_id: str) -> bool:
        """Say whether resuming a job can work: its state, its files and this machine allow it."""
        try:
            if self.worker.state(job_id).can_resume:
                self.offers.check_machine(self.worker.store.facts(job_id).request)
                return True
        except InvalidRequestError:
            pass
        return False

    async def in_hd(self, job_id: str, client_id: str) -> str:
        """Make a clip again in HD, with its seed; return the new job's id.

        What HD has in common with the clip is not made again. Raises InvalidRequestError if its
        model does not make HD, or if HD does not fit on this machine.
        """
        with self.limits.job(client_id, self._is_unfinished) as slot:
            facts = self.worker.store.facts(job_id)
            request = replace(facts.request, quality="hd")
            refuse_impossible(request, self.models.find(request.model))
            origin: Origin = {"visitor": facts.visitor, "tab": facts.tab, "based_on": job_id}
            request = await asyncio.to_thread(self._check_again, request)
            slot.job_id = await asyncio.to_thread(self.worker.submit, request, **origin)
        return slot.job_id

    def _review(self, request: GenerationRequest) -> GenerationRequest:
        return self.reviewer.review(request).request

    def _check_again(self, request: GenerationRequest) -> GenerationRequest:
        self.offers.check_machine(request)
        return self._review(request)

    def _resume(self, job_id: str) -> JobState:
        if self.worker.state(job_id).can_resume:
            self.offers.check_machine(self.worker.store.facts(job_id).request)
        return self.worker.resume(job_id)

    def _is_unfinished(self, job_id: str) -> bool:
        try:
            return not self.worker.state(job_id).is_over
        except InvalidRequestError:  # the job was deleted in the meantime
            return False

    async def inspect(
        self,
        client_id: str,
        work: Callable[..., _Seen],
        *values: object,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> _Seen:
        """Run `work`, which opens a client's file, as `Inspector.run` does."""
        return await self._inspector.run(client_id, work, *values, is_gone=is_gone)

    async def keep_character(
        self, owner: str, client_id: str, name: object, source: Path, *, has_consent: bool
    ) -> KeptCharacter:
        """Keep a character of an owner as `CharacterStore.add` does, and review its picture.

        Raises RefusedError if people in it have not agreed, or if it is not allowed.
        """
        add = partial(self.characters.add, has_consent=has_consent)
        kept = await self.inspect(client_id, add, owner, name, source)
        try:
            request = request_showing(kept.character, self.offers.default_model)
            await self.inspect(client_id, self._review, request)
        except BaseException:
            self.characters.delete(owner, kept.character_id)
            raise
        return kept

    def _prepare(
        self, task: Task, fields: dict[str, Any], based_on: str | None
    ) -> GenerationRequest:
        if based_on and fields.get("seed", -1) == -1:
            fields = fields | {"seed": self.worker.store.facts(based_on).request.seed}
        request = self._request(task, fields)
        self.offers.check_machine(request)
        return request

    def _check_files(self, request: GenerationRequest) -> GenerationRequest:
        spec = self.models.find(request.model) if request.model else None
        return self._review(check_sources(request, spec))

    def _request(self, task: Task, fields: dict[str, Any]) -> GenerationRequest:
        """Build the request; an empty model, and 0 for a number, mean the model's defaults."""
        defaults: dict[str, object] = {"model": fields.get("model")}
        if not fields.get("model") and task not in TASKS_WITHOUT_MODEL:
            defaults["model"] = self.offers.first_model(task).id
        for name in ("num_inference_steps", "guidance_scale", "shift"):
            value = fields.get(name)
            defaults[name] = None if value == 0 and not isinstance(value, bool) else value
        request = build_request(task, models=self.models, **(fields | defaults))
        self.offers.check_fixed(request)
        return request

    def check(self, task: Task, fields: dict[str, Any]) -> None:
        """Raise InvalidRequestError for values that would be refused; no file is opened."""
        self._request(task, fields)

    def plan(self, task: Task, fields: dict[str, Any], source: Source | None = None) -> Plan:
        """Plan a request. Raises InvalidRequestError for values that would be refused."""
        request = self._request(task, fields | {"prompt": _ANY_PROMPT})
        return plan_generation(request, self.models.find(request.model), source)

    def estimate_request(
        self, task: Task, fields: dict[str, Any], source: Source | None = None
    ) -> Estimate:
        """Estimate a request on this machine. Raises as `plan` does, and if no memory suffices."""
        request = self._request(task, fields | {"prompt": _ANY_PROMPT})
        spec = self.models.find(request.model)
        known = self.offers.model_cache, self.worker.timing, self.offers.sizes
        return estimate_request(request, spec, source, *known)

    def estimate_change(self, task: Task, fields: dict[str, Any], clip: OpenedClip) -> Estimate:
        """Estimate a remix or a retake as `estimate_request` does.

        Raises InvalidRequestError also if the clip does not suit it.
        """
        request = self._request(task, fields | {"prompt": _ANY_PROMPT, "video": clip.path})
        if task == "retake_video":
            around(clip, request.shots[0])
        fit_to_source(request, self.models.find(request.model), clip)
        return self.estimate_request(task, fields | {"video": clip.path}, clip.facts)

    def plan_cut(self, fields: dict[str, Any]) -> Cut:
        """Open the pieces of a cut, and plan it. Raises MediaError or InvalidRequestError."""
        return plan_cut(self._request("cut_video", fields))

    def open(self, task: Task, path: str | Path) -> OpenedSource:
        """Open the picture or clip of a task. Raises MediaError if it cannot be used."""
        name = TASK_SOURCES[task]
        assert name is not None
        source = open_source(self._request(task, {"prompt": _ANY_PROMPT, name: path}))
        assert source is not None
        return source

    def crop(self, fields: dict[str, Any]) -> tuple[OpenedSource, Image.Image, Box]:
        """Open a picture; return it, the cropped picture and the crop box."""
        source = self.open("image_to_video", fields["image"])
        assert source.picture is not None
        size = self.plan("image_to_video", fields, source.facts).model_size
        return source, *crop_to_size(source.picture, *size)

    def frame(self, clip: str | Path, seconds: float = math.inf) -> np.ndarray:
        """Return a clip's frame at a time, or its last one, (H, W, 3) uint8. Raises MediaError."""
        source = self.open("extend_video", clip)
        assert source.path is not None
        assert source.info is not None
        return frame_at(source.path, source.info, seconds)

    def plain_picture(self, path: str | Path) -> np.ndarray:
        """Return a picture that browsers can show, (H, W, 3) uint8, at most 2048 pixels a side.

        Raises MediaError if it cannot be used.
        """
        picture = self.open("image_to_video", path).picture
        assert picture is not None
        picture.thumbnail((MAX_SHOWN_SIDE, MAX_SHOWN_SIDE))
        return np.asarray(picture)

    async def watch(self, job_id: str) -> AsyncIterator[JobSnapshot]:
        """Yield a job's changes until it is over. Closing this iterator does not stop the job."""
        shown: JobSnapshot | None = None
        while shown is None or not shown.state.is_over:
            # Read the progress first: it is removed when the job ends.
            progress = cast("Progress | None", self.worker.progress(job_id))
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
        """Report where a clip or picture comes from. Raises MediaError if it cannot be read."""
        return self._verifier.verify(path)

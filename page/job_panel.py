"""The buttons, progress and result of a job, as each tab that makes clips shows them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from page import messages
from page.auth import client_id
from page.clip_actions import ClipActions
from page.components import MAX_WATCHING, PRIVATE, Trigger, create_part
from page.errors import plain_errors, refuse_failure
from page.job_news import pick_news
from page.served_files import serve_clip, withdraw
from page.variations import create_variations, remaining, show_variations
from pipeline.jobs.history import visitor_key
from pipeline.jobs.states import Done, JobState
from pipeline.jobs.store import Origin
from pipeline.models.spec import TASKS_WITHOUT_MODEL, Task
from pipeline.studio import JobSnapshot, Studio

Updates = dict[Any, Any]


@dataclass(frozen=True)
class News:
    """The parts of the queue that are told of a job which this page has begun."""

    timer: gr.Timer  # looks at the queue while there are jobs
    known: gr.Textbox  # the jobs at the last look, JSON: short ones may end before the next

    def tell(self, job_ids: Sequence[str]) -> Updates:
        """Return the updates that tell of jobs."""
        known = json.dumps(dict.fromkeys(job_ids, "queued"))
        return {self.timer: gr.Timer(active=True), self.known: known}


Fields = dict[str, Any]
Read = Callable[[Sequence[Any]], tuple[Task, Fields]]
"""Returns the task, and the fields of its request, for the values of a tab's inputs."""
Warn = Callable[[Task, Fields], Awaitable[str]]
"""Returns what to confirm first with a second press of the button; usually nothing."""


class JobPanel:
    """The buttons and the result of one tab, in the Blocks being built.

    A visitor who returns to the page or opens it twice sees the same job.
    """

    def __init__(
        self,
        studio: Studio,
        name: str,
        read: Read,
        warn: Warn,
        visitor: gr.BrowserState,
        news: News,
    ) -> None:
        """Serve the tab `name`."""
        self._studio = studio
        self._name = name
        self._read = read
        self._warn = warn
        self._visitor = visitor
        self._asked = gr.State("")  # what the next press confirms
        self._news = news
        self.job_id = gr.State()  # of the clip that is shown
        self._group = gr.State([])  # of all variations of its request
        self._deleted = gr.State([])
        self.watched = gr.State()
        """The job that is shown while it is made; None if there is none."""
        self.parts: dict[str, Any] = {}

    def create_buttons(self, label: str, update: str = "") -> None:
        """Create the start button with a label, and the pause, resume and stop buttons.

        With `update`, also create a button with that label that makes only the changed shots.
        """
        self._label = label
        with gr.Column(elem_classes="kinora-go"):
            self._create("ask")
            with gr.Row(elem_classes="kinora-actions"):
                with gr.Column(scale=0, min_width=190):
                    self._create("count")
                self._create("generate", value=label, min_width=160)
            with gr.Row():
                if update:
                    self._create("update", value=update)
                for name in ("pause", "resume", "stop"):
                    self._create(name)

    def create_result(self) -> None:
        """Create the progress, the clip, and the buttons that use the clip in other tabs."""
        for name in ("preview", "clip", "progress", "status"):
            self._create(name)
        self.parts["variations"] = create_variations(self._name)
        self._create("undo")
        self._create("words")
        with gr.Column(visible=False) as self.parts["after"]:
            with gr.Row(elem_classes="kinora-uses"):
                self.actions = ClipActions(
                    self._studio, self._name, self.job_id, self.parts["clip"]
                )
                self._create("hd")
            self.parts |= self.actions.parts
            with gr.Accordion("Recipe", open=False, elem_id=f"{self._name}-recipe-fold"):
                self._create("seed_used")
                self._create("recipe")

    def connect(self, inputs: Sequence[Component], *triggers: Trigger) -> None:
        """Start a job from the inputs when the button is pressed or another trigger fires."""
        states = [self.job_id, self._asked, self._group, self._deleted, self.watched]
        outputs = [*states, self._news.timer, self._news.known, *self.parts.values()]
        watching = {"outputs": outputs, "concurrency_limit": MAX_WATCHING, **PRIVATE}
        who = [self._visitor, self.job_id, self.parts["count"], self._asked]
        start = [self.parts["generate"].click, *triggers]
        gr.on(start, partial(self._generate, False), [*who, *inputs], **watching)
        if "update" in self.parts:
            update = partial(self._generate, True)
            self.parts["update"].click(update, [*who, *inputs], **watching)
        self.parts["resume"].click(self._resume, self._group, **watching)
        self.parts["hd"].click(self._make_hd, self.job_id, **watching)
        # Not queued: they would wait behind the job that they stop.
        for name in ("stop", "pause"):
            self.parts[name].click(partial(self._end, name), self._group, queue=False, **PRIVATE)
        choose = [self._visitor, self._group]
        self.parts["variations"].click(self._choose, choose, outputs, **PRIVATE)
        undo = [self._visitor, self._group, self._deleted]
        self.parts["undo"].click(self._bring_back, undo, outputs, **PRIVATE)
        self._watching = watching

    def connect_changes(self, *triggers: Trigger) -> None:
        """Take back what was asked to be confirmed when the words or the model change."""
        parts = [self.parts["ask"], self.parts["generate"], self._asked]
        js = f"() => ['', {json.dumps(self._label)}, '']"
        gr.on(triggers, None, None, parts, js=js, **PRIVATE)

    def connect_return(self, arrival: gr.events.Dependency) -> None:
        """Show a returning visitor what was made in this tab last."""
        arrival.then(self._show_again, self._visitor, **self._watching)

    def connect_wanted(self, wanted: gr.Textbox) -> None:
        """Show the job that `wanted` holds, as soon as it does."""
        wanted.change(self._show_wanted, [self._visitor, wanted], **self._watching)

    def _create(self, name: str, **changes: object) -> None:
        self.parts[name] = create_part(self._name, name, **changes)

    async def _generate(
        self,
        is_update: bool,
        visitor: str,
        last_job_id: str | None,
        count: int,
        asked: str,
        *values: object,
    ) -> AsyncIterator[Updates]:
        """Queue jobs and show them until they are over; leaving the page does not stop them."""
        with plain_errors():
            task, fields = self._read(values)
            if (warning := await self._warn(task, fields)) and warning != asked:
                self._studio.check(task, fields)  # before a press that would only be refused
                button = gr.Button("Make it anyway")
                parts = self.parts["ask"], self.parts["generate"], self._asked
                yield dict(zip(parts, (warning, button, warning), strict=True))
                return
            key = visitor and visitor_key(visitor)
            origin: Origin = {"visitor": key, "tab": self._name}
            if is_update:
                origin["based_on"] = last_job_id
            # Of the job before, while this one is checked.
            yield {self.parts["status"]: "", self.parts["ask"]: "", self._asked: ""}
            count = 1 if is_update or task in TASKS_WITHOUT_MODEL else count
            job_ids = await self._studio.submit_variations(
                task, fields, count, client_id=client_id(), **origin
            )
            async for updates in self._watch_all(job_ids):
                yield updates

    async def _resume(self, group: list[str]) -> AsyncIterator[Updates]:
        with plain_errors():
            yield {self._group: group}  # yielding nothing would clear all outputs
            for job_id in group:
                if self._studio.worker.state(job_id).can_resume:
                    await self._studio.resume(job_id, client_id())
            async for updates in self._watch_all(group):
                yield updates

    async def _make_hd(self, job_id: str | None) -> AsyncIterator[Updates]:
        with plain_errors():
            if not job_id:
                yield {self.job_id: None}  # as above
                return
            hd_job_id = await self._studio.in_hd(job_id, client_id())
            async for updates in self._watch_all([hd_job_id]):
                yield updates

    async def _show_again(self, visitor: str) -> AsyncIterator[Updates]:
        """Show the visitor's newest job of this tab, whatever became of it."""
        with plain_errors():
            newest = self._studio.history.newest
            job_id = await asyncio.to_thread(newest, visitor, self._name)
            async for updates in self._show_wanted(visitor, job_id):
                yield updates

    async def _show_wanted(self, visitor: str, job_id: str | None) -> AsyncIterator[Updates]:
        """Show a job of the visitor and its variations; an old failure is no news."""
        with plain_errors():
            if not job_id:
                yield {self._deleted: []}  # as above
                return
            group = await asyncio.to_thread(self._studio.history.group, visitor, job_id)
            async for updates in self._watch_all(group, is_new=False):
                yield updates

    async def _watch_all(
        self, job_ids: Sequence[str], *, is_new: bool = True
    ) -> AsyncIterator[Updates]:
        """Show jobs one after the other until all are over. Raises KinoraError if one fails."""
        hidden = {"clip": gr.Video, "after": gr.Column, "words": gr.Textbox, "undo": gr.Button}
        nothing = {self.parts[name]: part(visible=False) for name, part in hidden.items()}
        told = self._news.tell(job_ids) if is_new else {}
        yield nothing | {self._group: [*job_ids]} | told
        # All changes again with each news, as updates: Gradio's client changes those that it has
        # received and not drawn yet, so that a busy browser loses single ones, and else is late.
        sent = nothing | {part: x for part, x in told.items() if part is self._news.timer}
        state = shown = None
        for job_id in job_ids:
            async for snapshot, updates in self._watch(job_id, is_last=job_id == job_ids[-1]):
                state = snapshot.state
                if shown != (job_id, state.name):
                    shown = job_id, state.name
                    cells = asyncio.to_thread(show_variations, self._studio, job_ids, job_id)
                    updates["variations"] = await cells
                sent |= {self.parts[name]: x for name, x in updates.items() if name in self.parts}
                yield sent | {
                    self.job_id: job_id,
                    self.watched: None if state.is_over else job_id,
                }
            sent = {}
        if is_new and state is not None:
            refuse_failure(state)

    async def _watch(
        self, job_id: str, *, is_last: bool
    ) -> AsyncIterator[tuple[JobSnapshot, dict[str, Any]]]:
        """Yield what changes of a job, and the changes of parts that show it."""
        preview = stage = None
        async for snapshot in pick_news(self._studio.watch(job_id)):
            updates = self._show(snapshot, is_last)
            if snapshot.progress and snapshot.progress.preview is not preview:
                preview = snapshot.progress.preview
                updates["preview"] = gr.Image(value=preview, visible=True)
            now = snapshot.progress and snapshot.progress.stage
            if now != stage or snapshot.state.is_over:
                stage = now
                updates["words"] = await asyncio.to_thread(self._show_words, job_id)
            if snapshot.state.is_over:
                updates |= await asyncio.to_thread(self._show_end, job_id, snapshot.state)
            yield snapshot, updates

    def _show(self, snapshot: JobSnapshot, is_last: bool) -> dict[str, Any]:
        """Return the changes while a job runs, and those that reset the panel after the last."""
        state, is_over = snapshot.state, snapshot.state.is_over and is_last
        updates = {
            "generate": gr.Button(self._label, interactive=is_over),
            "update": gr.Button(visible=isinstance(state, Done)),
            "stop": gr.Button(visible=not is_over),
            "pause": gr.Button(visible=not is_over),
            "resume": gr.Button(visible=False),  # until it is known whether it can work
            "hd": gr.Button(visible=False),  # until the clip is shown
            "status": gr.HTML(value=messages.describe_progress(state, snapshot.progress)),
            "progress": gr.HTML(value=state.progress, visible=not is_over),
        }
        if is_over:
            updates["preview"] = gr.Image(visible=False)
        return updates

    def _show_words(self, job_id: str) -> gr.Textbox:
        """Return the update that shows the prompts that were rewritten, if any were to be."""
        words = messages.describe_rewritten(self._studio.worker.store.rewritten(job_id))
        return gr.Textbox(value=words, visible=bool(words))

    def _show_end(self, job_id: str, state: JobState) -> dict[str, Any]:
        """Return the changes when a job is over: its clip, and whether it can go on."""
        signing = escape(messages.describe_signing(self._studio.worker.recipe(job_id)))
        line = " · ".join(filter(None, [messages.describe_progress(state, None), signing]))
        resume = gr.Button(visible=self._studio.can_resume(job_id))
        return self._show_clip(job_id) | {"status": gr.HTML(value=line), "resume": resume}

    def _show_clip(self, job_id: str) -> dict[str, Any]:
        """Return the changes that show the clip or its finished part, with the whole recipe."""
        clip = serve_clip(self._studio, job_id)
        if clip is None:
            return {}
        request = self._studio.worker.store.facts(job_id).request
        return {
            "clip": gr.Video(
                value=clip,
                visible=True,
                label=messages.shorten(request.title),
                loop=request.direction == "loop",
                elem_classes=[] if self._studio.offers.may_sound(request) else ["kinora-silent"],
            ),
            "preview": gr.Image(visible=False),
            "after": gr.Column(visible=True),
            "seed_used": str(request.seed),
            "recipe": messages.shown_recipe(self._studio.worker.recipe(job_id)),
            "hd": gr.Button(visible=self._studio.offers.can_be_hd(request)),
        } | self.actions.show(job_id)

    async def _choose(self, visitor: str, group: list[str], event: gr.EventData) -> Updates:
        """Show a variation, or keep it and delete the others."""
        act, job_id = event._data.get("act"), event._data.get("job")
        if job_id not in group:
            return {self._group: group}
        with plain_errors():
            others = [x for x in group if x != job_id] if act == "keep" else []
            for other in others:
                await asyncio.to_thread(self._studio.history.delete, visitor, other)
                withdraw(other)
            updates = await asyncio.to_thread(self._show_group, group, job_id)
        undo = {self.parts["undo"]: gr.Button(visible=True), self._deleted: others}
        return updates | undo if others else updates

    async def _bring_back(self, visitor: str, group: list[str], deleted: list[str]) -> Updates:
        """Undo the deletion of the other variations."""
        with plain_errors():
            for job_id in deleted:
                await asyncio.to_thread(self._studio.history.restore, visitor, job_id)
            left = remaining(self._studio, group)
            updates = await asyncio.to_thread(self._show_group, group, left[0]) if left else {}
        return updates | {self.parts["undo"]: gr.Button(visible=False), self._deleted: []}

    def _show_group(self, group: list[str], job_id: str) -> Updates:
        """Return the updates that show one of the remaining variations."""
        cells = show_variations(self._studio, remaining(self._studio, group), job_id)
        changes = self._show_clip(job_id) | {"variations": cells}
        updates = {self.parts[name]: change for name, change in changes.items()}
        return updates | {self.job_id: job_id}

    def _end(self, how: str, group: list[str]) -> None:
        with plain_errors():
            worker = self._studio.worker
            # The last first: otherwise the next one would begin.
            for job_id in reversed(group):
                (worker.pause if how == "pause" else worker.cancel)(job_id)

"""The buttons, progress and result of a job, as each tab that makes clips shows them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from page import messages
from page.auth import client_id
from page.components import JOB_PARTS, MAX_WATCHING, PRIVATE, create_part
from page.errors import plain_errors, refuse_failure
from page.served_files import serve_clip
from pipeline.jobs.history import visitor_key
from pipeline.jobs.states import Done
from pipeline.jobs.store import Origin
from pipeline.studio import JobSnapshot, Studio

Updates = dict[Any, Any]


class TabOrigin(Origin, total=False):
    """Where a job of a tab comes from, as arguments of `Studio.submit`."""

    client_id: str


class JobPanel:
    """The buttons and the result of one tab, in the Blocks being built.

    A visitor who returns to the page or opens it twice sees the same job.
    """

    def __init__(
        self,
        studio: Studio,
        name: str,
        submit: Callable[..., Awaitable[str]],
        visitor: gr.BrowserState,
        check: Callable[..., Awaitable[str]],
    ) -> None:
        """Serve the tab `name`; `submit` queues its inputs' values and returns the job id.

        `check` returns what to confirm first with a second press of the button; usually nothing.
        """
        self._studio = studio
        self._name = name
        self._submit = submit
        self._visitor = visitor
        self._check = check
        self._asked = gr.State("")  # what the next press confirms
        self._job_id = gr.State()
        self.parts: dict[str, Any] = {}

    def create_buttons(self, label: str, update: str = "") -> None:
        """Create the start button with a label, and the pause, resume and stop buttons.

        With `update`, also create a button with that label that makes only the changed shots.
        """
        self._label = label
        self._create("ask")
        with gr.Row():
            self._create("generate", value=label)
            if update:
                self._create("update", value=update)
            for name in ("pause", "resume", "stop"):
                self._create(name)

    def create_result(self) -> None:
        """Create the progress, the clip, and the buttons that use the clip in other tabs."""
        for name in ("preview", "clip", "progress", "status", "words"):
            self._create(name)
        with gr.Column(visible=False) as self.parts["after"]:
            with gr.Row(elem_classes="kinora-actions"):
                for name in ("use_last_frame", "extend", "hd"):
                    self._create(name)
            with gr.Accordion("Recipe", open=False, elem_id=f"{self._name}-recipe-fold"):
                self._create("seed_used")
                self._create("recipe")

    def connect(self, inputs: Sequence[Component], *triggers: Callable[..., object]) -> None:
        """Start a job from the inputs when the button is pressed or another trigger fires."""
        outputs = [
            self._job_id,
            self._asked,
            *(self.parts[name] for name in JOB_PARTS if name in self.parts),
        ]
        watching = {"outputs": outputs, "concurrency_limit": MAX_WATCHING, **PRIVATE}
        who = [self._visitor, self._job_id]
        start = [self.parts["generate"].click, *triggers]
        who.append(self._asked)
        gr.on(start, partial(self._generate, False), [*who, *inputs], **watching)
        if "update" in self.parts:
            update = partial(self._generate, True)
            self.parts["update"].click(update, [*who, *inputs], **watching)
        self.parts["resume"].click(self._resume, self._job_id, **watching)
        self.parts["hd"].click(self._make_hd, self._job_id, **watching)
        # Not queued: they would wait behind the job that they stop.
        for name in ("stop", "pause"):
            self.parts[name].click(partial(self._end, name), self._job_id, queue=False, **PRIVATE)
        self._watching = watching

    def connect_changes(self, *triggers: Callable[..., object]) -> None:
        """Take back what was asked to be confirmed when the words or the model change."""
        parts = [self.parts["ask"], self.parts["generate"], self._asked]
        js = f"() => ['', {json.dumps(self._label)}, '']"
        gr.on(triggers, None, None, parts, js=js, **PRIVATE)

    def connect_return(self, arrival: gr.events.Dependency) -> None:
        """Show a returning visitor the unfinished job of this tab."""
        arrival.then(self._show_again, self._visitor, **self._watching)

    def _create(self, name: str, **changes: object) -> None:
        self.parts[name] = create_part(self._name, name, **changes)

    async def _generate(
        self, is_update: bool, visitor: str, last_job_id: str | None, asked: str, *values: object
    ) -> AsyncIterator[Updates]:
        """Queue a job and show it until it is over; leaving the page does not stop it."""
        with plain_errors():
            if (warning := await self._check(*values)) and warning != asked:
                button = gr.Button("Make it anyway")
                parts = self.parts["ask"], self.parts["generate"], self._asked
                yield dict(zip(parts, (warning, button, warning), strict=True))
                return
            key = visitor and visitor_key(visitor)
            origin: TabOrigin = {"visitor": key, "tab": self._name}
            origin["client_id"] = client_id()
            if is_update:
                origin["based_on"] = last_job_id
            # Of the job before, while this one is checked.
            yield {self.parts["status"]: "", self.parts["ask"]: "", self._asked: ""}
            job_id = await self._submit(*values, **origin)
            async for updates in self._watch(job_id):
                yield updates

    async def _resume(self, job_id: str | None) -> AsyncIterator[Updates]:
        with plain_errors():
            if not job_id:
                yield {self._job_id: None}  # yielding nothing would clear all outputs
                return
            await self._studio.resume(job_id, client_id())
            async for updates in self._watch(job_id):
                yield updates

    async def _make_hd(self, job_id: str | None) -> AsyncIterator[Updates]:
        with plain_errors():
            if not job_id:
                yield {self._job_id: None}  # as above
                return
            hd_job_id = await self._studio.in_hd(job_id, client_id())
            async for updates in self._watch(hd_job_id):
                yield updates

    async def _show_again(self, visitor: str) -> AsyncIterator[Updates]:
        """Show the visitor's job of this tab if it is unfinished."""
        with plain_errors():
            newest = self._studio.history.newest
            job_id = await asyncio.to_thread(newest, visitor, self._name)
            if job_id is None:
                yield {self._job_id: None}  # as above
                return
            async for updates in self._watch(job_id):
                yield updates

    async def _watch(self, job_id: str) -> AsyncIterator[Updates]:
        hidden = {"clip": gr.Video, "after": gr.Column, "words": gr.Textbox}  # of the job before
        nothing = {self.parts[name]: part(visible=False) for name, part in hidden.items()}
        yield {self._job_id: job_id} | nothing
        preview = stage = None
        async for snapshot in self._studio.watch(job_id):
            updates = self._show(snapshot)
            if snapshot.progress and snapshot.progress.preview is not preview:
                preview = snapshot.progress.preview
                updates["preview"] = gr.Image(value=preview, visible=True)
            now = snapshot.progress and snapshot.progress.stage
            if now != stage or snapshot.state.is_over:
                stage = now
                updates["words"] = await asyncio.to_thread(self._show_words, job_id)
            if snapshot.state.is_over:
                clip = await asyncio.to_thread(self._show_clip, job_id)
                signing = messages.describe_signing(clip.get("recipe"))
                updates |= clip | {"status": " · ".join(filter(None, [updates["status"], signing]))}
            yield {self.parts[name]: x for name, x in updates.items() if name in self.parts}
        refuse_failure(snapshot.state)

    def _show(self, snapshot: JobSnapshot) -> dict[str, Any]:
        """Return the updates while a job runs, and those that reset the panel when it is over."""
        state, is_over = snapshot.state, snapshot.state.is_over
        updates = {
            "generate": gr.Button(self._label, interactive=is_over),
            "update": gr.Button(visible=isinstance(state, Done)),
            "stop": gr.Button(visible=not is_over),
            "pause": gr.Button(visible=not is_over),
            "resume": gr.Button(visible=state.can_resume),
            "hd": gr.Button(visible=False),  # until the clip is shown
            "status": messages.describe_progress(state, snapshot.progress),
            "progress": gr.HTML(value=state.progress, visible=not is_over),
        }
        if is_over:
            updates["preview"] = gr.Image(visible=False)
        return updates

    def _show_words(self, job_id: str) -> gr.Textbox:
        """Return the update that shows the prompts that were rewritten, if any were to be."""
        words = messages.describe_rewritten(self._studio.worker.store.rewritten(job_id))
        return gr.Textbox(value=words, visible=bool(words))

    def _show_clip(self, job_id: str) -> dict[str, Any]:
        """Return the updates that show the clip or its finished part, with the whole recipe."""
        clip = serve_clip(self._studio, job_id)
        if clip is None:
            return {}
        request = self._studio.worker.store.facts(job_id).request
        return {
            "clip": gr.Video(value=clip, visible=True),
            "after": gr.Column(visible=True),
            "seed_used": str(request.seed),
            "recipe": self._studio.worker.recipe(job_id),
            "use_last_frame": gr.Button(interactive=True),
            "extend": gr.Button(interactive=True),
            "hd": gr.Button(visible=self._studio.can_be_hd(request)),
        }

    def _end(self, how: str, job_id: str | None) -> None:
        with plain_errors():
            if job_id:
                worker = self._studio.worker
                (worker.pause if how == "pause" else worker.cancel)(job_id)

"""A job on the page: what starts and stops it, how far it is, and the clip that comes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from page.errors import plain_errors, refuse_failure
from page.parts import JOB_PARTS, MAX_WATCHING, PRIVATE, create_part
from pipeline import wording
from pipeline.studio import Sight, Studio

Updates = dict[Component, Any]


class JobPanel:
    """The buttons and the result of one tab, in the Blocks that are being made."""

    def __init__(self, studio: Studio, name: str, submit: Callable[..., Awaitable[str]]) -> None:
        """Serve the tab of that name; `submit` turns its inputs' values into a queued job's id."""
        self._studio = studio
        self._name = name
        self._submit = submit
        self._job_id = gr.State()
        self.parts: dict[str, Component] = {}

    def create_buttons(self, label: str) -> None:
        """Lay out what starts a job, under that label, and what stops it."""
        with gr.Row():
            self._create("generate", value=label)
            self._create("stop")

    def create_result(self) -> None:
        """Lay out how far the job is, its clip, and where that can go on."""
        for name in ("preview", "clip", "progress", "status"):
            self._create(name)
        with gr.Row(elem_classes="kinora-actions"):
            for name in ("seed_used", "use_last_frame", "extend"):
                self._create(name)
        with gr.Accordion("Recipe", open=False, elem_id=f"{self._name}-recipe-fold"):
            self._create("recipe")

    def connect(self, inputs: Sequence[Component], *triggers: Callable[..., object]) -> None:
        """Start a job from the inputs at the press of the button, or at other triggers."""
        gr.on(
            [self.parts["generate"].click, *triggers],
            self._generate,
            inputs,
            [self._job_id, *(self.parts[name] for name in JOB_PARTS)],
            concurrency_limit=MAX_WATCHING,
            **PRIVATE,
        )
        # Not queued, or it would wait behind what it stops.
        self.parts["stop"].click(self._stop, self._job_id, queue=False, **PRIVATE)

    def _create(self, name: str, **changes: object) -> None:
        self.parts[name] = create_part(self._name, name, **changes)

    async def _generate(self, *values: object) -> AsyncIterator[Updates]:
        """Queue a job and show it until its end; to leave the page does not end it."""
        with plain_errors():
            job_id = await self._submit(*values)
            yield {self._job_id: job_id}
            preview = None
            async for sight in self._studio.watch(job_id):
                updates = self._show(sight)
                if sight.progress and sight.progress.preview is not preview:
                    preview = sight.progress.preview
                    updates["preview"] = gr.Image(value=preview, visible=True)
                    updates["clip"] = gr.Video(visible=False)
                if sight.state["state"] == "done":
                    updates |= self._show_clip(job_id)
                yield {self.parts[name]: update for name, update in updates.items()}
            refuse_failure(sight)

    def _show(self, sight: Sight) -> dict[str, Any]:
        """Return what changes while a job runs, and what is put back when it is over."""
        is_over = sight.is_over
        updates = {
            "generate": gr.Button(interactive=is_over),
            "stop": gr.Button(visible=not is_over),
            "status": wording.describe_progress(sight.state, sight.progress),
            "progress": gr.HTML(value=sight.state["progress"], visible=not is_over),
        }
        if is_over:
            updates |= {"preview": gr.Image(visible=False), "clip": gr.Video(visible=True)}
        return updates

    def _show_clip(self, job_id: str) -> dict[str, Any]:
        recipe = self._studio.worker.recipe(job_id) or {}
        return {
            "clip": gr.Video(value=self._studio.publish(job_id), visible=True),
            "seed_used": str(recipe.get("seed", "")),
            "recipe": recipe,
            "use_last_frame": gr.Button(interactive=True),
            "extend": gr.Button(interactive=True),
        }

    def _stop(self, job_id: str | None) -> None:
        with plain_errors():
            if job_id:
                self._studio.worker.cancel(job_id)

"""A tab for one task: what it asks for, and how a result goes on to another tab."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from page.errors import plain_errors, refuse_failure
from page.parts import (
    ADVANCED_FIELDS,
    EXAMPLES,
    FIELDS,
    GENERATE_LABELS,
    JOB_PARTS,
    MAX_WATCHING,
    PARTS,
    PRIVATE,
    TAB_LABELS,
)
from pipeline import wording
from pipeline.errors import InvalidRequestError
from pipeline.geometry import ASPECT_RATIOS
from pipeline.models import TASK_SOURCES, Task, get_model
from pipeline.plan import Source
from pipeline.studio import Sight, Studio

Updates = dict[Component, Any]


@dataclass(frozen=True)
class Upload:
    """A picture or a clip that was found to be good."""

    path: str
    facts: Source


class Tab:
    """One task on the page: its inputs, named after the request's fields, and its result."""

    def __init__(self, studio: Studio, task: Task) -> None:
        """Lay the parts out in the Blocks that are being made, and connect them."""
        self._studio = studio
        self._task = task
        self.parts: dict[str, Component] = {}
        with gr.Tab(TAB_LABELS[task], id=task, elem_id=f"{task}-tab"):
            self._job_id, self._upload = gr.State(), gr.State()
            with gr.Row(equal_height=False):
                with gr.Column(scale=5, min_width=320):
                    self._create_inputs()
                with gr.Column(scale=6, min_width=320):
                    self._create_result()
            self._create_examples()
        self._fields = {name: self.parts[name] for name in (*FIELDS[task], *ADVANCED_FIELDS)}
        self._connect()

    def _create_inputs(self) -> None:
        *names, seed, model = FIELDS[self._task]
        for name in names:
            self._create(name)
            if name == "image":
                self._create("crop")
            if name == TASK_SOURCES[self._task]:
                self._create("source")
        with gr.Row():
            self._create(seed)
            self._create(model)
        with gr.Accordion("Advanced", open=False, elem_id=f"{self._task}-advanced"):
            for name in ADVANCED_FIELDS:
                self._create(name)
        self._create("plan")
        with gr.Row():
            self._create("generate")
            self._create("stop")

    def _create_result(self) -> None:
        for name in ("preview", "clip", "progress", "status"):
            self._create(name)
        with gr.Row(elem_classes="kinora-actions"):
            for name in ("seed_used", "use_last_frame", "extend"):
                self._create(name)
        with gr.Accordion("Recipe", open=False, elem_id=f"{self._task}-recipe-fold"):
            self._create("recipe")

    def _create(self, name: str) -> None:
        spec = get_model(self._studio.default_model)
        changes: dict[str, Any] = {
            "prompt": {"info": spec.description},
            "model": {"value": spec.id},
            "plan": {"value": self._show_plan([], None)},
            "generate": {"value": GENERATE_LABELS[self._task]},
        }.get(name, {})
        if (self._task, name) == ("image_to_video", "aspect_ratio"):
            changes = {"choices": ["auto", *ASPECT_RATIOS], "value": "auto"}
        self.parts[name] = PARTS[name](elem_id=f"{self._task}-{name}", **changes)

    def _create_examples(self) -> None:
        rows = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))[self._task]
        files = {"image", "video", "crop"}  # an example's "crop" is its picture, to be seen
        gr.Examples(
            [
                [str(EXAMPLES / value) if name in files else value for name, value in row.items()]
                for row in rows
            ],
            [self.parts[name] for name in rows[0]],
            cache_examples=False,
            api_visibility="private",
            elem_id=f"{self._task}-examples",
            visible_columns=[column for column, name in enumerate(rows[0]) if name != "image"],
        )

    def _connect(self) -> None:
        gr.on(
            [self.parts["generate"].click, self.parts["prompt"].submit],
            self._generate,
            [*self._fields.values()],
            [self._job_id, *(self.parts[name] for name in JOB_PARTS)],
            concurrency_limit=MAX_WATCHING,
            **PRIVATE,
        )
        # Not queued, or it would wait behind what it stops.
        self.parts["stop"].click(self._stop, self._job_id, queue=False, **PRIVATE)
        self.parts["model"].change(
            self._describe_model, self.parts["model"], self.parts["prompt"], queue=False, **PRIVATE
        )
        names = [name for name in self._fields if name not in ("prompt", "image", "video")]
        gr.on(
            [self._upload.change, *(self.parts[name].change for name in names)],
            partial(self._show_plan, names),
            [self._upload, *(self.parts[name] for name in names)],
            self.parts["plan"],
            queue=False,
            trigger_mode="always_last",
            **PRIVATE,
        )
        if self._task == "image_to_video":
            looked_at = [self.parts[name] for name in ("image", "aspect_ratio", "model")]
            gr.on(
                [part.change for part in looked_at],
                self._look_at_picture,
                looked_at,
                [self._upload, self.parts["source"], self.parts["crop"]],
                **PRIVATE,
            )
        elif self._task == "extend_video":
            self.parts["video"].change(
                self._look_at_clip,
                self.parts["video"],
                [self._upload, self.parts["source"]],
                **PRIVATE,
            )

    async def _generate(self, *values: object) -> AsyncIterator[Updates]:
        """Queue a job and show it until its end; to leave the page does not end it."""
        with plain_errors():
            fields = dict(zip(self._fields, values, strict=True))
            job_id = await self._studio.submit(self._task, fields)
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

    def _describe_model(self, model: str) -> gr.Textbox:
        with plain_errors():
            return gr.Textbox(info=get_model(model).description)

    def _show_plan(self, names: list[str], upload: Upload | None, *values: object) -> str:
        """Say what will come out, or which value is wrong."""
        source = TASK_SOURCES[self._task]
        if source and upload is None:
            return ""
        fields = dict(zip(names, values, strict=True)) | ({source: upload.path} if source else {})
        try:
            plan = self._studio.plan(self._task, fields, upload and upload.facts)
        except InvalidRequestError as exc:
            return str(exc)
        return wording.describe_plan(plan, is_added=source == "video")

    async def _look_at_picture(
        self, path: str | None, aspect_ratio: str, model: str
    ) -> tuple[Upload | None, str, gr.Image]:
        """Open an uploaded picture, and show what is kept of it or why it cannot be used."""
        nothing = gr.Image(value=None, visible=False)
        if path is None:
            return None, "", nothing
        fields = {"image": path, "aspect_ratio": aspect_ratio, "model": model}
        try:
            with plain_errors(InvalidRequestError):
                source, crop, box = await asyncio.to_thread(self._studio.crop, fields)
        except InvalidRequestError as exc:
            return None, str(exc), nothing
        line = wording.describe_crop(source.facts, box)
        return Upload(path, source.facts), line, gr.Image(value=crop, visible=True)

    async def _look_at_clip(self, path: str | None) -> tuple[Upload | None, str]:
        """Open an uploaded clip, and say what it is or why it cannot be used."""
        if path is None:
            return None, ""
        try:
            with plain_errors(InvalidRequestError):
                source = await asyncio.to_thread(self._studio.open, self._task, path)
        except InvalidRequestError as exc:
            return None, str(exc)
        return Upload(path, source.facts), wording.describe_clip(source.info)


def connect_to_others(studio: Studio, tab: Tab, tabs: gr.Tabs, by_task: dict[Task, Tab]) -> None:
    """Let a result go on: its last frame to the picture tab, all of it to the clip tab."""

    async def take_last_frame(clip: str, prompt: str) -> tuple[gr.Tabs, str, str]:
        with plain_errors():
            picture = await asyncio.to_thread(studio.last_frame, clip)
            return gr.Tabs(selected="image_to_video"), str(picture), prompt

    def take_clip(clip: str, prompt: str) -> tuple[gr.Tabs, str, str]:
        return gr.Tabs(selected="extend_video"), clip, prompt

    result = [tab.parts["clip"], tab.parts["prompt"]]
    image, extend = by_task["image_to_video"].parts, by_task["extend_video"].parts
    tab.parts["use_last_frame"].click(
        take_last_frame, result, [tabs, image["image"], image["prompt"]], **PRIVATE
    )
    tab.parts["extend"].click(
        take_clip, result, [tabs, extend["video"], extend["prompt"]], **PRIVATE
    )

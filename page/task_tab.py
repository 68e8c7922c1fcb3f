"""The tab of one task: its inputs and result, and the buttons that use a clip in another tab."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component

from page import messages
from page.components import (
    DIRECTION_LABELS,
    EXAMPLES,
    FIELDS,
    GENERATE_LABELS,
    MODEL_SETTINGS,
    PRIVATE,
    SETTINGS,
    TAB_LABELS,
    clear_consent,
    create_part,
    create_settings,
    offer_shapes,
    show_settings,
    to_fields,
)
from page.errors import as_words, plain_errors
from page.inspection import inspect
from page.job_panel import JobPanel, TabOrigin
from page.prompt_help import PromptHelp
from page.served_files import refuse_unserved, serve_picture
from pipeline.errors import InvalidRequestError
from pipeline.models.spec import TASK_SOURCES, ModelSpec, Task
from pipeline.planning.plan import Source
from pipeline.planning.request import SOURCE_FIELDS
from pipeline.studio import Studio

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class Upload:
    """An uploaded picture or clip that can be used."""

    path: str
    facts: Source


class TaskTab:
    """One task on the page: its inputs, named like the request's fields, and its result."""

    def __init__(self, studio: Studio, task: Task, visitor: gr.BrowserState) -> None:
        """Create the components in the Blocks being built, and connect their events."""
        self._studio = studio
        self._task = task
        self.parts: dict[str, Component] = {}
        with gr.Tab(TAB_LABELS[task], id=task, elem_id=f"{task}-tab"):
            self._upload = gr.State()
            self.job = JobPanel(studio, task, self._submit, visitor, self._check)
            with gr.Row(equal_height=False, elem_classes="kinora-studio"):
                with gr.Column(scale=5, min_width=320):
                    self._create_inputs()
                with gr.Column(scale=8, min_width=320, elem_classes="kinora-stage"):
                    self.job.create_result()
                    self._create_examples()
        self._fields = {name: self.parts[name] for name in (*FIELDS[task], *SETTINGS)}
        self._connect()

    def _create_inputs(self) -> None:
        for name in FIELDS[self._task]:
            self._create(name)
            if name == "prompt":
                self._help = PromptHelp(self._studio, self._task, self._task)
                self._create("knows")
            if name == "image":
                self._create("crop")
            if name == TASK_SOURCES[self._task]:
                self._create("source")
        self.parts |= create_settings(self._task, self._task, self._studio)
        self._create("plan")
        self.job.create_buttons(GENERATE_LABELS[self._task])

    def _create(self, name: str) -> None:
        known: dict[str, dict[str, Any]] = {
            "knows": {"value": messages.describe_model(self._first_model)},
            "direction": self._offer(self._first_model),
            "plan": {"value": self._show_plan([], None)},
        }
        changes = known.get(name, {})
        if name == "aspect_ratio":
            changes = offer_shapes(self._first_model, self._task)
        self.parts[name] = create_part(self._task, name, **changes)

    def _create_examples(self) -> None:
        rows = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))[self._task]
        files = {"image", "video", "crop"}  # an example's "crop" is its picture, for display
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
        self.job.connect([*self._fields.values()], self.parts["prompt"].submit)
        sources = [self.parts[name] for name in SOURCE_FIELDS if name in self.parts]
        clear_consent([part.change for part in sources], self.parts)
        choice = self.parts[self._choice]
        settings = [self.parts[name] for name in MODEL_SETTINGS]
        self.parts["model"].change(
            self._describe_model,
            [self.parts["model"], choice],
            [self.parts["knows"], choice, *settings],
            queue=False,
            **PRIVATE,
        )
        self.job.connect_changes(self.parts["prompt"].change, self.parts["model"].change)
        self._help.connect(*(self.parts[name] for name in ("prompt", "model", "duration")))
        self._connect_plan()
        if self._task == "image_to_video":
            self._connect_picture()
        elif self._task == "extend_video":
            self._connect_clip()

    def _connect_plan(self) -> None:
        names = [name for name in self._fields if name not in ("prompt", *SOURCE_FIELDS)]
        gr.on(
            [self._upload.change, *(self.parts[name].change for name in names)],
            partial(self._show_plan, names),
            [self._upload, *(self.parts[name] for name in names)],
            self.parts["plan"],
            queue=False,
            trigger_mode="always_last",
            **PRIVATE,
        )

    def _connect_picture(self) -> None:
        looked_at = [self.parts[name] for name in ("image", "aspect_ratio", "model")]
        gr.on(
            [part.change for part in looked_at],
            self._look_at_picture,
            looked_at,
            [self._upload, self.parts["source"], self.parts["crop"]],
            **PRIVATE,
        )

    def _connect_clip(self) -> None:
        self.parts["video"].change(
            self._look_at_clip,
            self.parts["video"],
            [self._upload, self.parts["source"]],
            **PRIVATE,
        )
        self.parts["direction"].change(
            lambda direction: gr.Video(visible=direction == "bridge"),
            self.parts["direction"],
            self.parts["video_after"],
            queue=False,
            **PRIVATE,
        )

    async def _submit(self, *values: object, **origin: Unpack[TabOrigin]) -> str:
        fields = to_fields(self._fields, values)
        if fields.get("direction") != "bridge":
            fields.pop("video_after", None)  # left from an earlier choice and now hidden
        return await self._studio.submit(self._task, fields, **origin)

    async def _check(self, *values: object) -> str:
        fields = to_fields(self._fields, values)
        return await self._help.warn(fields["prompt"], fields["model"])

    @property
    def _first_model(self) -> ModelSpec:
        return self._studio.first_model(self._task)

    @property
    def _choice(self) -> str:
        """Return the input whose choices depend on the model: directions, or else shapes."""
        return "direction" if "direction" in FIELDS[self._task] else "aspect_ratio"

    def _describe_model(self, model: str, chosen: str) -> dict[Component, Any]:
        """Describe a model, and offer its settings, and its directions or shapes."""
        with plain_errors():
            spec = self._studio.models.find(model)
        updates = show_settings(self.parts, spec, self._studio)
        updates[self.parts["knows"]] = messages.describe_model(spec)
        if self._choice == "direction":
            value = chosen if chosen in spec.directions else spec.directions[0]
            changes = {"value": value, **self._offer(spec)}
        else:
            changes = offer_shapes(spec, self._task, chosen)
        updates[self.parts[self._choice]] = gr.Radio(**changes)
        return updates

    def _offer(self, spec: ModelSpec) -> dict[str, Any]:
        """Return the directions in which a model extends clips, and why it lacks the others."""
        able = [(label, x) for x, label in DIRECTION_LABELS.items() if x in spec.directions]
        return {"choices": able, "info": messages.describe_limits(DIRECTION_LABELS, spec) or None}

    def _show_plan(self, names: list[str], upload: Upload | None, *values: object) -> str:
        """Describe the planned clip, or say which value is wrong."""
        source = TASK_SOURCES[self._task]
        if source and upload is None:
            return ""
        fields = to_fields(names, values)
        if source and upload is not None:
            fields[source] = upload.path
        if fields.get("direction") == "bridge":
            fields["direction"] = "loop"  # the same length, without the second clip
        try:
            facts = None if upload is None else upload.facts
            estimate = self._studio.estimate_request(self._task, fields, facts)
        except InvalidRequestError as exc:
            return as_words(exc)
        return messages.describe_estimate(estimate, is_added=source == "video")

    async def _look_at_picture(
        self, path: str | None, aspect_ratio: str, model: str
    ) -> tuple[Upload | None, str, gr.Image]:
        """Open an uploaded picture, and show its crop or why it cannot be used."""
        nothing = gr.Image(value=None, visible=False)
        if path is None:
            return None, "", nothing
        fields = {"image": path, "aspect_ratio": aspect_ratio, "model": model}
        try:
            with plain_errors(InvalidRequestError):
                looked = inspect(self._studio, self._studio.crop, fields)
                source, crop, box = await looked
        except InvalidRequestError as exc:
            return None, as_words(exc), nothing
        line = messages.describe_crop(source.facts, box)
        return Upload(path, source.facts), line, gr.Image(value=crop, visible=True)

    async def _look_at_clip(self, path: str | None) -> tuple[Upload | None, str]:
        """Open an uploaded clip, and describe it or say why it cannot be used."""
        if path is None:
            return None, ""
        try:
            with plain_errors(InvalidRequestError):
                looked = inspect(self._studio, self._studio.open, self._task, path)
                source = await looked
        except InvalidRequestError as exc:
            return None, as_words(exc)
        assert source.info is not None
        return Upload(path, source.facts), messages.describe_clip(source.info)


def connect_to_others(
    studio: Studio, parts: dict[str, Component], tabs: gr.Tabs, by_task: dict[Task, TaskTab]
) -> None:
    """Connect the buttons that use a clip in another tab: its last frame, or all of it.

    The prompt of the clip's last shot is copied too.
    """

    def serve_last_frame(clip: str) -> Path:
        return serve_picture(studio.frame(clip), "last-frame.png")

    async def take_last_frame(clip: str, recipe: dict[str, Any]) -> tuple[gr.Tabs, str, str]:
        with plain_errors():
            refuse_unserved(clip)
            picture = await asyncio.to_thread(serve_last_frame, clip)
            return gr.Tabs(selected="image_to_video"), str(picture), recipe["shots"][-1]["prompt"]

    def take_clip(clip: str, recipe: dict[str, Any]) -> tuple[gr.Tabs, str, str]:
        with plain_errors():
            refuse_unserved(clip)
            return gr.Tabs(selected="extend_video"), clip, recipe["shots"][-1]["prompt"]

    result = [parts["clip"], parts["recipe"]]
    image, extend = by_task["image_to_video"].parts, by_task["extend_video"].parts
    parts["use_last_frame"].click(
        take_last_frame, result, [tabs, image["image"], image["prompt"]], **PRIVATE
    )
    parts["extend"].click(take_clip, result, [tabs, extend["video"], extend["prompt"]], **PRIVATE)

"""The tab of one task: its inputs and result, and the buttons that use a clip in another tab."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from page import messages
from page.components import (
    DIRECTION_LABELS,
    FIELDS,
    GENERATE_LABELS,
    MODEL_SETTINGS,
    PRIVATE,
    SETTINGS,
    TAB_LABELS,
    TITLES,
    Trigger,
    clear_consent,
    connect_beginnings,
    create_part,
    create_settings,
    find_offered,
    keep_settings,
    offer_cameras,
    offer_shapes,
    to_fields,
)
from page.errors import as_words, plain_errors
from page.form_values import Form, fill_parts
from page.inspection import inspect
from page.job_panel import Fields, JobPanel, News
from page.prompt_help import PromptHelp
from page.showcase import Showcase
from page.shown_clips import ShownClips
from pipeline.errors import InvalidRequestError
from pipeline.models.spec import TASK_SOURCES, ModelSpec, Quality, Task
from pipeline.planning.plan import Source
from pipeline.planning.request import SOURCE_FIELDS
from pipeline.studio import Studio

CLIP_FIELDS = ("video", "video_after")


@dataclass(frozen=True)
class Upload:
    """An uploaded picture or clip that can be used."""

    path: str
    facts: Source


class TaskTab:
    """One task on the page: its inputs, named like the request's fields, and its result."""

    def __init__(self, studio: Studio, task: Task, visitor: gr.BrowserState, news: News) -> None:
        """Create the components in the Blocks being built, and connect their events."""
        self._studio = studio
        self._task = task
        self._visitor = visitor
        self.parts: dict[str, Component] = {}
        with gr.Tab(TAB_LABELS[task], id=task, elem_id=f"{task}-tab") as self.tab:
            self._upload = gr.State()
            self._clips = ShownClips()
            self.job = JobPanel(studio, task, self._read, self._warn, visitor, news)
            with gr.Row(equal_height=False, elem_classes="kinora-studio"):
                with gr.Column(scale=5, min_width=320):
                    self._create_inputs()
                with gr.Column(scale=8, min_width=320, elem_classes="kinora-stage"):
                    self.job.create_result()
                    self._showcase = Showcase(self._task, TITLES[self._task])
        self._fields = {name: self.parts[name] for name in (*FIELDS[task], "camera", *SETTINGS)}
        self._connect()

    def _create_inputs(self) -> None:
        for name in FIELDS[self._task]:
            self._create(name)
            if name == "prompt":
                self._help = PromptHelp(self._studio, self._task, self._task, self._visitor)
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
            "duration": {"value": self._studio.offers.first_seconds(self._first_model)},
            "plan": {"value": self._show_plan([], None)},
        }
        if self._task == "image_to_video":
            known["has_consent"] = {"label": "Everyone shown in this picture has agreed"}
        changes = known.get(name, {})
        if name == "aspect_ratio":
            changes = offer_shapes(self._first_model, self._task)
        self.parts[name] = create_part(self._task, name, **changes)

    def _connect(self) -> None:
        self.job.connect([*self._fields.values()], self.parts["prompt"].submit)
        self._showcase.connect(self._studio.models, self.parts["model"], self.fill, self.outputs)
        sources = [self.parts[name] for name in SOURCE_FIELDS if name in self.parts]
        clear_consent([part.change for part in sources], self.parts)
        choice = self.parts[self._choice]
        settings = [self.parts[name] for name in MODEL_SETTINGS]
        self.parts["model"].change(
            self._describe_model,
            [self.parts["model"], choice, self.parts["quality"], self.parts["camera"]],
            [self.parts["knows"], choice, self.parts["camera"], *settings],
            queue=False,
            **PRIVATE,
        )
        self.job.connect_changes(self.parts["prompt"].change, self.parts["model"].change)
        self._help.connect(*(self.parts[name] for name in ("prompt", "model", "duration")))
        connect_beginnings(self.parts, self._studio, self._help.switched)
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
        self._clips.connect({name: self.parts[name] for name in CLIP_FIELDS})
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

    def _read(self, values: Sequence[object]) -> tuple[Task, Fields]:
        """Return the task, and the fields of its request."""
        fields = to_fields(self._fields, values)
        if fields.get("direction") != "bridge":
            fields.pop("video_after", None)  # left from an earlier choice and now hidden
        return self._task, fields

    async def _warn(self, _task: Task, fields: Fields) -> str:
        return await self._help.warn(fields["prompt"], fields["model"])

    @property
    def _first_model(self) -> ModelSpec:
        return self._studio.offers.first_model(self._task)

    @property
    def _choice(self) -> str:
        """Return the input whose choices depend on the model: directions, or else shapes."""
        return "direction" if "direction" in FIELDS[self._task] else "aspect_ratio"

    @property
    def fields(self) -> dict[str, Component]:
        """Return the components of the form, by the names of the request's fields."""
        return self._fields

    @property
    def inputs(self) -> list[Component]:
        """List the components of the form."""
        return [*self._fields.values()]

    @property
    def changes(self) -> list[Trigger]:
        """List the triggers that tell of changes of the form."""
        return [part.change for part in self._fields.values()]

    @property
    def outputs(self) -> list[Component]:
        """List what `fill` changes."""
        return [*self.inputs, self._clips.paths]

    def fill(self, form: Form) -> dict[Component, Any]:
        """Return the updates that show a form of this tab's task."""
        spec = find_offered(self._studio, self._task, form.get("model"))
        chosen = (form.get(name) for name in (self._choice, "quality", "camera"))
        changes = self._model_changes(spec, *chosen)
        updates = fill_parts(self._fields, form | {"model": spec.id}, changes)
        if self._task == "extend_video":
            for name in CLIP_FIELDS:
                del updates[self.parts[name]]
            updates |= self._clips.fill(form)
            is_bridge = form.get("direction") == "bridge"
            updates[self.parts["video_after"]] = gr.update(visible=is_bridge)
        return updates

    def _describe_model(
        self, model: str, chosen: str, quality: Quality, camera: str
    ) -> dict[Component, Any]:
        """Describe a model, and offer its settings, camera moves, and directions or shapes."""
        with plain_errors():
            spec = self._studio.models.find(model)
        changes = self._model_changes(spec, chosen, quality, camera)
        updates = {self.parts[name]: gr.update(**change) for name, change in changes.items()}
        return updates | {self.parts["knows"]: messages.describe_model(spec)}

    def _model_changes(
        self, spec: ModelSpec, chosen: str | None, quality: Quality | None, camera: str | None
    ) -> dict[str, dict[str, Any]]:
        """Return the changes that offer a model's settings, camera moves, and choice."""
        changes = keep_settings(spec, self._studio, quality)
        changes["camera"] = offer_cameras(spec, camera or "")
        if self._choice == "direction":
            value = chosen if chosen in spec.directions else spec.directions[0]
            choice = {"value": value, **self._offer(spec)}
        else:
            choice = offer_shapes(spec, self._task, chosen)
        return changes | {self._choice: choice}

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
        return messages.describe_estimate(estimate, verb="Adds" if source == "video" else "")

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

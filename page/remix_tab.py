"""The tab that changes a clip: with new words, a part of it again, or cut and joined."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from page import messages
from page.components import (
    MODEL_SETTINGS,
    PRIVATE,
    SETTINGS,
    Trigger,
    clear_consent,
    connect_beginnings,
    create_part,
    create_settings,
    find_offered,
    keep_settings,
    to_fields,
)
from page.errors import as_words, plain_errors
from page.form_values import REMIX, Form, fill_parts, fit, read_spans
from page.inspection import inspect
from page.job_panel import Fields, JobPanel, News
from page.prompt_help import PromptHelp
from page.served_files import serve_clip
from page.showcase import Showcase
from page.shown_clips import ShownClips
from pipeline.errors import InvalidRequestError
from pipeline.generation.cutting import Cut
from pipeline.generation.sources import OpenedClip, open_clip
from pipeline.jobs.states import Done
from pipeline.models.spec import Quality, Task
from pipeline.planning.pieces import parse_pieces
from pipeline.planning.request import DEFAULT_SHOT_SECONDS, Shot
from pipeline.studio import Studio

MAX_OWN = 30  # clips that can be chosen to join
# What each change takes beside the clip and the consent.
_MODEL_FIELDS = ("prompt", *SETTINGS)
_FIELDS: dict[Task, tuple[str, ...]] = {
    "remix_video": (*_MODEL_FIELDS, "strength"),
    "retake_video": (*_MODEL_FIELDS, "start", "end"),
    "cut_video": ("start", "end", "joined", "spans", "transition"),
}
_ALL = (
    *("video", "has_consent", "change", "prompt", "strength", "start", "end"),
    *("joined", "spans", "transition", *SETTINGS),
)


@dataclass(frozen=True, eq=False)  # Gradio hashes states, and a clip has no hash
class _Opened:
    """An uploaded clip that can be used."""

    clip: OpenedClip


class RemixTab:
    """The form for changes of a clip, and the job that makes one."""

    def __init__(self, studio: Studio, visitor: gr.BrowserState, news: News) -> None:
        """Create the form in the Blocks being built, and connect its events."""
        self._studio = studio
        self._visitor = visitor
        self._parts: dict[str, Any] = {}
        with gr.Tab("Remix", id=REMIX, elem_id=f"{REMIX}-tab") as self.tab:
            self._opened = gr.State()
            self._seconds = gr.State(DEFAULT_SHOT_SECONDS)  # for which a larger model is offered
            self._shown = ShownClips()
            self.job = JobPanel(studio, REMIX, self._read, self._warn, visitor, news)
            with gr.Row(equal_height=False, elem_classes="kinora-studio"):
                with gr.Column(scale=5, min_width=320):
                    self._create_inputs()
                with gr.Column(scale=8, min_width=320, elem_classes="kinora-stage"):
                    self.job.create_result()
                    self._showcase = Showcase(REMIX, "Change a clip")
        self._fields = {name: self._parts[name] for name in _ALL}
        self._connect()

    def _create_inputs(self) -> None:
        task: Task = "remix_video"
        for name in ("video", "has_consent", "source", "change"):
            self._create(name)
        with gr.Column(visible=True) as self._words:
            self._create("prompt")
            self._help = PromptHelp(self._studio, REMIX, task, self._visitor)
            first = self._studio.offers.first_model(task)
            self._create("knows", value=messages.describe_model(first))
        self._create("strength")
        with gr.Row(visible=False) as self._span:
            self._create("start")
            self._create("end")
        with gr.Column(visible=False) as self._joining:
            for name in ("joined", "own", "spans", "transition"):
                self._create(name)
        with gr.Column(visible=True) as self._settings:
            self._parts |= create_settings(REMIX, task, self._studio)
        self._create("plan")
        self.job.create_buttons("Change the clip")

    def _create(self, name: str, **changes: object) -> None:
        self._parts[name] = create_part(REMIX, name, **changes)

    def _connect(self) -> None:
        parts, following = self._parts, {"queue": False, **PRIVATE}
        self.job.connect(self.inputs, parts["prompt"].submit)
        self._showcase.connect(self._studio.models, parts["model"], self.fill, self.outputs)
        self._shown.connect({"video": parts["video"]})
        clear_consent([parts[name].change for name in ("video", "joined")], parts)
        parts["video"].change(
            self._look, parts["video"], [self._opened, parts["source"]], **PRIVATE
        )
        shown = [self._words, self._span, self._joining, self._settings, parts["strength"]]
        offered = [parts[name] for name in ("model", *MODEL_SETTINGS)]
        chosen = [parts[name] for name in ("change", "model", "quality")]
        parts["change"].change(
            self._show_change, chosen, [*shown, *offered, self.job.parts["count"]], **following
        )
        parts["model"].change(
            self._describe_model, chosen[1:], [parts["knows"], *offered[1:]], **following
        )
        self.job.connect_changes(*(parts[x].change for x in ("prompt", "model", "change")))
        self._help.connect(parts["prompt"], parts["model"], self._seconds)
        connect_beginnings(parts, self._studio, self._help.switched)
        looked_at = [part.change for name, part in self._fields.items() if name != "prompt"]
        gr.on(
            [self._opened.change, *looked_at],
            self._show_plan,
            [self._opened, *self.inputs],
            parts["plan"],
            trigger_mode="always_last",
            **following,
        )
        self.tab.select(self._list_own, self._visitor, parts["own"], **PRIVATE)
        parts["own"].input(
            self._join,
            [self._visitor, parts["own"], parts["joined"]],
            [parts["own"], parts["joined"]],
            **PRIVATE,
        )

    async def _warn(self, task: Task, fields: Fields) -> str:
        if task == "cut_video":
            return ""
        return await self._help.warn(fields["prompt"], fields["model"])

    def _read(self, values: Sequence[Any]) -> tuple[Task, Fields]:
        """Return the task of the form, and the fields of its request."""
        given = to_fields(self._fields, values)
        task: Task = given["change"]
        fields = {name: given[name] for name in ("has_consent", *_FIELDS[task])}
        if task == "cut_video":
            return task, {"has_consent": given["has_consent"], "shots": _read_pieces(given)}
        fields["video"] = given["video"]
        if task == "retake_video":
            start, end = (fields.pop(name) or 0 for name in ("start", "end"))
            if end <= start:
                raise InvalidRequestError("Say from when to when; both ends of the clip are kept.")
            fields |= {"start": start, "duration": end - start}
        return task, fields

    async def _look(self, path: str | None) -> tuple[_Opened | None, str]:
        """Open an uploaded clip, and describe it or say why it cannot be used."""
        if path is None:
            return None, ""
        try:
            with plain_errors(InvalidRequestError):
                clip = await inspect(self._studio, open_clip, Path(path))
        except InvalidRequestError as exc:
            return None, as_words(exc)
        return _Opened(clip), messages.describe_clip(clip.info)

    async def _show_plan(self, opened: _Opened | None, *values: object) -> str:
        """Describe the planned clip, or say which value is wrong."""
        if opened is None:
            return ""
        try:
            task, fields = self._read(values)
            if task == "cut_video":
                with plain_errors(InvalidRequestError):
                    cut = await inspect(self._studio, self._studio.plan_cut, fields)
                return _describe_cut(cut)
            estimate = await asyncio.to_thread(
                self._studio.estimate_change, task, fields, opened.clip
            )
        except InvalidRequestError as exc:
            return as_words(exc)
        return messages.describe_estimate(estimate, "Replaces" if task == "retake_video" else "")

    def _show_change(self, change: Task, model: str, quality: Quality) -> dict[Any, Any]:
        """Show what a change takes, and the models that can do it."""
        has_words = change != "cut_video"
        changes = self._model_changes(change, model, quality)
        return {self._parts[name]: gr.update(**x) for name, x in changes.items()} | {
            self._words: gr.Column(visible=has_words),
            self._settings: gr.Column(visible=has_words),
            self._span: gr.Row(visible=change != "remix_video"),
            self._joining: gr.Column(visible=change == "cut_video"),
            self._parts["strength"]: gr.update(visible=change == "remix_video"),
            self.job.parts["count"]: gr.update(visible=has_words),
        }

    def _model_changes(
        self, change: Task, model: object, quality: Quality | None
    ) -> dict[str, dict[str, Any]]:
        """Return the changes that offer the models of a change, and the settings of one."""
        task: Task = "remix_video" if change == "cut_video" else change
        spec = find_offered(self._studio, task, model)
        choices = [(x.label, x.id) for x in self._studio.offers.for_task(task)]
        menu = {"model": {"choices": choices, "value": spec.id}}
        return menu | keep_settings(spec, self._studio, quality)

    def _describe_model(self, model: str, quality: Quality) -> dict[Any, Any]:
        """Describe a model, and offer its settings."""
        with plain_errors():
            spec = self._studio.models.find(model)
        changes = keep_settings(spec, self._studio, quality)
        updates = {self._parts[name]: gr.update(**x) for name, x in changes.items()}
        return updates | {self._parts["knows"]: messages.describe_model(spec)}

    async def _list_own(self, visitor: str) -> gr.Dropdown:
        """Offer the visitor's finished clips."""
        entries = await asyncio.to_thread(self._studio.history.entries, visitor, MAX_OWN)
        clips = [
            (f"{number}. {messages.describe_caption(x)}", x.facts.job_id)
            for number, x in enumerate(entries, 1)
            if isinstance(x.state, Done)
        ]
        return gr.Dropdown(choices=clips, value=None)

    async def _join(
        self, visitor: str, job_id: str | None, joined: list[str] | None
    ) -> tuple[gr.Dropdown, list[str]]:
        """Add one of the visitor's clips to those that are joined."""
        clips = [*(joined or ())]
        with plain_errors():
            self._studio.history.check(visitor, job_id or "")
            if clip := await asyncio.to_thread(serve_clip, self._studio, job_id or ""):
                clips.append(str(clip))
        return gr.Dropdown(value=None), clips

    @property
    def fields(self) -> Mapping[str, Component]:
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
        return [*self.inputs, self._shown.paths]

    def fill(self, form: Form) -> dict[Component, Any]:
        """Return the updates that show a form of this tab."""
        change: Task = fit(self._parts["change"], form.get("change")) or "remix_video"
        changes = self._model_changes(change, form.get("model"), form.get("quality"))
        form = form | {"change": change, "model": changes["model"]["value"]}
        updates = fill_parts(self._fields, form, changes)
        del updates[self._parts["video"]]
        return updates | self._shown.fill(form)


def _read_pieces(given: Mapping[str, Any]) -> tuple[Shot, ...]:
    """Return the pieces of a cut: the span of the clip, then those of the clips that follow it."""
    if not given["video"]:
        raise InvalidRequestError("There is no clip to cut; add one.")
    clips = [Path(path) for path in (given["video"], *(given["joined"] or ()))]
    spans = [(given["start"] or 0, given["end"] or None)]
    spans += read_spans(given["spans"] or "", len(clips) - 1)
    pieces: list[dict[str, object]] = [
        {"clip": number, "start": start, "end": end, "transition": given["transition"]}
        for number, (start, end) in enumerate(spans, 1)
    ]
    return parse_pieces(pieces, clips)


def _describe_cut(cut: Cut) -> str:
    width, height = cut.size
    rate, seconds = float(cut.fps), float(cut.num_frames / cut.fps)
    frames = f"{cut.num_frames} frames at {rate:g} frames a second ({seconds:.2f} s)"
    return f"{width} x {height}, {frames} · needs no model"

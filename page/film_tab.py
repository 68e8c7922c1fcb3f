"""The film tab: shots as cards and as text, the total length, and the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
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
    offer_shapes,
    to_fields,
)
from page.errors import as_words, plain_errors
from page.film_timeline import Pictures, Timeline, measure, show_made
from page.form_values import Form, fill_parts
from page.job_panel import Fields, JobPanel, News
from page.prompt_help import PromptHelp, Words, warn_of_unknown
from page.showcase import Showcase
from page.storyboard_cards import EMPTY_SHOT, MAX_CARDS, PROMPT_BOXES, Cards, Updates
from pipeline.errors import InvalidRequestError
from pipeline.models.spec import ModelSpec, Quality, Task
from pipeline.planning.request import Shot
from pipeline.planning.storyboard import format_storyboard, list_pictures, parse_storyboard
from pipeline.studio import Studio

NAME = "film"
FIELDS = ("aspect_ratio", *SETTINGS)
SYNTAX = (
    "One line per shot: [5s, zoom in, dissolve, picture 1] and the prompt. "
    "Pictures are numbered from the top card."
)


class FilmTab:
    """The form for a film, and the job that makes it."""

    def __init__(self, studio: Studio, visitor: gr.BrowserState, news: News) -> None:
        """Create the form in the Blocks being built, and connect its events."""
        self._studio = studio
        spec = studio.offers.first_model("text_to_video")
        with gr.Tab("Film", id=NAME, elem_id=f"{NAME}-tab") as self.tab:
            self.job = JobPanel(studio, NAME, self._read, self._warn, visitor, news)
            self._made = gr.State({})  # the pictures of the shots that are made
            self._pictures = gr.State(())  # the pictures that the text refers to
            with gr.Row(equal_height=False, elem_classes="kinora-studio"):
                with gr.Column(scale=6, min_width=320):
                    self._knows = create_part(NAME, "knows", value=messages.describe_model(spec))
                    self._cards = Cards(studio, spec)
                    self._help = PromptHelp(studio, NAME, "text_to_video", visitor, PROMPT_BOXES)
                    self._create_text()
                with gr.Column(scale=7, min_width=320, elem_classes="kinora-stage"):
                    self._timeline = Timeline(NAME, [EMPTY_SHOT])
                    self.job.create_result()
                    self._create_settings()
                    self._showcase = Showcase(NAME, "Tell it in several shots")
            self._connect()
            self._connect_examples()

    def _create_text(self) -> None:
        with gr.Accordion("As text", open=False, elem_id=f"{NAME}-as-text"):
            self._text = gr.Textbox(
                "", label="Storyboard", info=SYNTAX, lines=5, max_lines=20, elem_id=f"{NAME}-text"
            )
            with gr.Row():
                self._to_text = gr.Button("Cards to text", size="sm", elem_id=f"{NAME}-to-text")
                self._to_cards = gr.Button("Text to cards", size="sm", elem_id=f"{NAME}-to-cards")
            self._note = gr.Markdown(elem_id=f"{NAME}-text-note", elem_classes="kinora-note")

    def _create_settings(self) -> None:
        self._settings: dict[str, Component] = {
            "aspect_ratio": create_part(
                NAME,
                "aspect_ratio",
                **offer_shapes(self._studio.offers.first_model("text_to_video"), "text_to_video"),
            ),
            "has_consent": create_part(
                NAME, "has_consent", label="Everyone shown in the pictures has agreed"
            ),
            **create_settings(NAME, "text_to_video", self._studio),
        }
        self._plan = create_part(NAME, "plan", value=self._describe([EMPTY_SHOT], {}))
        self.job.create_buttons("Make the film", update="Make the changed shots")

    def _connect_examples(self) -> None:
        """Fill in the text and the cards when an example is pressed."""
        self._showcase.connect(
            self._studio.models,
            self._settings["model"],
            lambda form: {self._text: "\n".join(form["text"])},
            [self._text],
        ).then(**self._reading_text())

    def _connect(self) -> None:
        values = self.inputs
        self.job.connect(values)
        self._connect_words()
        self._cards.connect()
        clear_consent([part.upload for part in self._cards.pictures], self._settings)
        timing = {
            "fn": self._show_total,
            "inputs": [self._made, *values],
            "outputs": [self._timeline.html, self._plan, self._cards.add],
            "queue": False,
            **PRIVATE,
        }
        model, quality = self._settings["model"], self._settings["quality"]
        changed = [part.change for part in self._settings.values() if part is not model]
        gr.on([*changed, self._cards.changed], trigger_mode="always_last", **timing)
        # In sequence: a menu rejects a move that it no longer offers.
        model.change(
            self._offer_moves,
            [model, self._settings["aspect_ratio"], quality, *self._cards.inputs],
            [
                self._knows,
                self._settings["aspect_ratio"],
                *self._cards.cameras,
                *(self._settings[name] for name in MODEL_SETTINGS),
            ],
            **PRIVATE,
        ).then(**timing)
        self.job.parts["clip"].change(
            self._show_made,
            [self.job.job_id, *values],
            [self._made, self._timeline.html],
            **PRIVATE,
        )
        self._to_text.click(
            self._write_text,
            [model, *self._cards.inputs],
            [self._text, self._pictures, self._note],
            queue=False,
            **PRIVATE,
        )
        self._to_cards.click(**self._reading_text())

    def _connect_words(self) -> None:
        """Say what the model makes of the cards' prompts while they are written."""
        cards, model = self._cards, self._settings["model"]
        self.job.connect_changes(model.change, cards.changed)

        def read(count: int, *values: Any) -> Words:  # noqa: ANN401
            prompts, seconds = values[:MAX_CARDS], values[MAX_CARDS:]
            return [*prompts[:count]], sum(x or 0 for x in seconds[:count])

        values = [cards.count, *cards.prompts, *cards.durations]
        self._help.follow([cards.changed], model, values, read)
        connect_beginnings(self._settings, self._studio, self._help.switched)

    def _reading_text(self) -> dict[str, Any]:
        """Return the event options that turn the text into cards."""
        return {
            "fn": self._read_text,
            "inputs": [self._text, self._pictures, self._settings["model"], *self._cards.inputs],
            "outputs": [self._note, *self._cards.outputs],
            "queue": False,
            **PRIVATE,
        }

    def _read(self, values: Sequence[Any]) -> tuple[Task, Fields]:
        """Return the task, and the fields of its request."""
        fields, shots = self._split(values)
        return "text_to_video", fields | {"shots": shots}

    async def _warn(self, _task: Task, fields: Fields) -> str:
        prompts = [shot.prompt for shot in fields["shots"]]
        return await warn_of_unknown(self._studio, prompts, fields["model"])

    def _split(self, values: Sequence[Any]) -> tuple[dict[str, Any], list[Shot]]:
        """Split values into the fields of the settings and the shots of the cards."""
        fields = to_fields(self._settings, values)
        return fields, self._cards.read(*values[len(fields) :])

    async def _show_made(self, job_id: str | None, *values: object) -> tuple[Pictures, Any]:
        """Put the pictures of a film that is made onto the time line."""
        made = await asyncio.to_thread(show_made, self._studio, job_id) if job_id else {}
        return made, measure(self._split(values)[1], made)

    def _show_total(self, made: Pictures, *values: object) -> tuple[dict[str, Any], str, gr.Button]:
        fields, shots = self._split(values)
        room = self._cards.offer_room(len(shots))
        return measure(shots, made), self._describe(shots, fields), room

    def _describe(self, shots: list[Shot], fields: Fields) -> str:
        """Describe the planned film, or say which value is wrong; prompts may be empty."""
        fields = fields | {"shots": [replace(shot, prompt=shot.prompt or "?") for shot in shots]}
        try:
            estimate = self._studio.estimate_request("text_to_video", fields)
        except InvalidRequestError as exc:
            return as_words(exc)
        return messages.describe_estimate(estimate)

    def fill(self, form: Form) -> Updates:
        """Return the updates that show a form of this tab, with its shots on the cards."""
        spec = find_offered(self._studio, "text_to_video", form.get("model"))
        changes = self._model_changes(spec, form.get("aspect_ratio"), form.get("quality"))
        updates: Updates = dict(fill_parts(self._settings, form | {"model": spec.id}, changes))
        return updates | self._cards.fill(form.get("shots"), spec)

    @property
    def fields(self) -> dict[str, Component]:
        """Return the components of the settings, by the names of the request's fields."""
        return self._settings

    @property
    def inputs(self) -> list[Component]:
        """List the components of the settings, then of the cards."""
        return [*self._settings.values(), *self._cards.inputs]

    @property
    def changes(self) -> list[Trigger]:
        """List the triggers that tell of a user's changes.

        Not of what fills the form: each event gathers the values of all cards.
        """
        parts = self._settings.values()
        users = [x.blur if isinstance(x, gr.Textbox) else x.input for x in parts]
        return [*users, self._cards.changed]

    @property
    def outputs(self) -> list[Any]:
        """List what `fill` changes."""
        return [*self._settings.values(), *self._cards.outputs]

    def _model_changes(
        self, spec: ModelSpec, aspect_ratio: str | None, quality: Quality | None
    ) -> dict[str, dict[str, Any]]:
        """Return the changes that offer a model's settings and shapes."""
        shapes = offer_shapes(spec, "text_to_video", aspect_ratio)
        return keep_settings(spec, self._studio, quality) | {"aspect_ratio": shapes}

    def _offer_moves(
        self,
        model: str,
        aspect_ratio: str,
        quality: Quality,
        *values: Any,  # noqa: ANN401
    ) -> Updates:
        with plain_errors():
            spec = self._studio.models.find(model)
            lost = [shot.camera for shot in self._cards.read(*values)]
            lost = [move for move in dict.fromkeys(lost) if move and move not in spec.camera_words]
            if lost:
                gr.Info(f"{spec.label} cannot do {', '.join(lost)}; choose other camera moves.")
            changes = self._model_changes(spec, aspect_ratio, quality)
            return (
                {self._knows: messages.describe_model(spec)}
                | {self._settings[name]: gr.update(**x) for name, x in changes.items()}
                | self._cards.offer_moves(spec, *values)
            )

    def _write_text(self, model: str, *values: Any) -> Updates:  # noqa: ANN401
        """Turn the cards into text, or say why they are not a valid film yet."""
        shots = self._cards.read(*values)
        try:
            self._check(shots, model)
        except InvalidRequestError as exc:
            return {self._note: as_words(exc)}
        return {
            self._text: format_storyboard(shots),
            self._pictures: list_pictures(shots),
            self._note: "",
        }

    def _read_text(
        self,
        text: str,
        pictures: Sequence[Path],
        model: str,
        *values: Any,  # noqa: ANN401
    ) -> Updates:
        """Turn the text into cards; if it is not a valid film, say why and keep the cards."""
        added = list_pictures(self._cards.read(*values))
        try:
            shots = parse_storyboard(text, [*dict.fromkeys([*pictures, *added])])
            self._check(shots, model)
            return {self._note: ""} | self._cards.show(shots)
        except InvalidRequestError as exc:
            return {self._note: as_words(exc)}

    def _check(self, shots: Sequence[Shot], model: str) -> None:
        self._studio.plan("text_to_video", {"shots": shots, "model": model})

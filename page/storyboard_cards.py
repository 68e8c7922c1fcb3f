"""The cards of a storyboard: a fixed number of them, of which one per shot is visible.

Their values stay in the browser: assets/cards.js moves them between cards, and tells of all changes
by the events of one component. On a busy machine a button takes half a second this way, and 2 to
3 s through the server. When the page is loaded, Gradio looks for every trigger of an event at every
component: with buttons and triggers of their own, 20 cards took half of the seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import gradio as gr
from gradio.components import Component

from page.components import PRIVATE, offer_cameras
from page.errors import plain_errors
from page.form_values import SHOT_FIELDS, fit
from page.inspection import inspect
from page.served_files import serve_picture
from pipeline.errors import InvalidRequestError
from pipeline.models.spec import ModelSpec
from pipeline.planning.request import DEFAULT_SHOT_SECONDS, Shot, Transition
from pipeline.studio import Studio

MAX_CARDS = 20  # each adds 20 kB to the page, shown or not
EMPTY_SHOT = Shot("", DEFAULT_SHOT_SECONDS)
ADD, FULL = "Add a shot", f"The limit is {MAX_CARDS} shots"
BUTTONS = ("Up", "Down", "Duplicate", "Retry", "Remove")  # each an edit of assets/cards.js
_BUTTON = '<button type="button" id="{card}-{edit}" data-edit="{edit}" data-shot="{index}">{label}'
PROMPT_BOXES = '[id^="film-shot-"][id$="-prompt"] textarea'
Updates = dict[Any, Any]


class Cards:
    """The cards, in the Blocks being built; their values are `inputs`, parsed by `read`."""

    def __init__(self, studio: Studio, spec: ModelSpec) -> None:
        """Create the cards with the camera moves of a model; the first is visible and empty."""
        self._studio = studio
        # In the browser too: server state would be lost at a restart.
        self.count = gr.Number(1, precision=0, minimum=1, maximum=MAX_CARDS, visible="hidden")
        self._frames: list[gr.Group] = []
        self._cards: list[dict[str, Component]] = []
        for index in range(MAX_CARDS):
            self._create_card(index, spec)
        self.add = gr.Button(ADD, size="sm", elem_id="film-add")
        self._editor = gr.HTML(  # its value is when the server has changed the cards
            0.0,
            html_template="<span></span>",
            js_on_load="window.kinoraCards.start(trigger, watch)",
            elem_classes="kinora-flush",
        )
        parts = [part for card in self._cards for part in card.values()]
        self.inputs: list[Component] = [self.count, *parts]
        self.outputs: list[Any] = [*self.inputs, *self._frames, self._editor]
        self.cameras = [card["camera"] for card in self._cards]
        self.pictures = [card["image"] for card in self._cards]
        self.prompts = [card["prompt"] for card in self._cards]
        self.durations = [card["duration"] for card in self._cards]
        self.changed = self._editor.input
        """The trigger of events when anything on the cards has changed."""

    def _create_card(self, index: int, spec: ModelSpec) -> None:
        name = f"film-shot-{index + 1}"
        with gr.Group(visible=index == 0, elem_id=name) as frame:
            self._cards.append(_create_fields(name, index, spec))
            gr.HTML(
                html_template=_draw_buttons(name, index),
                js_on_load=None,
                elem_classes=["kinora-flush", "kinora-edits"],
            )
        self._frames.append(frame)

    def connect(self) -> None:
        """Let the buttons edit the cards, and check pictures when they are uploaded."""
        for card in self._cards:
            # Without Gradio's preprocessing, which fails without a message for other files.
            card["image"].upload(
                self._look_at_picture,
                card["image"],
                [card["image"], self._editor],
                preprocess=False,
                **PRIVATE,
            )
        empty = json.dumps([getattr(EMPTY_SHOT, name) for name in SHOT_FIELDS])
        edit = f"(...values) => window.kinoraCards.apply({empty}, ...values)"
        edited = [*self.inputs, *self._frames]
        self._editor.click(None, self.inputs, edited, js=edit, **PRIVATE).then(
            None, None, None, js="() => window.kinoraCards.applied()", **PRIVATE
        )

    def read(self, count: int, *values: Any) -> list[Shot]:  # noqa: ANN401
        """Return the shots of the visible cards, unchecked."""
        width = len(SHOT_FIELDS)
        rows = [values[width * index : width * (index + 1)] for index in range(count)]
        shots = [Shot(**dict(zip(SHOT_FIELDS, row, strict=True))) for row in rows]
        return [replace(shot, image=shot.image and Path(shot.image)) for shot in shots]

    def show(self, shots: Sequence[Shot]) -> Updates:
        """Return the updates that show these shots on the cards and hide the other cards.

        Raises InvalidRequestError if there are more shots than cards.
        """
        if len(shots) > MAX_CARDS:
            raise InvalidRequestError(
                f"The page has {MAX_CARDS} cards, but the film has {len(shots)} shots; combine "
                "some, or make the film through the API, which takes them all."
            )
        updates: Updates = {self.count: len(shots), self._editor: time.time()}
        for index, frame in enumerate(self._frames):
            updates[frame] = gr.Group(visible=index < len(shots))
        for card, shot in zip(self._cards, shots, strict=False):
            updates |= {card[name]: getattr(shot, name) for name in SHOT_FIELDS}
        return updates

    def fill(self, shots: object, spec: ModelSpec) -> Updates:
        """Return the updates that show the shots of a form; what does not fit is left out."""
        rows = [shot for shot in shots if isinstance(shot, dict)] if isinstance(shots, list) else []
        rows = rows[:MAX_CARDS] or [{}]
        updates: Updates = {self.count: len(rows), self._editor: time.time()}
        moves = offer_cameras(spec)["choices"]
        for index, (frame, card) in enumerate(zip(self._frames, self._cards, strict=True)):
            updates[frame] = gr.Group(visible=index < len(rows))
            for name, part in card.items():
                choices = {"choices": moves} if name == "camera" else {}
                given = rows[index].get(name) if index < len(rows) else None
                value = fit(part, given, **choices)
                empty = getattr(EMPTY_SHOT, name)
                updates[part] = gr.update(value=empty if value is None else value, **choices)
        return updates

    def offer_moves(self, spec: ModelSpec, count: int, *values: Any) -> Updates:  # noqa: ANN401
        """Return the updates that offer a model's camera moves and clear all others."""
        del count
        cameras = values[SHOT_FIELDS.index("camera") :: len(SHOT_FIELDS)]
        return {
            card["camera"]: gr.Dropdown(**offer_cameras(spec, camera))
            for card, camera in zip(self._cards, cameras, strict=True)
        }

    def offer_room(self, count: int) -> gr.Button:
        """Return the button that adds a card, disabled if `count` cards are the maximum."""
        is_full = count >= MAX_CARDS
        return gr.Button(FULL if is_full else ADD, interactive=not is_full)

    def _serve_plain_copy(self, path: str) -> Path:
        return serve_picture(self._studio.plain_picture(path), "picture.png")

    async def _look_at_picture(self, picture: dict[str, Any] | None) -> tuple[str | None, float]:
        """Replace an uploaded picture by a plain copy, or warn why it cannot be used."""
        copy = None
        try:
            if picture is not None:
                with plain_errors(InvalidRequestError):
                    work = self._serve_plain_copy
                    copy = str(await inspect(self._studio, work, picture["path"]))
        except InvalidRequestError as exc:
            gr.Warning(str(exc))
        return copy, time.time()


def _draw_buttons(card: str, index: int) -> str:
    return "".join(
        _BUTTON.format(card=card, edit=label.lower(), index=index, label=label) + "</button>"
        for label in BUTTONS
    )


def _create_fields(name: str, index: int, spec: ModelSpec) -> dict[str, Component]:
    """Create the components of one card in the Blocks being built, by SHOT_FIELDS."""
    with gr.Row(elem_classes="kinora-card-top"):
        prompt = gr.Textbox(
            "",
            label=f"Shot {index + 1}",
            placeholder="Describe the shot",
            lines=3,
            max_lines=6,
            scale=3,
            min_width=200,
            elem_id=f"{name}-prompt",
        )
        image = gr.Image(
            label="First frame (optional)",
            placeholder="Add a picture",
            type="filepath",
            image_mode=None,  # otherwise Gradio would decode any file of any size
            sources=["upload"],
            buttons=[],
            height=126,  # as the words beside it
            scale=2,
            min_width=170,
            elem_id=f"{name}-image",
        )
    with gr.Row():
        duration = gr.Number(
            EMPTY_SHOT.duration, label="Seconds", step=0.5, min_width=80, elem_id=f"{name}-duration"
        )
        camera = gr.Dropdown(
            **offer_cameras(spec),
            label="Camera",
            min_width=140,
            elem_id=f"{name}-camera",
        )
        transition = gr.Dropdown(
            [*get_args(Transition)],
            value=EMPTY_SHOT.transition,
            label="Transition",
            visible=index > 0,  # the first shot simply starts
            min_width=140,
            elem_id=f"{name}-transition",
        )
        take = gr.Number(EMPTY_SHOT.take, precision=0, visible="hidden", elem_id=f"{name}-take")
    parts = (prompt, duration, camera, transition, image, take)
    return dict(zip(SHOT_FIELDS, parts, strict=True))

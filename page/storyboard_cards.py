"""A storyboard as cards: a fixed row of them, of which as many are shown as the film has shots.

What they hold is in the browser alone: typing asks the server for nothing and draws nothing else
again, and the buttons move values from card to card there, see assets/cards.js. On a busy machine
a press takes half a second that way; it took two to three when the server moved the values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import gradio as gr
from gradio.components import Component

from page.auth import client_id
from page.components import PRIVATE
from page.errors import plain_errors
from page.served_files import serve_picture
from pipeline.errors import InvalidRequestError
from pipeline.models.spec import Camera, ModelSpec
from pipeline.planning.request import Shot, Transition
from pipeline.planning.storyboard import DEFAULT_SHOT_SECONDS
from pipeline.studio import Studio

MAX_CARDS = 20  # each adds 20 kB to the page, shown or not
CARD_FIELDS = ("prompt", "duration", "camera", "transition", "image")
EMPTY_SHOT = Shot("", DEFAULT_SHOT_SECONDS)
ADD, FULL = "Add a shot", f"There is room for {MAX_CARDS} shots"
BUTTONS = ("Up", "Down", "Duplicate", "Remove")  # each an edit of assets/cards.js

Updates = dict[Any, Any]


class Cards:
    """The cards, in the Blocks that are being made; their values are `inputs`, read by `read`."""

    def __init__(self, studio: Studio, spec: ModelSpec) -> None:
        """Lay out the cards with the camera moves of a model, the first one shown and empty."""
        self._studio = studio
        # In the browser too: a state on the server would be forgotten when it starts anew.
        self._count = gr.Number(1, precision=0, minimum=1, maximum=MAX_CARDS, visible="hidden")
        self._frames: list[gr.Group] = []
        self._cards: list[dict[str, Component]] = []
        self._buttons: list[tuple[gr.Button, str, int]] = []  # with its edit, and of which card
        for index in range(MAX_CARDS):
            self._create_card(index, spec)
        self.add = gr.Button(ADD, size="sm", elem_id="film-add")
        self._buttons.append((self.add, "add", 0))
        parts = [part for card in self._cards for part in card.values()]
        self.inputs: list[Component] = [self._count, *parts]
        self.outputs: list[Any] = [*self.inputs, *self._frames]
        self.cameras = [card["camera"] for card in self._cards]
        # What decides how long the film is.
        timing = [card[name] for card in self._cards for name in ("duration", "transition")]
        self.changes = [part.change for part in (self._count, *timing)]

    def _create_card(self, index: int, spec: ModelSpec) -> None:
        name = f"film-shot-{index + 1}"
        with gr.Group(visible=index == 0, elem_id=name) as frame:
            with gr.Row(elem_classes="kinora-card-top"):
                prompt = gr.Textbox(
                    "",
                    label=f"Shot {index + 1}",
                    placeholder="What is seen",
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
                    image_mode=None,  # or Gradio would decode it, whatever it is and how large
                    sources=["upload"],
                    buttons=[],
                    height=126,  # as the words beside it
                    scale=1,
                    min_width=110,
                    elem_id=f"{name}-image",
                )
            with gr.Row():
                duration = gr.Number(
                    EMPTY_SHOT.duration,
                    label="Seconds",
                    step=0.5,
                    min_width=80,
                    elem_id=f"{name}-duration",
                )
                camera = gr.Dropdown(
                    _camera_choices(spec),
                    value=EMPTY_SHOT.camera,
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
            with gr.Row():
                for label in BUTTONS:
                    edit = label.lower()
                    button = gr.Button(label, size="sm", min_width=60, elem_id=f"{name}-{edit}")
                    self._buttons.append((button, edit, index))
        self._frames.append(frame)
        parts = (prompt, duration, camera, transition, image)
        self._cards.append(dict(zip(CARD_FIELDS, parts, strict=True)))

    def connect(self) -> None:
        """Let the buttons work, and look at the pictures that are added."""
        for card in self._cards:
            # Not as Gradio would read it: that fails for what is no picture, with no sentence.
            card["image"].upload(
                self._look_at_picture, card["image"], card["image"], preprocess=False, **PRIVATE
            )
        empty = json.dumps([getattr(EMPTY_SHOT, name) for name in CARD_FIELDS])
        for button, edit, index in self._buttons:
            js = f"(...values) => window.editCards('{edit}', {index}, {empty}, ...values)"
            button.click(None, self.inputs, self.outputs, js=js, **PRIVATE)

    def read(self, count: int, *values: Any) -> list[Shot]:  # noqa: ANN401
        """Return the shots on the cards that are shown, as they are: nothing is checked here."""
        width = len(CARD_FIELDS)
        rows = [values[width * index : width * (index + 1)] for index in range(count)]
        shots = [Shot(**dict(zip(CARD_FIELDS, row, strict=True))) for row in rows]
        return [replace(shot, image=shot.image and Path(shot.image)) for shot in shots]

    def show(self, shots: Sequence[Shot]) -> Updates:
        """Return the updates that put these shots on the cards, and hide the other cards.

        Raises InvalidRequestError if there are more shots than cards.
        """
        if len(shots) > MAX_CARDS:
            raise InvalidRequestError(
                f"There is room for {MAX_CARDS} cards, not for {len(shots)}; join some of the "
                "shots, or make the film through the API, which takes them all."
            )
        updates: Updates = {self._count: len(shots)}
        for index, frame in enumerate(self._frames):
            updates[frame] = gr.Group(visible=index < len(shots))
        for card, shot in zip(self._cards, shots, strict=False):
            updates |= {card[name]: getattr(shot, name) for name in CARD_FIELDS}
        return updates

    def offer_moves(self, spec: ModelSpec, count: int, *values: Any) -> Updates:  # noqa: ANN401
        """Return the updates that offer the camera moves of a model, and drop all others."""
        del count
        cameras = values[CARD_FIELDS.index("camera") :: len(CARD_FIELDS)]
        return {
            card["camera"]: gr.Dropdown(
                choices=_camera_choices(spec), value=camera if camera in spec.camera_words else ""
            )
            for card, camera in zip(self._cards, cameras, strict=True)
        }

    def offer_room(self, count: int) -> gr.Button:
        """Return the button that adds a card, as it is beside so many of them."""
        is_full = count >= MAX_CARDS
        return gr.Button(FULL if is_full else ADD, interactive=not is_full)

    def _serve_plain_copy(self, path: str) -> Path:
        return serve_picture(self._studio.plain_picture(path), "picture.png")

    async def _look_at_picture(self, picture: dict[str, Any] | None) -> str | None:
        """Put a plain copy in the place of an uploaded picture, or say why it cannot be used."""
        if picture is None:
            return None
        try:
            with plain_errors(InvalidRequestError):
                work = self._serve_plain_copy
                return str(await self._studio.inspect(client_id(), work, picture["path"]))
        except InvalidRequestError as exc:
            gr.Warning(str(exc))
            return None


def _camera_choices(spec: ModelSpec) -> list[tuple[str, Camera]]:
    return [("As in my text", ""), *((move, move) for move in spec.camera_words)]

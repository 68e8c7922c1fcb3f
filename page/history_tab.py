"""The tab with a visitor's own clips, newest first: search, the selected clip, and what to do."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from page import messages
from page.auth import client_id
from page.character_maker import CharacterMaker
from page.clip_actions import ClipActions
from page.components import ASSETS, PRIVATE
from page.errors import plain_errors
from page.form_values import form_of_recipe, form_of_request
from page.forms import Forms
from page.inspection import inspect
from page.job_panel import News
from page.served_files import serve, serve_clip, withdraw
from pipeline.errors import InvalidRequestError
from pipeline.jobs.history import HistoryEntry
from pipeline.planning.recipe import read_recipe
from pipeline.studio import Studio

NAME = "clips"
MAX_SHOWN = 60
NO_PICTURE = ASSETS / "no-picture.png"
ACTIONS = {
    "edit": "Edit",
    "again": "Make a variation",
    "same": "Make the same",
    "resume": "Resume",
    "stop": "Stop",
    "delete": "Delete",
}
RARE = ("resume", "stop")
_NO_RECIPE = "This file has no Kinora recipe, so there is nothing to fill in; drop a Kinora clip."
_NO_FORM = "This clip was made in a way that has no form on this page; drop another clip."
_ANY_MODEL = ("All models", "")


def create_visitor() -> gr.BrowserState:
    """Create the browser storage of a visitor's token."""
    # The token is the only secret and stays in the browser, so Gradio's key need not be secret.
    return gr.BrowserState("", storage_key="kinora-visitor", secret="kinora")


def greet(visitor: str) -> str:
    """Return the visitor's token, or a new one at the first visit."""
    return visitor or secrets.token_urlsafe(16)


class HistoryTab:
    """A gallery of the visitor's clips, and the selected clip."""

    def __init__(self, studio: Studio, visitor: gr.BrowserState) -> None:
        """Create the tab in the Blocks being built."""
        self._studio = studio
        self._visitor = visitor
        self.parts: dict[str, Component] = {}
        with gr.Tab("Your clips", id=NAME, elem_id=f"{NAME}-tab") as self.tab:
            self._job_ids = gr.State([])
            self._chosen = gr.State()
            self._deleted = gr.State()
            with gr.Row(equal_height=False):
                with gr.Column(scale=6, min_width=320):
                    self._create_list()
                with gr.Column(scale=5, min_width=320, elem_classes="kinora-stage"):
                    self._create_chosen()

    def _create_list(self) -> None:
        with gr.Row():
            self._words = gr.Textbox(
                "", label="Search", placeholder="Words of a prompt", elem_id=f"{NAME}-search"
            )
            self._model = gr.Dropdown(
                [_ANY_MODEL], value="", label="Model", min_width=140, elem_id=f"{NAME}-model"
            )
        self._note = gr.Markdown(messages.describe_history(0), elem_classes="kinora-note")
        self._undo = gr.Button(
            "Undo: bring the deleted clip back", size="sm", visible=False, elem_id=f"{NAME}-undo"
        )
        self._gallery = gr.Gallery(
            label="Your clips",
            show_label=False,
            columns=3,
            object_fit="contain",
            height="auto",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id=f"{NAME}-gallery",
        )
        # Not gr.Video: it may re-encode the file and drop its recipe.
        self._file = gr.File(
            label="Drop a Kinora clip here to edit how it was made",
            file_types=[".mp4"],
            height=150,
            elem_id=f"{NAME}-file",
        )

    def _create_chosen(self) -> None:
        self.parts["clip"] = gr.Video(
            label="Clip", interactive=False, buttons=["download"], elem_id=f"{NAME}-clip"
        )
        self._status = gr.Markdown(elem_id=f"{NAME}-status", elem_classes="kinora-status")
        with gr.Row(elem_classes="kinora-uses"):
            for name, label in ACTIONS.items():
                self.parts[name] = gr.Button(
                    label,
                    variant="stop" if name == "delete" else "secondary",
                    size="sm",
                    interactive=False,
                    visible=name not in RARE,
                    min_width=90,
                    elem_id=f"{NAME}-{name}",
                )
        with gr.Row(elem_classes="kinora-uses"):
            self.actions = ClipActions(self._studio, NAME, self._chosen, self.parts["clip"])
        self.parts |= self.actions.parts
        self._characters = CharacterMaker(self._studio, NAME)
        with gr.Accordion("Recipe", open=False, elem_id=f"{NAME}-recipe-fold"):
            self.parts["recipe"] = gr.JSON(show_label=False, elem_id=f"{NAME}-recipe")

    def connect(self, forms: Forms, news: News) -> None:
        """Connect the events; what `news` knows changes with each of the visitor's jobs."""
        self._news = news
        self._characters.connect(self.tab, self._visitor, self._chosen)
        listing = [self._visitor, self._words, self._model]
        listed = [self._gallery, self._job_ids, self._note, self._model]
        chosen = [self._chosen, self._deleted, self._undo, self._status, *self.parts.values()]
        acted = [*chosen, news.timer, news.known]
        look = {"fn": self._look, "inputs": listing, "outputs": listed, **PRIVATE}
        found = [self.tab.select, self._words.change, self._model.input]
        gr.on(found, trigger_mode="always_last", **look)
        again = {"fn": self._show_again, "inputs": [self._visitor, self._chosen]}
        news.known.change(**look).then(**again, outputs=chosen, **PRIVATE)
        who = [self._visitor, self._chosen]
        self._gallery.select(self._choose, [self._visitor, self._job_ids], chosen, **PRIVATE)
        for name in ACTIONS:
            if name != "edit":
                act = partial(self._act, name)
                self.parts[name].click(act, who, acted, **PRIVATE).then(**look)
        self._undo.click(self._bring_back, [self._visitor, self._deleted], chosen, **PRIVATE).then(
            **look
        )
        edit = partial(self._edit, forms)
        self.parts["edit"].click(edit, who, forms.outputs, **PRIVATE)
        restore = partial(self._restore, forms)
        self._file.upload(restore, self._file, [*forms.outputs, self._file], **PRIVATE)

    async def _look(self, visitor: str, words: str, model: str) -> dict[Any, Any]:
        with plain_errors():
            history = self._studio.history
            entries = await asyncio.to_thread(history.entries, visitor, MAX_SHOWN, words, model)
            used = await asyncio.to_thread(history.models, visitor)
            pictures = await asyncio.to_thread(_pictures, entries)
        choices = [_ANY_MODEL, *((messages.label_of(x), x) for x in used)]
        return {
            self._gallery: pictures,
            self._job_ids: [entry.facts.job_id for entry in entries],
            self._note: messages.describe_history(len(entries), is_filtered=bool(words or model)),
            self._model: gr.Dropdown(choices=choices),
        }

    def _choose(self, visitor: str, job_ids: list[str], event: gr.SelectData) -> dict[Any, Any]:
        with plain_errors():
            return self._show(visitor, job_ids[event.index])

    def _show_again(self, visitor: str, job_id: str | None) -> dict[Any, Any]:
        """Show the selected clip as it is by now."""
        try:
            return self._show(visitor, job_id) if job_id else {self._chosen: None}
        except InvalidRequestError:  # deleted in another tab of the browser
            return self._show_nothing()

    def _show(self, visitor: str, job_id: str) -> dict[Any, Any]:
        facts = self._studio.history.check(visitor, job_id)
        entry = self._studio.history.entry(facts)
        clip: Path | None = serve_clip(self._studio, job_id)
        can = {
            "edit": True,
            "again": True,
            "same": True,
            "resume": self._studio.can_resume(job_id),
            "stop": entry.state.is_kept,
            "delete": entry.state.is_over,
        }
        loops = facts.request.direction == "loop"
        may_sound = self._studio.offers.may_sound(facts.request)
        return (
            {
                self._chosen: job_id,
                self._status: messages.describe_entry(entry),
                self.parts["clip"]: gr.Video(
                    value=clip,
                    loop=loops,
                    label=messages.shorten(facts.request.title),
                    elem_classes=[] if may_sound else ["kinora-silent"],
                ),
                self.parts["recipe"]: messages.shown_recipe(entry.recipe),
            }
            | _offer(self.parts, can)
            | self._show_actions(job_id)
        )

    def _show_actions(self, job_id: str | None) -> dict[Any, Any]:
        return {self.parts[name]: change for name, change in self.actions.show(job_id).items()}

    async def _act(self, name: str, visitor: str, job_id: str | None) -> dict[Any, Any]:
        """Apply a button's action to the selected clip, and show the clip selected after it."""
        if not job_id:
            return {self._chosen: None}
        with plain_errors():
            history, worker = self._studio.history, self._studio.worker
            history.check(visitor, job_id)
            if name == "delete":
                await asyncio.to_thread(history.delete, visitor, job_id)
                withdraw(job_id)
                undo = {self._deleted: job_id, self._undo: gr.Button(visible=True)}
                return self._show_nothing() | undo
            if name in ("again", "same"):
                is_same = name == "same"
                job_id = await self._studio.again(visitor, job_id, client_id(), is_same=is_same)
            elif name == "resume":
                await self._studio.resume(job_id, client_id())
            else:
                await asyncio.to_thread(worker.cancel, job_id)
            shown = await asyncio.to_thread(self._show, visitor, job_id)
        return shown | self._news.tell([job_id])

    async def _bring_back(self, visitor: str, job_id: str | None) -> dict[Any, Any]:
        """Undo the last deletion, and show the clip."""
        hidden = {self._deleted: None, self._undo: gr.Button(visible=False)}
        if not job_id:
            return hidden
        with plain_errors():
            await asyncio.to_thread(self._studio.history.restore, visitor, job_id)
            return hidden | await asyncio.to_thread(self._show, visitor, job_id)

    def _edit(self, forms: Forms, visitor: str, job_id: str | None) -> dict[Any, Any]:
        """Fill in the form of a clip's tab with everything that made it."""
        if not job_id:
            return forms.unchanged()
        with plain_errors():
            facts = self._studio.history.check(visitor, job_id)
            request = facts.request.with_sources(lambda path: serve(path, job_id, path.name))
            return forms.show(form_of_request(request, facts.tab))

    async def _restore(self, forms: Forms, path: str | None) -> dict[Any, Any]:
        """Fill in a form with the recipe of a file, and empty the field for the next one."""
        empty = {self._file: None}
        if path is None:
            return forms.unchanged() | empty
        with plain_errors():
            recipe = await inspect(self._studio, read_recipe, Path(path))
            if not recipe:
                raise InvalidRequestError(_NO_RECIPE)
            updates = forms.show(form_of_recipe(recipe))
            if len(updates) == 1:
                raise InvalidRequestError(_NO_FORM)
        if missing := messages.describe_missing(recipe):
            gr.Info(missing)
        return updates | empty

    def _show_nothing(self) -> dict[Any, Any]:
        off = _offer(self.parts, dict.fromkeys(ACTIONS, False))
        nothing = {self._chosen: None, self._status: "", self.parts["clip"]: None}
        return nothing | {self.parts["recipe"]: None} | off | self._show_actions(None)


def _offer(parts: dict[str, Component], can: dict[str, bool]) -> dict[Any, Any]:
    """Return the updates of the buttons: what is rarely possible is shown only when it is."""
    return {
        parts[name]: gr.Button(interactive=is_on, visible=is_on or name not in RARE)
        for name, is_on in can.items()
    }


def _pictures(entries: list[HistoryEntry]) -> list[tuple[str, str]]:
    """Return the gallery's pictures, where Gradio serves them, and captions."""
    shown = []
    for entry in entries:
        if entry.thumbnail is None:
            path = serve(NO_PICTURE, NAME, NO_PICTURE.name)
        else:
            path = serve(entry.thumbnail, entry.facts.job_id, entry.thumbnail.name)
        shown.append((str(path), messages.describe_caption(entry)))
    return shown

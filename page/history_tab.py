"""The tab with a visitor's own clips, newest first, and the actions for each."""

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
from page.components import ASSETS, PRIVATE, create_part
from page.errors import plain_errors
from page.served_files import serve, serve_clip, withdraw
from pipeline.jobs.history import HistoryEntry
from pipeline.studio import Studio

NAME = "clips"
MAX_SHOWN = 60
NO_PICTURE = ASSETS / "no-picture.png"
ACTIONS = {
    "again": "Make a variation",
    "resume": "Resume",
    "stop": "Stop",
    "delete": "Delete",
}


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
        """Create the tab in the Blocks being built, and connect its events."""
        self._studio = studio
        self._visitor = visitor
        self.parts: dict[str, Component] = {}
        with gr.Tab("Your clips", id=NAME, elem_id=f"{NAME}-tab") as self._tab:
            self._job_ids = gr.State([])
            self._chosen = gr.State()
            with gr.Row(equal_height=False):
                with gr.Column(scale=6, min_width=320):
                    self._note = gr.Markdown(
                        messages.describe_history(0), elem_classes="kinora-note"
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
                    self._refresh = gr.Button("Refresh", size="sm", elem_id=f"{NAME}-refresh")
                with gr.Column(scale=5, min_width=320):
                    self._create_chosen()
        self._connect()

    def _create_chosen(self) -> None:
        self.parts["clip"] = gr.Video(
            label="Clip", interactive=False, buttons=["download"], elem_id=f"{NAME}-clip"
        )
        self._status = gr.Markdown(elem_id=f"{NAME}-status", elem_classes="kinora-status")
        with gr.Row():
            for name, label in ACTIONS.items():
                self.parts[name] = gr.Button(
                    label,
                    variant="stop" if name == "delete" else "secondary",
                    interactive=False,
                    min_width=80,
                    elem_id=f"{NAME}-{name}",
                )
        with gr.Row():
            for name in ("use_last_frame", "extend"):
                self.parts[name] = create_part(NAME, name)
        self.parts["recipe"] = gr.JSON(visible=False)

    def _connect(self) -> None:
        shown = [self._gallery, self._job_ids, self._note]
        chosen = [self._chosen, self._status, *self.parts.values()]
        look = {"fn": self._look, "inputs": self._visitor, "outputs": shown, **PRIVATE}
        self._tab.select(**look)
        self._refresh.click(**look)
        self._gallery.select(self._choose, [self._visitor, self._job_ids], chosen, **PRIVATE)
        for name in ACTIONS:
            self.parts[name].click(
                partial(self._act, name), [self._visitor, self._chosen], chosen, **PRIVATE
            ).then(**look)

    async def _look(self, visitor: str) -> dict[Any, Any]:
        with plain_errors():
            entries = await asyncio.to_thread(self._studio.history.entries, visitor, MAX_SHOWN)
            pictures = await asyncio.to_thread(_pictures, entries)
        return {
            self._gallery: pictures,
            self._job_ids: [entry.facts.job_id for entry in entries],
            self._note: messages.describe_history(len(entries)),
        }

    def _choose(self, visitor: str, job_ids: list[str], event: gr.SelectData) -> dict[Any, Any]:
        with plain_errors():
            return self._show(visitor, job_ids[event.index])

    def _show(self, visitor: str, job_id: str) -> dict[Any, Any]:
        facts = self._studio.history.check(visitor, job_id)
        state = self._studio.worker.state(job_id)
        clip: Path | None = serve_clip(self._studio, job_id)
        recipe = self._studio.worker.recipe(job_id)
        signing = messages.describe_signing(recipe)
        # Those of the recipe may be rewritten, as the clip was made.
        shots: Any = (recipe or facts.request.to_json())["shots"]
        can = {
            "again": True,
            "resume": state.can_resume,
            "stop": state.is_kept,
            "delete": state.is_over,
            "use_last_frame": clip is not None,
            "extend": clip is not None,
        }
        return {
            self._chosen: job_id,
            self._status: f"{messages.describe_job(facts, state)}\n\n{signing}",
            self.parts["clip"]: gr.Video(value=clip),
            # The prompt is all that "Extend this" needs; the full recipe could contain paths.
            self.parts["recipe"]: {"shots": [{"prompt": shots[-1]["prompt"]}]},
        } | {self.parts[name]: gr.Button(interactive=is_on) for name, is_on in can.items()}

    async def _act(self, name: str, visitor: str, job_id: str | None) -> dict[Any, Any]:
        """Apply a button's action to the selected clip, and show the clip selected after it."""
        if not job_id:
            return {}
        with plain_errors():
            history, worker = self._studio.history, self._studio.worker
            history.check(visitor, job_id)
            if name == "delete":
                await asyncio.to_thread(history.delete, visitor, job_id)
                withdraw(job_id)
                return self._show_nothing()
            if name == "again":
                job_id = await self._studio.again(visitor, job_id, client_id())
            elif name == "resume":
                await self._studio.resume(job_id, client_id())
            else:
                await asyncio.to_thread(worker.cancel, job_id)
            return await asyncio.to_thread(self._show, visitor, job_id)

    def _show_nothing(self) -> dict[Any, Any]:
        off = {self.parts[name]: gr.Button(interactive=False) for name in ACTIONS}
        off |= {self.parts[x]: gr.Button(interactive=False) for x in ("use_last_frame", "extend")}
        return {self._chosen: None, self._status: "", self.parts["clip"]: None} | off


def _pictures(entries: list[HistoryEntry]) -> list[tuple[str, str]]:
    """Return the gallery's pictures, where Gradio serves them, and captions."""
    shown = []
    for entry in entries:
        if entry.thumbnail is None:
            path = serve(NO_PICTURE, NAME, NO_PICTURE.name)
        else:
            path = serve(entry.thumbnail, entry.facts.job_id, entry.thumbnail.name)
        shown.append((str(path), messages.describe_entry(entry)))
    return shown

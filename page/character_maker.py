"""Makes characters of a visitor's clips, to be called by @name in prompts, and deletes them."""

from __future__ import annotations

import asyncio
from typing import Any

import gradio as gr

from page.auth import client_id
from page.components import PRIVATE, create_part
from page.errors import plain_errors
from pipeline.errors import InvalidRequestError
from pipeline.jobs.history import visitor_key
from pipeline.planning.characters import MAX_NAME_CHARACTERS
from pipeline.studio import Studio

_HOW = (
    "What the middle of the clip shows gets a name; write @name in any prompt to show it again. "
    "Kinora mini does so with its own clips, Wan VACE with any."
)


class CharacterMaker:
    """The fold with a visitor's characters, in the Blocks being built."""

    def __init__(self, studio: Studio, tab: str) -> None:
        """Create the fold in a tab."""
        self._studio = studio
        with gr.Accordion("Use as a character", open=False, elem_id=f"{tab}-character-fold"):
            gr.Markdown(_HOW, elem_classes="kinora-note")
            self._name = gr.Textbox(
                "", label="Name", max_length=MAX_NAME_CHARACTERS, elem_id=f"{tab}-character-name"
            )
            self._consent = create_part(f"{tab}-character", "has_consent")
            self._keep = gr.Button("Keep the character", size="sm", elem_id=f"{tab}-character-keep")
            with gr.Row():
                self._known = gr.Dropdown(
                    [], label="Your characters", elem_id=f"{tab}-character-known"
                )
                self._delete = gr.Button("Delete it", size="sm", elem_id=f"{tab}-character-delete")

    def connect(self, tab: gr.Tab, visitor: gr.BrowserState, job_id: gr.State) -> None:
        """Connect the events; `job_id` holds the job of the selected clip."""
        tab.select(self._list, visitor, self._known, **PRIVATE)
        self._keep.click(
            self._make,
            [visitor, job_id, self._name, self._consent],
            [self._known, self._name, self._consent],
            **PRIVATE,
        )
        self._delete.click(self._remove, [visitor, self._known], self._known, **PRIVATE)

    def _list(self, visitor: str, chosen: str | None = None) -> gr.Dropdown:
        kept = self._studio.characters.list_all(visitor_key(visitor)) if visitor else []
        choices = [(f"@{x.character.handle}", x.character_id) for x in kept]
        return gr.Dropdown(choices=choices, value=chosen)

    async def _make(
        self, visitor: str, job_id: str | None, name: str, has_consent: bool
    ) -> tuple[gr.Dropdown, str, bool]:
        """Keep what the selected clip shows as a character."""
        with plain_errors():
            if not job_id:
                raise InvalidRequestError("No clip is selected; choose one first.")
            self._studio.history.check(visitor, job_id)
            clip = self._studio.worker.result(job_id)
            if clip is None:
                raise InvalidRequestError("This clip is not made yet; wait until it is.")
            who: Any = visitor_key(visitor), client_id(), name, clip
            kept = await self._studio.keep_character(*who, has_consent=has_consent)
            known = await asyncio.to_thread(self._list, visitor, kept.character_id)
        gr.Info(f"Write @{kept.character.handle} in a prompt to show it again.")
        return known, "", False

    def _remove(self, visitor: str, character_id: str | None) -> gr.Dropdown:
        with plain_errors():
            if not character_id:
                raise InvalidRequestError("No character is selected; choose one first.")
            self._studio.characters.delete(visitor_key(visitor), character_id)
        return self._list(visitor)

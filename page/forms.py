"""Fills the forms of the tabs: from a clip, from a file's recipe, from a link, and after a reload.

What is typed is kept in the browser alone (assets/forms.js).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import gradio as gr
from gradio.components import Component

from page.components import PRIVATE, Trigger
from page.form_values import FILM, SHOT_FIELDS, Form

Updates = dict[Any, Any]


class FormTab(Protocol):
    """A tab with a form."""

    @property
    def fields(self) -> Mapping[str, Component]:
        """Return its components by the names of the request's fields, without shots."""

    @property
    def inputs(self) -> Sequence[Component]:
        """List the components of the fields, then of the number of shots and the cards."""

    @property
    def changes(self) -> Sequence[Trigger]:
        """List the triggers that tell of changes to keep."""

    @property
    def outputs(self) -> Sequence[Any]:
        """List what `fill` changes."""

    def fill(self, form: Form) -> Updates:
        """Return the updates that show a form."""


class Forms:
    """The forms of all tabs, in the Blocks being built."""

    def __init__(self, tabs: gr.Tabs, by_name: Mapping[str, FormTab]) -> None:
        """Keep drafts of the forms, by the names of their tabs, in the browser."""
        self._tabs = tabs
        self._by_name = by_name
        self.outputs: list[Any] = [tabs, *(x for tab in by_name.values() for x in tab.outputs)]

    def unchanged(self) -> Updates:
        """Return the updates that change nothing: an event without any would clear all."""
        return {self._tabs: gr.skip()}

    def show(self, form: Form) -> Updates:
        """Return the updates that fill in a form and open its tab; nothing for an unknown tab."""
        tab = self._by_name.get(str(form.get("tab")))
        if tab is None:
            return self.unchanged()
        return tab.fill(form) | {self._tabs: gr.Tabs(selected=form["tab"])}

    def connect(self, tabs: Mapping[str, gr.Tab], arrival: gr.events.Dependency) -> None:
        """Keep what is typed and which tab is open, and show both when a visitor arrives."""
        for name, form_tab in self._by_name.items():
            shots = SHOT_FIELDS if name == FILM else ()
            known = ", ".join(map(json.dumps, (name, [*form_tab.fields], shots)))
            js = f"(...values) => window.kinoraForms.keep({known}, ...values)"
            inputs = [*form_tab.inputs]
            gr.on(form_tab.changes, None, inputs, None, js=js, **PRIVATE)
        for name, tab in tabs.items():
            js = f"() => window.kinoraForms.open({json.dumps(name)})"
            tab.select(None, None, None, js=js, **PRIVATE)
        recalled = gr.JSON(visible=False)
        arrival.then(
            self._recall,
            recalled,
            self.outputs,
            js="() => window.kinoraForms.recall()",
            queue=False,
            **PRIVATE,
        ).then(None, None, None, js="() => window.kinoraForms.ready()", **PRIVATE)

    def _recall(self, kept: object) -> Updates:
        """Show what the browser has kept; it may be anything."""
        updates = self.unchanged()
        if not isinstance(kept, dict):
            return updates
        for form in kept.get("forms") or ():
            if isinstance(form, dict) and str(form.get("tab")) in self._by_name:
                updates |= self._by_name[str(form["tab"])].fill(form)
        if isinstance(kept.get("tab"), str):
            updates[self._tabs] = gr.Tabs(selected=kept["tab"])
        return updates


def connect_link(link: gr.Button, form: gr.JSON) -> None:
    """Copy a link that fills in a form when a button is pressed."""

    def tell(is_copied: bool) -> None:
        if is_copied:
            gr.Info("The link is copied. It contains the prompt and the settings, and no files.")

    link.click(
        tell,
        form,
        None,
        js="(form) => window.kinoraForms.copyLink(form)",
        **PRIVATE,
    )

"""Examples that move, by what people want to do; a press on one fills in the form.

The clips are made by the shipped model (`python -m training.showcase`) and are loaded when they
come into sight, so that they cost nothing when the page is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from page.components import ASSETS, EXAMPLES, PRIVATE
from page.served_files import serve
from pipeline.models.registry import Models

FILES = ("image", "video")
Example = dict[str, Any]
_SHOWCASE = (
    '<div class="kinora-showcase"><h2>{title}</h2><ul>{cards}</ul>'
    "<p>These clips were drawn by Kinora mini. Press one to fill in the form.</p></div>"
)
# The picture stands in for the clip until it is in sight, and where motion is not wanted.
_CARD = (
    '<li><button type="button" data-example="{index}">'
    '<video muted loop playsinline preload="none" aria-label="{shows}"'
    ' poster="kinora/showcase/{clip}.jpg" data-src="kinora/showcase/{clip}.mp4"></video>'
    "<b>{want}</b></button></li>"
)


@cache
def read_examples() -> dict[str, list[Example]]:
    """Return the examples of each tab: what one wants to do, the form's fields, and the clip."""
    return json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))


class Showcase:
    """The examples of one tab, in the Blocks being built."""

    def __init__(self, tab: str, title: str) -> None:
        """Create the examples of a tab."""
        self._examples = read_examples()[tab]
        cards = "".join(_draw(index, x) for index, x in enumerate(self._examples))
        self._html = gr.HTML(
            _SHOWCASE.format(title=escape(title), cards=cards),
            js_on_load=(ASSETS / "showcase.js").read_text(encoding="utf-8"),
            apply_default_css=False,  # it would frame each card and its words
            elem_id=f"{tab}-examples",
            elem_classes="kinora-flush",
        )

    def connect(
        self,
        models: Models,
        model: Component,
        fill: Callable[[Example], dict[Any, Any]],
        outputs: list[Any],
    ) -> gr.events.Dependency:
        """Fill in a form when an example is pressed, with words for the chosen model."""

        def choose(chosen: str, event: gr.EventData) -> dict[Any, Any]:
            example = self._examples[int(event.index) % len(self._examples)]
            form = _fields(example, knows_one_world=_knows_one_world(models, chosen))
            return fill(form | {"model": chosen})

        return self._html.select(choose, model, outputs, queue=False, **PRIVATE)


def _draw(index: int, example: Example) -> str:
    facts = {name: escape(str(example[name])) for name in ("want", "shows", "clip")}
    return _CARD.format(index=index, **facts)


def _knows_one_world(models: Models, model: str) -> bool:
    """Return whether a model has a small world of its own; others draw what they are told."""
    return model in models and models[model].ships_with_app


def _fields(example: Example, *, knows_one_world: bool) -> Example:
    """Return an example's fields of the form, with files where Gradio serves them."""
    fields = dict(example["form"])
    if not knows_one_world:
        fields |= example.get("large", {})
    for name in FILES:
        if name in fields:
            path: Path = EXAMPLES / fields[name]
            fields[name] = str(serve(path, "examples", path.name))
    return fields

"""A line that lists the machines of a cluster, where clips are made on one."""

from __future__ import annotations

import html
from collections.abc import Callable

import gradio as gr

from page.components import PRIVATE

_SECONDS_BETWEEN_LOOKS = 5


def show_machines(demo: gr.Blocks, describe: Callable[[], str]) -> None:
    """Lay out the line; `describe` reads what is in memory and asks no other machine."""

    def look() -> str:
        return html.escape(describe())

    line = gr.HTML(elem_id="kinora-machines")
    demo.load(look, None, line, **PRIVATE)
    gr.Timer(_SECONDS_BETWEEN_LOOKS).tick(look, None, line, **PRIVATE)

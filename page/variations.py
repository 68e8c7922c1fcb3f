"""Variations of one request side by side: each with its seed, to look at and to keep the best."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import gradio as gr

from page import messages
from page.served_files import serve_clip
from pipeline.errors import InvalidRequestError
from pipeline.studio import Studio

# All texts are escaped before they get here.
_CELLS = """<div class="kinora-variations" role="group" aria-label="Variations">${value.map((x) =>
  '<figure' + (x.chosen ? ' class="chosen"' : '') + '>' + (x.clip ? '<video src="gradio_api/file=' +
  x.clip + '" muted loop autoplay playsinline aria-label="' + x.name + ': ' + x.prompt +
  '"></video>' : '<div>' + x.state + '</div>') + '<figcaption>' + x.name + '</figcaption>' +
  x.buttons.map((b) => '<button data-act="' + b[0] + '" data-job="' + x.id + '" aria-label="' +
  b[1] + ', ' + x.name + '">' + b[1] + '</button>').join('') + '</figure>').join('')}</div>"""
_ON_LOAD = """element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) trigger("click", { ...button.dataset });
});"""


def create_variations(tab: str) -> gr.HTML:
    """Create the row of variations, which is hidden until there are some."""
    return gr.HTML(
        [],
        html_template=_CELLS,
        js_on_load=_ON_LOAD,
        visible=False,
        elem_id=f"{tab}-variations",
    )


def show_variations(studio: Studio, job_ids: Sequence[str], chosen: str | None) -> gr.HTML:
    """Return the update that shows some jobs side by side; a single one is shown elsewhere."""
    if len(job_ids) < 2:
        return gr.HTML(value=[], visible=False)
    cells = [_cell(studio, job_id, job_id == chosen) for job_id in job_ids]
    are_over = all(cell["is_over"] for cell in cells)
    for cell in cells:
        show = [("show", "Show")] if cell["clip"] else []
        cell["buttons"] = [*show, ("keep", "Keep this one")] if are_over and show else show
    return gr.HTML(value=cells, visible=True)


def remaining(studio: Studio, job_ids: Sequence[str]) -> list[str]:
    """Return those of some jobs that still exist."""
    found = []
    for job_id in job_ids:
        try:
            studio.worker.store.folder(job_id)
        except InvalidRequestError:
            continue
        found.append(job_id)
    return found


def _cell(studio: Studio, job_id: str, is_chosen: bool) -> dict[str, Any]:
    state, facts = studio.worker.state(job_id), studio.worker.store.facts(job_id)
    clip = serve_clip(studio, job_id)
    return {
        "id": job_id,
        "chosen": is_chosen,
        "clip": clip and html.escape(str(clip)),
        "name": f"Seed {facts.request.seed}",
        "prompt": html.escape(facts.request.title),
        "state": messages.describe_end(state),
        "is_over": state.is_over,
    }

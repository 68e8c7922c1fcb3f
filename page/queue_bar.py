"""The queue in sight of every tab: a visitor's clips that wait or are being made, with buttons.

It asks the server only while there are some, and when another tab of the browser has news.
"""

from __future__ import annotations

import asyncio
import html
import json
from collections.abc import Mapping
from typing import Any

import gradio as gr

from page import messages
from page.components import PRIVATE, TAB_LABELS
from page.errors import plain_errors
from page.form_values import FILM, REMIX
from page.job_panel import JobPanel, News
from pipeline.errors import InvalidRequestError
from pipeline.jobs.queue_view import QueuedJob, list_queue
from pipeline.studio import Studio

SECONDS_BETWEEN_LOOKS = 2.0
MAX_SHOWN = 8
NAME = "kinora-queue"
_NOTHING: dict[str, Any] = {"jobs": [], "ended": ""}
# All texts are escaped before they get here.
_ROWS = """<ul class="kinora-queue" aria-label="Your clips in the making">${value.jobs.map((job) =>
  '<li><span><b>' + job.tab + '</b> ' + job.prompt + '</span><span>' + job.line + '</span><span>' +
  job.buttons.map((b) => '<button data-act="' + b[0] + '" data-job="' + job.id + '" data-tab="' +
    job.name + '" aria-label="' + b[1] + ': ' + job.prompt + '">' + b[1] + '</button>').join('') +
  '</span></li>').join('')}</ul>"""
_BUTTONS = [("show", "Show"), ("pause", "Pause"), ("stop", "Stop")]

LABELS = {
    **{str(task): label for task, label in TAB_LABELS.items()},
    FILM: "Film",
    REMIX: "Remix",
}


class QueueBar:
    """The rows, and the timer that keeps them true, in the Blocks being built."""

    def __init__(self, studio: Studio, visitor: gr.BrowserState) -> None:
        """Create the bar, which is empty until `connect`."""
        self._studio, self._visitor = studio, visitor
        self._rows = gr.HTML(
            _NOTHING,
            html_template=_ROWS,
            js_on_load="window.kinoraQueue(element, trigger, props, watch)",
            elem_id=NAME,
        )
        self.news = News(
            gr.Timer(SECONDS_BETWEEN_LOOKS, active=False),
            # No gr.State: its changes are told for events in Gradio's queue alone.
            gr.Textbox("{}", visible="hidden"),
        )

    def connect(
        self, tabs: gr.Tabs, panels: Mapping[str, JobPanel], arrival: gr.events.Dependency
    ) -> None:
        """Look when a visitor arrives, while jobs are made, and when another tab has news.

        A panel whose job goes on because of another tab of the browser shows it again.
        """
        self._tabs, self._panels = tabs, panels
        wanted = {name: gr.Textbox("", visible="hidden") for name in panels}
        self._wanted = wanted
        look = {
            "fn": self._look,
            "inputs": [
                *(self._visitor, self.news.known),
                *(panel.watched for panel in panels.values()),
                *wanted.values(),
            ],
            "outputs": [self._rows, self.news.timer, self.news.known, *wanted.values()],
            "queue": False,
            **PRIVATE,
        }
        arrival.then(**look)
        gr.on([self.news.timer.tick, self._rows.submit], **look)
        self._rows.click(self._act, self._visitor, tabs, queue=False, **PRIVATE).then(**look)
        for name, panel in panels.items():
            panel.connect_wanted(wanted[name])

    async def _look(self, visitor: str, known: str, *states: str | None) -> dict[Any, Any]:
        """Return the visitor's queue, and the jobs that panels are to show again."""
        jobs = await asyncio.to_thread(list_queue, self._studio.worker, visitor)
        found = {job.job_id: job.state.name for job in jobs}
        gone = [job_id for job_id in _read_known(known) if job_id not in found]
        ended = await asyncio.to_thread(self._describe_end, gone[-1]) if gone else ""
        rows = [_row(job) for job in jobs[:MAX_SHOWN]]
        updates: dict[Any, Any] = {
            self._rows: {"jobs": rows, "ended": ended},
            self.news.timer: gr.Timer(active=bool(jobs)),
            self.news.known: json.dumps(found),
        }
        half = len(self._panels)
        for name, watched, wanted in zip(self._panels, states[:half], states[half:], strict=True):
            mine = [job.job_id for job in jobs if job.tab == name]
            updates[self._wanted[name]] = _choose_wanted(mine, watched, wanted)
        return updates

    def _describe_end(self, job_id: str) -> str:
        try:
            return messages.describe_end(self._studio.worker.state(job_id))
        except InvalidRequestError:  # it was deleted
            return ""

    async def _act(self, visitor: str, event: gr.EventData) -> gr.Tabs:
        """Do what a button of a row says, to the visitor's own job alone."""
        act, job_id, tab = (str(event._data.get(name)) for name in ("act", "job", "tab"))
        if act == "show":
            return gr.Tabs(selected=tab) if tab in self._panels else gr.skip()
        with plain_errors():
            history, worker = self._studio.history, self._studio.worker
            await asyncio.to_thread(history.check, visitor, job_id)
            ends = {"pause": worker.pause, "stop": worker.cancel}
            if act in ends:
                await asyncio.to_thread(ends[act], job_id)
        return gr.skip()


def _read_known(text: str) -> list[str]:
    """Return the job ids that a browser had; it may send anything."""
    try:
        known = json.loads(text)
    except ValueError:
        return []
    return [*known] if isinstance(known, dict) else []


def _choose_wanted(mine: list[str], watched: str | None, wanted: str | None) -> str:
    """Return the job that a panel is to show because of another tab; empty for none.

    `mine` are the jobs of its tab, `watched` the one that it shows while it is made, and `wanted`
    what this returned before.
    """
    if watched is not None and watched in mine:
        return watched if watched == wanted else ""
    return mine[0] if mine else ""


def _row(job: QueuedJob) -> dict[str, Any]:
    """Return a row for the template, with all texts escaped."""
    percent = f"{job.state.progress:.0%}" if job.progress else ""
    return {
        "id": job.job_id,
        "name": job.tab,
        "state": job.state.name,
        "percent": percent,
        "tab": LABELS.get(job.tab, "API"),
        "prompt": html.escape(messages.shorten(job.prompt)),
        "line": html.escape(messages.describe_queued(job)),
        "buttons": [x for x in _BUTTONS if job.tab or x[0] != "show"],
    }

"""All uses of Gradio's private attributes, in one place: check it first after an update."""

from __future__ import annotations

import sys
from abc import ABCMeta
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio import Blocks
from gradio.context import LocalContext
from gradio.routes import App
from gradio.state_holder import SessionState, StateHolder
from starlette.requests import Request
from starlette.types import Scope

from page.connections import Connection

_IS_WRONG = "kinora.is_wrong"


def _pass_on(_: gr.Radio, payload: str | int | float | None) -> str | int | float | None:
    """Return the value as it came."""
    return payload


# Buttons of which any value is passed on, to be checked with the rest of the request. Gradio
# refuses what is not among the latest choices, and events of a page cross: one that was sent with
# the quality of the model before came after the choices of the next.
# Made without `ComponentMeta.__new__`, which writes a stub file beside the class's module.
OpenRadio: Callable[..., Any] = ABCMeta.__new__(
    type(gr.Radio),
    "OpenRadio",
    (gr.Radio,),
    {"__module__": __name__, "is_template": True, "preprocess": _pass_on},
)


class _NoConfigs(dict):
    """Stands for a session's configurations of all components, which only deep links read."""

    def __contains__(self, _: object) -> bool:
        return True

    def __missing__(self, _: object) -> dict:
        return {}


class _LightSessions(StateHolder):
    """Sessions without configurations.

    Gradio computes one for each of the page's components when a session begins: 0.16 s on the event
    loop and 0.8 MB. Every call of a client is a session of its own.
    """

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            described = SimpleNamespace(default_config=self.blocks.default_config, blocks={})
            session = SessionState(described)
            session.config_values = _NoConfigs()
            self.session_data[session_id] = session
        return super().__getitem__(session_id)


def lighten(app: App) -> None:
    """Spare a server that has not begun to serve what is computed for nobody.

    After each event Gradio summarizes all earlier ones for its dashboard, which Kinora does not
    serve: 5 to 20 ms, and the import of pandas.
    """
    sessions = _LightSessions()
    sessions.set_blocks(app.get_blocks())
    app.state_holder = sessions
    app.get_blocks()._queue.ANAYLTICS_CACHE_FREQUENCY = sys.maxsize


def leave_endpoints_out(config: dict[str, Any]) -> None:
    """Take the parameters and results of endpoints out of what a browser gets.

    They are never shown, but Gradio looks for each trigger of an event at everything on a page.
    """
    kinds = {part["id"]: part["type"] for part in config["components"]}
    page = config["page"][""]
    page["components"] = [x for x in page["components"] if kinds[x] != "api"]
    tree = page["layout"]
    tree["children"] = [x for x in tree["children"] if kinds[x["id"]] != "api"]


def presence() -> Callable[[], bool]:
    """Return a function that returns whether the client of the running event has disconnected.

    Gradio only marks the events of such a client; their handlers continue to run.
    """
    event_id, blocks = LocalContext.event_id.get(None), LocalContext.blocks.get(None)
    if event_id is None or blocks is None:
        return lambda: False

    def is_gone() -> bool:
        events = [x for group in blocks._queue.active_jobs for x in group or ()]
        return any(event._id == event_id and not event.alive for event in events)

    return is_gone


def open_connections(blocks: Blocks) -> list[Connection]:
    """List the open connections of a page's server; none before it is started."""
    server = getattr(blocks, "server", None)
    return [] if server is None else list(server.server_state.connections)


def keep_connections(blocks: Blocks, seconds: float) -> None:
    """Keep idle connections of a page's server open for some seconds.

    uvicorn closes them after 5 s, when httpx too gives them up: a request of the client can cross
    with the end of its connection, and is lost.
    """
    blocks.server.config.timeout_keep_alive = seconds


def temporary_files(blocks: Blocks) -> list[Path]:
    """List the files that were uploaded to a page, or that Gradio made for it."""
    return [Path(name) for files in blocks.temp_file_sets for name in [*files]]


def is_awaited(scope: Scope, event_id: str) -> bool:
    """Return whether there is an event of this id whose answer was not read yet.

    Gradio's route raises an error for others when its response has begun.
    """
    queue = scope["app"].get_blocks()._queue
    sessions = queue.pending_event_ids_session.values()
    return (
        event_id in queue.event_ids_to_events
        or event_id in queue.pending_messages_per_session
        or any(event_id in event_ids for event_ids in sessions)
    )


def watch_call(scope: Scope) -> None:
    """Give a request a place for `mark_wrong`, which copies of the scope share."""
    scope[_IS_WRONG] = []


def mark_wrong(request: object, status: int) -> None:
    """Give the HTTP request of an event a status; Gradio answers all errors with 500."""
    scope = getattr(getattr(request, "request", None), "scope", {})
    scope.get(_IS_WRONG, []).append(status)


def status_of(scope: Scope) -> int | None:
    """Return the status that `mark_wrong` has given to a request, or None."""
    return next(iter(scope.get(_IS_WRONG, ())), None)


def is_logged_in(scope: Scope) -> bool:
    """Return whether a visitor is logged in or needs no login; Gradio checks only some routes."""
    app = scope["app"]
    if app.auth is None:
        return True
    cookies = Request(scope).cookies
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(cookies.get(name) in app.tokens for name in names)

"""Puts the HTTP APIs together: one ASGI app for their routes, and what runs beside it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from http_api.access import ApiAccess
from http_api.errors import ApiError, as_api_error, error_response
from http_api.videos.answers import Videos
from http_api.videos.choices import ModelNames, read_model_names
from http_api.videos.drafts import Drafter
from http_api.videos.entries import VideoEntries
from http_api.videos.making import VideoMaker
from http_api.videos.routes import VideoRoutes
from http_api.webhooks.outbox import Outbox
from http_api.webhooks.settings import WebhookSettings, read_webhook_settings
from pipeline.errors import KinoraError
from pipeline.settings import NO, YES, read_variable
from pipeline.studio import Studio

if TYPE_CHECKING:
    from http_api.agents.server import AgentServer

VIDEOS, WEBHOOKS = "videos", "webhooks"  # folders in the data folder


@dataclass(frozen=True)
class ApiSettings:
    """Who may call, what names of models mean, where webhooks go, and whether agents may call."""

    access: ApiAccess
    names: ModelNames = field(default_factory=ModelNames)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    serves_agents: bool = False


class HttpApi:
    """ASGI app with the routes below `/v1/`, and `/mcp` for agents if that is on.

    The server's host and origin are checked before.
    """

    def __init__(self, studio: Studio, settings: ApiSettings) -> None:
        """Serve the jobs of a studio."""
        root = studio.worker.store.root
        self._outbox = Outbox(root / WEBHOOKS, settings.webhooks, studio.worker)
        maker = VideoMaker(
            Videos(studio, VideoEntries(root / VIDEOS)),
            Drafter(studio, settings.names),
            self._outbox,
        )
        self._agents: AgentServer | None = None
        if settings.serves_agents:
            # Its library takes a second to import, and most servers do not need it.
            from http_api.agents.server import AgentServer

            self._agents = AgentServer(settings.access, maker)
        videos = VideoRoutes(settings.access, maker)
        self._app = Starlette(
            routes=videos.routes(), exception_handlers={HTTPException: _answer_error}
        )
        self._app.router.redirect_slashes = False
        # It quotes what it cannot read.
        logging.getLogger("python_multipart").setLevel(logging.ERROR)

    def serves(self, path: str) -> bool:
        """Return whether a path is one of these APIs."""
        is_for_agents = path == "/mcp" and self._agents is not None
        return is_for_agents or path == "/v1" or path.startswith("/v1/")

    async def run(self) -> None:
        """Send webhooks, and answer agents, until the task is cancelled."""
        async with self._agents.running() if self._agents else contextlib.nullcontext():
            sending = asyncio.create_task(self._outbox.run())
            try:
                await asyncio.Event().wait()
            finally:
                sending.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        app = self._agents if self._agents and scope["path"] == "/mcp" else self._app
        await app(scope, receive, send)

    def refuse(self, status: int, message: str) -> Response:
        """Return the answer for a call that was refused before it came here."""
        return error_response(ApiError(status, message))


def read_api_settings(access: ApiAccess) -> ApiSettings:
    """Read the settings of the environment. Raises KinoraError."""
    text = read_variable("KINORA_MCP").lower()
    if text not in ("", *YES, *NO):
        raise KinoraError(f"KINORA_MCP is {text!r}, but it must be 1 or 0.")
    return ApiSettings(access, read_model_names(), read_webhook_settings(), text in YES)


async def _answer_error(_: Request, error: Exception) -> Response:
    return error_response(as_api_error(error))

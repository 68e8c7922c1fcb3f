"""Puts the HTTP APIs together: one ASGI app for their routes, and what runs beside it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from http_api.access import ApiAccess
from http_api.errors import ApiError, as_api_error, error_response
from http_api.videos.answers import Videos
from http_api.videos.choices import ModelNames
from http_api.videos.drafts import Drafter
from http_api.videos.entries import VideoEntries
from http_api.videos.routes import VideoRoutes
from http_api.webhooks.outbox import Outbox
from http_api.webhooks.settings import WebhookSettings
from pipeline.studio import Studio

VIDEOS, WEBHOOKS = "videos", "webhooks"  # folders in the data folder


@dataclass(frozen=True)
class ApiSettings:
    """Who may call, what names of models mean, and where webhooks go."""

    access: ApiAccess
    names: ModelNames = field(default_factory=ModelNames)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)


class HttpApi:
    """ASGI app with the routes below `/v1/`; the server's host and origin are checked before."""

    def __init__(self, studio: Studio, settings: ApiSettings) -> None:
        """Serve the jobs of a studio."""
        root = studio.worker.store.root
        self._outbox = Outbox(root / WEBHOOKS, settings.webhooks, studio.worker)
        videos = VideoRoutes(
            settings.access,
            Videos(studio, VideoEntries(root / VIDEOS)),
            Drafter(studio, settings.names),
            self._outbox,
        )
        self._app = Starlette(
            routes=videos.routes(), exception_handlers={HTTPException: _answer_error}
        )
        self._app.router.redirect_slashes = False
        # It quotes what it cannot read.
        logging.getLogger("python_multipart").setLevel(logging.ERROR)

    def serves(self, path: str) -> bool:
        """Return whether a path is one of these APIs."""
        return path == "/v1" or path.startswith("/v1/")

    async def run(self) -> None:
        """Send webhooks until the task is cancelled."""
        await self._outbox.run()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        await self._app(scope, receive, send)

    def refuse(self, status: int, message: str) -> Response:
        """Return the answer for a call that was refused before it came here."""
        return error_response(ApiError(status, message))


async def _answer_error(_: Request, error: Exception) -> Response:
    return error_response(as_api_error(error))

"""Wraps the handlers of calls: every error becomes an answer in the API's form."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from http_api.errors import as_api_error, error_response

logger = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


def answering(route: str, handler: Handler) -> Handler:
    """Return a handler that answers errors; the log names only the route and the status."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as exc:  # whatever it is, clients get an answer in their form
            error = as_api_error(exc)
            logger.info("%s %s: %d", request.method, route, error.status)
            return error_response(error)

    return answer

"""Errors of the HTTP APIs: their JSON form, and the HTTP status of each of Kinora's errors."""

from __future__ import annotations

import logging
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from pipeline.errors import (
    UNEXPECTED,
    InvalidRequestError,
    KinoraError,
    LimitError,
    RefusedError,
)

logger = logging.getLogger(__name__)

# What clients are told to wait. The server closes connections that are idle for 5 s (uvicorn's
# default), and a client that calls again just then reads nothing: of 50, it happened to one.
SECONDS_TO_WAIT = 4
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {
    401: "invalid_api_key",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    429: "rate_limit_exceeded",
}


class ApiError(Exception):
    """A call that is refused: the HTTP status, the message, and what clients can branch on.

    `param` is the name of the wrong parameter.
    """

    def __init__(self, status: int, message: str, *, code: str = "", param: str = "") -> None:
        """Take the status and one sentence for the user."""
        super().__init__(message)
        self.status, self.code, self.param = status, code, param


def wrong(param: str, message: str) -> ApiError:
    """Return the error for a wrong value of a parameter."""
    return ApiError(400, message, code="invalid_value", param=param)


def as_api_error(error: Exception) -> ApiError:
    """Return how an exception is answered; log it if it was not expected."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, HTTPException):
        return ApiError(error.status_code, _plain(error))
    if isinstance(error, LimitError):
        return ApiError(429, str(error))
    if isinstance(error, RefusedError):
        return ApiError(400, str(error), code="moderation_blocked", param="prompt")
    if isinstance(error, InvalidRequestError):
        return ApiError(400, str(error), code="invalid_value")
    if isinstance(error, KinoraError):  # a full disk, or weights that are missing
        return ApiError(503, str(error), code="unavailable")
    logger.error("An API call failed", exc_info=error)
    return ApiError(500, UNEXPECTED, code="server_error")


def error_response(error: ApiError) -> JSONResponse:
    """Return an error in the form that the OpenAI clients read."""
    status = error.status
    values = {
        "message": str(error),
        "type": _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error"),
        "param": error.param or None,
        "code": error.code or _CODES.get(status),
    }
    headers: dict[str, Any] = {401: {"WWW-Authenticate": "Bearer"}}.get(status, {})
    if status == 429:
        headers = {"Retry-After": str(SECONDS_TO_WAIT)}
    return JSONResponse({"error": values}, status, headers)


def _plain(error: HTTPException) -> str:
    if error.status_code == 404:
        return "There is no such route; see docs/api.md for those that there are."
    if error.status_code == 405:
        return "This route has no such method; see docs/api.md."
    return f"The request cannot be read: {error.detail}"

"""The HTTP guard: which routes are open, to whom, and how large requests may be.

Gradio serves more routes than Kinora uses. Routes that are not listed here answer 404.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from http_api.addresses import split_address
from http_api.app import HttpApi
from http_api.bodies import MAX_BODY_BYTES, MAX_UPLOAD_BYTES, refuse_length
from page.auth import AccessPolicy, client_id_of
from page.call_values import CALL_ERRORS, complete_values, refuse_call
from page.connections import ConnectionGuard
from page.private_gradio import (
    is_awaited,
    is_logged_in,
    leave_endpoints_out,
    lighten,
    mark_wrong,
    status_of,
    watch_call,
)
from page.served_files import serving_folder
from pipeline.errors import InvalidRequestError, UnknownJobError, shown
from pipeline.rate_limits import Limits

MAX_SESSIONS = 500  # Gradio keeps the states of each and drops the least recent one
MAX_MESSAGE_CHARACTERS = 300  # of Gradio, which quotes a visitor's value whatever its size
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # other sites must not learn the addresses of clips
    "Content-Security-Policy": (
        "frame-ancestors 'self' https://huggingface.co https://*.huggingface.co; "
        "object-src 'none'; base-uri 'self'"
    ),
}

# The routes that a browser needs before the login.
_ENTRANCE = {
    "GET": (
        r"/|/logout"  # the page, or its form to log in
        r"|/theme\.css|/gradio_api/theme\.css"  # what the page loads
        r"|/(assets|static|svelte|kinora)/.+"
        r"|/robots\.txt|/favicon\.ico|/manifest\.json"  # browsers ask for them
        r"|/pwa_icon(/(192|512))?"  # only what the manifest names: a picture of that size is made
        r"|/gradio_api/(startup-events|login_check/?|user/?)"  # the page asks them when it starts
    ),
    "POST": r"/login/?",
}
_INSIDE = {
    "GET": (
        r"/config/?|/gradio_api/(info/?|openapi\.json"  # what the page and its API consist of
        r"|app_id/?|heartbeat/[^/]+"  # whether the server was restarted, or the visitor has left
        r"|upload_progress|queue/(data|status)|call/(v2/)?[^/]+/[^/]+"  # how far, and the answers
        # No links to other servers: Gradio would fetch them, whatever their size.
        r"|file=(?!(?i:https?:)).+)"
    ),
    # Files, the page's events, calls of clients, and the end of an event that is watched.
    "POST": r"/gradio_api/(upload|queue/join|(call|call/v2|run)/[^/]+/?|cancel|reset/?)",
}
_ANSWER = re.compile(r"/gradio_api/call/(v2/)?[^/]+/(?P<event_id>[^/]+)")
_NOT_UPLOADED = (
    "A file must be an uploaded file, not a link or a path of the server; with gradio_client, pass "
    "handle_file(path)."
)
_UNREADABLE = (
    "The values do not fit this call; send those that its line in /gradio_api/info lists, in its "
    "order."
)


class WrongValuesError(gr.Error):
    """The values of a call do not fit its event."""


class HttpGuard:
    """ASGI middleware in front of everything that Gradio serves."""

    def __init__(
        self,
        app: ASGIApp,
        access: AccessPolicy,
        limits: Limits,
        connections: ConnectionGuard,
        api: HttpApi,
    ) -> None:
        """Guard an app, and run `connections` in the server's event loop.

        The paths of `api` go there, and not to the app; it has keys instead of the login.
        """
        self._app, self._access, self._limits = app, access, limits
        self._connections, self._api = connections, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with a message."""
        if scope["type"] == "lifespan":
            lighten(scope["app"])
            beside = [asyncio.create_task(x.run()) for x in (self._connections, self._api)]
            try:
                await self._app(scope, receive, send)
            finally:
                for task in beside:
                    task.cancel()
            return
        if scope["type"] != "http":
            return  # Kinora does not use web sockets

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == 500 and (status := status_of(scope)):
                    message["status"] = status
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refuse_stranger(Headers(scope=scope))
        if self._api.serves(scope["path"]):
            app = self._api.refuse(*refusal) if refusal else self._api
            await app(scope, receive, send_with_headers)
            return
        refusal = refusal or self._refuse(scope)
        if refusal is None:
            watch_call(scope)
            try:
                await self._app(scope, receive, send_with_headers)
            except CALL_ERRORS as exc:
                refusal = refuse_call(scope, exc)
                if refusal is None:
                    raise
        if refusal is not None:
            status, reason = refusal
            response = JSONResponse({"detail": reason, "error": reason}, status)
            await response(scope, receive, send_with_headers)

    def _refuse_stranger(self, headers: Headers) -> tuple[int, str] | None:
        """Refuse requests for another host, or from another website."""
        host, port = split_address(headers.get("host", ""))
        if not self._knows(host):
            return 421, (
                f"{host[:60]!r} is not a known name of this server; open it by its IP address, or "
                "add the name to KINORA_HOSTS."
            )
        if not self._is_welcome(headers.get("origin"), host, port):
            return 403, "Other websites may not use this server through your browser."
        return None

    def _refuse(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the message of a refusal, or None."""
        headers, path = Headers(scope=scope), scope["path"]
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if not (_is_open(_ENTRANCE, method, path) or _is_open(_INSIDE, method, path)):
            return 404, "Not found."
        if not _is_open(_ENTRANCE, method, path) and not is_logged_in(scope):
            return 401, "Log in first."
        answer = _ANSWER.fullmatch(path)
        if method == "GET" and answer and not is_awaited(scope, answer["event_id"]):
            event_id = shown(answer["event_id"])
            return 404, f"There is no answer {event_id} to wait for, or it was read; call again."
        if method == "POST":
            return self._refuse_body(headers, path, scope)
        return None

    def _knows(self, host: str) -> bool:
        """Return whether a host is a name of this server; a bare IP address always is.

        This prevents DNS rebinding: another site could point its own name at this machine, and its
        scripts could then read from this server.
        """
        names = self._access.hosts
        return not names or _is_address(host) or _is_one_of(host, names)

    def _is_welcome(self, origin: str | None, host: str, port: int | None) -> bool:
        """Return whether a request may come from a page of that origin.

        Pages of other origins, also of other ports, may not use a server on the user's own computer
        or one with a login cookie. A Space may be embedded anywhere.
        """
        names, login = self._access.hosts, self._access.login
        if origin is None or (not names and login is None):
            return True
        name, origin_port = split_address(origin)
        if not name:
            return False
        if name == host:
            default = 443 if origin.startswith("https:") else 80
            return (origin_port or default) == (port or default)
        # Behind a proxy the Host header may differ from the name in the browser.
        return origin_port is None and name != "localhost" and name in names

    def _refuse_body(self, headers: Headers, path: str, scope: Scope) -> tuple[int, str] | None:
        is_upload = path == "/gradio_api/upload"
        refusal = refuse_length(headers, MAX_UPLOAD_BYTES if is_upload else MAX_BODY_BYTES)
        if refusal is not None:
            return refusal
        client = scope.get("client") or ("", 0)
        visitor = client_id_of(headers, client[0])
        try:
            if is_upload:
                self._limits.upload(visitor, int(headers["content-length"]))
            elif path.startswith("/login"):
                self._limits.login(visitor)
        except InvalidRequestError as exc:
            return 429, str(exc)
        return None


class GuardedBlocks(gr.Blocks):
    """Blocks whose events accept only uploaded files, however they are called.

    Clients can call every event by its number with any values, those of the page too. Not all of
    Gradio's components check where a picture is, and a link would be fetched whatever its size.
    """

    def get_config_file(self) -> dict[str, Any]:
        """Return what browsers and clients are told of the page."""
        config = super().get_config_file()
        leave_endpoints_out(config)
        return config

    async def preprocess_data(
        self,
        block_fn: Any,  # noqa: ANN401
        inputs: list[Any],
        state: Any,  # noqa: ANN401
        explicit_call: bool = False,
    ) -> list[Any]:
        """Read the values of an event. Raises WrongValuesError for invalid ones.

        Gradio's own errors would quote the values and print them into the log.
        """
        try:
            if not explicit_call:
                inputs = complete_values(block_fn, inputs)
                refuse_other_files(inputs)
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error as exc:
            raise WrongValuesError(_cut(exc.message), print_exception=False) from exc
        except Exception as exc:  # each of Gradio's components has its own errors
            raise WrongValuesError(_UNREADABLE, print_exception=False) from exc

    async def process_api(self, *args: Any, **options: Any) -> dict[str, Any]:  # noqa: ANN401
        """Run an event, and mark the request of one with wrong values for `HttpGuard`."""
        try:
            return await super().process_api(*args, **options)
        except gr.Error as exc:
            cause = exc.__cause__
            if isinstance(exc, WrongValuesError) or isinstance(cause, InvalidRequestError):
                status = 404 if isinstance(cause, UnknownJobError) else 422
                mark_wrong(options.get("request"), status)
            raise


def _cut(message: str) -> str:
    if len(message) <= MAX_MESSAGE_CHARACTERS:
        return message
    return f"{message[:MAX_MESSAGE_CHARACTERS]}..."


def refuse_other_files(value: object) -> None:
    """Raise gr.Error if a value contains a file that was not uploaded."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            path = item.get("path")
            if isinstance(path, str) or item.get("url") is not None:
                _refuse_path(path)
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)


def _refuse_path(path: object) -> None:
    try:
        folder = serving_folder().resolve()
        is_uploaded = isinstance(path, str) and folder in Path(path).resolve().parents
    except (OSError, ValueError):  # not a valid file name
        is_uploaded = False
    if not is_uploaded:
        raise gr.Error(_NOT_UPLOADED, print_exception=False)


def _is_open(doors: dict[str, str], method: str, path: str) -> bool:
    return method in doors and re.fullmatch(doors[method], path, re.DOTALL) is not None


def _is_address(host: str) -> bool:
    return bool(re.fullmatch(r"[\d.]+|[0-9a-f:]*:[0-9a-f:.]*", host))


def _is_one_of(host: str, names: tuple[str, ...]) -> bool:
    """Return whether a host is one of `names`; a name that starts with a dot is a suffix."""
    return any(host.endswith(name) if name.startswith(".") else host == name for name in names)

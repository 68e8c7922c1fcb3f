"""What other sites show of a link to the page: its name, one sentence and a picture.

Gradio's template has its own name and picture in the same places, and no title.
"""

from __future__ import annotations

import re
from html import escape

from starlette.datastructures import URL, Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from page.own_files import PATH

NAME = "Kinora"
SENTENCE = "Make short videos from text, a picture or a clip, or string shots into a film."
PICTURE = f"{PATH}/preview.jpg"  # 1200 x 630
_SHOWS = "Frames of six picture-book clips made with Kinora"
_THEIRS = re.compile(rb'<meta\s+(?:property|name)="(?:og|twitter):[^>]*/>\s*')
_HEAD = """<meta charset="utf-8" />
		<title>{name}</title>
		<meta name="description" content="{sentence}" />
		<meta property="og:type" content="website" />
		<meta property="og:site_name" content="{name}" />
		<meta property="og:title" content="{name}" />
		<meta property="og:description" content="{sentence}" />
		<meta property="og:url" content="{url}" />
		<meta property="og:image" content="{picture}" />
		<meta property="og:image:alt" content="{shows}" />
		<meta name="twitter:card" content="summary_large_image" />"""


class LinkPreview:
    """ASGI middleware that puts the page's own name, sentence and picture into its head."""

    def __init__(self, app: ASGIApp) -> None:
        """Change the page of an app."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; change the answer if it is the page."""
        if scope["type"] != "http" or scope["path"] != "/":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # Gradio asks this at its start and gives up after 3 s; the page itself takes longer on
            # a busy computer.
            await Response(media_type="text/html")(scope, receive, send)
            return
        start: Message = {}
        body = b""

        async def change(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                changed = brand(body, _address(scope))
                MutableHeaders(scope=start)["content-length"] = str(len(changed))
                await send(start)
                await send({"type": "http.response.body", "body": changed})

        await self._app(scope, receive, change)


def brand(html: bytes, url: URL) -> bytes:
    """Return the page with Kinora's description in its head, for the address it is served at."""
    head = _HEAD.format(
        name=NAME,
        sentence=escape(SENTENCE),
        shows=_SHOWS,
        url=escape(str(url)),
        picture=escape(f"{str(url).rstrip('/')}{PICTURE}"),
    ).encode()
    return _THEIRS.sub(b"", html).replace(b'<meta charset="utf-8" />', head, 1)


def _address(scope: Scope) -> URL:
    """Return the address that the visitor used, also behind a proxy that ends TLS."""
    url = URL(scope=scope).replace(query="")
    scheme = Headers(scope=scope).get("x-forwarded-proto", "").split(",")[0].strip()
    return url.replace(scheme=scheme) if scheme in ("http", "https") else url

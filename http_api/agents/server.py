"""Serves the tools at `/mcp`, without sessions: every call stands for itself."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator

from mcp.server import MCPServer
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from http_api.access import ApiAccess
from http_api.agents.tools import OWNER, AgentTools
from http_api.bodies import MAX_BODY_BYTES
from http_api.errors import ApiError, error_response
from http_api.videos.making import VideoMaker

PATH = "/mcp"
_INSTRUCTIONS = (
    "Kinora makes videos of up to a minute. Call create_video, then wait_for_video until the "
    "status is completed, then fetch_video."
)


class AgentServer:
    """ASGI app with the tools, for the owners that `access` lets in."""

    def __init__(self, access: ApiAccess, maker: VideoMaker) -> None:
        """Offer the tools, and nothing else."""
        self._access = access
        # It would log what agents send.
        logging.getLogger("mcp").setLevel(logging.WARNING)
        server = MCPServer("Kinora", instructions=_INSTRUCTIONS, log_level="WARNING")
        tools = AgentTools(maker)
        for tool in (
            tools.create_video,
            tools.remix_video,
            tools.video_status,
            tools.wait_for_video,
            tools.fetch_video,
            tools.cancel_video,
            tools.list_models,
            tools.verify_video,
        ):
            server.add_tool(tool, structured_output=False)
        server.streamable_http_app(
            streamable_http_path=PATH,
            stateless_http=True,
            max_request_body_size=2 * MAX_BODY_BYTES,  # a data: address is longer than its data
        )
        self._sessions: StreamableHTTPSessionManager = server.session_manager

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer calls while the block runs; only once."""
        async with self._sessions.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        try:
            if scope["method"] != "POST":  # there is nothing to listen to between calls
                raise ApiError(405, "Agents send POST to this address.")
            owner = self._access.owner_of(HTTPConnection(scope))
        except ApiError as exc:
            await error_response(exc)(scope, receive, send)
            return
        await self._sessions.handle_request({**scope, OWNER: owner}, receive, send)

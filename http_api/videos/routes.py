"""The calls of `/v1/videos`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from http_api.access import ApiAccess, Owner
from http_api.answering import answering
from http_api.bodies import Body, body_length, read_body
from http_api.errors import ApiError, wrong
from http_api.videos.answers import Videos
from http_api.videos.content import VARIANTS, Files
from http_api.videos.entries import VideoEntry, is_video_id
from http_api.videos.making import VideoMaker
from pipeline.errors import shown

MAX_PAGE, DEFAULT_PAGE = 100, 20


@dataclass(frozen=True)
class VideoRoutes:
    """The calls of `/v1/videos` for the owners that `access` lets in."""

    access: ApiAccess
    maker: VideoMaker
    files: Files = field(default_factory=Files)

    @property
    def videos(self) -> Videos:
        """Return the videos that are made."""
        return self.maker.videos

    def routes(self) -> list[Route]:
        """List the routes; those with fixed names come before those with an id in their place."""
        calls = (
            ("POST", "/v1/videos", self.create),
            ("GET", "/v1/videos", self.list),
            ("POST", "/v1/videos/extensions", self.extend),
            ("POST", "/v1/videos/edits", self.edit),
            ("POST", "/v1/videos/characters", self.create_character),
            ("GET", "/v1/videos/characters/{character_id}", self.character),
            ("DELETE", "/v1/videos/characters/{character_id}", self.delete_character),
            ("GET", "/v1/videos/{video_id}", self.retrieve),
            ("DELETE", "/v1/videos/{video_id}", self.delete),
            ("GET", "/v1/videos/{video_id}/content", self.content),
            ("POST", "/v1/videos/{video_id}/remix", self.remix),
        )
        return [
            Route(path, answering(path, call), methods=[method]) for method, path, call in calls
        ]

    async def create(self, request: Request) -> Response:
        """Make a clip from text, a picture or a storyboard."""
        owner = self.access.owner_of(request)
        async with self._read(request, owner) as body:
            return await self._answer(await self.maker.create(owner, body))

    async def extend(self, request: Request) -> Response:
        """Extend an uploaded clip, or a completed video of the caller."""
        owner = self.access.owner_of(request)
        async with self._read(request, owner) as body:
            return await self._answer(await self.maker.extend(owner, body.values))

    async def edit(self, request: Request) -> Response:
        """Change an uploaded clip, or a completed video of the caller."""
        owner = self.access.owner_of(request)
        async with self._read(request, owner) as body:
            return await self._answer(await self.maker.edit(owner, body.values))

    async def remix(self, request: Request) -> Response:
        """Make a completed video of the caller again with other words."""
        owner = self.access.owner_of(request)
        video_id = request.path_params["video_id"]
        async with self._read(request, owner) as body:
            return await self._answer(await self.maker.remix(owner, video_id, body.values))

    async def create_character(self, request: Request) -> Response:
        """Keep what a clip or picture shows as a character for later clips."""
        owner = self.access.owner_of(request)
        async with self._read(request, owner) as body:
            return JSONResponse(await self.maker.keep_character(owner, body.values))

    async def character(self, request: Request) -> Response:
        """Return a character."""
        owner = self.access.owner_of(request)
        character_id = request.path_params["character_id"]
        return JSONResponse(await asyncio.to_thread(self.maker.find_character, owner, character_id))

    async def delete_character(self, request: Request) -> Response:
        """Delete a character; clips that show it stay."""
        owner = self.access.owner_of(request)
        character_id = request.path_params["character_id"]
        await asyncio.to_thread(self.maker.delete_character, owner, character_id)
        return JSONResponse({"id": character_id, "object": "character.deleted", "deleted": True})

    async def list(self, request: Request) -> Response:
        """List the caller's videos."""
        owner = self.access.owner_of(request)
        query = request.query_params
        after, limit = query.get("after", ""), query.get("limit", str(DEFAULT_PAGE))
        order = query.get("order", "desc")
        if not (limit.isascii() and limit.isdecimal() and len(limit) < 4) or int(limit) > MAX_PAGE:
            raise wrong("limit", f"The limit is {shown(limit)}, but it must be 0 to {MAX_PAGE}.")
        if order not in ("asc", "desc"):
            raise wrong("order", f"The order is {shown(order)}, but it must be asc or desc.")
        if after and not is_video_id(after):
            raise wrong("after", f"{shown(after)} is not the id of a video.")
        page = await asyncio.to_thread(
            self.videos.list_page, owner, after, int(limit), is_ascending=order == "asc"
        )
        return JSONResponse(page)

    async def retrieve(self, request: Request) -> Response:
        """Return a video, with its recipe when it is completed."""
        owner = self.access.owner_of(request)
        entry = await self._find(owner, request)
        return await self._answer(entry)

    async def content(self, request: Request) -> Response:
        """Send a completed video's clip, or a picture of it."""
        owner = self.access.owner_of(request)
        name = request.query_params.get("variant", "video")
        if name not in VARIANTS:
            raise wrong(
                "variant", f"The variant is {shown(name)}, but it must be {' or '.join(VARIANTS)}."
            )
        variant = VARIANTS[name]
        video_id = request.path_params["video_id"]
        clip = await asyncio.to_thread(self.maker.find_clip, owner, video_id, status=404)
        try:
            path = await self.files.find(clip.path, variant)
            return FileResponse(
                path,
                media_type=variant.media_type,
                filename=f"{video_id}.{variant.suffix}",
                headers={"Cache-Control": "private"},
                stat_result=await asyncio.to_thread(path.stat),
            )
        except FileNotFoundError as exc:
            raise ApiError(404, "This video was deleted in the meantime.") from exc

    async def delete(self, request: Request) -> Response:
        """Stop a video that is being made, and delete it."""
        owner = self.access.owner_of(request)
        entry = await self._find(owner, request)
        await self.maker.delete(owner, entry)
        return JSONResponse({"id": entry.video_id, "object": "video.deleted", "deleted": True})

    @contextlib.asynccontextmanager
    async def _read(self, request: Request, owner: Owner) -> AsyncIterator[Body]:
        """Read a body within the owner's limits, which count before it is received."""
        self.videos.studio.limits.upload(owner, body_length(request))
        async with read_body(request) as body:
            yield body

    async def _answer(self, entry: VideoEntry) -> Response:
        video = await asyncio.to_thread(self.videos.describe_fully, entry)
        headers = {}
        if video["status"] in ("queued", "in_progress"):
            headers = {"openai-poll-after-ms": str(self.videos.poll_after(entry))}
        return JSONResponse(video, headers=headers)

    async def _find(self, owner: Owner, request: Request) -> VideoEntry:
        return await asyncio.to_thread(self.videos.find, owner, request.path_params["video_id"])

"""The tools that agents call; each answers within a minute, however long a video takes."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Context, Image
from mcp.server.mcpserver.exceptions import ToolError

from http_api.access import Owner
from http_api.bodies import Body
from http_api.errors import as_api_error, wrong
from http_api.videos.entries import VideoEntry
from http_api.videos.making import VideoMaker
from pipeline.jobs.posters import THUMBNAIL, find_poster
from pipeline.planning.request import DEFAULT_STRENGTH

OWNER = "kinora.owner"
"""The key of the caller's `Owner` in the scope of a request."""
MAX_WAIT_SECONDS = 45.0  # agents give up on a tool after about a minute
_SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class AgentTools:
    """The tools, one method each; names and parameters are stable."""

    maker: VideoMaker

    async def create_video(
        self,
        ctx: Context,
        prompt: str = "",
        seconds: float = 4,
        size: str = "",
        model: str = "",
        picture: str = "",
        extend: str = "",
        storyboard: str = "",
        settings: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Begin to make a video; returns at once with its id. Then call wait_for_video.

        prompt: what the video shows. seconds: 0.5 to 60. size: such as 1280x720; the nearest that
        the model makes is used. model: an id of list_models. picture: begins with this picture, a
        data: address of at most 2 MB. extend: the id of a completed video, to whose end the prompt
        is added; the size stays. storyboard: makes a film instead, one line for each shot, such as
        "[3s, zoom in] a red rocket in a desert". settings: others by name, such as seed, camera,
        aspect_ratio, quality, negative_prompt, loras, label, direction, has_consent (everyone in
        the picture has agreed).
        """
        values: dict[str, Any] = {"prompt": prompt, "size": size, "model": model}
        values |= {"seconds": seconds, "storyboard": storyboard, "input_reference": picture}
        values |= settings or {}
        values = {name: value for name, value in values.items() if value not in ("", None)}
        with _plain_errors():
            if extend:
                values["video"] = extend
                entry = await self.maker.extend(_owner(ctx), values)
            else:
                folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="kinora-api-"))
                try:
                    entry = await self.maker.create(_owner(ctx), Body(values, folder))
                finally:
                    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            return await self._describe(entry)

    async def remix_video(
        self,
        ctx: Context,
        video_id: str,
        prompt: str,
        strength: float = DEFAULT_STRENGTH,
        model: str = "",
        settings: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Begin to make a completed video again with other words; then call wait_for_video.

        strength: how much changes, from 0, the video itself, to 1, a video of the words alone; its
        length, size and sound stay. model: an id of list_models; by default the one that made the
        video, if it can. settings: as in create_video, but no shape, camera or direction.
        """
        values: dict[str, Any] = {"prompt": prompt, "strength": strength}
        values |= {"model": model} if model else {}
        with _plain_errors():
            values |= settings or {}
            return await self._describe(await self.maker.remix(_owner(ctx), video_id, values))

    async def video_status(self, ctx: Context, video_id: str) -> dict[str, Any]:
        """Say how far a video is: queued, in_progress, completed or failed, and its progress."""
        with _plain_errors():
            return await self._describe(await self._find(ctx, video_id))

    async def wait_for_video(
        self, ctx: Context, video_id: str, seconds: float = MAX_WAIT_SECONDS
    ) -> dict[str, Any]:
        """Wait until a video is completed or failed, 45 seconds at most, and say how far it is.

        Call it again while the status is queued or in_progress.
        """
        wait = seconds if 0 <= seconds <= MAX_WAIT_SECONDS else MAX_WAIT_SECONDS
        worker, deadline = self.maker.videos.studio.worker, time.monotonic() + wait
        with _plain_errors():
            entry = await self._find(ctx, video_id)
            # No thread for each look, as in `Studio.watch`: many agents may wait.
            while not worker.state(entry.job_id).is_over and time.monotonic() < deadline:
                await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            return await self._describe(entry)

    async def fetch_video(self, ctx: Context, video_id: str) -> list[Any]:
        """Return the address of a completed video's mp4, and a small picture of it.

        The address needs the same API key as these tools, if they need one.
        """
        with _plain_errors():
            clip = await asyncio.to_thread(self.maker.find_clip, _owner(ctx), video_id)
            path = await asyncio.to_thread(find_poster, clip.path, THUMBNAIL)
            address = f"{_request(ctx).base_url}v1/videos/{video_id}/content"
            if path is None:
                return [address]
            data = await asyncio.to_thread(path.read_bytes)
            return [address, Image(data=data, format="webp")]

    async def cancel_video(self, ctx: Context, video_id: str) -> dict[str, Any]:
        """Stop a video that is queued or being made."""
        with _plain_errors():
            entry = await self._find(ctx, video_id)
            await asyncio.to_thread(self.maker.videos.studio.worker.cancel, entry.job_id)
            return await self._describe(entry)

    async def list_models(self, ctx: Context) -> dict[str, Any]:
        """List the models, the default first: what each can do, and whether it fits here."""
        with _plain_errors():
            _owner(ctx)
            offers = self.maker.videos.studio.offers
            return {"models": await asyncio.to_thread(offers.describe_models)}

    async def verify_video(
        self, ctx: Context, video_id: str = "", picture: str = ""
    ) -> dict[str, Any]:
        """Report where a completed video of yours, or a picture (a data: address), comes from."""
        studio, owner = self.maker.videos.studio, _owner(ctx)
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="kinora-api-"))
        try:
            with _plain_errors():
                if bool(video_id) is bool(picture):
                    raise wrong("video_id", "Send the id of a video, or a picture, and not both.")
                if picture:
                    path = await asyncio.to_thread(lambda: Body({}, folder).keep_data(picture).path)
                else:
                    path = (await asyncio.to_thread(self.maker.find_clip, owner, video_id)).path
                return await studio.inspect(owner, studio.verify, path)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _find(self, ctx: Context, video_id: str) -> VideoEntry:
        return await asyncio.to_thread(self.maker.videos.find, _owner(ctx), video_id)

    async def _describe(self, entry: VideoEntry) -> dict[str, Any]:
        return await asyncio.to_thread(self.maker.videos.describe, entry)


def _request(ctx: Context) -> Any:  # noqa: ANN401 - a Starlette request, untyped in the library
    return ctx.request_context.request


def _owner(ctx: Context) -> Owner:
    return Owner(_request(ctx).scope[OWNER])


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Raise every error as ToolError with a message for the agent."""
    try:
        yield
    except Exception as exc:  # an unexpected one is logged, and not shown
        raise ToolError(str(as_api_error(exc))) from exc

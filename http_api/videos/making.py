"""Makes, extends, changes and deletes videos of owners: what routes and tools for agents share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from http_api.access import Owner
from http_api.bodies import Body, Upload
from http_api.errors import ApiError, wrong
from http_api.videos.answers import Videos, planned_seconds, planned_size
from http_api.videos.drafts import (
    Draft,
    Drafter,
    SourceClip,
    read_characters,
    read_source,
    refuse_unknown,
)
from http_api.videos.entries import VideoEntry
from http_api.webhooks.outbox import Outbox
from pipeline.errors import InvalidRequestError, StorageError
from pipeline.jobs.characters import KeptCharacter
from pipeline.jobs.states import Done
from pipeline.models.spec import TASK_SOURCES
from pipeline.planning.characters import Character
from pipeline.planning.field_checks import check_flag

SECONDS_TO_STOP = 20.0  # how long a deletion waits for the running step to end


@dataclass(frozen=True)
class VideoMaker:
    """Makes videos with a studio, within the limits of their owners."""

    videos: Videos
    drafter: Drafter
    outbox: Outbox

    async def create(self, owner: Owner, body: Body) -> VideoEntry:
        """Make a clip from text, a picture or a storyboard.

        Raises ApiError or KinoraError, as do the other methods.
        """
        characters = await asyncio.to_thread(self._find_characters, owner, body.values)
        draft = await asyncio.to_thread(self.drafter.read_create, body, characters)
        return await self._submit(owner, draft)

    async def extend(self, owner: Owner, values: Mapping[str, Any]) -> VideoEntry:
        """Extend an uploaded clip, or a completed video of the owner."""
        source = await asyncio.to_thread(self.find_source, owner, values)
        draft = await asyncio.to_thread(self.drafter.read_extension, values, source)
        return await self._submit(owner, draft)

    async def edit(self, owner: Owner, values: Mapping[str, Any]) -> VideoEntry:
        """Make an uploaded clip, or a completed video of the owner, again with other words."""
        source = await asyncio.to_thread(self.find_source, owner, values)
        draft = await asyncio.to_thread(self.drafter.read_remix, values, source, {"video"})
        return await self._submit(owner, draft)

    async def remix(self, owner: Owner, video_id: str, values: Mapping[str, Any]) -> VideoEntry:
        """Make a completed video of the owner again with other words."""
        source = await asyncio.to_thread(self.find_clip, owner, video_id)
        draft = await asyncio.to_thread(self.drafter.read_remix, values, source)
        return await self._submit(owner, draft, remixed_from=video_id)

    async def delete(self, owner: Owner, entry: VideoEntry) -> None:
        """Stop a video that is being made, and delete it."""
        await asyncio.to_thread(self.outbox.forget, entry.video_id)
        await asyncio.to_thread(self.videos.studio.worker.cancel, entry.job_id)
        deadline = time.monotonic() + SECONDS_TO_STOP
        while not await asyncio.to_thread(self._remove, owner, entry):
            if time.monotonic() > deadline:
                raise ApiError(
                    409, "This video is still being stopped; delete it again in a moment."
                )
            await asyncio.sleep(0.2)

    async def keep_character(self, owner: Owner, values: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a character that an uploaded clip or picture, or an owner's video, shows."""
        read = await asyncio.to_thread(self._read_character, owner, values)
        name, source, has_consent = read
        studio = self.videos.studio
        kept = await studio.keep_character(owner, owner, name, source, has_consent=has_consent)
        return _describe_character(kept)

    def find_character(self, owner: Owner, character_id: str) -> dict[str, Any]:
        """Return an owner's character. Raises ApiError."""
        try:
            return _describe_character(self.videos.studio.characters.find(owner, character_id))
        except InvalidRequestError as exc:
            raise ApiError(404, str(exc)) from exc

    def delete_character(self, owner: Owner, character_id: str) -> None:
        """Delete an owner's character. Raises ApiError."""
        self.find_character(owner, character_id)
        self.videos.studio.characters.delete(owner, character_id)

    def _read_character(self, owner: Owner, values: Mapping[str, Any]) -> tuple[object, Path, bool]:
        refuse_unknown(values, ("name", "video", "has_consent"))
        has_consent = check_flag("consent", values.get("has_consent", False))
        return values.get("name"), self.find_source(owner, values).path, has_consent

    def find_source(self, owner: Owner, values: Mapping[str, Any]) -> SourceClip:
        """Return the clip that a call starts from: a file, or a video of the owner."""
        source = read_source(values)
        if isinstance(source, Upload):
            return SourceClip(source.path)
        return self.find_clip(owner, source)

    def find_clip(self, owner: Owner, video_id: str, status: int = 400) -> SourceClip:
        """Return an owner's completed clip; one that is not completed has `status`.

        Clients repeat calls with a 409 by themselves, which would not help here.
        """
        entry = self.videos.find(owner, video_id)
        worker = self.videos.studio.worker
        clip: Path | None = None
        if isinstance(worker.state(entry.job_id), Done):
            clip = worker.result(entry.job_id)
        if clip is None:
            raise ApiError(status, "This video is not completed yet.", code="video_not_ready")
        return SourceClip(clip, worker.store.facts(entry.job_id).request.model)

    async def _submit(self, owner: Owner, draft: Draft, remixed_from: str = "") -> VideoEntry:
        studio, task, fields = self.videos.studio, draft.task, draft.fields
        source = None
        if TASK_SOURCES[task] == "video" or fields.get("aspect_ratio") == "auto":
            path = fields[str(TASK_SOURCES[task])]
            source = (await studio.inspect(owner, studio.open, task, path)).facts
        plan = await asyncio.to_thread(studio.plan, task, fields, source)
        job_id = await studio.submit(task, fields, client_id=owner, visitor=owner)
        extended = source if task == "extend_video" else None
        told = planned_size(plan), planned_seconds(plan, extended), remixed_from
        try:
            entry = await asyncio.to_thread(self.videos.entries.add, owner, job_id, *told)
            await asyncio.to_thread(self.outbox.expect, entry.video_id, job_id)
        except StorageError:
            await asyncio.to_thread(studio.worker.cancel, job_id)
            raise
        return entry

    def _find_characters(self, owner: Owner, values: Mapping[str, Any]) -> list[Character]:
        """Return the owner's characters that a call names by their ids. Raises ApiError."""
        store = self.videos.studio.characters
        try:
            return [store.find(owner, x).character for x in read_characters(values)]
        except InvalidRequestError as exc:
            raise wrong("characters", str(exc)) from exc

    def _remove(self, owner: Owner, entry: VideoEntry) -> bool:
        """Delete a video and its job; return False while the job is still ending."""
        try:
            self.videos.studio.worker.store.delete(entry.job_id)
        except InvalidRequestError:
            if self.videos.has_job(entry):
                return False
        self.videos.entries.remove(owner, entry.video_id)
        return True


def _describe_character(kept: KeptCharacter) -> dict[str, Any]:
    name, created_at = kept.character.name, int(kept.created_at)
    return {"id": kept.character_id, "name": name, "created_at": created_at}

"""Describes jobs as videos in the form that Sora's clients read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from http_api.access import Owner
from http_api.errors import SECONDS_TO_WAIT, ApiError
from http_api.videos.entries import VideoEntries, VideoEntry
from pipeline.errors import InvalidRequestError, shown
from pipeline.jobs.states import Cancelled, Done, Failed, JobState, Paused, Queued
from pipeline.planning.plan import Plan, Source
from pipeline.studio import Studio

Status = Literal["queued", "in_progress", "completed", "failed"]
MIN_POLL_MS, MAX_POLL_MS = 500, 1000 * SECONDS_TO_WAIT
_POLL_MS_PER_PLACE = 1000  # in the queue
_POLLS_LEFT = 8  # how often clients look until a clip is done, if its time is known
_NOT_DONE: dict[type[JobState], tuple[str, str]] = {
    Failed: ("generation_failed", ""),
    Cancelled: ("cancelled", "This video was stopped; create it again."),
    Paused: ("paused", "This video was paused by its owner; resume its job, or create it again."),
}


@dataclass(frozen=True)
class Videos:
    """The videos of a studio's owners."""

    studio: Studio
    entries: VideoEntries

    def find(self, owner: Owner, video_id: str) -> VideoEntry:
        """Return an owner's video. Raises ApiError (404) for any other id.

        An entry whose job was removed, to make room or by age, is removed too.
        """
        entry = self.entries.find(owner, video_id)
        if entry is not None and self.has_job(entry):
            return entry
        if entry is not None:
            self.entries.remove(owner, video_id)
        raise ApiError(
            404,
            f"There is no video {shown(video_id)}; it may have been deleted, or have expired.",
            param="video_id",
        )

    def has_job(self, entry: VideoEntry) -> bool:
        """Return whether the job of a video is still there."""
        try:
            self.studio.worker.store.folder(entry.job_id)
        except InvalidRequestError:
            return False
        return True

    def describe(self, entry: VideoEntry) -> dict[str, Any]:
        """Return a video as JSON. Raises InvalidRequestError if its job was deleted."""
        worker = self.studio.worker
        facts, state = worker.store.facts(entry.job_id), worker.state(entry.job_id)
        ended = worker.store.changed_at(entry.job_id) if isinstance(state, Done) else None
        max_age = worker.store.space.max_age
        is_kept_forever = ended is None or math.isinf(max_age)
        return {
            "id": entry.video_id,
            "object": "video",
            "created_at": int(facts.created_at),
            "completed_at": None if ended is None else int(ended),
            "expires_at": None if is_kept_forever else int((ended or 0) + max_age),
            "status": status_of(state),
            "progress": _percent(state),
            "model": facts.request.model,
            "prompt": "\n".join(shot.prompt for shot in facts.request.shots),
            "seconds": entry.seconds,
            "size": entry.size,
            "remixed_from_video_id": entry.remixed_from or None,
            "error": _error(state),
            "seed": facts.request.seed,
            "quality": facts.request.quality,
        }

    def describe_fully(self, entry: VideoEntry) -> dict[str, Any]:
        """Return a video as JSON, with its recipe when it is completed."""
        video = self.describe(entry)
        if video["status"] == "completed":
            recipe = self.studio.worker.recipe(entry.job_id) or {}
            # The job's id is a key, and clients pass on what they are told here.
            video["recipe"] = {name: recipe[name] for name in recipe if name != "job_id"}
        return video

    def poll_after(self, entry: VideoEntry) -> int:
        """Return after how many milliseconds a client should look again."""
        worker = self.studio.worker
        progress, state = worker.progress(entry.job_id), worker.state(entry.job_id)
        seconds = getattr(progress, "seconds_left", None)
        if seconds is not None:
            wait = 1000 * seconds / _POLLS_LEFT
        else:
            wait = _POLL_MS_PER_PLACE * (state.position if isinstance(state, Queued) else 1)
        return round(min(max(wait, MIN_POLL_MS), MAX_POLL_MS))

    def list_page(
        self, owner: Owner, after: str, limit: int, *, is_ascending: bool
    ) -> dict[str, Any]:
        """Return one page of an owner's videos, behind the id `after`, which may be empty."""
        videos: list[dict[str, Any]] = []
        ids = self.entries.list_ids(owner, after=after, is_ascending=is_ascending)
        has_more = False
        for video_id in ids:
            if len(videos) == limit:
                has_more = limit > 0
                break
            try:
                videos.append(self.describe(self.find(owner, video_id)))
            except (ApiError, InvalidRequestError):  # deleted in the meantime
                continue
        return {
            "object": "list",
            "data": videos,
            "first_id": videos[0]["id"] if videos else None,
            "last_id": videos[-1]["id"] if videos else None,
            "has_more": has_more,
        }


def status_of(state: JobState) -> Status:
    """Return a job's state as the status of a video."""
    if isinstance(state, Done):
        return "completed"
    if state.is_over:
        return "failed"
    return "queued" if isinstance(state, Queued) else "in_progress"


def planned_size(plan: Plan) -> str:
    """Return the size of a planned clip as "WxH"."""
    return f"{plan.size.width}x{plan.size.height}"


def planned_seconds(plan: Plan, source: Source | None) -> str:
    """Return the seconds of a planned clip, those of the clip that it extends included.

    They are the time from the first frame to the last, so that 65 frames at 16 a second are 4.
    """
    num_frames = plan.num_frames
    if source is not None and source.fps:
        num_frames += source.num_frames
    return f"{round(float((num_frames - 1) / plan.fps), 2):g}"


def _percent(state: JobState) -> int:
    if isinstance(state, Done):
        return 100
    return min(99, int(100 * state.progress))


def _error(state: JobState) -> dict[str, str] | None:
    for kind, (code, message) in _NOT_DONE.items():
        if isinstance(state, kind):
            return {"code": code, "message": message or state.message}
    return None

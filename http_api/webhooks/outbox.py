"""Waits for jobs to end and sends a message for each; what is not sent survives a restart."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from http_api.webhooks.delivery import NotDeliveredError, deliver, sign
from http_api.webhooks.settings import WebhookSettings
from pipeline.errors import InvalidRequestError, cannot_write
from pipeline.jobs.files import read_json, write_json
from pipeline.jobs.states import Cancelled, Done, Failed, JobState
from pipeline.jobs.worker import JobWorker

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_TRIES = (5.0, 30.0, 120.0, 600.0)  # after each failed try but the last
_TYPES: dict[type[JobState], str] = {
    Done: "video.completed",
    Failed: "video.failed",
    Cancelled: "video.failed",
}


class Outbox:
    """The messages that are to be sent when jobs end: one file each, with the id of the job."""

    def __init__(
        self,
        folder: Path,
        settings: WebhookSettings,
        worker: JobWorker,
        waits: tuple[float, ...] = SECONDS_BETWEEN_TRIES,
    ) -> None:
        """Keep the messages in a folder, which need not exist yet; try again after `waits`."""
        self._folder, self._settings, self._worker = folder, settings, worker
        self._waits = waits
        self._jobs: dict[str, str] = {}  # by the id of the video
        self._lock = threading.Lock()
        self._sending: set[asyncio.Task[None]] = set()

    def expect(self, video_id: str, job_id: str) -> None:
        """Send a message when a job has ended. Raises StorageError."""
        if not self._settings.addresses:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_json(self._folder / f"{video_id}.json", {"job_id": job_id})
        except OSError as exc:
            raise cannot_write(exc) from exc
        with self._lock:
            self._jobs[video_id] = job_id

    async def run(self) -> None:
        """Send messages until the task is cancelled."""
        if not self._settings.addresses:
            return
        await asyncio.to_thread(self._take_up)
        try:
            while True:
                for video_id, state in await asyncio.to_thread(self._ended):
                    task = asyncio.create_task(self._send(video_id, state))
                    self._sending.add(task)
                    task.add_done_callback(self._sending.discard)
                await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        finally:
            for task in self._sending:
                task.cancel()

    def _take_up(self) -> None:
        for path in self._folder.glob("video_*.json"):
            job_id = (read_json(path) or {}).get("job_id")
            with self._lock:
                self._jobs[path.stem] = str(job_id)

    def _ended(self) -> list[tuple[str, JobState]]:
        """Take the jobs that have ended since the last look; forget those that were deleted."""
        with self._lock:
            waiting = dict(self._jobs)
        ended = []
        for video_id, job_id in waiting.items():
            try:
                state = self._worker.state(job_id)
            except InvalidRequestError:
                self.forget(video_id)
                continue
            if type(state) in _TYPES:
                ended.append((video_id, state))
                with self._lock:
                    self._jobs.pop(video_id, None)
        return ended

    def forget(self, video_id: str) -> None:
        """Send no message about a video."""
        with self._lock:
            self._jobs.pop(video_id, None)
        with contextlib.suppress(OSError):
            (self._folder / f"{video_id}.json").unlink()

    async def _send(self, video_id: str, state: JobState) -> None:
        event = make_event(video_id, _TYPES[type(state)], int(time.time()))
        tries = (self._try(address, event) for address in self._settings.addresses)
        await asyncio.gather(*tries)
        await asyncio.to_thread(self.forget, video_id)

    async def _try(self, address: str, event: dict[str, object]) -> None:
        body, host = json.dumps(event).encode(), urlsplit(address).hostname
        for wait in (*self._waits, None):
            headers = sign(self._settings.key, str(event["id"]), int(time.time()), body)
            try:
                await deliver(address, body, headers)
                return
            except NotDeliveredError as exc:
                logger.warning("A webhook to %s was not delivered: %s", host, exc)
            if wait is not None:
                await asyncio.sleep(wait)


def make_event(video_id: str, kind: str, now: int) -> dict[str, object]:
    """Return the message about a video; its id is the same however often it is sent."""
    digest = hashlib.sha256(f"{kind} {video_id}".encode()).hexdigest()
    return {
        "id": f"evt_{digest[:32]}",
        "object": "event",
        "created_at": now,
        "type": kind,
        "data": {"id": video_id},
    }

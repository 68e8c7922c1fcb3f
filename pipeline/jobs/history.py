"""A visitor's own clips: lists them, makes variations and deletes them.

Visitors are identified by a token in their browser, of which only the hash is on disk. A visitor
can only see and change their own jobs.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import InvalidRequestError, MediaError
from pipeline.jobs.states import JobState
from pipeline.jobs.store import JobFacts, Origin
from pipeline.jobs.worker import JobWorker
from pipeline.media.images import write_picture
from pipeline.media.video_reader import probe_clip, read_first_frames
from pipeline.planning.request import MAX_SEED, GenerationRequest
from pipeline.trust.provenance.registry import Registry

THUMBNAIL_WIDTH = 320  # pixels


@dataclass(frozen=True)
class HistoryEntry:
    """One clip: the job's facts and state, and a thumbnail if there is a clip."""

    facts: JobFacts
    state: JobState
    thumbnail: Path | None


class History:
    """The jobs of each visitor."""

    def __init__(
        self,
        worker: JobWorker,
        review: Callable[[GenerationRequest], GenerationRequest],
        registry: Registry | None = None,
    ) -> None:
        """Show the jobs of a worker's store; `review` checks a request that is made again.

        Deleting a clip also deletes its row in the `registry`.
        """
        self._registry = registry
        self._worker = worker
        self._review = review

    def entries(self, visitor: str, count: int) -> list[HistoryEntry]:
        """Return a visitor's newest `count` clips, the newest first."""
        if not visitor:
            return []
        jobs = self._worker.store.list_jobs(visitor_key(visitor))[:count]
        return [
            HistoryEntry(facts, self._worker.state(facts.job_id), self._thumbnail(facts.job_id))
            for facts in jobs
        ]

    def unfinished(self, visitor: str, tab: str) -> str | None:
        """Return a visitor's newest job of a tab if it is unfinished or paused, else None."""
        for facts in self._worker.store.list_jobs(visitor_key(visitor)) if visitor else ():
            if facts.tab == tab:
                return facts.job_id if self._worker.state(facts.job_id).is_kept else None
        return None

    def check(self, visitor: str, job_id: str) -> JobFacts:
        """Return the facts of a visitor's own job. Raises InvalidRequestError for any other."""
        facts = self._worker.store.facts(job_id)
        if not visitor or facts.visitor != visitor_key(visitor):
            raise InvalidRequestError("This clip is not yours, or it no longer exists.")
        return facts

    def delete(self, visitor: str, job_id: str) -> None:
        """Delete a visitor's own clip. Raises InvalidRequestError while it is being made."""
        self.check(visitor, job_id)
        self._worker.store.delete(job_id)
        if self._registry is not None:
            self._registry.forget(job_id)

    def again(self, visitor: str, job_id: str) -> str:
        """Request a visitor's own clip again with the next seed; return the new job's id.

        Prompts that were rewritten for it are used as they are.
        """
        facts = self.check(visitor, job_id)
        request: GenerationRequest = replace(
            facts.request, seed=(facts.request.seed + 1) % (MAX_SEED + 1)
        )
        origin: Origin = {"visitor": facts.visitor, "tab": facts.tab, "words_of": job_id}
        return self._worker.submit(self._review(request), **origin)

    def _thumbnail(self, job_id: str) -> Path | None:
        """Return a clip's thumbnail, made at its first use."""
        clip = self._worker.result(job_id)
        if clip is None:
            return None
        path = clip.with_name("thumbnail.png")
        if not path.exists() or path.stat().st_mtime < clip.stat().st_mtime:
            try:
                info = probe_clip(clip)
                size = THUMBNAIL_WIDTH, max(2, round(THUMBNAIL_WIDTH * info.height / info.width))
                draft = path.with_suffix(f".{secrets.token_hex(4)}")
                write_picture(read_first_frames(clip, info, 1, size=size)[0], draft)
                draft.replace(path)
            except (MediaError, OSError):  # the clip was deleted, or the disk is full
                return None
        return path


def visitor_key(token: str) -> str:
    """Return a hash of the token in a visitor's browser, which identifies them on disk."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]

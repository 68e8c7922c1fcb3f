"""A visitor's own clips: lists them, makes variations and deletes them.

Visitors are identified by a token in their browser, of which only the hash is on disk. A visitor
can only see and change their own jobs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import InvalidRequestError
from pipeline.jobs.posters import THUMBNAIL, find_poster
from pipeline.jobs.states import JobState
from pipeline.jobs.store import JobFacts, Origin
from pipeline.jobs.worker import JobWorker
from pipeline.planning.request import GenerationRequest, vary


@dataclass(frozen=True)
class HistoryEntry:
    """One clip: the job's facts and state; a thumbnail and a recipe if there is a clip."""

    facts: JobFacts
    state: JobState
    thumbnail: Path | None
    recipe: dict[str, Any] | None = None

    @property
    def prompt(self) -> str:
        """Return the prompts of all shots as they were typed, or what the clip is cut from."""
        return self.facts.request.title


class History:
    """The jobs of each visitor."""

    def __init__(
        self, worker: JobWorker, review: Callable[[GenerationRequest], GenerationRequest]
    ) -> None:
        """Show the jobs of a worker's store; `review` checks a request that is made again."""
        self._worker = worker
        self._review = review

    def entries(
        self, visitor: str, count: int, words: str = "", model: str = ""
    ) -> list[HistoryEntry]:
        """Return a visitor's newest `count` clips, the newest first.

        With `words`, those whose prompts contain all of them, in any order; with `model`, those of
        that model.
        """
        if not visitor:
            return []
        wanted = words.casefold().split()
        jobs = [
            facts
            for facts in self._worker.store.list_jobs(visitor_key(visitor))
            if model in ("", facts.request.model) and _has_all(facts, wanted)
        ]
        return [self.entry(facts) for facts in jobs[:count]]

    def entry(self, facts: JobFacts) -> HistoryEntry:
        """Return what is shown of a job."""
        clip = self._worker.result(facts.job_id)
        thumbnail = clip and find_poster(clip, THUMBNAIL)
        recipe = self._worker.recipe(facts.job_id)
        return HistoryEntry(facts, self._worker.state(facts.job_id), thumbnail, recipe)

    def models(self, visitor: str) -> list[str]:
        """List the models of a visitor's clips, the one used last first."""
        jobs = self._worker.store.list_jobs(visitor_key(visitor)) if visitor else ()
        return [*dict.fromkeys(facts.request.model for facts in jobs)]

    def newest(self, visitor: str, tab: str) -> str | None:
        """Return a visitor's newest job of a tab, or None."""
        jobs = self._worker.store.list_jobs(visitor_key(visitor)) if visitor else ()
        return next((facts.job_id for facts in jobs if facts.tab == tab), None)

    def group(self, visitor: str, job_id: str) -> list[str]:
        """Return the visitor's jobs that were requested together with this one, by their seeds."""
        facts = self.check(visitor, job_id)
        if not facts.group:
            return [job_id]
        jobs = self._worker.store.list_jobs(visitor_key(visitor))
        same = [other for other in jobs if other.group == facts.group]
        return [x.job_id for x in sorted(same, key=lambda x: x.created_at)]

    def check(self, visitor: str, job_id: str) -> JobFacts:
        """Return the facts of a visitor's own job. Raises InvalidRequestError for any other."""
        return _own(visitor, self._worker.store.facts(job_id))

    def delete(self, visitor: str, job_id: str) -> None:
        """Delete a visitor's own clip; `restore` undoes it for a while.

        Raises InvalidRequestError while it is being made.
        """
        self.check(visitor, job_id)
        self._worker.store.delete(job_id)

    def restore(self, visitor: str, job_id: str) -> None:
        """Undo `delete`. Raises InvalidRequestError if it is too late."""
        _own(visitor, self._worker.store.deleted_facts(job_id))
        self._worker.store.restore(job_id)

    def again(self, visitor: str, job_id: str, *, is_same: bool = False) -> str:
        """Request a visitor's own clip again with the next seed; return the new job's id.

        With `is_same`, with the same seed. Prompts that were rewritten for it are used as they are.
        """
        facts = self.check(visitor, job_id)
        request = facts.request if is_same else vary(facts.request, 2)[1]
        origin: Origin = {"visitor": facts.visitor, "tab": facts.tab, "words_of": job_id}
        return self._worker.submit(self._review(request), **origin)


def visitor_key(token: str) -> str:
    """Return a hash of the token in a visitor's browser, which identifies them on disk."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


def _own(visitor: str, facts: JobFacts) -> JobFacts:
    if not visitor or facts.visitor != visitor_key(visitor):
        raise InvalidRequestError("This clip is not yours, or it no longer exists.")
    return facts


def _has_all(facts: JobFacts, words: list[str]) -> bool:
    text = facts.request.title.casefold()
    return all(word in text for word in words)

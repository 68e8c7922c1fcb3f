"""A job in this process: its state, its latest progress, and how fast it goes."""

from __future__ import annotations

import contextvars
import time
from dataclasses import dataclass, field, replace
from typing import Protocol

from pipeline.generation.progress import Progress as GenerationProgress
from pipeline.jobs.states import JobState
from pipeline.jobs.store import JobFacts
from pipeline.jobs.timing import Expected, seconds_left
from pipeline.planning.request import GenerationRequest

# The page reads states a few times a second, so more frequent writes are useless.
SECONDS_BETWEEN_WRITES = 0.3


class Progress(Protocol):
    """What a running job reports: any object with a `fraction` from 0 to 1."""

    @property
    def fraction(self) -> float:
        """Return the finished fraction, from 0 to 1."""


@dataclass
class RunningJob:
    """A job that waits or runs in this process, and the context variables of its caller."""

    facts: JobFacts
    state: JobState
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    progress: Progress | None = None
    ending: type[JobState] | None = None  # the state that it was asked to end in
    _written_at: float = -1.0
    _looked_at: float = -1.0
    expected: Expected | None = None  # how long it takes, if clips like it were made before
    is_fresh: bool = True  # nothing of it was made before this run
    _began_at: float | None = None  # when the first step began, at `_began_from` of the whole
    _began_from: float = 0.0

    @property
    def request(self) -> GenerationRequest:
        """Return what was requested."""
        return self.facts.request

    def report(self, progress: Progress) -> JobState:
        """Keep the progress with the time that is left; return the job's state with it."""
        now, fraction = time.monotonic(), min(max(float(progress.fraction), 0.0), 1.0)
        # Loading a model says nothing about how long the steps take, nor does what is found.
        is_first = self._began_at is None or (not self.is_fresh and self._began_from == 0)
        if fraction == 0 or is_first:
            self._began_at, self._began_from = now, fraction
        if isinstance(progress, GenerationProgress):
            elapsed = now - (self._began_at or now)
            left = seconds_left(elapsed, fraction, self._began_from, self.expected)
            progress = replace(progress, seconds_left=left)
        self.progress = progress
        return replace(self.state, progress=fraction)

    def seconds_taken(self) -> float | None:
        """Return how many seconds the whole job took, now that it is done; None if unknown."""
        if self._began_at is None or self._began_from > 0:
            return None
        return time.monotonic() - self._began_at

    def become(self, state: JobState) -> bool:
        """Change the state; return whether it is to be written, as it was not a moment ago."""
        is_other = type(state) is not type(self.state)
        self.state, now = state, time.monotonic()
        is_due = is_other or now - self._written_at >= SECONDS_BETWEEN_WRITES
        self._written_at = now if is_due else self._written_at
        return is_due

    def should_look(self) -> bool:
        """Return whether to look for another process's order: not if a moment ago, or ending."""
        now = time.monotonic()
        is_due = self.ending is None and now - self._looked_at >= SECONDS_BETWEEN_WRITES
        self._looked_at = now if is_due else self._looked_at
        return is_due

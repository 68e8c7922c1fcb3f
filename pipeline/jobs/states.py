"""The states of a job, one small class each, and their JSON form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeVar

StateName = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
_DAMAGED = "The state of this job cannot be read; resume it, its finished windows are kept."


@dataclass(frozen=True)
class JobState:
    """A job's progress from 0 to 1, and a message for its user, which may be empty."""

    job_id: str
    progress: float = 0.0
    message: str = ""

    name: ClassVar[StateName]
    is_over: ClassVar[bool] = True  # nothing more happens unless the user acts
    is_resumable: ClassVar[bool] = False
    is_kept: ClassVar[bool] = False  # not removed to free disk space

    @property
    def can_resume(self) -> bool:
        """Return whether the job can be queued again."""
        return self.is_resumable

    def become(self, state: type[S], message: str = "", progress: float | None = None) -> S:
        """Return another state of the same job; the progress stays the same unless given."""
        return state(self.job_id, self.progress if progress is None else progress, message)

    def to_json(self) -> dict[str, object]:
        """Return the state's JSON form, as on disk and in the API."""
        return {
            "job_id": self.job_id,
            "state": self.name,
            "progress": self.progress,
            "message": self.message,
        }


S = TypeVar("S", bound=JobState)


@dataclass(frozen=True)
class Queued(JobState):
    """The job waits. Position 1 is next; 0 means unknown."""

    position: int = 0

    name = "queued"
    is_over = False
    is_kept = True

    def to_json(self) -> dict[str, object]:
        """Return the state's JSON form, with the position if it is known."""
        position = {"position": self.position} if self.position else {}
        return super().to_json() | position


@dataclass(frozen=True)
class Running(JobState):
    """The clip is being made."""

    name = "running"
    is_over = False
    is_kept = True


@dataclass(frozen=True)
class Paused(JobState):
    """The user paused the job and can resume it."""

    name = "paused"
    is_resumable = True
    is_kept = True


@dataclass(frozen=True)
class Done(JobState):
    """The clip is finished; the message may be a notice about it."""

    name = "done"


@dataclass(frozen=True)
class Failed(JobState):
    """The job ended with an error; the message says why.

    `is_final`: it would fail again in the same way, because of what was requested.
    """

    is_final: bool = False

    name = "failed"

    @property
    def can_resume(self) -> bool:
        """Return whether another try may succeed."""
        return not self.is_final

    def to_json(self) -> dict[str, object]:
        """Return the state's JSON form, which says so if the job cannot succeed."""
        return super().to_json() | ({"can_resume": False} if self.is_final else {})


@dataclass(frozen=True)
class Cancelled(JobState):
    """The user stopped the job; the finished part is a clip."""

    name = "cancelled"
    is_resumable = True


_STATES: dict[object, type[JobState]] = {
    state.name: state for state in (Queued, Running, Paused, Done, Failed, Cancelled)
}


def state_class(name: object) -> type[JobState] | None:
    """Return the class of a state's name, or None for an unknown name."""
    return _STATES.get(name) if isinstance(name, str) else None


def read_state(job_id: str, values: Mapping[str, object] | None) -> JobState:
    """Read a job's state from JSON; return `Failed` with a message if it is damaged."""
    values = values or {}
    state, progress = state_class(values.get("state")), values.get("progress")
    if state is None or not isinstance(progress, int | float) or not math.isfinite(progress):
        return Failed(job_id, message=_DAMAGED)
    read = state(job_id, min(max(float(progress), 0.0), 1.0), str(values.get("message", "")))
    if isinstance(read, Failed) and values.get("can_resume") is False:
        return replace(read, is_final=True)
    return read

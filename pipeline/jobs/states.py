"""The states of a job, one small class for each, and their form in JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar

StateName = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
_DAMAGED = "The state of this job cannot be read; start it again, finished windows are kept."


@dataclass(frozen=True)
class JobState:
    """How far a job is, from 0 to 1, and a sentence for its user if there is one to say."""

    job_id: str
    progress: float = 0.0
    message: str = ""

    name: ClassVar[StateName]
    is_over: ClassVar[bool] = True  # nothing more happens unless a user asks
    can_resume: ClassVar[bool] = False
    is_kept: ClassVar[bool] = False  # it is not swept away to make room

    def become(self, state: type[S], message: str = "", progress: float | None = None) -> S:
        """Return another state of the same job, as far as it is unless `progress` says."""
        return state(self.job_id, self.progress if progress is None else progress, message)

    def to_json(self) -> dict[str, object]:
        """Return the state as JSON has it, on the disk and in the API."""
        return {
            "job_id": self.job_id,
            "state": self.name,
            "progress": self.progress,
            "message": self.message,
        }


S = TypeVar("S", bound=JobState)


@dataclass(frozen=True)
class Queued(JobState):
    """The job waits; position 1 is the next, 0 is not known."""

    position: int = 0

    name = "queued"
    is_over = False
    is_kept = True

    def to_json(self) -> dict[str, object]:
        """Return the state as JSON has it, with its position if that is known."""
        position = {"position": self.position} if self.position else {}
        return super().to_json() | position


@dataclass(frozen=True)
class Running(JobState):
    """The job is being made."""

    name = "running"
    is_over = False
    is_kept = True


@dataclass(frozen=True)
class Paused(JobState):
    """A user has halted the job, to resume it later."""

    name = "paused"
    can_resume = True
    is_kept = True


@dataclass(frozen=True)
class Done(JobState):
    """The clip is there; the message is a notice on it, if there is one."""

    name = "done"


@dataclass(frozen=True)
class Failed(JobState):
    """The job has ended with an error, which the message says."""

    name = "failed"
    can_resume = True


@dataclass(frozen=True)
class Cancelled(JobState):
    """A user has stopped the job; what it had finished by then is a clip."""

    name = "cancelled"
    can_resume = True


_STATES: dict[object, type[JobState]] = {
    state.name: state for state in (Queued, Running, Paused, Done, Failed, Cancelled)
}


def state_class(name: object) -> type[JobState] | None:
    """Return the class of a state's name, None if there is none of that name."""
    return _STATES.get(name) if isinstance(name, str) else None


def read_state(job_id: str, values: Mapping[str, object] | None) -> JobState:
    """Read the state of a job from JSON; a damaged one has failed and says so."""
    values = values or {}
    state, progress = state_class(values.get("state")), values.get("progress")
    is_number = isinstance(progress, int | float) and math.isfinite(progress)
    if state is None or not is_number:
        return Failed(job_id, message=_DAMAGED)
    return state(job_id, min(max(float(progress), 0.0), 1.0), str(values.get("message", "")))

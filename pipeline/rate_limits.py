"""Rate limits for each visitor: jobs, uploads, opened files and login attempts. In memory only.

The caller identifies the visitor; see `page/auth.py`. Times are seconds of a monotonic clock.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from pipeline.errors import LimitError

MAX_VISITORS = 4096  # kept in memory; the least recently seen one is dropped first
_HOUR = 3600.0


@dataclass(frozen=True)
class Allowance:
    """What one visitor may do; infinity means no limit. The defaults are for a local computer.

    Login attempts are always limited.
    """

    jobs_at_once: float = math.inf
    jobs_an_hour: float = math.inf
    upload_bytes_an_hour: float = math.inf
    looks_an_hour: float = math.inf  # files opened; each one is decoded
    looks_at_once: float = math.inf
    logins_an_hour: float = 60


PUBLIC = Allowance(
    jobs_at_once=3,
    jobs_an_hour=20,
    upload_bytes_an_hour=2e9,
    looks_an_hour=240,
    looks_at_once=3,
)


class Buckets:
    """A token bucket for each visitor: it starts full and refills within an hour."""

    def __init__(self, capacity: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Give every visitor `capacity` tokens an hour."""
        self._capacity, self._clock = capacity, clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # level, since when
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many visitors are remembered."""
        return len(self._levels)

    def take(self, visitor: str, amount: float = 1.0) -> float:
        """Take tokens and return 0, or take none and return how many seconds to wait.

        Returns infinity for more tokens than the bucket holds.
        """
        if amount > self._capacity:
            return math.inf
        if math.isinf(self._capacity):
            return 0.0
        with self._lock:
            now = self._clock()
            level, since = self._levels.pop(visitor, (self._capacity, now))
            level = min(self._capacity, level + (now - since) * self._capacity / _HOUR)
            is_enough = level >= amount
            self._levels[visitor] = level - amount if is_enough else level, now
            if len(self._levels) > MAX_VISITORS:
                self._levels.popitem(last=False)
        return 0.0 if is_enough else (amount - level) * _HOUR / self._capacity

    def give_back(self, visitor: str, amount: float = 1.0) -> None:
        """Return tokens of a `take` that was not used."""
        with self._lock:
            if visitor in self._levels:
                level, since = self._levels[visitor]
                self._levels[visitor] = level + amount, since


@dataclass(eq=False)
class _Slot:
    """A visitor's waiting or running job; it has no id while it is being checked."""

    job_id: str | None = None


@dataclass
class Limits:
    """The limits of one running app; each method raises LimitError above its limit."""

    allowance: Allowance = field(default_factory=Allowance)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        """Start with empty counters."""
        allowed = self.allowance
        self._jobs = Buckets(allowed.jobs_an_hour, self.clock)
        self._bytes = Buckets(allowed.upload_bytes_an_hour, self.clock)
        self._looks = Buckets(allowed.looks_an_hour, self.clock)
        self._logins = Buckets(allowed.logins_an_hour, self.clock)
        self._slots: OrderedDict[str, list[_Slot]] = OrderedDict()
        self._looking: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def job(self, visitor: str, is_unfinished: Callable[[str], bool]) -> Iterator[_Slot]:
        """Count one more job for a visitor; the `with` block sets the yielded slot's `job_id`.

        The job is not counted if the block raises.
        """
        slot = self._take_slot(visitor, is_unfinished)
        try:
            wait = self._jobs.take(visitor)
            if wait:
                raise LimitError(
                    f"You have requested {self.allowance.jobs_an_hour:g} clips within an hour, "
                    f"which is the limit for one visitor; try again in {_say(wait)}."
                )
            try:
                yield slot
            except BaseException:
                self._jobs.give_back(visitor)
                raise
        except BaseException:
            self._leave(visitor, slot)
            raise

    def upload(self, visitor: str, num_bytes: int) -> None:
        """Count an upload of a visitor."""
        limit = f"{self.allowance.upload_bytes_an_hour / 1e9:g} GB"
        _refuse(self._bytes.take(visitor, num_bytes), f"You have uploaded {limit} within an hour")

    def begin_look(self, visitor: str) -> Callable[[], None]:
        """Count a file that is opened for a visitor; call the returned function when it is done."""
        with self._lock:
            if self._looking[visitor] >= self.allowance.looks_at_once:
                raise LimitError(
                    f"Kinora is reading {self._looking[visitor]} of your files already, which is "
                    "the limit for one visitor; try again when that is done."
                )
            self._looking[visitor] += 1
        try:
            count = f"{self.allowance.looks_an_hour:g} files"
            _refuse(self._looks.take(visitor), f"Kinora has read {count} of yours within an hour")
        except LimitError:
            self._end_look(visitor)
            raise
        return partial(self._end_look, visitor)

    def _end_look(self, visitor: str) -> None:
        with self._lock:
            self._looking[visitor] -= 1
            self._looking += Counter()  # drops visitors with a count of 0

    def login(self, visitor: str) -> None:
        """Count a login attempt of a visitor."""
        count = f"{self.allowance.logins_an_hour:g} times"
        _refuse(self._logins.take(visitor), f"You have tried to log in {count} within an hour")

    def _take_slot(self, visitor: str, is_unfinished: Callable[[str], bool]) -> _Slot:
        slot = _Slot()
        if math.isinf(self.allowance.jobs_at_once):
            return slot
        with self._lock:
            mine = [
                other
                for other in self._slots.pop(visitor, [])
                if other.job_id is None or is_unfinished(other.job_id)
            ]
            is_room = len(mine) < self.allowance.jobs_at_once
            self._slots[visitor] = [*mine, slot] if is_room else mine
            if len(self._slots) > MAX_VISITORS:
                self._slots.popitem(last=False)
        if not is_room:
            raise LimitError(
                f"{len(mine)} of your jobs are waiting or running already, which is the limit for "
                "one visitor; try again when one of them is done."
            )
        return slot

    def _leave(self, visitor: str, slot: _Slot) -> None:
        with self._lock:
            mine = [other for other in self._slots.pop(visitor, []) if other is not slot]
            if mine:
                self._slots[visitor] = mine


def _refuse(wait: float, what: str) -> None:
    if wait:
        raise LimitError(f"{what}, which is the limit for one visitor; try again in {_say(wait)}.")


def _say(seconds: float) -> str:
    if math.isinf(seconds):
        return "an hour with fewer or smaller files"
    minutes = math.ceil(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"

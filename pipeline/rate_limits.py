"""How much one visitor may ask for: jobs, bytes, tries at a password. Arithmetic in memory alone.

Who somebody is, is said by the caller, see `page/auth.py`; times are seconds of a steady clock.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pipeline.errors import InvalidRequestError

MAX_VISITORS = 4096  # that are remembered; the one who was not seen for longest is forgotten first
_HOUR = 3600.0


@dataclass(frozen=True)
class Allowance:
    """What one visitor may do; no limit is infinity. The defaults are those of one's own computer.

    Tries at a password are always few.
    """

    jobs_at_once: float = math.inf
    jobs_an_hour: float = math.inf
    upload_bytes_an_hour: float = math.inf
    looks_an_hour: float = math.inf  # into files, each of which decodes one
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
    """A bucket of tokens for each visitor: it starts full, and is filled again within an hour."""

    def __init__(self, capacity: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Give every visitor so many tokens an hour."""
        self._capacity, self._clock = capacity, clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # level, since when
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many visitors are remembered."""
        return len(self._levels)

    def take(self, visitor: str, amount: float = 1.0) -> float:
        """Take tokens, and return 0; or take none, and return how many seconds it is too early.

        More than there ever are is infinitely too early.
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
        """Undo a `take` that came to nothing."""
        with self._lock:
            if visitor in self._levels:
                level, since = self._levels[visitor]
                self._levels[visitor] = level + amount, since


@dataclass(eq=False)
class _Place:
    """A job that waits or runs for a visitor; while it is being checked it has no id yet."""

    job_id: str | None = None


@dataclass
class Limits:
    """The limits of one running app; each method raises InvalidRequestError beyond its own."""

    allowance: Allowance = field(default_factory=Allowance)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        """Begin with nobody."""
        allowed = self.allowance
        self._jobs = Buckets(allowed.jobs_an_hour, self.clock)
        self._bytes = Buckets(allowed.upload_bytes_an_hour, self.clock)
        self._looks = Buckets(allowed.looks_an_hour, self.clock)
        self._logins = Buckets(allowed.logins_an_hour, self.clock)
        self._places: OrderedDict[str, list[_Place]] = OrderedDict()
        self._looking: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def job(self, visitor: str, is_unfinished: Callable[[str], bool]) -> Iterator[_Place]:
        """Let a visitor have one more job, whose id is written down as `job_id` within.

        One that is refused within, or fails to start, is not counted.
        """
        place = self._take_place(visitor, is_unfinished)
        try:
            wait = self._jobs.take(visitor)
            if wait:
                raise InvalidRequestError(
                    f"You have asked for {self.allowance.jobs_an_hour:g} clips within an hour, "
                    f"which is the most that one visitor may; try again in {_say(wait)}."
                )
            try:
                yield place
            except BaseException:
                self._jobs.give_back(visitor)
                raise
        except BaseException:
            self._leave(visitor, place)
            raise

    def upload(self, visitor: str, num_bytes: int) -> None:
        """Let a visitor send a file."""
        limit = f"{self.allowance.upload_bytes_an_hour / 1e9:g} GB"
        _refuse(self._bytes.take(visitor, num_bytes), f"You have uploaded {limit} within an hour")

    @contextlib.contextmanager
    def look(self, visitor: str) -> Iterator[None]:
        """Let a visitor have a file opened, and decoded, within."""
        with self._lock:
            if self._looking[visitor] >= self.allowance.looks_at_once:
                raise InvalidRequestError(
                    f"{self._looking[visitor]} of your files are looked at already, which is the "
                    "most that one visitor may have; try again when that is done."
                )
            self._looking[visitor] += 1
        try:
            count = f"{self.allowance.looks_an_hour:g} files"
            _refuse(self._looks.take(visitor), f"You have had {count} looked at within an hour")
            yield
        finally:
            with self._lock:
                self._looking[visitor] -= 1
                self._looking += Counter()  # who has none is not remembered

    def login(self, visitor: str) -> None:
        """Let a visitor try a password."""
        count = f"{self.allowance.logins_an_hour:g} times"
        _refuse(self._logins.take(visitor), f"You have tried to log in {count} within an hour")

    def _take_place(self, visitor: str, is_unfinished: Callable[[str], bool]) -> _Place:
        place = _Place()
        if math.isinf(self.allowance.jobs_at_once):
            return place
        with self._lock:
            mine = [
                other
                for other in self._places.pop(visitor, [])
                if other.job_id is None or is_unfinished(other.job_id)
            ]
            is_room = len(mine) < self.allowance.jobs_at_once
            self._places[visitor] = [*mine, place] if is_room else mine
            if len(self._places) > MAX_VISITORS:
                self._places.popitem(last=False)
        if not is_room:
            raise InvalidRequestError(
                f"{len(mine)} of your jobs wait or run already, which is the most that one visitor "
                "may have; try again when one of them is done."
            )
        return place

    def _leave(self, visitor: str, place: _Place) -> None:
        with self._lock:
            mine = [other for other in self._places.pop(visitor, []) if other is not place]
            if mine:
                self._places[visitor] = mine


def _refuse(wait: float, what: str) -> None:
    if wait:
        raise InvalidRequestError(
            f"{what}, which is the most that one visitor may; try again in {_say(wait)}."
        )


def _say(seconds: float) -> str:
    if math.isinf(seconds):
        return "an hour with less"
    minutes = math.ceil(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"

"""Limits the web server's connections: closes idle ones, and all idle ones when there are many.

uvicorn waits without a timeout for the first request of a connection, so a client that opens many
and sends nothing could use up all file descriptors.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from typing import Protocol

IDLE_SECONDS = 20.0  # browsers open a new connection when they need one
FILE_LIMIT = 65_536  # requested; the system may allow less
_FILES_FOR_WORK = 256  # files that jobs, uploads and libraries may open besides connections
_SECONDS_BETWEEN_CHECKS = 0.5
_SECONDS_BETWEEN_LOG_LINES = 60.0
_OUT_OF_FILES = "socket.accept() out of system resource"


class Connection(Protocol):
    """The part of uvicorn's HTTP protocol objects used here; there is one per connection."""

    transport: asyncio.Transport
    cycle: object | None  # the latest request


def raise_file_limit() -> int:
    """Raise this process's limit of open files as far as the system allows; return it."""
    try:
        import resource
    except ImportError:
        return 512  # the most that select can watch on Windows
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILE_LIMIT if hard == resource.RLIM_INFINITY else min(FILE_LIMIT, hard)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class ConnectionGuard:
    """Closes idle connections: those idle for too long, and the oldest when there are too many."""

    def __init__(self, connections: Callable[[], Iterable[Connection]], most: int) -> None:
        """Check the connections that `connections` returns; at most `most` may be open."""
        self._connections = connections
        self._most = most
        self._idle_since: dict[Connection, float] = {}

    async def run(self) -> None:
        """Check the connections until the task is cancelled."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_CHECKS)
            self.check(time.monotonic())

    def check(self, now: float) -> None:
        """Close connections idle for too long, and the oldest idle ones above the limit."""
        open_now = list(self._connections())
        idle = {x: self._idle_since.get(x, now) for x in open_now if not _is_busy(x)}
        num_excess = len(open_now) - self._most
        for number, (connection, since) in enumerate(sorted(idle.items(), key=lambda x: x[1])):
            if number < num_excess or now - since > IDLE_SECONDS:
                connection.transport.close()
                del idle[connection]
        self._idle_since = idle


def most_connections(file_limit: int) -> int:
    """Return how many connections may be open with a limit of open files."""
    return max(64, (file_limit - _FILES_FOR_WORK) // 2)


def quiet_asyncio() -> None:
    """Limit asyncio's log of connections refused for lack of file descriptors to one a minute."""
    logging.getLogger("asyncio").addFilter(_Once())


class _Once(logging.Filter):
    """Drops repetitions of a log message within a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._last = -_SECONDS_BETWEEN_LOG_LINES

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record."""
        if not record.getMessage().startswith(_OUT_OF_FILES):
            return True
        is_due = time.monotonic() - self._last >= _SECONDS_BETWEEN_LOG_LINES
        self._last = time.monotonic() if is_due else self._last
        return is_due


def _is_busy(connection: Connection) -> bool:
    cycle = connection.cycle
    return cycle is not None and not getattr(cycle, "response_complete", True)

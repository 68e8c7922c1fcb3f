"""Connections of the web server: idle ones are closed, and there are never too many.

uvicorn waits for the first request of a connection without end: a client that opens a thousand of
them and says nothing would take all file descriptors from everybody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from typing import Protocol

try:
    import resource
except ImportError:  # Windows
    resource = None

IDLE_SECONDS = 20.0  # browsers open a new connection when they need one
FILE_LIMIT = 65_536  # wanted; the system may allow less
_FILES_FOR_WORK = 256  # that jobs, uploads and libraries may have open beside connections
_SECONDS_BETWEEN_CHECKS = 0.5
_SECONDS_BETWEEN_LOG_LINES = 60.0
_OUT_OF_FILES = "socket.accept() out of system resource"


class Connection(Protocol):
    """What is used of uvicorn's HTTP protocols, one for each connection."""

    transport: asyncio.Transport
    cycle: object | None  # the newest request


def raise_file_limit() -> int:
    """Allow this process as many open files as the system lets it; return how many."""
    if resource is None:
        return 512  # what Windows' select can watch
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILE_LIMIT if hard == resource.RLIM_INFINITY else min(FILE_LIMIT, hard)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class ConnectionGuard:
    """Closes connections on which no request runs: old ones always, all of them when full."""

    def __init__(self, connections: Callable[[], Iterable[Connection]], most: int) -> None:
        """Guard what `connections` returns at the time; `most` may be open together."""
        self._connections = connections
        self._most = most
        self._idle_since: dict[Connection, float] = {}

    async def run(self) -> None:
        """Check the connections until the task is cancelled."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_CHECKS)
            self.check(time.monotonic())

    def check(self, now: float) -> None:
        """Close the connections that have been idle for too long, or that are too many."""
        open_now = list(self._connections())
        idle = {x: self._idle_since.get(x, now) for x in open_now if not _is_busy(x)}
        num_excess = len(open_now) - self._most
        for number, (connection, since) in enumerate(sorted(idle.items(), key=lambda x: x[1])):
            if number < num_excess or now - since > IDLE_SECONDS:
                connection.transport.close()
                del idle[connection]
        self._idle_since = idle


def most_connections(file_limit: int) -> int:
    """Return how many connections may be open with so many files."""
    return max(64, (file_limit - _FILES_FOR_WORK) // 2)


def quiet_asyncio() -> None:
    """Let asyncio say once a minute, not for each connection, that no file can be opened."""
    logging.getLogger("asyncio").addFilter(_Once())


class _Once(logging.Filter):
    """Drops a line of the log that was written a moment ago."""

    def __init__(self) -> None:
        super().__init__()
        self._last = -_SECONDS_BETWEEN_LOG_LINES

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a line is to be written."""
        if not record.getMessage().startswith(_OUT_OF_FILES):
            return True
        is_due = time.monotonic() - self._last >= _SECONDS_BETWEEN_LOG_LINES
        self._last = time.monotonic() if is_due else self._last
        return is_due


def _is_busy(connection: Connection) -> bool:
    cycle = connection.cycle
    return cycle is not None and not getattr(cycle, "response_complete", True)

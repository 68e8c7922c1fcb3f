"""Connections that say nothing: closed in time, and never so many that nobody else comes in."""

from __future__ import annotations

import http.client
import logging
import socket
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest

import page.connections
from page.connections import (
    IDLE_SECONDS,
    ConnectionGuard,
    most_connections,
    quiet_asyncio,
    raise_file_limit,
)


@dataclass(eq=False)
class Line:
    """A connection that notes whether it was closed."""

    cycle: object | None = None
    is_open: bool = True
    transport: SimpleNamespace = field(init=False)

    def __post_init__(self) -> None:
        self.transport = SimpleNamespace(close=self._close)

    def _close(self) -> None:
        self.is_open = False


def guard(lines: list[Line], most: int) -> ConnectionGuard:
    return ConnectionGuard(lambda: [line for line in lines if line.is_open], most)


def test_idle_connections_are_closed_after_a_while_and_busy_ones_never() -> None:
    busy, silent, done = Line(SimpleNamespace(response_complete=False)), Line(), Line()
    done.cycle = SimpleNamespace(response_complete=True)
    guarded = guard([busy, silent, done], 10)
    guarded.check(0.0)
    guarded.check(IDLE_SECONDS)
    assert all(line.is_open for line in (busy, silent, done))
    guarded.check(IDLE_SECONDS + 1)
    assert (busy.is_open, silent.is_open, done.is_open) == (True, False, False)


def test_time_of_work_is_not_time_of_idleness() -> None:
    line = Line(SimpleNamespace(response_complete=False))
    guarded = guard([line], 10)
    guarded.check(0.0)
    line.cycle = SimpleNamespace(response_complete=True)
    guarded.check(100.0)
    guarded.check(100.0 + IDLE_SECONDS)
    assert line.is_open


def test_of_too_many_connections_the_idle_ones_are_closed_the_oldest_first() -> None:
    old, busy = Line(), Line(SimpleNamespace(response_complete=False))
    lines = [old, busy]
    guarded = guard(lines, 3)
    guarded.check(0.0)
    lines += [Line(), Line()]
    guarded.check(1.0)
    assert [line.is_open for line in lines] == [False, True, True, True]


def test_many_silent_connections_keep_nobody_out(
    app_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page.connections, "IDLE_SECONDS", 1.0)
    host, port = urlsplit(app_url).hostname, urlsplit(app_url).port
    silent = [socket.create_connection((host, port), 10) for _ in range(200)]
    silent[0].sendall(b"GET / HTTP/1.1\r\nHost: ")  # an unfinished request is idle too
    deadline = time.monotonic() + 15
    while silent and time.monotonic() < deadline:
        line = silent[-1]
        line.settimeout(max(0.1, deadline - time.monotonic()))
        assert line.recv(1) == b""  # closed by the server
        silent.pop().close()
    assert not silent
    asked = http.client.HTTPConnection(host, port, timeout=30)
    asked.request("GET", "/config")
    assert asked.getresponse().status == 200


def test_a_connection_outlives_the_time_that_clients_keep_theirs(
    app_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    check = ConnectionGuard.check

    def look(self: ConnectionGuard, now: float) -> None:
        seen.extend(x.timeout_keep_alive for x in self._connections())
        check(self, now)

    monkeypatch.setattr(ConnectionGuard, "check", look)
    with httpx.Client(base_url=app_url) as client:
        assert client.get("/config").status_code == 200
        deadline = time.monotonic() + 15
        while IDLE_SECONDS not in seen and time.monotonic() < deadline:
            time.sleep(0.1)
    assert IDLE_SECONDS in seen


def test_files_are_left_for_work() -> None:
    assert most_connections(1024) == 384
    assert most_connections(10) == 64
    assert raise_file_limit() >= 512


def test_asyncio_says_once_that_files_are_short(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("asyncio")
    before = list(logger.filters)
    quiet_asyncio()
    try:
        for _ in range(1000):
            logger.error("socket.accept() out of system resource\nsocket: %s", "a")
        logger.error("something else")
    finally:
        logger.filters = before
    assert len([x for x in caplog.records if "socket.accept" in x.getMessage()]) == 1
    assert caplog.records[-1].getMessage() == "something else"

"""Inspections of files: threads of their own, limits first, and an end in any case."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from pipeline.deadlines import check_deadline, killed_at_deadline
from pipeline.errors import InvalidRequestError, MediaError
from pipeline.inspections import MAX_AT_ONCE, Inspector
from pipeline.rate_limits import Allowance, Limits

PROGRAM = [sys.executable, "-c", "import time; time.sleep(1000)"]


def read_forever(started: Callable[[], object] = lambda: None) -> None:
    """Read a file that never ends."""
    started()
    while True:
        check_deadline()
        time.sleep(0.01)


def run_program() -> int:
    """Wait for a program that never ends."""
    with subprocess.Popen(PROGRAM) as process, killed_at_deadline(process):
        return process.wait()


@pytest.mark.parametrize("work", [read_forever, run_program])
def test_an_inspection_ends_when_its_time_is_up(work: Callable[[], object]) -> None:
    inspector = Inspector(Limits(), seconds=0.3)
    began = time.monotonic()
    if work is run_program:
        assert asyncio.run(inspector.run("a", work)) < 0  # killed
    else:
        with pytest.raises(MediaError, match=r"takes longer than 0\.3 seconds to read; use"):
            asyncio.run(inspector.run("a", work))
    assert time.monotonic() - began < 5
    inspector.close()


@pytest.mark.skipif(not hasattr(os, "setpriority"), reason="Windows has no such figure")
def test_programs_of_an_inspection_give_way_to_the_server() -> None:
    def priority() -> int:
        with subprocess.Popen(PROGRAM) as process, killed_at_deadline(process):
            process.kill()
            return os.getpriority(os.PRIO_PROCESS, process.pid)

    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert priority() == ours
    assert asyncio.run(Inspector(Limits()).run("a", priority)) == max(ours, 10)


def test_an_inspection_ends_when_its_client_is_gone() -> None:
    inspector, ended = Inspector(Limits()), threading.Event()

    def work() -> None:
        try:
            read_forever()
        finally:
            ended.set()

    with pytest.raises(MediaError):
        asyncio.run(inspector.run("a", work, is_gone=lambda: True))
    assert ended.wait(5)
    inspector.close()


def test_an_inspection_ends_when_its_caller_is_cancelled() -> None:
    limits = Limits(Allowance(looks_at_once=1))
    inspector, begun, ended = Inspector(limits), threading.Event(), threading.Event()

    def work() -> None:
        try:
            read_forever(begun.set)
        finally:
            ended.set()

    async def cancel() -> None:
        task = asyncio.create_task(inspector.run("a", work))
        await asyncio.to_thread(begun.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert ended.wait(5)
    assert asyncio.run(inspector.run("a", int, "3")) == 3  # the place is free again
    inspector.close()


def test_limits_are_checked_before_a_thread_is_taken() -> None:
    inspector = Inspector(Limits(Allowance(looks_at_once=MAX_AT_ONCE)))

    async def ask() -> None:
        slow = [asyncio.create_task(inspector.run("a", read_forever)) for _ in range(MAX_AT_ONCE)]
        await asyncio.sleep(0.1)
        began = time.monotonic()
        with pytest.raises(InvalidRequestError, match="2 of your files already"):
            await inspector.run("a", int, "3")
        assert time.monotonic() - began < 0.1
        waiting = asyncio.create_task(inspector.run("b", int, "3"))
        assert await asyncio.to_thread(int, "4") == 4  # other work has other threads
        assert not waiting.done()
        for task in slow:
            task.cancel()
        assert await asyncio.wait_for(waiting, 5) == 3

    asyncio.run(ask())
    inspector.close()


def test_to_close_ends_what_runs_and_what_waits() -> None:
    inspector = Inspector(Limits())

    async def ask() -> None:
        tasks = [asyncio.create_task(inspector.run("a", read_forever)) for _ in range(5)]
        await asyncio.sleep(0.1)
        inspector.close()
        ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        assert [isinstance(x, MediaError) for x in ended[:MAX_AT_ONCE]] == [True] * MAX_AT_ONCE
        assert all(isinstance(x, MediaError | asyncio.CancelledError) for x in ended)

    asyncio.run(ask())

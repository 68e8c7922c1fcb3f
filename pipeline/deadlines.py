"""Deadlines of work on a visitor's file: it ends in time, or when its client is gone.

The work runs in a thread, which nothing can end from outside. So it asks by `check_deadline` in its
loops, and programs that it has started are killed.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TypeVar

from pipeline.errors import MediaError

_NICENESS = 10  # of 19
_current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)
_T = TypeVar("_T")


class Deadline:
    """The time that a piece of work has, and the programs that run for it."""

    def __init__(self, seconds: float) -> None:
        """Begin to count when the work is started with `run`."""
        self._seconds = seconds
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()

    def run(self, work: Callable[..., _T], *values: object) -> _T:
        """Do the work in this thread, until it ends or the time is up.

        Raises MediaError when the time is up or `end` was called.
        """
        timer = threading.Timer(self._seconds, self.end)
        timer.daemon = True
        timer.start()
        token = _current.set(self)
        try:
            self.check()
            return work(*values)
        except Exception:
            self.check()  # a program that was killed fails in its own words
            raise
        finally:
            _current.reset(token)
            timer.cancel()

    def end(self) -> None:
        """End the work from any thread: at its next check, its programs at once."""
        with self._lock:
            self._is_over.set()
            for process in self._processes:
                process.kill()

    def check(self) -> None:
        """Raise MediaError if the time is up."""
        if self._is_over.is_set():
            raise MediaError(
                f"The file takes longer than {self._seconds:g} seconds to read; use a shorter or "
                "smaller one."
            )

    @contextlib.contextmanager
    def watching(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """Kill a program when the time is up; it gives way to pages and jobs until then."""
        if hasattr(os, "setpriority"):  # not on Windows
            with contextlib.suppress(OSError):  # it may have ended
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        with self._lock:
            self._processes.add(process)
            if self._is_over.is_set():
                process.kill()
        try:
            yield
        finally:
            with self._lock:
                self._processes.discard(process)


def check_deadline() -> None:
    """Raise MediaError if the work of this context has no time left."""
    if (deadline := _current.get()) is not None:
        deadline.check()


@contextlib.contextmanager
def killed_at_deadline(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill a program when the work of this context has no time left, in the `with` block."""
    deadline = _current.get()
    with contextlib.nullcontext() if deadline is None else deadline.watching(process):
        yield

"""Ends the server on SIGTERM within seconds, together with its child processes."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import threading
from types import FrameType

import psutil

SECONDS_TO_END = 7.0  # container runtimes kill a process 10 s after SIGTERM


def end_on_sigterm() -> None:
    """Make SIGTERM interrupt this process as Ctrl+C does, and end it after a timeout in any case.

    Jobs stop where they are, and unfinished ones continue at the next start.
    """
    is_asked = threading.Event()

    def interrupt(signum: int, frame: FrameType | None) -> None:
        is_asked.set()
        timer = threading.Timer(SECONDS_TO_END, _end_now)
        timer.daemon = True
        timer.start()
        signal.default_int_handler(signum, frame)

    def end_at_exit() -> None:
        # The interpreter would collect what the libraries have left, which took 11 s (measured).
        if is_asked.is_set():
            sys.stdout.flush()
            sys.stderr.flush()
            _end_now()

    signal.signal(signal.SIGTERM, interrupt)
    atexit.register(end_at_exit)


def kill_children() -> None:
    """Kill all child processes of this process."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.kill()


def _end_now() -> None:
    kill_children()
    os._exit(128 + signal.SIGTERM)

"""The end of the server when it is told to end: within seconds, with all that it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType

import psutil

SECONDS_TO_END = 7.0  # what the system's SIGTERM may take; containers are killed after ten


def end_on_sigterm() -> None:
    """Let SIGTERM interrupt this program as Ctrl+C does, and end it in any case soon after.

    Jobs are put down where they are; what cannot be put down in time goes on at the next start.
    """
    signal.signal(signal.SIGTERM, _interrupt)


def kill_children() -> None:
    """Kill the programs that this one has started."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.kill()


def _interrupt(signum: int, frame: FrameType | None) -> None:
    timer = threading.Timer(SECONDS_TO_END, _end_now)
    timer.daemon = True
    timer.start()
    signal.default_int_handler(signum, frame)


def _end_now() -> None:
    kill_children()
    os._exit(128 + signal.SIGTERM)

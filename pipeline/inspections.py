"""Inspections of visitors' files: in threads of their own, within limits and in bounded time.

Each decodes a file that a visitor has chosen, so that it may not take what jobs and pages need.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pipeline.deadlines import Deadline
from pipeline.rate_limits import Limits

MAX_SECONDS = 60.0
MAX_AT_ONCE = 2  # threads: as many as a small Space has cores
_SECONDS_BETWEEN_CHECKS = 0.5
_T = TypeVar("_T")


class Inspector:
    """A pool of threads for inspections; safe to use from one event loop."""

    def __init__(self, limits: Limits, seconds: float = MAX_SECONDS) -> None:
        """Start no thread before there is something to inspect."""
        self._limits = limits
        self._seconds = seconds
        self._executor = ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="kinora-inspect")
        self._running: set[Deadline] = set()
        self._lock = threading.Lock()

    async def run(
        self,
        client_id: str,
        work: Callable[..., _T],
        *values: object,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> _T:
        """Do work on a client's file, and return what it returns.

        It ends when it has taken its time, when the caller is cancelled, or when `is_gone` says
        that the client has left. Raises InvalidRequestError beyond the client's limits, before a
        thread is taken, and MediaError when the time is up.
        """
        release = self._limits.begin_look(client_id)
        deadline = Deadline(self._seconds)
        with self._lock:
            self._running.add(deadline)
        context = contextvars.copy_context()
        future = self._executor.submit(context.run, deadline.run, work, *values)

        def finish(_: object) -> None:
            release()
            with self._lock:
                self._running.discard(deadline)

        future.add_done_callback(finish)
        waiting = asyncio.wrap_future(future)
        try:
            while not waiting.done():
                await asyncio.wait({waiting}, timeout=_SECONDS_BETWEEN_CHECKS)
                if is_gone():
                    deadline.end()
            return await waiting
        finally:
            if not future.done():
                deadline.end()
                future.cancel()  # if it has not begun

    def close(self) -> None:
        """End all inspections, and take no more."""
        with self._lock:
            for deadline in self._running:
                deadline.end()
        self._executor.shutdown(wait=False, cancel_futures=True)

"""The connection of this process to a Ray cluster, which may be lost and made again.

`joining.prepare` has to run before Ray is imported.
"""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import ray

NAMESPACE = "kinora"
_SECONDS_TO_ANSWER = 15.0

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Connection:
    """The connection to the cluster at an address; `auto` is the one on this machine."""

    def __init__(self, address: str) -> None:
        """Connect. Raises ConnectionError, RuntimeError or ValueError, as Ray does."""
        self._address = address
        self._connect()

    def open(self) -> bool:
        """Connect again; say whether that worked."""
        try:
            self._connect()
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as exc:
            logger.debug("No cluster at %s: %s", self._address, exc)
            return False
        logger.info("The cluster at %s is back", self._address)
        return True

    def check_head(self) -> None:
        """Raise OSError if nothing listens where the head was.

        A question to a head that is gone waits, and if another head answers it, Ray ends this
        process: "WrongClusterID".
        """
        host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS_TO_ANSWER).close()

    def close(self) -> None:
        """Disconnect; detached workers stay."""
        ray.shutdown()

    def _connect(self) -> None:
        handler = signal.getsignal(signal.SIGTERM)
        ray.init(
            address=self._address,
            namespace=NAMESPACE,
            log_to_driver=False,
            configure_logging=False,
        )
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)  # Ray has set its own


def ask(question: Callable[[], T]) -> T:
    """Return the head's answer. Raises TimeoutError: without a head, Ray would wait for ever."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(question())
        except Exception as exc:
            answer.set_exception(exc)

    threading.Thread(target=run, name="kinora-ask", daemon=True).start()
    return answer.result(_SECONDS_TO_ANSWER)

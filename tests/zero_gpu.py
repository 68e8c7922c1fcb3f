"""ZeroGPU's device API on this machine: who gets the card, for how long, and whose quota pays.

The real `spaces` package talks to it over HTTP, see its `zero/api.py`. There is one card, which
`zero_card.py` stands in for. A call ends before its time only when a test says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

PATIENCE = 60.0  # seconds that somebody waits in the queue for a card


@dataclass
class Call:
    """One call of the decorated function: what was asked for it, and what became of it."""

    asked: dict[str, str]
    pid: int | None  # of the process that has the card, or had it last and is kept
    has_failed: bool = False
    is_over: threading.Event = field(default_factory=threading.Event)


class DeviceApi(ThreadingHTTPServer):
    """The scheduler, on a free port of this machine; it notes all that it is asked."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen, and answer in threads."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.num_startups = 0
        self.calls: list[Call] = []
        self.seconds_left: int | None = None  # of everybody's quota; None: as much as they want
        self.is_free = threading.Event()  # while it is not, visitors queue for the card
        self.is_free.set()
        self.num_queued = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end_call(self) -> None:
        """Say that the time of the newest call is up: its process dies."""
        pid = self.calls[-1].pid
        assert pid
        os.kill(pid, signal.SIGKILL)

    @contextlib.contextmanager
    def long_step(self) -> Iterator[None]:
        """Hold the process of the newest call: the step that it is at takes that long."""
        pid = self.calls[-1].pid
        assert pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def lend(self, asked: dict[str, str]) -> dict[str, object]:
        """Hand out the card."""
        self.calls.append(Call(asked, self.calls[-1].pid if self.calls else None))
        token = str(len(self.calls) - 1)
        return {"idle": True, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": token}


class _Handler(BaseHTTPRequestHandler):
    server: DeviceApi

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        asked = dict(parse_qsl(url.query))
        answer = getattr(self, "answer_" + url.path[1:].replace("-", "_"))
        answer(asked)

    def answer_startup_report(self, _asked: dict[str, str]) -> None:
        self.server.num_startups += 1
        self._answer()

    def answer_schedule(self, asked: dict[str, str]) -> None:
        api = self.server
        if api.seconds_left is not None and int(asked["durationSeconds"]) > api.seconds_left:
            quota = {"left": api.seconds_left, "wait": 3600}
            self._answer(quota, status=429, headers={"X-Authenticated": "regular"})
        elif api.is_free.is_set():
            self._answer(api.lend(asked))
        else:
            self._queue(asked)

    def answer_allow(self, asked: dict[str, str]) -> None:
        self.server.calls[int(asked["allowToken"])].pid = int(asked["pid"])
        self._answer()

    def answer_release(self, asked: dict[str, str]) -> None:
        call = self.server.calls[int(asked["allowToken"])]
        call.has_failed = asked["fail"] == "true"
        call.is_over.set()
        self._answer()

    def _queue(self, asked: dict[str, str]) -> None:
        """Answer with a stream of events, the last of which has the card."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("X-Queuing-Reason", "node")
        self.end_headers()
        self.server.num_queued += 1
        for _ in range(int(PATIENCE / 0.2)):
            if self.server.is_free.wait(0.2):
                card = json.dumps(self.server.lend(asked))
                self.wfile.write(f"event: succeeded\ndata: {card}\n\n".encode())
                return
            self.wfile.write(b"event: ping\n\n")
        self.wfile.write(b"event: failed\n\n")

    def _answer(
        self, body: object = None, *, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        headers = (headers or {}) | {"Content-Type": "application/json"}
        for name, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass

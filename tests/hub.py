"""A Hub of this machine's own: folders served as repositories, as huggingface_hub asks for them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Where it listens, what was downloaded, what it claims and breaks off, and how slow it is."""

    url: str
    downloads: list[str] = field(default_factory=list)
    claimed_bytes: dict[str, int] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    seconds: float = 0.0  # before each answer


@contextmanager
def serve_hub(repositories: Mapping[str, Path]) -> Iterator[Hub]:
    """Serve folders under the names of repositories while the `with` block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, *, with_body: bool) -> None:
            time.sleep(hub.seconds)
            path = self.path.partition("?")[0].strip("/")
            name = "/".join(path.removeprefix("api/models/").split("/")[:2])
            rest = path.removeprefix("api/models/").removeprefix(f"{name}/").split("/", 2)
            if name not in repositories:
                self.send_error(404)
            elif path.startswith("api/models/") and rest[0] == "tree":
                self._send(json.dumps(self._tree(repositories[name])).encode())
            elif path.startswith("api/models/"):
                self._send(json.dumps({"id": name, "sha": COMMIT, "siblings": []}).encode())
            elif rest[0] == "resolve" and (repositories[name] / rest[2]).is_file():
                if with_body:
                    hub.downloads.append(f"{name}/{rest[2]}")
                body = (repositories[name] / rest[2]).read_bytes()
                end = len(body) // 2 if rest[2] in hub.broken else None
                self._send(body, hub.claimed_bytes.get(rest[2]), with_body=with_body, end=end)
            else:
                self.send_error(404)

        def _tree(self, folder: Path) -> list[dict[str, object]]:
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            names = [path.relative_to(folder).as_posix() for path in files]
            return [
                {
                    "type": "file",
                    "path": name,
                    "size": path.stat().st_size,
                    "oid": sha256(path.read_bytes()).hexdigest(),
                }
                for name, path in zip(names, files, strict=True)
            ]

        def _send(
            self,
            body: bytes,
            claimed_bytes: int | None = None,
            *,
            with_body: bool = True,
            end: int | None = None,
        ) -> None:
            self.send_response(200)
            if claimed_bytes is not None:
                self.send_header("X-Linked-Size", str(claimed_bytes))
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if with_body:
                self.wfile.write(body[:end])

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub = Hub(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield hub
        server.shutdown()

"""Webhooks: signed as published, sent once, and only to addresses that the owner lists."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from openai import InvalidWebhookSignatureError, OpenAI

import app
from http_api.webhooks.delivery import NotDeliveredError, deliver, resolve
from http_api.webhooks.outbox import Outbox
from http_api.webhooks.settings import WebhookSettings, read_webhook_settings
from page.auth import read_access
from pipeline.errors import KinoraError
from pipeline.studio import Studio
from tests.http_api.conftest import PROMPT

KEY = bytes(range(24))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
VIDEO = "video_" + "0" * 40
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


@dataclass
class Receiver:
    """A server that keeps what it is sent, and answers with `statuses`, the last one again."""

    statuses: list[int] = field(default_factory=lambda: [200])
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.received) < count:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = told.statuses.pop(0) if len(told.statuses) > 1 else told.statuses[0]
            told.received.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:  # noqa: ANN401
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}/hook?a=1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


def settings(*addresses: str) -> WebhookSettings:
    return WebhookSettings(addresses, KEY)


def run_until(outbox: Outbox, is_done: Callable[[], bool]) -> None:
    """Run an outbox until something is true, 20 seconds at most."""

    async def run() -> None:
        task = asyncio.create_task(outbox.run())
        deadline = time.monotonic() + 20
        while not is_done():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())


def job_of(studio: Studio) -> str:
    """Return a job that is over: a stopped one."""
    request = {"prompt": PROMPT, "duration": 60, "seed": 1}
    job_id = asyncio.run(studio.submit("text_to_video", request))
    studio.worker.cancel(job_id)
    while not studio.worker.state(job_id).is_over:
        time.sleep(0.02)
    return job_id


def test_a_completed_video_is_told_and_the_client_unwraps_it(
    app_studio: Studio, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINORA_WEBHOOKS", receiver.url)
    monkeypatch.setenv("KINORA_WEBHOOK_SECRET", SECRET)
    demo = app.create_demo(app_studio)
    options = {"server_name": "127.0.0.1", "quiet": True}
    _, url, _ = app.launch(demo, app_studio, read_access(), **options)
    client = OpenAI(base_url=f"{url}v1", api_key="any", webhook_secret=SECRET)
    video = client.videos.create(prompt=PROMPT, seconds="1")  # type: ignore[arg-type]
    receiver.wait_for(1)
    headers, body = receiver.received[0]
    event = client.webhooks.unwrap(body, headers)
    assert (event.type, event.data.id, event.object) == ("video.completed", video.id, "event")
    assert client.videos.retrieve(video.id).status == "completed"
    with pytest.raises(InvalidWebhookSignatureError):
        client.webhooks.unwrap(body + b" ", headers)
    assert set(json.loads(body)) == {"id", "object", "created_at", "type", "data"}
    client.videos.delete(video.id)
    demo.close()


def test_a_message_is_tried_again_with_the_same_id_and_then_forgotten(
    app_studio: Studio, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.statuses = [500, 503, 200]
    outbox = Outbox(tmp_path / "box", settings(receiver.url), app_studio.worker, (0.0, 0.0, 0.0))
    outbox.expect(VIDEO, job_of(app_studio))
    run_until(outbox, lambda: not [*(tmp_path / "box").iterdir()])
    assert len(receiver.received) == 3
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1
    assert json.loads(receiver.received[0][1])["type"] == "video.failed"


def test_a_message_that_was_not_sent_is_sent_after_a_restart(
    app_studio: Studio, receiver: Receiver, tmp_path: Path
) -> None:
    Outbox(tmp_path, settings(receiver.url), app_studio.worker).expect(VIDEO, job_of(app_studio))
    again = Outbox(tmp_path, settings(receiver.url), app_studio.worker)
    run_until(again, lambda: bool(receiver.received) and not [*tmp_path.iterdir()])
    assert json.loads(receiver.received[0][1])["data"] == {"id": VIDEO}


def test_a_deleted_job_sends_nothing(
    app_studio: Studio, receiver: Receiver, tmp_path: Path
) -> None:
    job_id = job_of(app_studio)
    outbox = Outbox(tmp_path, settings(receiver.url), app_studio.worker)
    outbox.expect(VIDEO, job_id)
    shutil.rmtree(app_studio.worker.store.folder(job_id))
    run_until(outbox, lambda: not [*tmp_path.iterdir()])
    assert receiver.received == []


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.statuses = [302]
    with pytest.raises(NotDeliveredError, match="302"):
        asyncio.run(deliver(receiver.url, b"{}", {}))
    assert len(receiver.received) == 1


def test_the_name_is_sent_as_it_is_listed(receiver: Receiver) -> None:
    asyncio.run(deliver(receiver.url.replace("127.0.0.1", "localhost"), b"{}", {}))
    assert receiver.received[0][0]["host"].startswith("localhost:")


@pytest.mark.parametrize(
    ("found", "is_taken"),
    [
        (["93.184.215.14"], True),
        (["2606:2800:21f:cb07:6820:80da:af6b:8b2c"], True),
        (["127.0.0.1"], False),
        (["10.0.0.5"], False),
        (["192.168.0.9"], False),
        (["169.254.169.254"], False),
        (["100.64.0.1"], False),
        (["0.0.0.0"], False),
        (["224.0.0.1"], False),
        (["::1"], False),
        (["fe80::1%eth0"], False),
        (["fd00::1"], False),
        (["::ffff:10.0.0.5"], False),
        (["93.184.215.14", "10.0.0.5"], False),
    ],
)
def test_a_public_name_must_lead_to_public_addresses(
    monkeypatch: pytest.MonkeyPatch, found: list[str], is_taken: bool
) -> None:
    entries = [(0, 0, 0, "", (address, 443)) for address in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: entries)
    if is_taken:
        assert asyncio.run(resolve("hooks.example.com", 443)) == found[0]
        return
    with pytest.raises(NotDeliveredError, match="private network"):
        asyncio.run(resolve("hooks.example.com", 443))
    assert asyncio.run(resolve("hooks", 443)) == found[0]
    assert asyncio.run(resolve("hooks.internal", 443)) == found[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.5", "::1"])
def test_an_address_that_is_listed_is_used_as_it_is(host: str) -> None:
    assert asyncio.run(resolve(host, 80)) == host


@pytest.mark.parametrize(
    ("addresses", "secret", "named"),
    [
        ("ftp://example.com", SECRET, "KINORA_WEBHOOKS"),
        ("example.com/hook", SECRET, "KINORA_WEBHOOKS"),
        ("https://user@example.com", SECRET, "KINORA_WEBHOOKS"),
        ("https://example.com:99999", SECRET, "KINORA_WEBHOOKS"),
        ("https://example.com", "", "KINORA_WEBHOOK_SECRET"),
        ("https://example.com", "secret", "KINORA_WEBHOOK_SECRET"),
        ("https://example.com", "whsec_AAAA", "KINORA_WEBHOOK_SECRET"),
        ("https://example.com", "whsec_@", "KINORA_WEBHOOK_SECRET"),
    ],
)
def test_settings_that_do_not_fit_end_the_start(
    monkeypatch: pytest.MonkeyPatch, addresses: str, secret: str, named: str
) -> None:
    monkeypatch.setenv("KINORA_WEBHOOKS", addresses)
    monkeypatch.setenv("KINORA_WEBHOOK_SECRET", secret)
    with pytest.raises(KinoraError, match=named):
        read_webhook_settings()


def test_several_addresses_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_webhook_settings() == WebhookSettings()
    monkeypatch.setenv("KINORA_WEBHOOKS", "https://a.example/x, http://localhost:5")
    monkeypatch.setenv("KINORA_WEBHOOK_SECRET", SECRET)
    assert read_webhook_settings() == settings("https://a.example/x", "http://localhost:5")
    assert SECRET not in repr(read_webhook_settings())

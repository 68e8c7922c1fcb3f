"""Attacks on the running app: each door that is closed is tried from outside."""

from __future__ import annotations

import http.client
import io
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from playwright.sync_api import Browser, expect

import app
from page.auth import AccessPolicy, read_access
from page.http_guard import MAX_BODY_BYTES, MAX_SESSIONS, MAX_UPLOAD_BYTES
from page.served_files import serve_clip
from pipeline.jobs.history import visitor_key
from pipeline.rate_limits import Allowance, Limits
from pipeline.runtime.model_cache import ModelCache
from pipeline.studio import Studio
from tests.browser import ask, choose_tab, needs_chromium, open_page, wait_for_clip
from tests.conftest import SCRATCH
from tests.tiny import CPU, tiny_models

PROMPT = "a red car in a city at sunset"
QUICK = {"prompt": PROMPT, "duration": 0.5}
NOT_UPLOADED = "A file must be an uploaded file"
FILE = {"_type": "gradio.FileData"}
PAYLOAD = "<img src=x onerror=\"window.taken='yes'\"><script>window.taken='yes'</script>"


@dataclass(frozen=True)
class Server:
    """A server of the test's own, with its studio."""

    url: str
    studio: Studio
    demo: gr.Blocks

    def http(self, **options: Any) -> httpx.Client:  # noqa: ANN401
        return httpx.Client(base_url=self.url, timeout=60, **options)


Serve = Callable[..., Server]


@pytest.fixture(scope="module")
def serve(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start servers with tiny models; they end with the module."""
    running = []

    def start(access: AccessPolicy | None = None, allowance: Allowance | None = None) -> Server:
        data = tmp_path_factory.mktemp("data")
        limits = Limits(allowance or Allowance())
        studio = app.create_studio(data, ModelCache(CPU, tiny_models(folder)), limits=limits)
        demo = app.create_demo(studio)
        options = {"server_name": "127.0.0.1", "quiet": True}
        _, url, _ = app.launch(demo, studio, access, **options)
        running.append((demo, studio))
        return Server(url, studio, demo)

    yield start
    for demo, studio in running:
        demo.close()
        studio.close()


@pytest.fixture(scope="module")
def server(serve: Serve) -> Server:
    return serve()


@pytest.fixture
def attacker(server: Server) -> Iterator[httpx.Client]:
    with server.http() as client:
        yield client


@pytest.fixture(scope="module")
def private_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a picture on the server that nobody has uploaded."""
    path = tmp_path_factory.mktemp("private") / "letter.png"
    Image.new("RGB", (64, 64), (1, 2, 3)).save(path)
    return path


def events(client: httpx.Client) -> list[dict[str, Any]]:
    """Return the app's events, the page's own too, with the types of what they are given."""
    config = client.get("/config").json()
    types = {part["id"]: part["type"] for part in config["components"]}
    return [
        event | {"types": [types[part] for part in event["inputs"]]}
        for event in config["dependencies"]
        if event["backend_fn"]
    ]


def call(
    client: httpx.Client, event: dict[str, Any], values: list[Any], session: str = ""
) -> dict[str, Any]:
    """Call an event by its number, as a stranger does, and return its last answer."""
    session = session or secrets.token_hex(8)
    body = {"fn_index": event["id"], "data": values, "session_hash": session}
    joined = client.post("/gradio_api/queue/join", json=body)
    assert joined.is_success, joined.text
    query = {"session_hash": session}
    with client.stream("GET", "/gradio_api/queue/data", params=query) as lines:
        messages = [json.loads(line[5:]) for line in lines.iter_lines() if line[:5] == "data:"]
    return next(x for x in reversed(messages) if x["msg"] == "process_completed")


def named(client: httpx.Client, name: str) -> dict[str, Any]:
    return next(event for event in events(client) if event["api_name"] == name)


# What is not found.


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/monitoring"),
        ("GET", "/monitoring/summary"),
        ("GET", "/monitoring/key"),
        ("GET", "/openapi.json"),
        ("GET", "/docs"),
        ("GET", "/gradio_api/runs"),
        ("POST", "/gradio_api/run-history/connect"),
        ("GET", "/gradio_api/deep_link?session_hash=a"),
        ("GET", "/gradio_api/dev/reload"),
        ("GET", "/gradio_api/token"),
        ("GET", "/gradio_api/proxy=https://a.hf.space/"),
        ("GET", "/gradio_api/file=https://example.org/a.png"),
        ("GET", "/gradio_api/file=HTTPS://example.org/a.png"),
        ("GET", "/gradio_api/file=http%3A%2F%2F127.0.0.1%2F"),
        ("GET", "/gradio_api/file/tmp/a"),
        ("GET", "/gradio_api/vibe-code"),
        ("POST", "/gradio_api/vibe-edit"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/stream/a"),
        ("POST", "/gradio_api/stream/a/close"),
        ("GET", "/gradio_api/stream/a/b/1/playlist.m3u8"),
        ("POST", "/gradio_api/api/models"),
        ("GET", "/gradio_api/custom_component/a/client/b/c.js"),
        ("GET", "/gradio_api/mcp/"),
        ("GET", "/gradio_api/profiling/summary"),
        ("DELETE", "/"),
    ],
)
def test_what_kinora_does_not_use_is_not_there(
    attacker: httpx.Client, method: str, path: str
) -> None:
    answer = attacker.request(method, path)
    assert (answer.status_code, answer.json()["detail"]) == (404, "Not found.")


def test_no_session_is_written_to_a_file(attacker: httpx.Client) -> None:
    """Gradio writes what somebody has typed to a deep link, for whoever asks for it."""
    call(attacker, named(attacker, "_look"), [""], "victim")
    attacker.get("/gradio_api/deep_link", params={"session_hash": "victim"})
    assert not (SCRATCH / "gradio" / "deep_links").exists()


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/passwd", "app.py", "../app.py", "/proc/self/environ", "%2e%2e/%2e%2e/etc/passwd"),
        *("*", "", ".", "/", "~/.ssh/id_rsa", "file:///etc/passwd", "//localhost/c$"),
        *("{cache}", "{cache}/", "{cache}/*", "{cache}/../data/jobs", "{cache}/%00"),
        *("{jobs}/{job}/request.json", "{jobs}/{job}/result.mp4"),
    ],
)
def test_no_file_is_served_but_those_whose_address_was_given(
    server: Server, attacker: httpx.Client, path: str
) -> None:
    jobs = server.studio.worker.store.root / "jobs"
    job = make(server)["job_id"]
    path = path.format(cache=SCRATCH / "gradio", jobs=jobs, job=job)
    answer = attacker.get(f"/gradio_api/file={path}")
    assert answer.status_code in (400, 403, 404)
    assert len(answer.content) < 300


# What events are given, called by their number.


def test_no_event_of_page_or_api_opens_a_picture_that_nobody_uploaded(
    attacker: httpx.Client, private_picture: Path
) -> None:
    """An event of the film's cards read any picture of the server and showed a copy."""
    tried = 0
    seen: set[str] = set()
    for event in events(attacker):
        kinds = [kind for kind in event["types"] if kind in ("image", "video", "file", "api")]
        name = event["api_name"].rstrip("_0123456789")
        if not kinds or (name in seen and len(kinds) > 1):
            continue
        seen.add(name)
        for forged in (
            {"path": str(private_picture)},
            {"path": str(private_picture), "meta": FILE},
            {"path": f"{SCRATCH / 'gradio'}/../../{private_picture}", "meta": FILE},
            {"path": None, "url": f"file://{private_picture}"},
            {"url": "data:image/png;base64,AAAA"},
            {"path": "https://example.org/a.png", "url": "https://example.org/a.png"},
            {"path": "https://example.org/a.png", "meta": FILE},
        ):
            places = [i for i, kind in enumerate(event["types"]) if kind in kinds]
            values: list[Any] = [None] * len(event["types"])
            for place in places:
                values[place] = [forged] if event["types"][place] == "api" else forged
            answer = call(attacker, event, values)
            assert answer["success"] is False, (event["api_name"], forged)
            assert answer["output"]["error"].startswith(NOT_UPLOADED), (event["api_name"], forged)
            tried += 1
    assert tried > 100
    assert {"_look_at_picture", "_look_at_clip", "verify_video", "film"} <= seen, seen


def test_a_link_is_not_fetched_through_the_public_api(server: Server) -> None:
    client = Client(server.url, verbose=False, analytics_enabled=False)
    with pytest.raises(AppError, match=NOT_UPLOADED):
        client.predict(handle_file("https://example.org/a.mp4"), api_name="/verify_video")
    client.close()


def test_an_uploaded_file_is_not_shown_as_a_clip_of_ours(attacker: httpx.Client) -> None:
    """Gradio would have the system's ffmpeg convert it: a playlist, or hours of a large clip."""
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    (path,) = attacker.post("/gradio_api/upload", files={"files": ("a.mp4", playlist)}).json()
    clip = {"path": path, "meta": FILE}
    given = {"video": clip, "number": 0.5, "textbox": "a cat"}
    names = ("_use_clip", "_use_frame")
    called = [x for x in events(attacker) if x["api_name"].rstrip("_0123456789") in names]
    assert len(called) == 18
    for event in called:
        answer = call(attacker, event, [given[kind] for kind in event["types"]])
        assert "This clip was not made here" in answer["output"]["error"], event["api_name"]


def test_a_picture_on_a_card_is_not_decoded_by_every_event_of_the_film(
    attacker: httpx.Client,
) -> None:
    """Twenty cards of 178 million pixels each were decoded whenever the film was measured."""
    data = io.BytesIO()
    Image.new("P", (64, 64)).save(data, "PNG")
    head = data.getvalue()[: data.getvalue().index(b"IDAT") + 6]  # what cannot be decoded
    (path,) = attacker.post("/gradio_api/upload", files={"files": ("a.png", head)}).json()
    event = named(attacker, "_show_total")
    config = attacker.get("/config").json()
    values = {part["id"]: part["props"].get("value") for part in config["components"]}
    given = [values[part] for part in event["inputs"]]
    given[event["types"].index("image")] = {"path": path, "meta": FILE, "orig_name": "a.png"}
    body = {"fn_index": event["id"], "data": given, "session_hash": secrets.token_hex(8)}
    answer = attacker.post("/gradio_api/run/predict", json=body)
    assert answer.status_code == 200, answer.text


def test_a_film_is_given_no_more_pictures_than_it_can_have(attacker: httpx.Client) -> None:
    """Each was opened before anything was counted: the same one, twenty thousand times."""
    (path,) = attacker.post("/gradio_api/upload", files={"files": ("a.png", b"no picture")}).json()
    values: list[Any] = ["a cat", None, "16:9", -1, "", None, None]
    values += [[{"path": path, "meta": FILE}] * 121, None, "", False, False, None]
    said = call(attacker, named(attacker, "film"), values)["output"]["error"]
    assert said.startswith("There are 121 pictures, but the limit is 120")


def make(server: Server, visitor: str = "") -> dict[str, Any]:
    """Make a quick clip of a visitor and return its recipe."""
    from pipeline.planning.validation import build_request

    request = build_request("text_to_video", model="kinora-mini", seed=3, **QUICK)
    worker = server.studio.worker
    job_id = worker.submit(request, visitor=visitor and visitor_key(visitor), tab="text_to_video")
    deadline = time.monotonic() + 60
    while worker.state(job_id).name != "done":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return worker.recipe(job_id)


def test_a_stranger_sees_and_touches_nothing_of_a_visitor(
    server: Server, attacker: httpx.Client
) -> None:
    victim = secrets.token_urlsafe(16)
    job_id = make(server, victim)["job_id"]
    looks = [event for event in events(attacker) if event["api_name"].startswith("_look")]
    looks = [event for event in looks if event["types"] == ["browserstate", "textbox", "dropdown"]]
    assert job_count(call(attacker, looks[0], [victim, "", ""])) == 1
    for guess in ("", "kinora", visitor_key(victim), victim[:-1], victim.upper(), "%", "*"):
        assert job_count(call(attacker, looks[0], [guess, "", ""])) == 0
    names = ("_act", "_end", "_resume", "_show_again", "_choose", "_edit", "_bring_back")
    for name in (*names, "_make_hd", "_show_wanted"):
        for event in events(attacker):
            if event["api_name"].rstrip("_0123456789") == name:
                # The places of a state on the server take nothing from outside.
                values = [job_id if kind == "state" else "guess" for kind in event["types"]]
                assert job_id not in json.dumps(try_to_call(attacker, event, values))
    assert server.studio.worker.state(job_id).name == "done"


def job_count(answer: dict[str, Any]) -> int:
    gallery = answer["output"]["data"][0]
    return len(gallery if isinstance(gallery, list) else gallery["value"])


def try_to_call(
    client: httpx.Client, event: dict[str, Any], values: list[Any]
) -> dict[str, Any] | str:
    if event["queue"] is False:
        body = {"fn_index": event["id"], "data": values, "session_hash": secrets.token_hex(8)}
        return client.post("/gradio_api/run/predict", json=body).text
    return call(client, event, values)


def test_the_address_of_a_clip_and_the_clip_itself_do_not_tell_the_job(server: Server) -> None:
    recipe = make(server)
    path = serve_clip(server.studio, recipe["job_id"])
    assert recipe["job_id"] not in str(path)
    assert recipe["job_id"].encode() not in path.read_bytes()
    with server.http() as client:
        answer = client.get(f"/gradio_api/file={path}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes())
        assert client.get(f"/gradio_api/file={path.parent}").status_code == 403


def test_where_an_upload_lies_cannot_be_computed_from_what_it_is(attacker: httpx.Client) -> None:
    import hashlib

    data = b"a letter"
    (path,) = attacker.post("/gradio_api/upload", files={"files": ("a.txt", data)}).json()
    assert hashlib.sha256(data).hexdigest() not in path
    assert len(Path(path).parent.name) == 64


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/gradio_api/call/nothing", {"data": []}),
        ("/gradio_api/run/job", {"data": [{"a": 1}]}),
        ("/gradio_api/run/job", {"data": []}),
        ("/gradio_api/run/predict", {"data": [], "fn_index": 99_999}),
        ("/gradio_api/call/film", {"data": "no list"}),
        ("/gradio_api/queue/join", {"data": [None] * 3, "fn_index": 0, "session_hash": "a"}),
        ("/gradio_api/cancel", {"session_hash": "a", "fn_index": 0, "event_id": "../../a"}),
    ],
)
def test_an_error_tells_no_path_of_the_server(
    attacker: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    try:
        text = attacker.post(path, json=body).text
    except httpx.ReadError:  # closed without a word
        text = ""
    for word in (str(Path(app.__file__).parent), str(SCRATCH), "site-packages", "Traceback"):
        assert word not in text


# Other sites, in the browser of somebody who has Kinora open.


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example"])
def test_a_name_that_leads_here_from_elsewhere_is_refused(
    attacker: httpx.Client, host: str
) -> None:
    for path in ("/", "/config", "/gradio_api/info"):
        assert attacker.get(path, headers={"host": host}).status_code == 421
    assert attacker.post("/gradio_api/upload", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:7860", "192.168.1.7", "[::1]:7860"])
def test_this_servers_own_names_are_not_refused(attacker: httpx.Client, host: str) -> None:
    assert attacker.get("/config", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://evil.localhost.example"]
)
def test_another_sites_page_cannot_use_the_server(attacker: httpx.Client, origin: str) -> None:
    headers = {"origin": origin}
    files = {"files": ("a.txt", b"a")}
    assert attacker.post("/gradio_api/upload", files=files, headers=headers).status_code == 403
    answer = attacker.get("/config", headers=headers)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    wanted = {"access-control-request-method": "POST"}
    answer = attacker.options("/gradio_api/queue/join", headers=headers | wanted)
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:7860", "http://127.0.0.1:7860", 200),
        ("localhost:7860", "http://127.0.0.1:7860", 200),
        ("127.0.0.1:7860", "http://127.0.0.1:8888", 403),
        ("127.0.0.1:7860", "http://127.0.0.1", 403),
        ("127.0.0.1", "http://127.0.0.1:80", 200),
        ("127.0.0.1:443", "https://127.0.0.1", 200),
        ("127.0.0.1:7860", "http://192.168.1.7:7860", 403),
        ("127.0.0.1:7860", "http://127.0.0.1:99999999", 403),
    ],
)
def test_another_server_of_this_computer_is_another_site(
    attacker: httpx.Client, host: str, origin: str, status: int
) -> None:
    answer = attacker.get("/config", headers={"host": host, "origin": origin})
    assert answer.status_code == status


def test_a_server_in_a_network_knows_its_names_and_its_own_page(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setattr("socket.gethostname", lambda: "Studio")
    access = read_access()
    monkeypatch.delenv("GRADIO_SERVER_NAME")
    with serve(access).http() as client:
        for host, status in (("evil.example", 421), ("studio:7860", 200), ("studio.local", 200)):
            assert client.get("/config", headers={"host": host}).status_code == status
        headers = {"host": "192.168.1.7:7860", "origin": "http://evil.example"}
        assert client.get("/config", headers=headers).status_code == 403


def test_every_answer_has_the_headers_and_the_hub_may_embed_the_page(
    attacker: httpx.Client,
) -> None:
    (path,) = attacker.post("/gradio_api/upload", files={"files": ("a.html", b"<b>")}).json()
    for place in ("/", "/config", "/nowhere", f"/gradio_api/file={path}"):
        headers = attacker.get(place).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'self' https://huggingface.co" in headers["content-security-policy"]
        assert "x-frame-options" not in headers
    answer = attacker.get(f"/gradio_api/file={path}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


# Values that no part of the page can have.


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("models", ["one too many", "\nERROR: forged"] * 300),
        ("text_to_video", [["\nERROR: forged line"]]),
        ("text_to_video", [{"a": "\nERROR: forged line"}] * 10),
        ("job", []),
        ("job", [{"\nERROR: forged line": 1}]),
        ("_look_at_clip", [["\nERROR: forged line"]]),
    ],
)
def test_values_that_do_not_fit_are_one_sentence_and_write_nothing_into_the_log(
    attacker: httpx.Client, capfd: pytest.CaptureFixture[str], name: str, values: list[Any]
) -> None:
    answer = call(attacker, named(attacker, name), values)
    said = answer["output"].get("error") or ""
    assert answer["success"] or said.endswith("."), answer
    told = "".join(capfd.readouterr())
    assert "forged" not in told
    assert "Traceback" not in told


def test_a_bad_seed_and_an_unknown_model_are_a_sentence_by_every_way(
    attacker: httpx.Client,
) -> None:
    event = named(attacker, "text_to_video")
    info = attacker.get("/gradio_api/info").json()["named_endpoints"]["/text_to_video"]
    fields = {x["parameter_name"]: x["parameter_default"] for x in info["parameters"]}
    wrong = fields | {"prompt": PROMPT, "seed": "many", "model": "no-model"}
    for values in (list(wrong.values()), list((wrong | {"seed": 1e99}).values())):
        answer = call(attacker, event, values)
        assert answer["success"] is False
        assert answer["output"]["error"].endswith(".")
        body = {"fn_index": event["id"], "data": values, "session_hash": secrets.token_hex(8)}
        answer = attacker.post("/gradio_api/run/predict", json=body)
        assert answer.status_code < 500 or answer.json()["error"].endswith("."), answer.text


# What is too much.


def send_head(url: str, path: str, **headers: str) -> tuple[int, str]:
    """Send a request's head alone, and return the status and the sentence."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.putrequest("POST", path)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


@pytest.mark.parametrize(
    ("path", "num_bytes"),
    [
        ("/gradio_api/queue/join", MAX_BODY_BYTES + 1),
        ("/gradio_api/run/job", MAX_BODY_BYTES + 1),
        ("/login", MAX_BODY_BYTES + 1),
        ("/gradio_api/upload", MAX_UPLOAD_BYTES + 1),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_read(
    server: Server, path: str, num_bytes: int
) -> None:
    status, text = send_head(server.url, path, Content_Length=str(num_bytes))
    assert status == 413
    assert "MB; send at most" in text


@pytest.mark.parametrize(
    "headers",
    [{"Transfer_Encoding": "chunked"}, {"Transfer_Encoding": "chunked", "Content_Length": "3"}, {}],
)
def test_what_does_not_say_how_long_it_is_is_refused(
    server: Server, headers: dict[str, str]
) -> None:
    status, _ = send_head(server.url, "/gradio_api/upload", **headers)
    assert status in (400, 411)


def test_sessions_that_nobody_comes_back_to_are_let_go(server: Server) -> None:
    """Each takes near a megabyte, and whoever sends a new name makes one."""
    with server.http() as client:
        for _ in range(3):
            client.post(
                "/gradio_api/run/models", json={"data": [], "session_hash": secrets.token_hex()}
            )
    assert len(server.demo.state_holder.session_data) >= 3
    assert server.demo.state_holder.capacity == MAX_SESSIONS <= 1000


@pytest.fixture(scope="module")
def strict(serve: Serve) -> Server:
    return serve(
        allowance=Allowance(
            jobs_at_once=1, jobs_an_hour=2, upload_bytes_an_hour=2000, looks_an_hour=1
        )
    )


def test_a_visitors_jobs_uploads_and_looks_are_limited(strict: Server) -> None:
    client = Client(strict.url, verbose=False, analytics_enabled=False)
    long = {**QUICK, "duration": 60}
    job = client.submit(**long, api_name="/text_to_video")
    while not job.outputs():
        time.sleep(0.05)
    job_id = job.outputs()[0][1]["job_id"]
    with pytest.raises(AppError, match=r"1 of your jobs are waiting .* when one of them is done"):
        client.predict(**QUICK, api_name="/text_to_video")
    client.predict(job_id, api_name="/cancel_job")
    job.result()
    with pytest.raises(AppError, match="The prompt is empty"):
        client.predict("", api_name="/text_to_video")
    client.predict(**QUICK, api_name="/text_to_video")
    for endpoint, values in (("/text_to_video", [PROMPT]), ("/resume_job", [job_id])):
        with pytest.raises(AppError, match=r"You have requested 2 clips .* again in \d+ minutes"):
            client.predict(*values, api_name=endpoint)
    client.close()
    with strict.http() as http_client:
        files = {"files": ("a.txt", b"a" * 1200)}
        (path,) = http_client.post("/gradio_api/upload", files=files).json()
        answer = http_client.post("/gradio_api/upload", files=files)
        assert answer.status_code == 429
        assert "which is the limit for one visitor; try again in" in answer.json()["detail"]
        uploaded = {"path": path, "meta": FILE}
        events_ = [named(http_client, name) for name in ("verify_video", "_look_at_clip")]
        answers = [json.dumps(call(http_client, event, [uploaded])) for event in events_]
        assert "not a video" in answers[0]
        assert "read 1 files of yours within an hour" in answers[1]


# With a password.

LOGIN = ("ann", "correct horse")


@pytest.fixture(scope="module")
def locked(serve: Serve) -> Server:
    return serve(AccessPolicy(login=LOGIN), Allowance(logins_an_hour=12))


def test_without_a_login_nothing_answers_but_the_way_in(locked: Server) -> None:
    job_id = make(locked)["job_id"]
    clip = serve_clip(locked.studio, job_id)
    with locked.http() as client:
        for path in (
            "/config",
            "/gradio_api/info",
            "/gradio_api/openapi.json",
            "/gradio_api/app_id",
            "/gradio_api/queue/status",
            "/gradio_api/queue/data?session_hash=a",
            "/gradio_api/heartbeat/a",
            "/gradio_api/call/job/a",
            "/gradio_api/upload_progress?upload_id=a",
            f"/gradio_api/file={clip}",
        ):
            assert client.get(path).status_code == 401, path
        for path in (
            "call/job",
            "call/v2/job",
            "run/job",
            "cancel",
            "reset",
            "queue/join",
            "upload",
        ):
            answer = client.post(f"/gradio_api/{path}", json={"data": [job_id]})
            assert answer.status_code == 401, path
        page = client.get("/")
        assert page.status_code == 200
        assert '"auth_required":true' in page.text
        # What the API is called is told to everybody; it is the same in every Kinora.
        assert '"components":[]' in page.text
        assert "kinora-tabs" not in page.text
    with pytest.raises(Exception, match=r"(?i)log|auth|401"):
        Client(locked.url, verbose=False, analytics_enabled=False)


def test_with_a_login_everything_answers(locked: Server) -> None:
    client = Client(locked.url, auth=LOGIN, verbose=False, analytics_enabled=False)
    video, _ = client.predict(**QUICK, api_name="/text_to_video")
    assert Path(video).is_file()
    client.close()


def test_another_site_cannot_use_a_login_and_passwords_cannot_be_tried_out(
    locked: Server,
) -> None:
    with locked.http() as client:
        form = dict(zip(("username", "password"), LOGIN, strict=True))
        foreign = {"origin": "https://evil.example"}
        assert client.post("/login", data=form).status_code == 200
        cookies = {cookie.name: cookie.value for cookie in client.cookies.jar}
        client.cookies = cookies
        assert client.get("/config").status_code == 200
        named_host = {"host": "kinora.example.org"}
        assert client.get("/config", headers=foreign | named_host).status_code == 403
        wrong = form | {"password": "guess"}
        codes = [client.post("/login", data=wrong).status_code for _ in range(14)]
        assert set(codes) == {400, 429}
        assert codes[-1] == 429


@needs_chromium
def test_a_person_logs_in_with_the_browser(serve: Serve, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(serve(AccessPolicy(login=LOGIN)).url)
    page.get_by_label("username").fill(LOGIN[0])
    page.get_by_label("password").fill(LOGIN[1])
    page.get_by_role("button", name="Login").click()
    page.wait_for_selector("#text_to_video-generate")
    page.close()


# Words that are scripts.


@needs_chromium
def test_no_script_in_words_or_file_names_runs(
    app_url: str, browser: Browser, tmp_path: Path
) -> None:
    page = open_page(browser, app_url)
    ask(page, "text_to_video", prompt=f"a cat {PAYLOAD}")
    wait_for_clip(page, "text_to_video")
    page.click("#text_to_video-recipe-fold button")
    expect(page.locator("#text_to_video-recipe")).to_contain_text("onerror")

    choose_tab(page, "Your clips")
    picture = page.locator("#clips-gallery button.thumbnail-item")
    expect(picture.first).to_contain_text("onerror")
    picture.first.click()
    expect(page.locator("#clips-status")).to_contain_text("Finished")

    choose_tab(page, "Film")
    page.click("#film-as-text button")
    page.fill("#film-text textarea", f"[3s, {PAYLOAD}] a cat")
    page.click("#film-to-cards")
    expect(page.locator("#film-text-note")).to_contain_text("onerror")
    page.wait_for_timeout(1000)  # until the button works again
    page.fill("#film-text textarea", f"a dog {PAYLOAD}")
    page.click("#film-to-cards")
    expect(page.locator("#film-shot-1-prompt textarea")).to_have_value(f"a dog {PAYLOAD}")

    choose_tab(page, "Image to video")
    path = tmp_path / "<img src=x onerror=window.taken='yes'>.png"
    Image.new("RGB", (64, 64)).save(path)
    page.set_input_files("#image_to_video-image input[type=file]", path)
    expect(page.locator("#image_to_video-source")).to_contain_text("64 x 64")
    page.wait_for_timeout(500)
    assert page.evaluate("window.taken") is None
    page.context.close()

"""Who may call `/v1/videos`: owners with a key, or without keys only this computer."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from openai import AuthenticationError, NotFoundError, OpenAI
from starlette.requests import HTTPConnection

import app
from http_api.access import THIS_COMPUTER, ApiAccess, read_keys
from http_api.errors import ApiError
from page.auth import AccessPolicy, read_access
from pipeline.errors import KinoraError
from pipeline.jobs.history import visitor_key
from pipeline.studio import Studio
from tests.http_api.conftest import PROMPT, check_error

ANNA, BEN = "key-of-anna-0123456789", "key-of-ben-0123456789"
OPEN = ApiAccess(trusts_this_computer=True)
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


def connection(client: str = "127.0.0.1", **headers: str) -> HTTPConnection:
    values = {"host": "127.0.0.1:7860"} | headers
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()]
    return HTTPConnection({"type": "http", "client": (client, 5), "headers": raw})


@pytest.fixture(scope="module")
def locked_url(app_studio: Studio) -> Iterator[str]:
    """Serve the app's studio once more, with two keys."""
    demo = app.create_demo(app_studio)
    access = AccessPolicy(hosts=("localhost",), api=ApiAccess((ANNA, BEN)))
    options = {"server_name": "127.0.0.1", "quiet": True}
    _, url, _ = app.launch(demo, app_studio, access, **options)
    yield url
    demo.close()


def client_of(url: str, key: str) -> OpenAI:
    return OpenAI(base_url=f"{url}v1", api_key=key, max_retries=0)


def test_owners_see_and_change_only_their_own_videos(locked_url: str) -> None:
    anna, ben = client_of(locked_url, ANNA), client_of(locked_url, BEN)
    video = anna.videos.create(prompt=PROMPT, seconds="60")  # type: ignore[arg-type]
    assert [one.id for one in anna.videos.list()] == [video.id]
    assert [one.id for one in ben.videos.list()] == []
    for call in (ben.videos.retrieve, ben.videos.delete, ben.videos.download_content):
        with pytest.raises(NotFoundError):
            call(video.id)
    with pytest.raises(NotFoundError):
        ben.videos.remix(video.id, prompt="a blue car")
    stolen = {"prompt": PROMPT, "seconds": "1", "video": {"id": video.id}}
    headers = {"Authorization": f"Bearer {BEN}"}
    answer = httpx.post(f"{locked_url}v1/videos/extensions", json=stolen, headers=headers)
    assert answer.status_code == 404
    assert anna.videos.delete(video.id).deleted


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", f"Basic {ANNA}", ANNA, f"Bearer {ANNA}x", "Bearer ü"],
)
def test_another_key_is_refused_on_every_route(locked_url: str, authorization: str) -> None:
    headers = {"Authorization": authorization.encode()} if authorization else {}
    with httpx.Client(base_url=locked_url, headers=headers) as http:
        for method, path in (
            ("POST", "/v1/videos"),
            ("GET", "/v1/videos"),
            ("GET", "/v1/videos/video_1"),
            ("DELETE", "/v1/videos/video_1"),
            ("GET", "/v1/videos/video_1/content"),
            ("POST", "/v1/videos/video_1/remix"),
            ("POST", "/v1/videos/edits"),
            ("POST", "/v1/videos/extensions"),
            ("POST", "/v1/videos/characters"),
            ("GET", "/v1/videos/characters/a"),
        ):
            answer = http.request(method, path)
            assert answer.status_code == 401, path
            assert check_error(answer.json())["error"]["code"] == "invalid_api_key"


def test_the_client_raises_its_own_error_for_a_wrong_key(locked_url: str) -> None:
    with pytest.raises(AuthenticationError, match="KINORA_API_KEYS"):
        client_of(locked_url, "wrong").videos.list()


def test_visitors_of_the_page_never_have_an_owners_jobs(
    locked_url: str, app_studio: Studio
) -> None:
    anna = client_of(locked_url, ANNA)
    video = anna.videos.create(prompt=PROMPT, seconds="60")  # type: ignore[arg-type]
    facts = app_studio.worker.store.list_jobs()[0]
    assert facts.visitor.startswith("api-")
    for token in (ANNA, facts.visitor, THIS_COMPUTER, "api-", ""):
        assert app_studio.history.entries(token, 10) == []
        assert visitor_key(token) != facts.visitor
    anna.videos.delete(video.id)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1"])
@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "LOCALHOST:1", "[::1]:7860"])
def test_without_keys_programs_on_this_computer_may_call(address: str, host: str) -> None:
    assert OPEN.owner_of(connection(address, host=host)) == THIS_COMPUTER


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("192.168.1.5", {}),
        ("2001:db8::1", {}),
        ("", {}),
        ("127.0.0.1", {"host": "kinora.example"}),
        ("127.0.0.1", {"host": "127.0.0.1.example.com"}),
        ("127.0.0.1", {"host": "localhost.example.com"}),
        ("127.0.0.1", {"host": "192.168.1.2:7860"}),
        ("127.0.0.1", {"host": ""}),
        ("127.0.0.1", {"x_forwarded_for": "127.0.0.1"}),
        ("127.0.0.1", {"x_real_ip": "127.0.0.1"}),
        ("127.0.0.1", {"forwarded": "for=127.0.0.1"}),
        ("127.0.0.1", {"x_forwarded_host": "localhost"}),
        ("127.0.0.1", {"via": "1.1 proxy"}),
        ("127.0.0.1", {"sec_fetch_site": "cross-site"}),
        ("127.0.0.1", {"sec_fetch_site": "same-site"}),
    ],
)
def test_without_keys_others_may_not(address: str, headers: dict[str, str]) -> None:
    with pytest.raises(ApiError, match="KINORA_API_KEYS") as caught:
        OPEN.owner_of(connection(address, **headers))
    assert caught.value.status == 401


def test_where_others_come_through_this_computer_it_is_not_trusted() -> None:
    with pytest.raises(ApiError):
        ApiAccess().owner_of(connection())
    with pytest.raises(ApiError):
        ApiAccess((ANNA,), trusts_this_computer=True).owner_of(connection())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KINORA_PASSWORD", "secret"),
        ("KINORA_HOSTS", "kinora.example"),
        ("GRADIO_SHARE", "True"),
        ("SPACE_ID", "owner/name"),
    ],
)
def test_only_a_server_of_this_computer_alone_trusts_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert read_access().api.trusts_this_computer
    monkeypatch.setenv(name, value)
    if name == "SPACE_ID":
        monkeypatch.setenv("SYSTEM", "spaces")
    assert not read_access().api.trusts_this_computer


def test_keys_are_read_and_short_ones_refused_without_showing_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KINORA_API_KEYS", f" {ANNA}, {BEN} ,")
    assert read_keys() == (ANNA, BEN)
    assert ANNA not in repr(read_access().api)
    for wrong in ("short-one", "with a blank in the middle", "ü" * 20):
        monkeypatch.setenv("KINORA_API_KEYS", f"{ANNA},{wrong}")
        with pytest.raises(KinoraError, match=r"^Key 2 of KINORA_API_KEYS") as caught:
            read_keys()
        assert wrong not in str(caught.value)


def test_other_websites_and_other_names_are_refused_in_the_apis_form(http: httpx.Client) -> None:
    """Browsers must not call for a website, nor for a name that it points at this computer."""
    for headers, status in (
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Sec-Fetch-Site": "cross-site"}, 401),
    ):
        for method, path in (("POST", "/v1/videos"), ("GET", "/v1/videos")):
            answer = http.request(method, path, headers=headers)
            assert answer.status_code == status
            check_error(answer.json())
            assert answer.headers.get("access-control-allow-origin") in (None, "http://localhost:1")


def test_the_page_is_as_open_as_before_beside_keys(locked_url: str) -> None:
    with httpx.Client(base_url=locked_url) as http:
        assert http.get("/").is_success
        assert http.get("/v1/videos").status_code == 401
        assert http.get("/v2/videos").status_code == 404

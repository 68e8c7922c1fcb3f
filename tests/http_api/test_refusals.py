"""Wrong calls of `/v1/videos`: the right status in the right form, and nothing in the log."""

from __future__ import annotations

import http.client
import json
import logging
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from openai.types import Video

from tests.http_api.conftest import PROMPT, check_error

SECRET = "a-word-of-the-visitor"
NO_VIDEO = "video_" + "0" * 40
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
# Parameters beside a good prompt, with the name that the answer gives for the wrong one.
WRONG_VALUES: list[tuple[dict[str, Any], str | None]] = [
    ({"prompt": None}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": "   "}, "prompt"),
    ({"prompt": 5}, "prompt"),
    ({"prompt": ["a car"]}, "prompt"),
    ({"prompt": {"text": "a car"}}, "prompt"),
    ({"prompt": True}, "prompt"),
    ({"prompt": "a" * 2001}, None),
    ({"prompt": "\ud800"}, None),
    ({"seconds": "0"}, "seconds"),
    ({"seconds": "61"}, "seconds"),
    ({"seconds": "-4"}, "seconds"),
    ({"seconds": "four"}, "seconds"),
    ({"seconds": "4s"}, "seconds"),
    ({"seconds": "1e1"}, "seconds"),
    ({"seconds": "nan"}, "seconds"),
    ({"seconds": 1e300}, "seconds"),
    ({"seconds": 10**300}, "seconds"),
    ({"seconds": True}, "seconds"),
    ({"seconds": [4]}, "seconds"),
    ({"seconds": {"value": 4}}, "seconds"),
    ({"size": "1280"}, "size"),
    ({"size": "1280*720"}, "size"),
    ({"size": "0x0"}, "size"),
    ({"size": "-1280x720"}, "size"),
    ({"size": "1280x720x3"}, "size"),
    ({"size": "999999x999999"}, "size"),
    ({"size": 1280}, "size"),
    ({"size": [1280, 720]}, "size"),
    ({"size": "auto"}, "size"),
    ({"model": "gpt-4"}, None),
    ({"model": "../../etc/passwd\0"}, None),
    ({"model": 5}, "model"),
    ({"model": ["sora-2"]}, "model"),
    ({"model": {"id": "sora-2"}}, "model"),
    ({"model": "wan-2.2-i2v-a14b"}, None),
    ({"input_reference": "/etc/passwd"}, "input_reference"),
    ({"input_reference": "https://example.com/a.png"}, "input_reference"),
    ({"input_reference": {"file_id": "file-1"}}, "input_reference"),
    ({"input_reference": {"image_url": "file:///etc/passwd"}}, "input_reference"),
    ({"input_reference": {"image_url": 5}}, "input_reference"),
    ({"input_reference": {"image_url": "a", "file_id": "b"}}, "input_reference"),
    ({"input_reference": {"path": "/etc/passwd"}}, "input_reference"),
    ({"input_reference": ["a"]}, "input_reference"),
    ({"input_reference": 5}, "input_reference"),
    ({"input_reference": "data:image/png;base64,@@@"}, None),
    ({"input_reference": "data:image/png,abc"}, None),
    ({"input_reference": "data:image/png;base64,QUJD"}, None),
    ({"characters": [{"id": "char_1"}]}, "characters"),
    ({"seed": -2}, None),
    ({"seed": 2**31}, None),
    ({"seed": "seven"}, None),
    ({"seed": 1.5}, None),
    ({"seed": [7]}, None),
    ({"seed": True}, None),
    ({"negative_prompt": "rain"}, None),
    ({"negative_prompt": 5}, None),
    ({"storyboard": ""}, None),
    ({"storyboard": []}, None),
    ({"storyboard": 5}, "storyboard"),
    ({"storyboard": {"prompt": "a"}}, "storyboard"),
    ({"storyboard": [{"duration": 2}]}, None),
    ({"storyboard": [{"prompt": "a", "picture": 3}]}, None),
    ({"storyboard": [{"prompt": "a", "image": "/etc/passwd"}]}, None),
    ({"storyboard": [{"prompt": "a"}] * 121}, None),
    ({"storyboard": [{"prompt": "a", "duration": 59}] * 2}, None),
    ({"aspect_ratio": "2:1"}, None),
    ({"aspect_ratio": 1.5}, None),
    ({"aspect_ratio": ["16:9"]}, None),
    ({"quality": "hd"}, None),
    ({"quality": "best"}, None),
    ({"quality": ["hd"]}, None),
    ({"loras": "owner/style 0.8"}, None),
    ({"loras": [{"path": "/etc"}]}, None),
    ({"loras": 5}, None),
    ({"camera": "upside down"}, None),
    ({"camera": {"move": "zoom in"}}, None),
    ({"label": "everywhere"}, None),
    ({"enhance": True}, None),
    ({"num_inference_steps": 8}, None),
    ({"guidance_scale": 3}, None),
    ({"shift": 5}, None),
    ({"shows_prompt": "perhaps"}, None),
    ({"has_consent": 1}, None),
    ({"video": NO_VIDEO}, "video"),
    ({"visitor": "somebody"}, "visitor"),
    ({"client_id": "somebody"}, "client_id"),
    ({"image": "/etc/passwd"}, "image"),
    ({"shots": [{"prompt": "a", "image": "/etc/passwd"}]}, "shots"),
    ({"\ud800": 1}, None),
    ({"deep": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}, None),
]
BROKEN_BODIES: list[tuple[dict[str, str], bytes]] = [
    (JSON, b"{"),
    (JSON, b"[]"),
    (JSON, b'"text"'),
    (JSON, b"null"),
    (JSON, b"7"),
    (JSON, b"{'prompt': 'a'}"),
    (JSON, b'{"prompt": "a", "seconds": NaN}'),
    (JSON, b"\xff\xfe\x00"),
    (JSON, b"[" * 100_000),
    (JSON, b'{"a":' * 100_000),
    (JSON, b'{"seed": ' + b"9" * 5000 + b"}"),
    (JSON, b""),
    ({}, b"prompt=a+red+car"),
    ({"Content-Type": "text/plain"}, b"a red car"),
    ({"Content-Type": "application/x-www-form-urlencoded"}, b"a%zz=%"),
    ({"Content-Type": "application/x-www-form-urlencoded"}, b"&".join([b"a=1"] * 2000)),
    ({"Content-Type": "multipart/form-data"}, b"no boundary"),
    (FORM, b"not a form"),
    (FORM, b"--b\r\n\r\nno name\r\n--b--\r\n"),
    (FORM, b'--b\r\nContent-Disposition: form-data; name="a[b"\r\n\r\n1\r\n--b--\r\n'),
    (FORM, b'--b\r\nContent-Disposition: form-data; name=""\r\n\r\n1\r\n--b--\r\n'),
    (FORM, b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\ncut off'),
    (
        FORM,
        b'--b\r\nContent-Disposition: form-data; name="prompt"; filename="a.txt"\r\n\r\na car\r\n'
        b"--b--\r\n",
    ),
    (
        FORM,
        b'--b\r\nContent-Disposition: form-data; name="input_reference"; filename="../../a.png"'
        b"\r\n\r\nnot a picture\r\n--b--\r\n",
    ),
]


def check_log(caplog: pytest.LogCaptureFixture) -> None:
    """The log says the route and the status of a call, and nothing of what was sent."""
    ours = [record for record in caplog.records if record.name != "httpx"]
    assert {record.name for record in ours} <= {"http_api.answering"}
    assert all(record.getMessage().partition(": ")[2] in ("400", "404") for record in ours)
    assert SECRET not in caplog.text


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def test_there_are_more_than_a_hundred_wrong_bodies() -> None:
    assert len(WRONG_VALUES) + len(BROKEN_BODIES) > 100


@pytest.mark.parametrize(("values", "param"), WRONG_VALUES, ids=range(len(WRONG_VALUES)))
def test_a_wrong_value_is_refused_with_its_name(
    http: httpx.Client, log: pytest.LogCaptureFixture, values: dict[str, Any], param: str | None
) -> None:
    body = json.dumps({"prompt": f"{PROMPT} {SECRET}", "seconds": "1"} | values)
    answer = http.post("/v1/videos", content=body, headers=JSON)
    assert answer.status_code == 400, answer.text
    assert check_error(answer.json())["error"]["param"] == param
    check_log(log)


@pytest.mark.parametrize(("headers", "body"), BROKEN_BODIES, ids=range(len(BROKEN_BODIES)))
def test_a_broken_body_is_refused(
    http: httpx.Client, log: pytest.LogCaptureFixture, headers: dict[str, str], body: bytes
) -> None:
    answer = http.post("/v1/videos", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    check_error(answer.json())
    check_log(log)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/videos/extensions", {"prompt": PROMPT, "seconds": "1"}, 400),
        ("/v1/videos/extensions", {"prompt": PROMPT, "video": {"id": NO_VIDEO}}, 404),
        ("/v1/videos/extensions", {"prompt": PROMPT, "seconds": "1", "video": NO_VIDEO}, 404),
        ("/v1/videos/extensions", {"prompt": PROMPT, "seconds": "1", "video": {"id": 5}}, 400),
        ("/v1/videos/extensions", {"prompt": PROMPT, "seconds": "1", "video": "/etc/passwd"}, 404),
        ("/v1/videos/extensions", {"prompt": PROMPT, "video": {"id": "a", "b": "c"}}, 400),
        ("/v1/videos/edits", {"prompt": PROMPT}, 400),
        ("/v1/videos/edits", {"prompt": PROMPT, "video": {"id": NO_VIDEO}}, 404),
        (f"/v1/videos/{NO_VIDEO}/remix", {"prompt": PROMPT}, 404),
        ("/v1/videos/characters", {"name": "Bo"}, 400),
        ("/v1/videos/characters/a", {}, 405),
        ("/v1/videos/a/b/c", {}, 404),
        ("/v1/images/generations", {}, 404),
        ("/v1/videos/", {}, 404),
        ("/v1", {}, 404),
    ],
)
def test_other_wrong_calls_are_refused(
    http: httpx.Client, path: str, body: dict[str, Any], status: int
) -> None:
    answer = http.post(path, json=body)
    assert answer.status_code == status, answer.text
    check_error(answer.json())


def test_an_extension_needs_seconds_and_a_direction_that_there_is(
    http: httpx.Client, made: Video
) -> None:
    body = {"prompt": PROMPT, "video": {"id": made.id}}
    for more in ({}, {"seconds": "1", "direction": "sideways"}, {"seconds": "1", "size": "1x1"}):
        answer = http.post("/v1/videos/extensions", json=body | more)
        assert answer.status_code == 400, answer.text
        check_error(answer.json())


@pytest.mark.parametrize(
    "path",
    [
        "/v1/videos/video_1",
        f"/v1/videos/{NO_VIDEO}",
        f"/v1/videos/{NO_VIDEO}/content",
        "/v1/videos/..%2f..%2fjobs",
        "/v1/videos/%00",
        "/v1/videos/characters/char_1",
    ],
)
def test_an_id_that_there_is_not_is_404(http: httpx.Client, path: str) -> None:
    for method in ("GET", "DELETE"):
        if method == "GET" or path.count("/") == 3:
            answer = http.request(method, path)
            assert answer.status_code == 404, answer.text
            check_error(answer.json())


@pytest.mark.parametrize(
    "query", ["limit=101", "limit=-1", "limit=a", "limit=", "order=up", "after=5", "limit=1e1"]
)
def test_a_wrong_page_is_refused(http: httpx.Client, query: str) -> None:
    answer = http.get(f"/v1/videos?{query}")
    assert answer.status_code == 400
    assert check_error(answer.json())["error"]["param"] == query.partition("=")[0]


def test_another_variant_is_refused(http: httpx.Client, made: Video) -> None:
    answer = http.get(f"/v1/videos/{made.id}/content?variant=gif")
    assert answer.status_code == 400
    assert "thumbnail" in check_error(answer.json())["error"]["message"]


def test_what_is_refused_by_the_rules_says_so(http: httpx.Client) -> None:
    answer = http.post("/v1/videos", json={"prompt": "a naked child"})
    assert answer.status_code == 400
    assert check_error(answer.json())["error"]["code"] == "moderation_blocked"


def test_large_bodies_are_refused_by_their_headers(app_url: str) -> None:
    place = urlsplit(app_url).netloc
    for headers, status in (
        ({"Content-Type": "application/json", "Content-Length": "2000001"}, 413),
        ({**FORM, "Content-Length": "500000001"}, 413),
        ({**JSON, "Transfer-Encoding": "chunked"}, 411),
        ({**JSON, "Content-Length": "-1"}, 411),
        (JSON, 411),
    ):
        connection = http.client.HTTPConnection(place, timeout=20)
        connection.putrequest("POST", "/v1/videos")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status in (status, 400), headers  # 400 is the server's own
        if answer.status == status:
            check_error(json.loads(answer.read()))
        connection.close()

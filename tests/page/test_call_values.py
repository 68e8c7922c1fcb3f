"""Calls by plain HTTP, as with curl, that leave values out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest


@pytest.fixture
def http(app_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=app_url, timeout=60) as client:
        yield client


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Capture the server's log of errors, which does not reach the root logger."""
    server = logging.getLogger("uvicorn.error")
    server.addHandler(caplog.handler)
    yield caplog
    server.removeHandler(caplog.handler)


def follow(http: httpx.Client, endpoint: str, data: list[Any]) -> Iterator[tuple[str, Any]]:
    """Call an endpoint, and yield the events of the answer with what they carry."""
    answer = http.post(f"/gradio_api/call/{endpoint}", json={"data": data}).raise_for_status()
    address = f"/gradio_api/call/{endpoint}/{answer.json()['event_id']}"
    with http.stream("GET", address) as stream:
        event = ""
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                yield event, json.loads(value)


def test_a_storyboard_alone_makes_a_film(http: httpx.Client) -> None:
    *_, (event, (video, recipe)) = follow(http, "film", ["[0,5s] a red car in a city"])
    assert event == "complete"
    assert video["path"].endswith(".mp4")
    assert recipe["shots"][0]["duration"] == 0.5


def test_a_prompt_alone_starts_a_clip_of_the_default_length(http: httpx.Client) -> None:
    """It was answered with {"error": null}."""
    events = follow(http, "text_to_video", ["a red car in a city"])
    event, (_, state) = next(events)
    assert event == "generating"
    http.post("/gradio_api/run/cancel_job", json={"data": [state["job_id"]]}).raise_for_status()
    *_, (event, _) = events
    assert event in ("complete", "error")


@pytest.mark.parametrize(
    ("endpoint", "data", "words"),
    [
        ("text_to_video", [], '/text_to_video needs prompt; add prompt to "data" as value 1.'),
        ("image_to_video", [], '/image_to_video needs image, prompt; add image to "data"'),
        ("job", [], '/job needs job_id; add job_id to "data" as value 1.'),
        ("models", ["x"], '"data" has 1 values, but /models takes at most 0'),
        ("text_to_video", ["x"] * 30, '"data" has 30 values, but /text_to_video takes at most'),
        ("text_to_video", ["a cat", None, "5:4"], "aspect ratio"),
    ],
)
def test_what_is_missing_or_too_much_is_said(
    http: httpx.Client, endpoint: str, data: list[Any], words: str
) -> None:
    *_, (event, answer) = follow(http, endpoint, data)
    assert event == "error"
    assert words in answer["error"]


@pytest.mark.parametrize(
    ("way", "body", "status", "words"),
    [
        ("call/nothing", {"data": []}, 404, "There is no endpoint 'nothing'; see"),
        ("call/v2/nothing", {}, 404, "There is no endpoint 'nothing'; see"),
        ("run/nothing", {"data": []}, 404, "There is no endpoint 'nothing'; see"),
        ("queue/join", {"data": [], "fn_index": 9999, "session_hash": "a"}, 404, "of that number"),
        ("run/job", {"data": ["A" * 22]}, 404, "There is no job 'AAAA"),
        ("run/cancel_job", {"data": [None]}, 404, "There is no job 'None'; check the id"),
        ("run/job", {"data": []}, 422, "/job needs job_id; add job_id"),
        ("run/job", {"data": ["a", "b"]}, 422, '"data" has 2 values, but /job takes at most 1'),
        ("run/models", {"data": ["a"]}, 422, '"data" has 1 values, but /models takes at most 0'),
        ("call/v2/text_to_video", {}, 422, "/text_to_video needs prompt, and takes the values"),
        ("call/v2/image_to_video", {"prompt": "a"}, 422, "/image_to_video needs image, prompt"),
        ("call/v2/models", {"nonsense": 1}, 422, "/models takes the values that /gradio_api/info"),
    ],
)
def test_a_call_that_cannot_be_passed_on_is_a_sentence_and_no_traceback(
    http: httpx.Client,
    log: pytest.LogCaptureFixture,
    way: str,
    body: dict[str, Any],
    status: int,
    words: str,
) -> None:
    """Each was a 500 with a traceback in the log."""
    answer = http.post(f"/gradio_api/{way}", json=body)
    assert answer.status_code == status, answer.text
    said = answer.json()["error"]
    assert words in said
    assert said.endswith(".")
    assert log.text == ""


@pytest.mark.parametrize("way", ["call/nothing", "call/v2/nothing", "call/text_to_video"])
def test_an_answer_that_nobody_waits_for_is_not_found(
    http: httpx.Client, log: pytest.LogCaptureFixture, way: str
) -> None:
    """It was a stream that broke off, with a traceback in the log."""
    answer = http.get(f"/gradio_api/{way}/abc")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("There is no answer 'abc' to wait for")
    assert log.text == ""


@pytest.mark.parametrize(
    ("kind", "value"),
    [("slider", None), ("slider", -1), ("slider", 99_999), ("radio", "x" * 600_000)],
)
def test_a_value_that_no_component_takes_is_not_printed(
    http: httpx.Client, capfd: pytest.CaptureFixture[str], kind: str, value: object
) -> None:
    """Each was a traceback in the log, with the whole value, and a 500."""
    config = http.get("/config").json()
    parts = {part["id"]: part for part in config["components"]}
    num_refused = 0
    for event in config["dependencies"]:
        takes = [parts[part] for part in event["inputs"]]
        is_asked = event["queue"] is False and event["api_visibility"] != "public"
        if not is_asked or kind not in [part["type"] for part in takes]:
            continue
        data = [value if x["type"] == kind else x["props"].get("value") for x in takes]
        body = {"data": data, "fn_index": event["id"], "session_hash": "a"}
        answer = http.post("/gradio_api/run/predict", json=body)
        assert answer.status_code in (200, 422), answer.text
        assert len(answer.json().get("error") or "") < 400
        num_refused += answer.status_code == 422
    printed = "".join(capfd.readouterr())
    assert "Traceback" not in printed
    assert len(printed) < 1000
    assert num_refused

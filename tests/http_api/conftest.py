"""Clients of `/v1/videos`, and a video that tests share and must not change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openai import OpenAI
from openai.types import Video

HERE = Path(__file__).parent
PROMPT = "a red car in a city at sunset"
Check = Callable[[dict[str, Any]], dict[str, Any]]


def checker(name: str) -> Check:
    """Return a function that checks a value by a JSON schema of this folder, and returns it."""
    validator = Draft202012Validator(json.loads((HERE / f"{name}.schema.json").read_text()))

    def check(value: dict[str, Any]) -> dict[str, Any]:
        validator.validate(value)
        return value

    return check


check_video, check_error = checker("video"), checker("error")


@pytest.fixture(scope="session")
def client(app_url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{app_url}v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def http(app_url: str) -> Iterator[httpx.Client]:
    """Return a client without any knowledge of the API."""
    with httpx.Client(base_url=app_url, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def made(client: OpenAI) -> Video:
    """Make a video of a second, with a seed of 7."""
    return client.videos.create_and_poll(
        prompt=PROMPT,
        model="sora-2",
        seconds="1",
        size="1280x720",
        extra_body={"seed": 7},
        poll_interval_ms=200,
    )

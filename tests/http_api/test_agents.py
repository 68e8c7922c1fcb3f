"""`/mcp` through the real `mcp` client over HTTP, on the real app with the embedded model."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

import app
from http_api.access import ApiAccess
from http_api.app import read_api_settings
from page.auth import AccessPolicy
from pipeline.errors import KinoraError
from pipeline.models.registry import MODELS, Models
from pipeline.runtime.model_cache import ModelCache
from pipeline.studio import Studio
from tests.http_api.conftest import PROMPT, check_error, check_video
from tests.tiny import CPU

ANNA, BEN = "key-of-anna-0123456789", "key-of-ben-0123456789"
TOOLS = {
    *(
        "create_video",
        "remix_video",
        "video_status",
        "wait_for_video",
        "fetch_video",
        "cancel_video",
    ),
    *("list_models", "verify_video"),
}
SMALL_PIXELS = 64 * 64
_T = TypeVar("_T")


@contextlib.contextmanager
def serving_agents(studio: Studio) -> Iterator[str]:
    demo = app.create_demo(studio)
    access = AccessPolicy(hosts=("localhost",), api=ApiAccess((ANNA, BEN)))
    options = {"server_name": "127.0.0.1", "quiet": True}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KINORA_MCP", "1")
        _, url, _ = app.launch(demo, studio, access, **options)
    yield url
    demo.close()


@pytest.fixture(scope="module")
def agents_url(app_studio: Studio) -> Iterator[str]:
    """Serve the app's studio once more, with two keys and for agents."""
    with serving_agents(app_studio) as url:
        yield url


@pytest.fixture
def small_url(tmp_path: Path) -> Iterator[str]:
    """Serve agents a studio whose embedded model makes small clips, so that a minute is quick."""
    models = Models([replace(MODELS["kinora-mini"], num_pixels=SMALL_PIXELS)])
    studio = app.create_studio(tmp_path, ModelCache(CPU, models), models)
    with serving_agents(studio) as url:
        yield url
    studio.close()


def with_client(
    url: str, work: Callable[[Client], Awaitable[_T]], key: str = ANNA, mode: str = "auto"
) -> _T:
    async def run() -> _T:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            transport = streamable_http_client(f"{url}mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                return await work(client)

    return asyncio.run(run())


async def call(client: Client, tool: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401
    """Call a tool that answers with JSON, and return that."""
    result = await client.call_tool(tool, values)
    assert not result.is_error, result.content
    return json.loads(result.content[0].text)


async def refusal(client: Client, tool: str, **values: Any) -> str:  # noqa: ANN401
    result = await client.call_tool(tool, values)
    assert result.is_error
    return result.content[0].text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_only_the_promised_tools_are_there_each_described(agents_url: str, mode: str) -> None:
    async def work(client: Client) -> None:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == TOOLS
        assert all(len(tool.description or "") > 40 for tool in tools)
        assert (await client.list_resources()).resources == []
        assert (await client.list_prompts()).prompts == []

    with_client(agents_url, work, mode=mode)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_agent_makes_a_video_and_fetches_it(agents_url: str, mode: str) -> None:
    async def work(client: Client) -> None:
        video = await call(client, "create_video", prompt=PROMPT, seconds=0.5, settings={"seed": 7})
        while video["status"] in ("queued", "in_progress"):
            video = await call(client, "wait_for_video", video_id=video["id"])
        assert check_video(video)["status"] == "completed"
        fetched = await client.call_tool("fetch_video", {"video_id": video["id"]})
        address, picture = fetched.content
        with Image.open(io.BytesIO(base64.b64decode(picture.data))) as image:
            assert (image.format, picture.mime_type) == ("WEBP", "image/webp")
        got = httpx.get(address.text, headers={"Authorization": f"Bearer {ANNA}"})
        assert got.content[4:8] == b"ftyp"
        assert httpx.get(address.text).status_code == 401
        report = await call(client, "verify_video", video_id=video["id"])
        assert report["signed"] is True
        longer = await call(client, "create_video", prompt=PROMPT, seconds=1, extend=video["id"])
        assert float(longer["seconds"]) == 1.5
        await call(client, "cancel_video", video_id=longer["id"])
        other = {"video_id": video["id"], "prompt": f"{PROMPT} at night", "strength": 0.5}
        remix = await call(client, "remix_video", **other)
        assert remix["remixed_from_video_id"] == video["id"]
        assert "strength" in await refusal(client, "remix_video", **other | {"strength": 2})
        await call(client, "cancel_video", video_id=remix["id"])

    with_client(agents_url, work, mode=mode)


def test_a_film_of_a_minute_is_made_within_the_time_that_agents_wait(small_url: str) -> None:
    film = "[30s] a red rocket in a desert\n[30s, dissolve] a white rabbit in a snowfield"

    async def work(client: Client) -> None:
        video = await call(client, "create_video", storyboard=film)
        while video["status"] in ("queued", "in_progress"):
            begin = time.monotonic()
            video = await call(client, "wait_for_video", video_id=video["id"])
            assert time.monotonic() - begin < 60
        assert video["status"] == "completed"
        assert float(video["seconds"]) == pytest.approx(60, abs=0.1)
        address, _ = (await client.call_tool("fetch_video", {"video_id": video["id"]})).content
        assert address.text.endswith(f"{video['id']}/content")

    with_client(small_url, work)


def test_a_film_a_picture_and_a_long_video_are_answered_at_once(agents_url: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 36), (200, 120, 40)).save(file, "PNG")
    address = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"

    async def work(client: Client) -> None:
        for values in (
            {"prompt": PROMPT, "seconds": 60},
            {"storyboard": "[30s] a red rocket in a desert\n[30s, dissolve] a white rabbit"},
            {"prompt": PROMPT, "seconds": 10, "picture": address},
        ):
            begin = time.monotonic()
            video = await call(client, "create_video", **values)
            assert check_video(video)["status"] in ("queued", "in_progress")
            waited = await call(client, "wait_for_video", video_id=video["id"], seconds=0.5)
            assert waited["id"] == video["id"]
            assert time.monotonic() - begin < 20
            await call(client, "cancel_video", video_id=video["id"])
            over = await call(client, "wait_for_video", video_id=video["id"])
            assert over["error"]["code"] == "cancelled"

    with_client(agents_url, work)


def test_wrong_calls_are_refused_in_a_sentence(agents_url: str) -> None:
    async def work(client: Client) -> None:
        assert "prompt" in await refusal(client, "create_video")
        assert "seconds" in await refusal(client, "create_video", prompt="a", seconds=900)
        assert "model" in await refusal(client, "create_video", prompt="a", model="gpt")
        wrong = {"visitor": "somebody"}
        assert "visitor" in await refusal(client, "create_video", prompt="a", settings=wrong)
        link = "https://example.com/a.png"
        assert "fetches no" in await refusal(client, "create_video", prompt="a", picture=link)
        for tool in ("video_status", "wait_for_video", "fetch_video", "cancel_video"):
            assert "no video" in await refusal(client, tool, video_id="video_1")
        assert "not both" in await refusal(client, "verify_video")

    with_client(agents_url, work)


def test_an_agent_reaches_only_its_owners_videos(agents_url: str) -> None:
    async def make(client: Client) -> str:
        return (await call(client, "create_video", prompt=PROMPT, seconds=60))["id"]

    video_id = with_client(agents_url, make)

    async def steal(client: Client) -> None:
        for tool in ("video_status", "cancel_video", "fetch_video"):
            assert "no video" in await refusal(client, tool, video_id=video_id)
        assert "no video" in await refusal(client, "create_video", prompt="a", extend=video_id)

    with_client(agents_url, steal, key=BEN)

    async def stop(client: Client) -> None:
        await call(client, "cancel_video", video_id=video_id)

    with_client(agents_url, stop)


def test_without_a_key_from_websites_or_with_other_methods_nothing_is_answered(
    agents_url: str,
) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {ANNA}"}
    for changes, status in (
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example"}, 421),
    ):
        answer = httpx.post(f"{agents_url}mcp", json=body, headers=headers | changes)
        assert answer.status_code == status
        check_error(answer.json())
    for method in ("GET", "DELETE", "PUT"):
        assert httpx.request(method, f"{agents_url}mcp", headers=headers).status_code == 405
    large = {"a": "b" * 5_000_000}
    assert httpx.post(f"{agents_url}mcp", json=large, headers=headers).status_code == 413


def test_agents_are_not_served_unless_the_owner_says_so(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert http.post("/mcp", json={}).status_code == 404
    assert not read_api_settings(ApiAccess()).serves_agents
    monkeypatch.setenv("KINORA_MCP", "perhaps")
    with pytest.raises(KinoraError, match="KINORA_MCP"):
        read_api_settings(ApiAccess())

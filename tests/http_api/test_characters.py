"""Characters of `/v1/videos`: made from clips, called by name or id, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI
from openai.types import Video, VideoCreateCharacterResponse

from pipeline.planning.recipe import read_memories
from tests.http_api.conftest import check_error


@pytest.fixture
def mia(
    http: httpx.Client, client: OpenAI, made: Video, tmp_path: Path
) -> Iterator[VideoCreateCharacterResponse]:
    """Keep the car of the shared clip as a character, as the real client does."""
    clip = tmp_path / "clip.mp4"
    client.videos.download_content(made.id).write_to_file(clip)
    character = client.videos.create_character(name="Mia Lu", video=clip)
    yield character
    http.delete(f"/v1/videos/characters/{character.id}")


def test_a_character_looks_the_same_in_another_clip(
    client: OpenAI, made: Video, mia: VideoCreateCharacterResponse, tmp_path: Path
) -> None:
    assert client.videos.get_character(mia.id).name == "Mia Lu"
    scenes = []
    for video, name in (
        (made, "first"),
        (
            client.videos.create_and_poll(
                prompt="Mia Lu drives in a forest in the snow",
                seconds="1",
                extra_body={"characters": [{"id": mia.id}], "seed": 99},
                poll_interval_ms=200,
            ),
            "second",
        ),
    ):
        assert video.status == "completed"
        path = tmp_path / f"{name}.mp4"
        client.videos.download_content(video.id).write_to_file(path)
        scenes.append(read_memories(path)["first"]["staging"]["scene"])
    first, second = scenes
    for look in ("subject", "colour", "size"):
        assert second[look] == first[look]
    assert second["place"] == "forest"


def test_what_cannot_be_a_character_or_be_shown_is_refused_in_a_sentence(
    http: httpx.Client, mia: VideoCreateCharacterResponse, clip: Path
) -> None:
    def send(path: str, **how: Any) -> tuple[int, str]:  # noqa: ANN401
        answer = http.post(f"/v1/videos{path}", **how)
        return answer.status_code, check_error(answer.json())["error"]["message"]

    with clip.open("rb") as file:
        code, text = send("/characters", data={"name": "@"}, files={"video": file})
        assert (code, "letters" in text) == (400, True)
    with clip.open("rb") as file:
        code, text = send("/characters", data={"name": "mia lu"}, files={"video": file})
        assert (code, "already" in text) == (400, True)
    by_id = {"characters": [{"id": mia.id}]}
    code, text = send("", json={"prompt": "a boat", **by_id})
    assert (code, "@mia-lu" in text) == (400, True)
    code, text = send("", json={"prompt": "@mia-lu", "model": "ltx-video-2b", **by_id})
    assert code == 400
    for wrong in ([{"id": "char_1"}], "x", [{"name": "x"}]):
        assert send("", json={"prompt": "a boat", "characters": wrong})[0] == 400
    assert http.get("/v1/videos/characters/char_1").status_code == 404

"""`/v1/videos` through the real `openai` client, on the real app with the embedded model."""

from __future__ import annotations

import io
import json
import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import openai
import pytest
from openai import OpenAI
from openai.types import Video
from PIL import Image

from http_api.access import THIS_COMPUTER
from http_api.videos.entries import VideoEntries
from pipeline.errors import InvalidRequestError
from pipeline.generation.kept_parts import num_windows
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.studio import Studio
from pipeline.trust.provenance.report import Verifier
from tests.http_api.conftest import HERE, PROMPT, check_error, check_video
from tests.sources import make_clip

CALLS = HERE / "npm_calls"
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 36), (200, 120, 40)).save(file, "PNG")
    return file.getvalue()


def job_of(studio: Studio, video_id: str) -> str:
    entry = VideoEntries(studio.worker.store.root / "videos").find(THIS_COMPUTER, video_id)
    assert entry is not None
    return entry.job_id


def save(client: OpenAI, video: Video, path: Path, **options: str) -> Path:
    client.videos.download_content(video.id, **options).write_to_file(path)
    return path


# Making.


def test_create_and_poll_makes_what_the_answer_says(
    client: OpenAI, made: Video, tmp_path: Path
) -> None:
    check_video(made.to_dict())
    assert (made.status, made.model, made.prompt) == ("completed", "kinora-mini", PROMPT)
    info = probe_clip(save(client, made, tmp_path / "clip.mp4"))
    assert made.size == f"{info.width}x{info.height}" == "512x288"
    assert float(made.seconds) == float((info.num_frames - 1) / info.fps) == 1.0


def test_the_clip_is_the_signed_file_of_the_job(
    client: OpenAI, made: Video, app_studio: Studio, tmp_path: Path
) -> None:
    path = save(client, made, tmp_path / "clip.mp4")
    job_id = job_of(app_studio, made.id)
    assert path.read_bytes() == app_studio.worker.store.output_path(job_id).read_bytes()
    assert Verifier().verify(path)["signed"] is True


def test_an_answer_has_the_recipe_but_never_the_jobs_id_which_is_a_key(
    client: OpenAI, made: Video, app_studio: Studio
) -> None:
    told = client.videos.retrieve(made.id).to_dict()
    assert told["recipe"]["seed"] == told["seed"] == 7
    assert job_of(app_studio, made.id) not in json.dumps(told)


def test_without_size_and_seconds_a_video_is_upright_and_4_seconds_long_as_soras(
    client: OpenAI,
) -> None:
    video = client.videos.create(prompt=PROMPT)
    assert (video.size, video.seconds) == ("288x512", "4")
    client.videos.delete(video.id)


def test_a_video_begins_with_the_picture_that_was_sent(client: OpenAI, tmp_path: Path) -> None:
    video = client.videos.create_and_poll(
        prompt=PROMPT,
        seconds="1",
        input_reference=("start.png", picture(), "image/png"),
        poll_interval_ms=200,
    )
    assert (video.size, video.error) == ("512x288", None)
    path = save(client, video, tmp_path / "clip.mp4")
    first = next(iterate_frames(path, probe_clip(path)))[0]
    assert np.abs(first.mean((0, 1)) - (200, 120, 40)).max() < 6


def test_a_storyboard_and_other_settings_go_through(client: OpenAI) -> None:
    shots = [
        {"prompt": "a red rocket in a desert", "duration": 1, "camera": "zoom in"},
        {"prompt": "a white rabbit in a snowfield", "duration": 0.5, "camera": "zoom out"},
    ]
    more = {"storyboard": shots, "seed": 3, "aspect_ratio": "1:1", "label": "corner"}
    video = client.videos.create(prompt="unused", extra_body=more)
    assert video.prompt == "a red rocket in a desert\na white rabbit in a snowfield"
    assert (video.size, video.to_dict()["seed"]) == ("384x384", 3)
    client.videos.delete(video.id)


def test_a_picture_in_a_data_address_is_taken_and_one_elsewhere_is_not_fetched(
    http: httpx.Client,
) -> None:
    import base64

    address = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"
    body = {"prompt": PROMPT, "seconds": "1", "input_reference": {"image_url": address}}
    answer = http.post("/v1/videos", json=body)
    assert check_video(answer.json())["size"] == "512x288"
    assert http.delete(f"/v1/videos/{answer.json()['id']}").json()["deleted"]
    for reference in ({"image_url": "http://127.0.0.1/a.png"}, {"file_id": "file-1"}):
        refused = http.post("/v1/videos", json=body | {"input_reference": reference})
        assert refused.status_code == 400
        assert "fetches no addresses" in check_error(refused.json())["error"]["message"]


# Extending.


def test_an_uploaded_clip_is_extended_and_the_seconds_are_those_of_the_whole(
    client: OpenAI, tmp_path: Path
) -> None:
    source = make_clip(tmp_path / "source.mp4", num_frames=24)
    video = client.videos.extend(prompt=PROMPT, seconds="1", video=source)
    video = client.videos.poll(video.id, poll_interval_ms=200)
    info = probe_clip(save(client, video, tmp_path / "longer.mp4"))
    assert video.size == f"{info.width}x{info.height}"
    assert float(video.seconds) == pytest.approx((info.num_frames - 1) / float(info.fps), abs=0.006)
    assert info.num_frames == 48


def test_a_video_made_here_is_extended_by_its_id(http: httpx.Client, made: Video) -> None:
    body = {"prompt": PROMPT, "seconds": 1, "video": {"id": made.id}}
    answer = http.post("/v1/videos/extensions", json=body)
    assert check_video(answer.json())["seconds"] == "2"
    http.delete(f"/v1/videos/{answer.json()['id']}")


def test_a_video_is_remixed_by_its_id_and_says_from_which(
    client: OpenAI, made: Video, tmp_path: Path
) -> None:
    video = client.videos.remix(made.id, prompt="a blue car")
    assert (video.remixed_from_video_id, video.size) == (made.id, made.size)
    video = client.videos.poll(video.id, poll_interval_ms=200)
    assert (video.remixed_from_video_id, video.seconds) == (made.id, made.seconds)
    of_both = [save(client, x, tmp_path / f"{x.id}.mp4") for x in (made, video)]
    first, second = (probe_clip(path) for path in of_both)
    assert (first.num_frames, first.fps) == (second.num_frames, second.fps)
    client.videos.delete(video.id)


def test_what_no_model_can_do_is_refused_with_what_can_be_done(
    client: OpenAI, http: httpx.Client, tmp_path: Path
) -> None:
    source = make_clip(tmp_path / "source.mp4", num_frames=12)
    with pytest.raises(openai.BadRequestError, match="made"):
        client.videos.edit(video=source, prompt="a blue car", extra_body={"model": "kinora-mini"})
    with pytest.raises(openai.NotFoundError):
        client.videos.get_character("char_1")
    with pytest.raises(openai.NotFoundError):
        client.videos.remix("video_1", prompt="a blue car")
    refused = http.post("/v1/videos", json={"prompt": PROMPT, "characters": [{"id": "a"}]})
    assert check_error(refused.json())["error"]["param"] == "characters"


# Looking, downloading, deleting.


def test_pictures_of_a_clip_are_made_once(
    client: OpenAI, made: Video, app_studio: Studio, tmp_path: Path
) -> None:
    sizes = {"thumbnail": ("WEBP", (512, 288)), "spritesheet": ("JPEG", (1280, 720))}
    folder = app_studio.worker.store.folder(job_of(app_studio, made.id))
    for variant, expected in sizes.items():
        with Image.open(save(client, made, tmp_path / variant, variant=variant)) as image:
            assert (image.format, image.size) == expected
    paths = folder / "poster.webp", folder / "sheet.jpg"
    times = {path: path.stat().st_mtime_ns for path in paths}
    for variant in sizes:
        save(client, made, tmp_path / "again", variant=variant)
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_a_part_of_a_clip_can_be_asked_for(http: httpx.Client, made: Video) -> None:
    answer = http.get(f"/v1/videos/{made.id}/content", headers={"Range": "bytes=4-7"})
    assert (answer.status_code, answer.content) == (206, b"ftyp")


def test_lists_go_over_pages_in_both_orders_and_are_exact(
    client: OpenAI, made: Video, http: httpx.Client
) -> None:
    newest_first = [video.id for video in client.videos.list(limit=2)]
    assert made.id in newest_first
    assert len(set(newest_first)) == len(newest_first)
    assert [video.id for video in client.videos.list(limit=3, order="asc")] == newest_first[::-1]
    page = http.get("/v1/videos", params={"limit": 1}).json()
    assert [check_video(video)["id"] for video in page["data"]] == newest_first[:1]
    assert (page["first_id"], page["last_id"]) == (newest_first[0], newest_first[0])
    assert page["has_more"] is (len(newest_first) > 1)
    empty = http.get("/v1/videos", params={"limit": 0}).json()
    assert empty == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


def test_a_running_video_is_polled_at_its_pace_not_sent_and_stopped_when_deleted(
    client: OpenAI, http: httpx.Client, app_studio: Studio
) -> None:
    video = client.videos.create(prompt=PROMPT, seconds="60")  # type: ignore[arg-type]
    job_id = job_of(app_studio, video.id)
    folder = app_studio.worker.store.folder(job_id)
    answer = http.get(f"/v1/videos/{video.id}")
    assert check_video(answer.json())["status"] in ("queued", "in_progress")
    assert 500 <= int(answer.headers["openai-poll-after-ms"]) <= 4000
    with pytest.raises(openai.NotFoundError):
        client.videos.download_content(video.id)
    while not num_windows(folder):
        pass
    assert client.videos.delete(video.id).deleted
    with pytest.raises(InvalidRequestError):
        app_studio.worker.store.folder(job_id)
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(video.id)
    assert video.id not in [one.id for one in client.videos.list()]


def test_a_stopped_or_paused_video_has_failed_and_says_why(
    client: OpenAI, app_studio: Studio
) -> None:
    for stop, code in (
        (app_studio.worker.cancel, "cancelled"),
        (app_studio.worker.pause, "paused"),
    ):
        video = client.videos.create(prompt=PROMPT, seconds="60")  # type: ignore[arg-type]
        stop(job_of(app_studio, video.id))
        told = check_video(client.videos.poll(video.id, poll_interval_ms=100).to_dict())
        assert (told["status"], told["error"]["code"]) == ("failed", code)
        client.videos.delete(video.id)


def test_a_video_whose_job_was_removed_to_make_room_is_gone(
    client: OpenAI, app_studio: Studio
) -> None:
    video = client.videos.create(prompt=PROMPT, seconds="1")  # type: ignore[arg-type]
    client.videos.poll(video.id, poll_interval_ms=100)
    shutil.rmtree(app_studio.worker.store.folder(job_of(app_studio, video.id)))
    assert video.id not in [one.id for one in client.videos.list()]
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(video.id)


# The JavaScript client, by what it sent.


def replay(app_url: str, name: str, video_id: str) -> tuple[int, dict[str, str], bytes]:
    """Send the recorded bytes of a call, for another video of this server."""
    place = urlsplit(app_url)
    data = (CALLS / f"{name}.http").read_bytes().replace(b"video_" + b"0" * 40, video_id.encode())
    data = data.replace(b"host: 127.0.0.1:7872", f"host: {place.netloc}".encode())
    data = data.replace(b"connection: keep-alive", b"connection: close")
    with socket.create_connection((place.hostname, place.port), timeout=60) as connection:
        connection.sendall(data)
        with connection.makefile("rb") as file:
            head, _, body = file.read().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("create", 200, {"size": "512x288", "seconds": "1", "seed": 7}),
        ("create-picture", 200, {"size": "512x288", "seconds": "1"}),
        ("create-address", 400, "input_reference"),
        ("create-characters", 400, "characters"),
        ("retrieve", 200, {"seconds": "1", "status": "completed"}),
        ("list", 200, None),
        ("content", 200, None),
        ("extend-id", 200, {"seconds": "2"}),
        ("extend-file", 200, {"size": "96x64"}),
        ("edit-id", 200, {"size": "512x288", "seconds": "1", "remixed_from_video_id": None}),
        ("remix", 200, {"size": "512x288", "seconds": "1"}),
        ("character", 404, None),
    ],
)
def test_what_npms_client_sends_is_understood(
    app_url: str,
    client: OpenAI,
    made: Video,
    name: str,
    status: int,
    expected: dict[str, object] | str | None,
) -> None:
    """Recorded from `openai` 7.59.0 on Node 20, which sends forms with names in brackets."""
    answered, headers, body = replay(app_url, name, made.id)
    assert answered == status
    if name == "content":
        assert (headers["content-type"], body[:4]) == ("image/webp", b"riff".upper())
        return
    told = json.loads(body)
    if status >= 400:
        assert check_error(told)["error"]["param"] == expected
    elif isinstance(expected, dict):
        assert {key: check_video(told)[key] for key in expected} == expected
    if name.startswith(("create", "extend", "edit", "remix")):
        client.videos.delete(told["id"]) if "id" in told else None


def test_npms_client_makes_a_character(app_url: str, http: httpx.Client, made: Video) -> None:
    status, _, body = replay(app_url, "create-character", made.id)
    character = json.loads(body)
    http.delete(f"/v1/videos/characters/{character['id']}")
    assert (status, character["name"]) == (200, "Bo")


def test_npms_client_deletes(app_url: str, client: OpenAI) -> None:
    video = client.videos.create(prompt=PROMPT, seconds="60")  # type: ignore[arg-type]
    status, _, body = replay(app_url, "delete", video.id)
    assert (status, json.loads(body)) == (
        200,
        {"id": video.id, "object": "video.deleted", "deleted": True},
    )

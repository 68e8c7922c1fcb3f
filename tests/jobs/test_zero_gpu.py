"""The app on ZeroGPU: the real `spaces` package, on a stand-in for its scheduler and its card.

What only a Space can show is not here: CUDA itself, the platform's own clock (whether a call dies
at the second it has declared), the price of a call, and the builder of the Space.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from pipeline.generation.kept_parts import num_windows
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.models.registry import SHIPPED
from pipeline.planning.plan import MAX_GPU_SECONDS, estimate_seconds
from pipeline.planning.validation import build_request
from tests.browser import PROMPT, ask, needs_chromium, wait_for_clip
from tests.zero_gpu import DeviceApi

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the library wants Linux")
CARD = Path(__file__).parents[1] / "zero_card.py"
TOKEN = "e30." + base64.urlsafe_b64encode(b'{"user": "ada"}').decode().rstrip("=") + ".signature"
BLOCKS = "someone/blocks"
LONG = {"prompt": PROMPT, "duration": 60, "num_inference_steps": 100, "seed": 7}


@dataclass
class Space:
    """A running Space, the scheduler that it asks, and a visitor who has signed in."""

    url: str
    folder: Path
    api: DeviceApi
    visitor: Client
    pid: int

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text(encoding="utf-8")

    def job_folder(self, job_id: str) -> Path:
        return self.folder / "data" / "jobs" / job_id


def connect(url: str, folder: Path) -> Client:
    return Client(
        url,
        verbose=False,
        analytics_enabled=False,
        headers={"x-ip-token": TOKEN},  # what the Hub's proxy adds for who has signed in
        download_files=str(folder / "downloads"),
        httpx_kwargs={"timeout": 60},
    )


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    """Start a Space with the embedded model, which makes clips in a moment."""
    settings = {"KINORA_MODEL": "kinora-mini", "KINORA_CACHE": "0.1"}
    with open_space(tmp_path_factory.mktemp("space"), settings) as space:
        yield space


@pytest.fixture(scope="module")
def ltx_space(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    """Start a Space with no settings; its LTX-Video is a tiny random one, with steps to choose."""
    settings = {"KINORA_MODEL": "", "ZERO_CARD_MODELS": str(folder)}
    with open_space(tmp_path_factory.mktemp("ltx-space"), settings) as space:
        yield space


@contextmanager
def open_space(folder: Path, settings: dict[str, str]) -> Iterator[Space]:
    """Start the app as a Space does: `app.py` as the main program, settings in the environment."""
    (folder / "cgroup").write_text("0::/\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    api, url = DeviceApi(), f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "SPACES_ZERO_GPU": "true",
        "SPACES_ZERO_DEVICE_API_URL": api.url,
        "ZEROGPU_OFFLOAD_DIR": str(folder / "tensors"),
        "ZEROGPU_PROC_SELF_CGROUP_PATH": str(folder / "cgroup"),
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "served"),
        "KINORA_DATA_DIR": str(folder / "data"),
        "ZERO_CARD_BLOCKS": BLOCKS,
        **settings,
    }
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(CARD)], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: process.poll() is not None or answers(url))
        assert process.poll() is None, (folder / "log.txt").read_text()
        visitor = connect(url, folder)
        yield Space(url, folder, api, visitor, process.pid)
        visitor.close()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
        api.shutdown()
        api.server_close()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/config").is_success
    except httpx.TransportError:
        return False


def wait_until(is_true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 240
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def state_of(space: Space, job_id: str) -> dict[str, Any]:
    return space.visitor.predict(job_id, api_name="/job")[1]


def finish(space: Space, job_id: str) -> dict[str, Any]:
    wait_until(lambda: state_of(space, job_id)["state"] not in ("queued", "running"))
    return state_of(space, job_id)


def make(space: Space, **changes: object) -> tuple[str, dict[str, Any]]:
    fields = {"prompt": PROMPT, "duration": 0.5, "seed": 7} | changes
    return space.visitor.predict(**fields, api_name="/text_to_video")


def start(space: Space, **changes: object) -> str:
    """Ask for a clip that takes long, and return its job id as soon as there is one."""
    job = space.visitor.submit(**LONG | changes, api_name="/text_to_video")
    wait_until(job.outputs)
    return job.outputs()[0][1]["job_id"]


def frames_of(path: str) -> np.ndarray:
    return np.concatenate(list(iterate_frames(Path(path), probe_clip(Path(path)))))


def test_the_longest_call_is_no_more_than_the_smallest_quota_of_a_day() -> None:
    """The library asks for more seconds than were declared, on some cards."""
    configs = json.loads(files("spaces.zero").joinpath("configs.json").read_text())
    factor = max(config["duration_factor"] for config in configs)
    assert factor * MAX_GPU_SECONDS <= 120  # of a visitor who is not signed in


def test_a_space_starts_with_its_model_in_place(space: Space) -> None:
    """The library takes what is on CUDA when the page is served to the disk, and reports."""
    assert space.api.num_startups == 1
    packed = sum(path.stat().st_size for path in (space.folder / "tensors").iterdir())
    weights = Path(SHIPPED.find("kinora-mini").repository).rglob("*.safetensors")
    assert packed > 0.9 * sum(path.stat().st_size for path in weights)


def test_compiled_blocks_that_cannot_be_had_leave_the_plain_ones(ltx_space: Space) -> None:
    """The library asks the Hub for them; `test_acceleration_hooks.py` has some it gets."""
    assert f"ltx-video-2b uses plain blocks: loading {BLOCKS} failed" in ltx_space.log


def test_a_clip_is_made_in_a_process_with_the_card_and_its_visitor_pays_what_it_takes(
    space: Space,
) -> None:
    request = build_request("text_to_video", prompt=PROMPT, model="kinora-mini", duration=1)
    num_calls = len(space.api.calls)
    video, recipe = make(space, duration=1)
    assert len(frames_of(video)) == 17
    assert (recipe["seed"], recipe["model"]) == (7, "kinora-mini")
    assert state_of(space, recipe["job_id"])["state"] == "done"
    call = space.api.calls[num_calls]  # a slow machine goes on in another one
    assert call.asked["token"] == TOKEN
    assert int(call.asked["durationSeconds"]) == estimate_seconds(
        request, SHIPPED.find(request.model)
    )
    assert call.is_over.wait(5)
    assert not call.has_failed
    assert call.pid not in (None, space.pid)
    # The process is kept, with its weights, and gives the same frames again.
    again, _ = make(space, duration=1)
    assert len(space.api.calls) > num_calls + 1
    assert space.api.calls[-1].pid == call.pid
    assert np.array_equal(frames_of(video), frames_of(again))


def test_nobodys_token_is_in_the_log(space: Space) -> None:
    """httpx logs every address that it asks, and the library asks with the token in it."""
    make(space)
    assert space.api.calls[-1].asked["token"] == TOKEN
    assert TOKEN not in space.log


def test_progress_arrives_while_it_runs(ltx_space: Space) -> None:
    job = ltx_space.visitor.submit(
        **LONG | {"duration": 10, "num_inference_steps": 4}, api_name="/text_to_video"
    )
    states = [state for video, state in job if video is None]
    fractions = [state["progress"] for state in states if state["state"] == "running"]
    assert len(set(fractions)) > 3
    assert fractions == sorted(fractions)


@pytest.mark.alone  # it measures waits
def test_cancel_ends_a_call_within_a_step_while_others_are_served(ltx_space: Space) -> None:
    space, job_id = ltx_space, start(ltx_space)
    wait_until(lambda: state_of(space, job_id)["progress"] > 0)
    call, waits = space.api.calls[-1], []
    with space.api.long_step():
        space.visitor.predict(job_id, api_name="/cancel_job")
        for _ in range(10):
            begin = time.monotonic()
            assert state_of(space, job_id)["state"] == "running"
            waits.append(time.monotonic() - begin)
            time.sleep(0.2)
    assert max(waits) < 1.5
    begin = time.monotonic()
    assert finish(space, job_id)["state"] == "cancelled"
    assert time.monotonic() - begin < 5  # all the steps take half a minute
    assert call.is_over.wait(5)
    make(space)
    assert space.api.calls[-1].pid == call.pid  # which has not been ended for it


def test_a_refused_quota_is_one_sentence_and_the_job_can_be_resumed(space: Space) -> None:
    space.api.seconds_left = 3
    with pytest.raises(AppError, match=r"^ZeroGPU .*15s requested vs\. 3s left.*1:00:00") as error:
        make(space)
    space.api.seconds_left = None
    (job_id,) = [
        path.parent.name
        for path in space.folder.glob("data/jobs/*/state.json")
        if json.loads(path.read_text())["state"] == "failed"
    ]
    assert state_of(space, job_id)["message"] == error.value.message
    space.visitor.predict(job_id, api_name="/resume_job")
    assert finish(space, job_id)["state"] == "done"
    assert space.api.calls[-1].asked["token"] == TOKEN  # of who has resumed it


def test_a_film_of_several_calls_goes_on_from_its_finished_windows(space: Space) -> None:
    """The time of the first call is up in the middle of its work."""
    storyboard = "\n".join(f"[0.5s] a red {word} in a meadow" for word in ("car", "cat") * 3)
    job = space.visitor.submit(storyboard, api_name="/film")
    wait_until(job.outputs)
    folder = space.job_folder(job.outputs()[0][1]["job_id"])
    wait_until(lambda: num_windows(folder) >= 2)
    call, kept = space.api.calls[-1], windows_of(folder)
    space.api.end_call()
    video, recipe = job.result()
    assert call.has_failed
    assert space.api.calls[-1] is not call
    assert space.api.calls[-1].asked["token"] == TOKEN
    assert kept.items() <= windows_of(folder).items()
    assert len(recipe["windows"]) == num_windows(folder) == 6
    assert len(frames_of(video)) == 6 * 9


def windows_of(folder: Path) -> dict[str, int]:
    """Return when each finished window of a job was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("windows/*.safetensors")}


def test_a_visitor_who_leaves_the_queue_for_a_card_finds_the_clip(space: Space) -> None:
    """The library gives up waiting for a card when the page is closed; a job does not."""
    space.api.is_free.clear()
    num_queued = space.api.num_queued
    call = f"{space.url}/gradio_api/call"
    event = httpx.post(f"{call}/v2/text_to_video", json={"prompt": PROMPT, "duration": 0.5})
    with httpx.stream("GET", f"{call}/text_to_video/{event.json()['event_id']}") as answer:
        first = next(line for line in answer.iter_lines() if "job_id" in line)
        wait_until(lambda: space.api.num_queued > num_queued)
    job_id = json.loads(first.removeprefix("data: "))[1]["job_id"]
    time.sleep(1)  # several of the scheduler's signs of life, at which the library looks
    space.api.is_free.set()
    assert finish(space, job_id)["state"] == "done"
    assert space.api.num_queued == num_queued + 1


def test_a_model_that_is_not_loaded_is_refused_before_anybody_pays(space: Space) -> None:
    """It would be downloaded on the visitor's quota."""
    num_calls = len(space.api.calls)
    with pytest.raises(AppError, match="KINORA_MODEL"):
        make(space, model="ltx-video-2b")
    assert len(space.api.calls) == num_calls


@needs_chromium
def test_the_page_shows_previews_and_what_the_scheduler_says(
    space: Space, browser: Browser
) -> None:
    page = browser.new_context(extra_http_headers={"x-ip-token": TOKEN}).new_page()
    page.goto(space.url)
    ask(page, "text_to_video", seconds="4")
    expect(page.locator("#text_to_video-preview img")).to_be_visible()
    wait_for_clip(page, "text_to_video")
    assert space.api.calls[-1].asked["token"] == TOKEN
    space.api.seconds_left = 3
    ask(page, "text_to_video")
    expect(page.locator(".toast-body")).to_contain_text("15s requested vs. 3s left")
    space.api.seconds_left = None
    page.click("#text_to_video-resume")
    wait_for_clip(page, "text_to_video")
    page.context.close()


def test_a_space_with_no_settings_has_ltx_video_on_its_card(ltx_space: Space) -> None:
    """Chosen, placed at the start, and what makes the clip."""
    assert ltx_space.api.num_startups == 1
    assert any((ltx_space.folder / "tensors").iterdir())
    assert ltx_space.visitor.predict(api_name="/models")[0]["id"] == "ltx-video-2b"
    _, recipe = make(ltx_space)
    assert recipe["model"] == "ltx-video-2b"
    call = ltx_space.api.calls[-1]
    assert call.asked["token"] == TOKEN
    assert call.pid not in (None, ltx_space.pid)
    with pytest.raises(AppError, match="choose that model"):
        make(ltx_space, model="kinora-mini")


def test_a_space_whose_model_cannot_be_had_ends_with_a_sentence(tmp_path: Path) -> None:
    settings = {
        "KINORA_MODEL": "",
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_CACHE": str(tmp_path / "home" / "hub"),
        "HF_HUB_OFFLINE": "1",
    }
    with pytest.raises(AssertionError) as error, open_space(tmp_path, settings):
        pass
    assert "python -m pipeline.models.download ltx-video-2b" in str(error.value)
    assert "kinora-mini, which needs no download" in str(error.value)
    assert "Traceback" not in str(error.value)

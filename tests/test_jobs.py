"""Jobs on disk and their worker, with a small function where the model would be."""

from __future__ import annotations

import contextvars
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.errors import GenerationCancelledError, InvalidRequestError, OutputError
from pipeline.jobs import JobStore, JobWorker, default_data_dir
from pipeline.request import GenerationRequest, Shot

UNKNOWN_ID = "A" * 22


@dataclass(frozen=True)
class Step:
    """The least that counts as progress."""

    fraction: float


def request(prompt: str = "a red car") -> GenerationRequest:
    return GenerationRequest("text_to_video", (Shot(prompt, 5.0),), "kinora-mini", seed=7)


class Studio:
    """A run function that obeys the prompt, and waits at a gate where a test wants to look."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.has_started = threading.Event()
        self.prompts: list[str] = []
        self.num_at_once = 0
        self.most_at_once = 0

    def run(
        self,
        request: GenerationRequest,
        output_path: Path,
        on_progress: Callable[[Step], None],
        is_cancelled: Callable[[], bool],
    ) -> dict[str, object]:
        self.num_at_once += 1
        self.most_at_once = max(self.most_at_once, self.num_at_once)
        try:
            return self._film(request, output_path, on_progress, is_cancelled)
        finally:
            self.num_at_once -= 1

    def _film(
        self,
        request: GenerationRequest,
        output_path: Path,
        on_progress: Callable[[Step], None],
        is_cancelled: Callable[[], bool],
    ) -> dict[str, object]:
        prompt = request.shots[0].prompt
        self.prompts.append(prompt)
        output_path.write_bytes(b"half a clip")
        on_progress(Step(0.5))
        self.has_started.set()
        while prompt == "wait" and not self.gate.wait(0.005):
            if is_cancelled():
                raise GenerationCancelledError("Stopped.")
        if prompt == "black":
            raise OutputError("The model made a black clip; try another seed.")
        if prompt == "crash":
            raise ZeroDivisionError("secret detail")
        output_path.write_bytes(b"a clip")
        return {"seed": request.seed}


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path)


@pytest.fixture
def studio() -> Studio:
    return Studio()


@pytest.fixture
def worker(store: JobStore, studio: Studio) -> Iterator[JobWorker]:
    worker = JobWorker(store, studio.run, max_waiting=3)
    yield worker
    worker.close()


def finish(worker: JobWorker, job_id: str) -> dict[str, object]:
    """Wait for a job's end, five seconds at most, and return its last state."""
    deadline = time.monotonic() + 5
    while (state := worker.state(job_id))["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, state
        time.sleep(0.005)
    return state


def on_disk(tmp_path: Path, job_id: str, name: str = "state.json") -> dict[str, object]:
    return json.loads((tmp_path / "jobs" / job_id / name).read_text())


def test_a_finished_job_has_its_clip_its_recipe_and_its_request(
    worker: JobWorker, tmp_path: Path
) -> None:
    job_id = worker.submit(request())
    assert finish(worker, job_id) == {
        "job_id": job_id,
        "state": "done",
        "progress": 1.0,
        "message": "",
    }
    assert worker.result(job_id).read_bytes() == b"a clip"
    assert worker.result(job_id).is_absolute()
    assert worker.recipe(job_id) == {"seed": 7, "job_id": job_id}
    assert GenerationRequest.from_json(on_disk(tmp_path, job_id, "request.json")) == request()


def test_a_running_job_shows_its_newest_progress_in_memory_and_on_disk(
    worker: JobWorker, studio: Studio, tmp_path: Path
) -> None:
    job_id = worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    assert worker.state(job_id)["state"] == "running"
    assert worker.state(job_id)["progress"] == 0.5
    assert worker.progress(job_id) == Step(0.5)
    assert worker.result(job_id) is None
    assert on_disk(tmp_path, job_id)["state"] == "running"
    studio.gate.set()
    finish(worker, job_id)
    assert worker.progress(job_id) is None


def test_progress_is_written_a_few_times_a_second_and_not_at_every_step(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    replace = Path.replace

    def note(path: Path, target: Path) -> Path:
        written.append(target.name)
        return replace(path, target)

    def run(
        _request: GenerationRequest, _path: Path, on_progress: Callable, _is_cancelled: Callable
    ) -> dict[str, object]:
        for step in range(500):
            on_progress(Step(step / 500))
        return {}

    worker = JobWorker(store, run)
    monkeypatch.setattr(Path, "replace", note)
    finish(worker, worker.submit(request()))
    worker.close()
    assert 3 <= written.count("state.json") < 50


def test_jobs_run_one_at_a_time_in_the_order_they_came(worker: JobWorker, studio: Studio) -> None:
    first = worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    others = [worker.submit(request(prompt)) for prompt in ("one", "two", "three")]
    assert [worker.state(job_id)["state"] for job_id in others] == ["queued"] * 3
    studio.gate.set()
    assert {finish(worker, job_id)["state"] for job_id in (first, *others)} == {"done"}
    assert studio.prompts == ["wait", "one", "two", "three"]
    assert studio.most_at_once == 1


def test_a_full_queue_refuses_and_a_cancelled_place_is_free_again(
    worker: JobWorker, studio: Studio, tmp_path: Path
) -> None:
    worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    waiting = [worker.submit(request()) for _ in range(3)]
    with pytest.raises(InvalidRequestError, match="3 jobs are waiting already"):
        worker.submit(request())
    assert len(list((tmp_path / "jobs").iterdir())) == 4
    assert worker.cancel(waiting[0])["state"] == "cancelled"
    assert worker.state(worker.submit(request()))["state"] == "queued"


def test_a_job_runs_in_the_context_of_whoever_asked_for_it(store: JobStore) -> None:
    """On ZeroGPU the visitor's token is a context variable; a bare thread would not see it."""
    visitor: contextvars.ContextVar[str] = contextvars.ContextVar("visitor", default="nobody")
    seen: list[str] = []

    def run(*_arguments: object) -> dict[str, object]:
        seen.append(visitor.get())
        return {}

    worker = JobWorker(store, run)
    for name in ("Ada", "Grace"):
        visitor.set(name)
        finish(worker, worker.submit(request()))
    worker.close()
    assert seen == ["Ada", "Grace"]


def test_a_queued_job_that_is_cancelled_never_runs(worker: JobWorker, studio: Studio) -> None:
    first = worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    second = worker.submit(request("never"))
    assert worker.cancel(second)["state"] == "cancelled"
    studio.gate.set()
    finish(worker, first)
    finish(worker, worker.submit(request("last")))
    assert studio.prompts == ["wait", "last"]


def test_a_running_job_that_is_cancelled_stops_and_leaves_no_half_a_clip(
    worker: JobWorker, studio: Studio, tmp_path: Path
) -> None:
    job_id = worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    worker.cancel(job_id)
    state = finish(worker, job_id)
    assert (state["state"], state["message"]) == ("cancelled", "This job was stopped.")
    assert worker.result(job_id) is None
    assert not (tmp_path / "jobs" / job_id / "result.mp4").exists()


def test_a_finished_job_cannot_be_cancelled(worker: JobWorker) -> None:
    job_id = worker.submit(request())
    finish(worker, job_id)
    assert worker.cancel(job_id)["state"] == "done"
    assert worker.result(job_id) is not None


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("black", "The model made a black clip; try another seed."),
        (
            "crash",
            "Something went wrong that is not your fault; try again, and see the log for why.",
        ),
    ],
)
def test_a_failed_job_says_why_and_the_next_one_works(
    worker: JobWorker, tmp_path: Path, prompt: str, message: str
) -> None:
    job_id = worker.submit(request(prompt))
    state = finish(worker, job_id)
    assert (state["state"], state["message"]) == ("failed", message)
    assert worker.result(job_id) is None
    assert not (tmp_path / "jobs" / job_id / "result.mp4").exists()
    assert finish(worker, worker.submit(request()))["state"] == "done"


def test_an_unexpected_error_is_logged_with_its_traceback(
    worker: JobWorker, caplog: pytest.LogCaptureFixture
) -> None:
    finish(worker, worker.submit(request("crash")))
    assert "secret detail" in caplog.text
    assert "Traceback" in caplog.text


def test_a_full_disk_loses_neither_the_state_nor_the_worker(
    worker: JobWorker, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = worker.submit(request("wait"))
    assert studio.has_started.wait(5)

    def fail(path: Path, _target: Path) -> None:
        if "recipe" in path.name:  # the last file that still fits
            return
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        studio.gate.set()
        assert finish(worker, job_id)["state"] == "done"
        with pytest.raises(InvalidRequestError, match="free some space"):
            worker.submit(request())
    assert finish(worker, worker.submit(request()))["state"] == "done"


@pytest.mark.parametrize(
    "job_id",
    [UNKNOWN_ID, "", "..", "../../etc/passwd", f"../{UNKNOWN_ID}", "a/b", "\0", None, 3, []],
)
def test_an_id_that_no_job_has_is_refused_everywhere(worker: JobWorker, job_id: object) -> None:
    for ask in (worker.state, worker.result, worker.recipe, worker.cancel):
        with pytest.raises(InvalidRequestError, match="There is no job"):
            ask(job_id)
    assert worker.progress(job_id) is None


def test_an_id_cannot_lead_out_of_the_store(store: JobStore, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"state": "done"}')
    for job_id in ("..", "../", "x/../.."):
        with pytest.raises(InvalidRequestError, match="There is no job"):
            store.folder(job_id)


def test_ids_are_long_and_never_the_same(store: JobStore) -> None:
    ids = {store.create(request()) for _ in range(20)}
    assert len(ids) == 20
    assert all(len(job_id) == 22 for job_id in ids)


def leave_job(
    store: JobStore, tmp_path: Path, process_id: object, state: str, age: float = 0
) -> str:
    """Leave a job on disk as a process left it; return its id."""
    job_id = store.create(request())
    path = tmp_path / "jobs" / job_id / "state.json"
    values = {"job_id": job_id, "state": state, "progress": 0.4, "message": ""}
    path.write_text(json.dumps(values | {"process_id": process_id}))
    (path.parent / "result.mp4").write_bytes(b"clip")
    os.utime(path, (time.time() - age, time.time() - age))
    return job_id


@pytest.mark.parametrize("state", ["queued", "running"])
def test_jobs_of_a_dead_process_are_marked_as_failed(
    store: JobStore, studio: Studio, tmp_path: Path, state: str
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    # The second one: this process now has the number of one that died a year ago.
    dead = [
        leave_job(store, tmp_path, ended.pid, state),
        leave_job(store, tmp_path, os.getpid(), state, age=365 * 86_400),
        leave_job(store, tmp_path, None, state),
    ]
    done = leave_job(store, tmp_path, ended.pid, "done")
    worker = JobWorker(store, studio.run)
    for job_id in dead:
        assert worker.state(job_id)["state"] == "failed"
        assert worker.state(job_id)["message"].endswith("start it again.")
        assert worker.result(job_id) is None
    assert worker.result(done) is not None
    worker.close()


def test_jobs_of_another_living_process_are_left_alone(
    store: JobStore, studio: Studio, tmp_path: Path
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        time.sleep(0.1)
        job_id = leave_job(store, tmp_path, living.pid, "running")
        worker = JobWorker(store, studio.run)
        assert worker.state(job_id)["state"] == "running"
        worker.close()
        living.communicate(b"\n")


def test_a_damaged_state_is_a_failed_job(store: JobStore, tmp_path: Path) -> None:
    job_id = store.create(request())
    (tmp_path / "jobs" / job_id / "state.json").write_text('{"state": "do')
    assert store.read_state(job_id)["state"] == "failed"


def test_sweeping_removes_old_finished_jobs_and_nothing_else(
    store: JobStore, tmp_path: Path
) -> None:
    old = [leave_job(store, tmp_path, 1, state, 100) for state in ("done", "failed", "cancelled")]
    kept = [leave_job(store, tmp_path, 1, state, 100) for state in ("queued", "running")]
    kept.append(leave_job(store, tmp_path, 1, "done", age=10))
    assert store.sweep(max_age=50) == len(old)
    assert {path.name for path in (tmp_path / "jobs").iterdir()} == set(kept)


def test_closing_stops_what_runs_and_what_waits(store: JobStore, studio: Studio) -> None:
    worker = JobWorker(store, studio.run)
    running, waiting = worker.submit(request("wait")), worker.submit(request())
    assert studio.has_started.wait(5)
    worker.close()
    assert store.read_state(running)["state"] == "cancelled"
    assert store.read_state(waiting)["state"] == "cancelled"
    with pytest.raises(InvalidRequestError, match="closing"):
        worker.submit(request())


def test_no_draft_of_a_file_stays_behind(worker: JobWorker, tmp_path: Path) -> None:
    job_id = worker.submit(request())
    finish(worker, job_id)
    names = {path.name for path in (tmp_path / "jobs" / job_id).iterdir()}
    assert names == {"request.json", "state.json", "recipe.json", "result.mp4"}


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidRequestError, match=r"cannot write to .*KINORA_DATA_DIR.*\.$"):
        JobStore(tmp_path / "file" / "data")


@pytest.mark.parametrize(
    ("platform", "variable", "folder"),
    [
        ("linux", "XDG_DATA_HOME", "kinora"),
        ("win32", "LOCALAPPDATA", "Kinora"),
    ],
)
def test_data_goes_where_the_platform_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, variable: str, folder: str
) -> None:
    monkeypatch.delenv("KINORA_DATA_DIR", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert default_data_dir() == tmp_path / folder
    monkeypatch.delenv(variable)
    assert default_data_dir().is_relative_to(Path.home())
    monkeypatch.setenv("KINORA_DATA_DIR", str(tmp_path / "here"))
    assert default_data_dir() == tmp_path / "here"

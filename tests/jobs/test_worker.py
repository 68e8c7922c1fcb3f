"""Jobs on disk and their worker, with a small function where the model would be."""

from __future__ import annotations

import contextvars
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.errors import (
    GenerationCancelledError,
    InvalidRequestError,
    OutputError,
    StorageError,
)
from pipeline.jobs import worker as worker_module
from pipeline.jobs.running_job import RunningJob
from pipeline.jobs.slots import OneSlot
from pipeline.jobs.states import Done, Running, state_class
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import JobWorker
from pipeline.planning.request import GenerationRequest, Shot, vary

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
        on_progress(Step(0.5))
        self.has_started.set()
        while prompt == "wait" and not self.gate.wait(0.005):
            if is_cancelled():
                output_path.write_bytes(b"some seconds")
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
    while (state := worker.state(job_id)).name in ("queued", "running"):
        assert time.monotonic() < deadline, state
        time.sleep(0.005)
    return state


def on_disk(tmp_path: Path, job_id: str, name: str = "state.json") -> dict[str, object]:
    return json.loads((tmp_path / "jobs" / job_id / name).read_text())


def test_a_finished_job_has_its_clip_its_recipe_and_its_request(
    worker: JobWorker, tmp_path: Path
) -> None:
    job_id = worker.submit(request())
    assert finish(worker, job_id).to_json() == {
        "job_id": job_id,
        "state": "done",
        "progress": 1.0,
        "message": "",
    }
    assert worker.result(job_id).read_bytes() == b"a clip"
    assert worker.result(job_id).is_absolute()
    assert worker.recipe(job_id) == {"seed": 7, "job_id": job_id}
    facts = worker.store.facts(job_id)
    assert (facts.request, facts.visitor) == (request(), "")
    assert abs(facts.created_at - time.time()) < 5
    log = (tmp_path / "jobs" / job_id / "log.txt").read_text().splitlines()
    assert [line.split(maxsplit=2)[2] for line in log] == ["started", "done"]


def test_a_running_job_shows_its_newest_progress_in_memory_and_on_disk(
    worker: JobWorker, studio: Studio, tmp_path: Path
) -> None:
    job_id = worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    assert worker.state(job_id).name == "running"
    assert worker.state(job_id).progress == 0.5
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
    assert [worker.state(job_id).name for job_id in others] == ["queued"] * 3
    studio.gate.set()
    assert {finish(worker, job_id).name for job_id in (first, *others)} == {"done"}
    assert studio.prompts == ["wait", "one", "two", "three"]
    assert studio.most_at_once == 1


class TwoSlots(OneSlot):
    """Two jobs at once, the newest first."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def order(self, waiting: Sequence[RunningJob]) -> list[RunningJob]:
        return [*reversed(waiting)]

    def take(self, waiting: Sequence[RunningJob]) -> RunningJob | None:
        if len(self.taken) == 2 or not waiting:
            return None
        self.taken.append(waiting[-1].facts.job_id)
        return waiting[-1]

    def give_back(self, job_id: str) -> None:
        self.taken.remove(job_id)


def test_slots_say_how_many_jobs_run_at_once_and_which_is_next(
    store: JobStore, studio: Studio
) -> None:
    ids = [store.create(request("wait")) for _ in range(4)]
    slots = TwoSlots()
    worker = JobWorker(store, studio.run, slots=slots)
    deadline = time.monotonic() + 5
    while studio.num_at_once < 2:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    states = [worker.state(job_id) for job_id in ids]
    assert [state.name for state in states] == ["queued", "queued", "running", "running"]
    assert [state.position for state in states[:2]] == [2, 1]
    assert [job.facts.job_id for job in worker.queue()][2:] == [ids[1], ids[0]]
    studio.gate.set()
    assert {finish(worker, job_id).name for job_id in ids} == {"done"}
    worker.close()
    assert (studio.most_at_once, slots.taken) == (2, [])


def test_a_full_queue_refuses_and_a_cancelled_place_is_free_again(
    worker: JobWorker, studio: Studio, tmp_path: Path
) -> None:
    worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    waiting = [worker.submit(request()) for _ in range(3)]
    with pytest.raises(InvalidRequestError, match="3 jobs are waiting already"):
        worker.submit(request())
    assert len(list((tmp_path / "jobs").iterdir())) == 4
    assert worker.cancel(waiting[0]).name == "cancelled"
    assert worker.state(worker.submit(request())).name == "queued"


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
    assert worker.cancel(second).name == "cancelled"
    studio.gate.set()
    finish(worker, first)
    finish(worker, worker.submit(request("last")))
    assert studio.prompts == ["wait", "last"]


def test_a_running_job_that_is_cancelled_stops_and_leaves_what_it_has_finished(
    worker: JobWorker, studio: Studio
) -> None:
    job_id = worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    worker.cancel(job_id)
    state = finish(worker, job_id)
    assert (state.name, state.message) == ("cancelled", "This job was stopped.")
    assert worker.result(job_id).read_bytes() == b"some seconds"
    assert worker.recipe(job_id) is None


def test_a_finished_job_cannot_be_cancelled(worker: JobWorker) -> None:
    job_id = worker.submit(request())
    finish(worker, job_id)
    assert worker.cancel(job_id).name == "done"
    assert worker.result(job_id) is not None


@pytest.mark.parametrize(
    ("prompt", "message", "can_resume"),
    [
        ("black", "The model made a black clip; try another seed.", False),
        (
            "crash",
            "Something went wrong in Kinora; try again, and see the server's log for the reason.",
            True,
        ),
    ],
)
def test_a_failed_job_says_why_and_whether_to_resume_it_and_the_next_one_works(
    worker: JobWorker, tmp_path: Path, prompt: str, message: str, can_resume: bool
) -> None:
    job_id = worker.submit(request(prompt))
    state = finish(worker, job_id)
    assert (state.name, state.message, state.can_resume) == ("failed", message, can_resume)
    assert state.to_json().get("can_resume", True) == can_resume
    assert worker.result(job_id) is None
    assert not (tmp_path / "jobs" / job_id / "result.mp4").exists()
    assert finish(worker, worker.submit(request())).name == "done"


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
        assert finish(worker, job_id).name == "done"
        with pytest.raises(StorageError, match="free some space"):
            worker.submit(request())
    assert finish(worker, worker.submit(request())).name == "done"


def test_a_waiting_job_knows_its_place(worker: JobWorker, studio: Studio) -> None:
    worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    first, second = worker.submit(request("one")), worker.submit(request("two"))
    assert [worker.state(job_id).position for job_id in (first, second)] == [1, 2]
    worker.cancel(first)
    assert worker.state(second).position == 1
    assert "position" not in worker.state(first).to_json()


@pytest.mark.parametrize("ending", ["cancelled", "paused"])
def test_a_job_that_was_ended_is_resumed_and_keeps_its_id(
    worker: JobWorker, studio: Studio, ending: str
) -> None:
    job_id = worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    {"cancelled": worker.cancel, "paused": worker.pause}[ending](job_id)
    assert finish(worker, job_id).name == ending
    studio.gate.set()
    assert worker.resume(job_id).name == "queued"
    assert finish(worker, job_id).name == "done"
    assert worker.resume(job_id).name == "done"
    assert studio.prompts == ["wait", "wait"]


def test_a_paused_job_that_waits_never_runs_until_it_is_resumed(
    worker: JobWorker, studio: Studio
) -> None:
    first = worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    second = worker.submit(request("later"))
    assert worker.pause(second).name == "paused"
    studio.gate.set()
    finish(worker, first)
    assert studio.prompts == ["wait"]
    worker.resume(second)
    assert finish(worker, second).name == "done"


def test_a_failed_job_can_be_tried_again(worker: JobWorker, studio: Studio) -> None:
    job_id = worker.submit(request("black"))
    assert finish(worker, job_id).name == "failed"
    worker.resume(job_id)
    assert finish(worker, job_id).name == "failed"
    assert studio.prompts == ["black", "black"]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_job_that_a_dead_process_has_left_goes_on_by_itself(
    store: JobStore, studio: Studio, state: str
) -> None:
    left = [store.create(request(prompt)) for prompt in ("one", "two")]
    for job_id in left:
        store.write_state(store.read_state(job_id).become(state_class(state), progress=0.4))
    done = store.create(request("done"))
    store.write_state(store.read_state(done).become(Done))
    worker = JobWorker(store, studio.run)
    assert [finish(worker, job_id).name for job_id in left] == ["done"] * 2
    assert studio.prompts == ["one", "two"]
    worker.close()


def test_where_somebody_has_to_pay_nothing_goes_on_by_itself(
    store: JobStore, studio: Studio
) -> None:
    job_id = store.create(request())
    worker = JobWorker(store, studio.run, takes_up=False)
    assert finish(worker, worker.submit(request("asked for"))).name == "done"
    assert worker.state(job_id).name == "queued"
    assert studio.prompts == ["asked for"]
    worker.close()


def test_a_job_of_another_living_process_is_left_alone_until_that_is_killed(
    store: JobStore, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "SECONDS_BETWEEN_ROUNDS", 0.05)
    job_id = store.create(request())
    store.write_state(store.read_state(job_id).become(Running))
    code = "from pathlib import Path; from pipeline.jobs.store import JobStore; import sys, time\n"
    code += f"with JobStore(Path({str(store.root)!r})).claim({job_id!r}) as ours:\n"
    code += "    print(ours, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as living:
        assert living.stdout.readline() == b"True\n"
        worker = JobWorker(store, studio.run)
        time.sleep(0.3)
        assert worker.state(job_id).name == "running"
        assert studio.prompts == []
        living.kill()
        living.wait()
        assert finish(worker, job_id).name == "done"
    worker.close()


def test_two_workers_on_one_folder_run_every_job_once(tmp_path: Path) -> None:
    studios = [Studio(), Studio()]
    stores = [JobStore(tmp_path), JobStore(tmp_path)]
    ids = [stores[0].create(request(str(number))) for number in range(12)]
    workers = [JobWorker(*pair) for pair in zip(stores, (s.run for s in studios), strict=True)]
    for job_id in ids:
        assert finish(workers[0], job_id).name == "done"
    for worker in workers:
        worker.close()
    assert sorted(studios[0].prompts + studios[1].prompts, key=int) == [str(n) for n in range(12)]


def test_a_second_worker_can_stop_what_the_first_one_runs(
    worker: JobWorker, studio: Studio, tmp_path: Path
) -> None:
    job_id = worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    second = JobWorker(JobStore(tmp_path), Studio().run)
    assert second.state(job_id).name == "running"
    second.pause(job_id)
    assert finish(second, job_id).name == "paused"
    second.close()


def test_closing_stops_what_runs_and_all_goes_on_at_the_next_start(
    store: JobStore, studio: Studio
) -> None:
    worker = JobWorker(store, studio.run)
    running, waiting = worker.submit(request("wait")), worker.submit(request("next"))
    assert studio.has_started.wait(5)
    worker.close()
    assert [store.read_state(x).name for x in (running, waiting)] == ["queued"] * 2
    with pytest.raises(InvalidRequestError, match="closing"):
        worker.submit(request())
    studio.gate.set()
    again = JobWorker(store, studio.run)
    assert [finish(again, x).name for x in (running, waiting)] == ["done"] * 2
    assert studio.prompts == ["wait", "wait", "next"]
    again.close()


def test_thirty_people_at_once_are_served_or_refused_and_none_is_mixed_up(
    store: JobStore,
) -> None:
    def run(request: GenerationRequest, output: Path, *_rest: object) -> dict[str, object]:
        output.write_text(request.shots[0].prompt)
        return {"prompt": request.shots[0].prompt}

    worker, answers = JobWorker(store, run, max_waiting=16), {}

    def ask(number: int) -> None:
        try:
            answers[number] = worker.submit(request(f"clip {number}"), visitor=str(number))
        except InvalidRequestError as exc:
            answers[number] = exc

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 30
    for number, answer in answers.items():
        if isinstance(answer, InvalidRequestError):
            assert "jobs are waiting already" in str(answer)
            continue
        assert finish(worker, answer).name == "done"
        assert worker.result(answer).read_text() == f"clip {number}"
        assert [facts.job_id for facts in store.list_jobs(str(number))] == [answer]
    assert sum(isinstance(answer, str) for answer in answers.values()) >= 17
    worker.close()


def test_the_pace_of_this_machine_is_learnt_and_kept(store: JobStore, tmp_path: Path) -> None:
    def run(
        _request: GenerationRequest, _path: Path, on_progress: Callable, _is_cancelled: Callable
    ) -> dict[str, object]:
        for fraction in (0.0, 0.25, 0.5, 1.0):
            on_progress(Step(fraction))
            time.sleep(0.04)
        return {}

    worker = JobWorker(store, run)
    assert worker.timing.estimate(request()) is None
    finish(worker, worker.submit(request()))
    worker.close()
    again = JobWorker(JobStore(tmp_path), run)
    assert 0.1 < again.timing.estimate(request()) < 0.5
    other = GenerationRequest("text_to_video", (Shot("a cat", 5.0),), "ltx-video-2b")
    assert again.timing.estimate(other) is None
    again.close()


def test_variations_are_queued_together_with_seeds_one_apart(
    worker: JobWorker, store: JobStore
) -> None:
    job_ids = worker.submit_all(vary(request(), 3), visitor="ada")
    facts = [store.facts(job_id) for job_id in job_ids]
    assert [x.request.seed for x in facts] == [7, 8, 9]
    assert len({x.group for x in facts}) == 1
    assert facts[0].group
    assert finish(worker, job_ids[-1]).name == "done"
    assert store.facts(worker.submit_all([request()])[0]).group == ""


def test_variations_that_do_not_all_fit_into_the_queue_are_not_made(
    worker: JobWorker, store: JobStore, studio: Studio
) -> None:
    worker.submit(request("wait"))
    studio.has_started.wait(5)
    worker.submit(request())
    with pytest.raises(InvalidRequestError, match="queue is full"):
        worker.submit_all(vary(request("a blue car"), 3))
    studio.gate.set()
    for facts in store.list_jobs():
        finish(worker, facts.job_id)
    assert studio.prompts == ["wait", "a red car"]


@pytest.mark.parametrize(
    "job_id",
    [UNKNOWN_ID, "", "..", "../../etc/passwd", f"../{UNKNOWN_ID}", "a/b", "\0", None, 3, []],
)
def test_an_id_that_no_job_has_is_refused_everywhere(worker: JobWorker, job_id: object) -> None:
    for ask in (worker.state, worker.result, worker.recipe, worker.cancel, worker.resume):
        with pytest.raises(InvalidRequestError, match="There is no job"):
            ask(job_id)
    assert worker.progress(job_id) is None


def test_no_draft_of_a_file_stays_behind(worker: JobWorker, tmp_path: Path) -> None:
    job_id = worker.submit(request())
    finish(worker, job_id)
    names = {path.name for path in (tmp_path / "jobs" / job_id).iterdir()}
    assert names == {
        *("request.json", "state.json", "recipe.json", "result.mp4"),
        *("log.txt", "lock"),
    }


def test_a_job_that_is_resumed_before_the_pause_is_noticed_goes_on(
    worker: JobWorker, studio: Studio
) -> None:
    job_id = worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    worker.pause(job_id)
    worker.resume(job_id)
    studio.gate.set()
    assert finish(worker, job_id).name == "done"


def test_a_job_that_a_dead_process_has_left_can_be_resumed_where_nothing_goes_on_by_itself(
    store: JobStore, studio: Studio
) -> None:
    job_id = store.create(request())
    store.write_state(store.read_state(job_id).become(Running))
    worker = JobWorker(store, studio.run, takes_up=False)
    assert worker.resume(job_id).name in ("queued", "running", "done")
    assert finish(worker, job_id).name == "done"
    worker.close()


def test_a_job_that_ends_the_process_again_and_again_is_given_up(
    store: JobStore, studio: Studio
) -> None:
    job_id = store.create(request())
    for _ in range(worker_module.MAX_STARTS):
        store.write_state(store.read_state(job_id).become(Running))
        assert store.count_start(job_id) <= worker_module.MAX_STARTS
    worker = JobWorker(store, studio.run)
    state = finish(worker, job_id)
    assert state.name == "failed"
    assert "crashed 3 times" in state.message
    assert studio.prompts == []
    worker.resume(job_id)  # somebody thinks that it will go better now
    assert finish(worker, job_id).name == "done"
    worker.close()


def test_a_job_that_gets_on_may_be_killed_as_often_as_it_likes(store: JobStore) -> None:
    job_id = store.create(request())
    windows = store.folder(job_id) / "windows"
    windows.mkdir()
    for number in range(2 * worker_module.MAX_STARTS):
        assert store.count_start(job_id) == 1
        (windows / f"{number}.safetensors").touch()
    assert store.count_start(job_id) == 1
    assert store.count_start(job_id) == 2


def test_a_job_that_is_being_written_holds_nobody_up_and_has_its_place(
    store: JobStore, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = JobWorker(store, studio.run, max_waiting=1)
    busy = worker.submit(request("wait"))
    assert studio.has_started.wait(5)
    is_writing, may_write = threading.Event(), threading.Event()
    create = store.create

    def create_slowly(*arguments: object, **origin: str | None) -> str:
        is_writing.set()
        assert may_write.wait(5)
        return create(*arguments, **origin)

    monkeypatch.setattr(store, "create", create_slowly)
    with ThreadPoolExecutor() as executor:
        coming = executor.submit(worker.submit, request("large"))
        assert is_writing.wait(5)
        assert worker.state(busy).name == "running"
        with pytest.raises(InvalidRequestError, match="1 jobs are waiting"):
            worker.submit(request("one too many"))
        may_write.set()
        studio.gate.set()
        assert finish(worker, coming.result()).name == "done"
    worker.close()


@pytest.mark.parametrize("end", ["cancel", "pause"])
def test_a_stop_that_comes_while_the_disk_is_asked_for_orders_is_not_lost(
    worker: JobWorker, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    take_order, is_over = worker.store.take_order, threading.Event()

    def take_order_late(job_id: str) -> str | None:
        order = take_order(job_id)
        getattr(worker, end)(job_id)
        is_over.set()
        return order

    monkeypatch.setattr(worker.store, "take_order", take_order_late)
    job_id = worker.submit(request("wait"))
    assert is_over.wait(5)
    assert finish(worker, job_id).name == {"cancel": "cancelled", "pause": "paused"}[end]

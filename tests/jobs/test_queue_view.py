"""The queue as a visitor sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.jobs.history import visitor_key
from pipeline.jobs.queue_view import list_queue
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import JobWorker
from pipeline.planning.request import GenerationRequest, Shot

ADA, GRACE = "ada's token", "grace's token"


@dataclass(frozen=True)
class Step:
    """Progress with a time left."""

    fraction: float
    seconds_left: float


def request(seconds: float = 5.0) -> GenerationRequest:
    return GenerationRequest("text_to_video", (Shot("a red car", seconds),), "kinora-mini")


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


@pytest.fixture
def worker(tmp_path: Path, gate: threading.Event) -> Iterator[JobWorker]:
    started = threading.Event()

    def run(
        _request: GenerationRequest, _output: Path, on_progress: Callable[[Step], None], *_: object
    ) -> dict[str, object]:
        on_progress(Step(0.5, 30.0))
        started.set()
        gate.wait(10)
        return {}

    worker = JobWorker(JobStore(tmp_path), run)
    worker.submit(request(), visitor=visitor_key(GRACE))
    assert started.wait(10)
    yield worker
    gate.set()
    worker.close()


def test_a_visitor_sees_their_own_jobs_and_how_many_come_before(worker: JobWorker) -> None:
    mine = [worker.submit(request(), visitor=visitor_key(ADA), tab="film") for _ in range(2)]
    worker.timing.note(request(), 10.0)
    jobs = list_queue(worker, ADA)
    assert [job.job_id for job in jobs] == mine
    assert [job.num_before for job in jobs] == [1, 2]
    assert [job.seconds_left for job in jobs] == [pytest.approx(40), pytest.approx(50)]
    assert {(job.tab, job.prompt, job.state.name) for job in jobs} == {
        ("film", "a red car", "queued")
    }
    (hers,) = list_queue(worker, GRACE)
    assert (hers.num_before, hers.seconds_left, hers.state.name) == (0, 30.0, "running")
    assert list_queue(worker, "") == list_queue(worker, "nobody") == []


def test_a_time_that_is_not_known_is_not_made_up(worker: JobWorker) -> None:
    worker.submit(request(), visitor=visitor_key(ADA))
    (mine,) = list_queue(worker, ADA)
    assert mine.seconds_left is None


def test_a_job_leaves_the_queue_when_it_is_stopped_or_done(
    worker: JobWorker, gate: threading.Event
) -> None:
    stopped, finished = (worker.submit(request(), visitor=visitor_key(ADA)) for _ in range(2))
    worker.cancel(stopped)
    assert [job.job_id for job in list_queue(worker, ADA)] == [finished]
    gate.set()
    worker.close()
    assert worker.state(stopped).name == "cancelled"
    assert [job.job_id for job in list_queue(worker, GRACE)] == []

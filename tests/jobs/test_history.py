"""A visitor's own clips: seen and touched by nobody else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from pipeline.errors import InvalidRequestError
from pipeline.jobs.history import History, visitor_key
from pipeline.jobs.states import Paused
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import JobWorker
from pipeline.planning.request import GenerationRequest, Shot
from tests.sources import make_clip

ADA, GRACE = "ada's token", "grace's token"


def request(prompt: str = "a red car") -> GenerationRequest:
    return GenerationRequest("text_to_video", (Shot(prompt, 5.0),), "kinora-mini", seed=7)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[JobWorker]:
    def run(_request: GenerationRequest, output: Path, *_rest: object) -> dict[str, object]:
        make_clip(output, num_frames=3)
        return {"seed": 7}

    worker = JobWorker(JobStore(tmp_path), run)
    yield worker
    worker.close()


def make(worker: JobWorker, visitor: str, tab: str = "") -> str:
    job_id = worker.submit(request(), visitor=visitor_key(visitor), tab=tab)
    deadline = time.monotonic() + 10
    while worker.state(job_id).name != "done":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return job_id


def test_everybody_sees_their_own_clips_the_newest_first(worker: JobWorker) -> None:
    history = History(worker, lambda request: request)
    ids = [make(worker, ADA), make(worker, GRACE), make(worker, ADA)]
    assert [entry.facts.job_id for entry in history.entries(ADA, 10)] == [ids[2], ids[0]]
    assert [entry.facts.job_id for entry in history.entries(ADA, 1)] == [ids[2]]
    assert [entry.facts.job_id for entry in history.entries(GRACE, 10)] == [ids[1]]
    assert history.entries("", 10) == history.entries("nobody", 10) == []


def test_no_token_is_on_the_disk(worker: JobWorker, tmp_path: Path) -> None:
    make(worker, ADA)
    assert all(ADA.encode() not in x.read_bytes() for x in tmp_path.rglob("*") if x.is_file())


def test_a_clip_has_a_small_picture_that_is_made_once(worker: JobWorker) -> None:
    make(worker, ADA)
    (entry,) = History(worker, lambda request: request).entries(ADA, 10)
    with Image.open(entry.thumbnail) as picture:
        assert picture.size == (320, 213)
    made_at = entry.thumbnail.stat().st_mtime_ns
    (again,) = History(worker, lambda request: request).entries(ADA, 10)
    assert again.thumbnail.stat().st_mtime_ns == made_at


def test_nobody_touches_a_clip_of_somebody_elses(worker: JobWorker) -> None:
    job_id, history = make(worker, ADA), History(worker, lambda request: request)
    for act in (history.check, history.delete, history.again):
        for visitor in (GRACE, ""):
            with pytest.raises(InvalidRequestError, match="not yours"):
                act(visitor, job_id)
    assert history.check(ADA, job_id).job_id == job_id
    history.delete(ADA, job_id)
    assert history.entries(ADA, 10) == []


def test_once_more_is_the_same_request_with_another_seed(worker: JobWorker) -> None:
    history = History(worker, lambda request: request)
    job_id = history.again(ADA, make(worker, ADA, tab="film"))
    facts = history.check(ADA, job_id)
    assert (facts.request.shots, facts.request.seed, facts.tab) == (request().shots, 8, "film")


def test_a_tab_shows_again_what_was_left_unfinished_there_and_nothing_else(
    worker: JobWorker,
) -> None:
    history, store = History(worker, lambda request: request), worker.store
    make(worker, ADA, tab="film")
    assert history.unfinished(ADA, "film") is None
    job_id = store.create(request(), visitor=visitor_key(ADA), tab="film")
    store.write_state(store.read_state(job_id).become(Paused))
    assert history.unfinished(ADA, "film") == job_id
    assert history.unfinished(ADA, "text_to_video") is None
    assert history.unfinished(GRACE, "film") is None
    assert history.unfinished("", "film") is None

"""A visitor's own clips: seen and touched by nobody else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from pipeline.errors import InvalidRequestError
from pipeline.jobs import JobWorker
from pipeline.request import GenerationRequest, Shot
from pipeline.shelf import Shelf, name_visitor
from pipeline.store import JobStore
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
    job_id = worker.submit(request(), visitor=name_visitor(visitor), tab=tab)
    deadline = time.monotonic() + 10
    while worker.state(job_id)["state"] != "done":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return job_id


def test_everybody_sees_their_own_clips_the_newest_first(worker: JobWorker) -> None:
    shelf = Shelf(worker, lambda request: request)
    ids = [make(worker, ADA), make(worker, GRACE), make(worker, ADA)]
    assert [entry.facts.job_id for entry in shelf.entries(ADA, 10)] == [ids[2], ids[0]]
    assert [entry.facts.job_id for entry in shelf.entries(ADA, 1)] == [ids[2]]
    assert [entry.facts.job_id for entry in shelf.entries(GRACE, 10)] == [ids[1]]
    assert shelf.entries("", 10) == shelf.entries("nobody", 10) == []


def test_no_token_is_on_the_disk(worker: JobWorker, tmp_path: Path) -> None:
    make(worker, ADA)
    assert all(ADA.encode() not in x.read_bytes() for x in tmp_path.rglob("*") if x.is_file())


def test_a_clip_has_a_small_picture_that_is_made_once(worker: JobWorker) -> None:
    make(worker, ADA)
    (entry,) = Shelf(worker, lambda request: request).entries(ADA, 10)
    with Image.open(entry.thumbnail) as picture:
        assert picture.size == (320, 213)
    made_at = entry.thumbnail.stat().st_mtime_ns
    (again,) = Shelf(worker, lambda request: request).entries(ADA, 10)
    assert again.thumbnail.stat().st_mtime_ns == made_at


def test_nobody_touches_a_clip_of_somebody_elses(worker: JobWorker) -> None:
    job_id, shelf = make(worker, ADA), Shelf(worker, lambda request: request)
    for act in (shelf.check, shelf.delete, shelf.again):
        for visitor in (GRACE, ""):
            with pytest.raises(InvalidRequestError, match="not yours"):
                act(visitor, job_id)
    assert shelf.check(ADA, job_id).job_id == job_id
    shelf.delete(ADA, job_id)
    assert shelf.entries(ADA, 10) == []


def test_once_more_is_the_same_request_with_another_seed(worker: JobWorker) -> None:
    shelf = Shelf(worker, lambda request: request)
    job_id = shelf.again(ADA, make(worker, ADA, tab="film"))
    facts = shelf.check(ADA, job_id)
    assert (facts.request.shots, facts.request.seed, facts.tab) == (request().shots, 8, "film")


def test_a_tab_shows_again_what_was_left_unfinished_there_and_nothing_else(
    worker: JobWorker,
) -> None:
    shelf, store = Shelf(worker, lambda request: request), worker.store
    make(worker, ADA, tab="film")
    assert shelf.unfinished(ADA, "film") is None
    job_id = store.create(request(), visitor=name_visitor(ADA), tab="film")
    store.write_state(store.read_state(job_id) | {"state": "paused"})
    assert shelf.unfinished(ADA, "film") == job_id
    assert shelf.unfinished(ADA, "text_to_video") is None
    assert shelf.unfinished(GRACE, "film") is None
    assert shelf.unfinished("", "film") is None

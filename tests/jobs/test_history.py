"""A visitor's own clips: seen and touched by nobody else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from pipeline.errors import InvalidRequestError
from pipeline.jobs.history import History, visitor_key
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import JobWorker
from pipeline.planning.request import GenerationRequest, Shot
from tests.sources import HEIGHT, WIDTH, make_clip

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


def make(worker: JobWorker, visitor: str, tab: str = "", prompt: str = "a red car") -> str:
    job_id = worker.submit(request(prompt), visitor=visitor_key(visitor), tab=tab)
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


def test_a_clip_has_its_poster_and_a_small_picture_as_soon_as_its_job_ends(
    worker: JobWorker,
) -> None:
    folder = worker.store.folder(make(worker, ADA))
    with Image.open(folder / "poster.webp") as poster:
        assert poster.size == (WIDTH, HEIGHT)
    made_at = (folder / "thumbnail.webp").stat().st_mtime_ns
    (entry,) = History(worker, lambda request: request).entries(ADA, 10)
    assert entry.thumbnail == folder / "thumbnail.webp"
    assert entry.thumbnail.stat().st_mtime_ns == made_at
    with Image.open(entry.thumbnail) as picture:
        assert picture.size == (320, 213)


def test_a_clip_of_a_version_without_posters_gets_one_when_it_is_shown(worker: JobWorker) -> None:
    folder = worker.store.folder(make(worker, ADA))
    (folder / "thumbnail.webp").unlink()
    (entry,) = History(worker, lambda request: request).entries(ADA, 10)
    assert entry.thumbnail.is_file()


def test_clips_are_found_by_words_of_their_prompts_and_by_model(worker: JobWorker) -> None:
    history = History(worker, lambda request: request)
    car, cat = make(worker, ADA), make(worker, ADA, prompt="A black CAT on a red sofa")

    def found(**wanted: str) -> list[str]:
        return [entry.facts.job_id for entry in history.entries(ADA, 10, **wanted)]

    assert found() == found(words="red") == found(model="kinora-mini") == [cat, car]
    assert found(words="sofa cat") == [cat]
    assert found(words="dog") == found(model="wan-2.2-5b") == []
    assert history.models(ADA) == ["kinora-mini"]
    assert history.models(GRACE) == []


def test_an_entry_has_the_whole_prompt_and_the_recipe(worker: JobWorker) -> None:
    job_id = make(worker, ADA, prompt="red car, " * 30 + "red")
    (entry,) = History(worker, lambda request: request).entries(ADA, 10)
    assert entry.prompt == "red car, " * 30 + "red"
    assert entry.recipe == {"seed": 7, "job_id": job_id}


def test_nobody_touches_a_clip_of_somebody_elses(worker: JobWorker) -> None:
    job_id, history = make(worker, ADA), History(worker, lambda request: request)
    for act in (history.check, history.delete, history.again):
        for visitor in (GRACE, ""):
            with pytest.raises(InvalidRequestError, match="not yours"):
                act(visitor, job_id)
    assert history.check(ADA, job_id).job_id == job_id
    history.delete(ADA, job_id)
    assert history.entries(ADA, 10) == []
    with pytest.raises(InvalidRequestError, match="not yours"):
        history.restore(GRACE, job_id)
    history.restore(ADA, job_id)
    assert [entry.facts.job_id for entry in history.entries(ADA, 10)] == [job_id]


def test_once_more_is_the_same_request_with_another_seed(worker: JobWorker) -> None:
    history = History(worker, lambda request: request)
    job_id = history.again(ADA, make(worker, ADA, tab="film"))
    facts = history.check(ADA, job_id)
    assert (facts.request.shots, facts.request.seed, facts.tab) == (request().shots, 8, "film")
    same = history.check(ADA, history.again(ADA, job_id, is_same=True))
    assert same.request == facts.request


def test_a_tab_shows_again_what_was_made_there_last_and_nothing_else(worker: JobWorker) -> None:
    history = History(worker, lambda request: request)
    assert history.newest(ADA, "film") is None
    make(worker, ADA, tab="film")
    job_id = make(worker, ADA, tab="film")
    make(worker, ADA, tab="text_to_video")
    assert history.newest(ADA, "film") == job_id
    assert history.newest(GRACE, "film") is None
    assert history.newest("", "film") is None

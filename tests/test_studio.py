"""What is said before a clip is made: where the model lives, and how long it takes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from app import create_studio
from page.messages import describe_estimate
from pipeline.errors import InvalidRequestError
from pipeline.jobs.estimates import Estimate, estimate_request
from pipeline.jobs.history import visitor_key
from pipeline.jobs.states import Cancelled, Done, Failed, Paused
from pipeline.jobs.store import JobStore
from pipeline.jobs.timing import Timing
from pipeline.jobs.worker import JobWorker
from pipeline.models.download_sizes import DownloadSize, DownloadSizes
from pipeline.models.registry import MODELS
from pipeline.planning.validation import build_request
from pipeline.rate_limits import Allowance, Limits
from pipeline.runtime.device import GIGABYTE, Machine
from pipeline.runtime.model_cache import ModelCache
from pipeline.studio import Studio
from tests.tiny import CPU, LTX, MINI, tiny_models

CARD = Machine(
    "cuda",
    24 * GIGABYTE,
    has_fast_bf16=True,
    ram_bytes=64 * GIGABYTE,
    operations_per_second=100e12,
)


def estimate_of(
    model: str, machine: Machine, folder: Path, *, measured: float | None = None, **values: object
) -> Estimate:
    request = build_request("text_to_video", model=model, prompt="a cat", **values)
    timing = Timing(folder / "pace.json")
    if measured is not None:
        timing.note(request, measured)
    known = ModelCache(machine), timing, DownloadSizes()
    return estimate_request(request, MODELS[model], None, *known)


def test_a_large_model_says_where_it_will_live_and_a_computed_time(tmp_path: Path) -> None:
    estimate = estimate_of("ltx-video-2b", CARD, tmp_path)
    assert not estimate.is_measured
    told = describe_estimate(estimate)
    assert "of the GPU's 24" in told
    assert "computed" in told
    longer = estimate_of("ltx-video-2b", CARD, tmp_path, duration=30)
    assert longer.seconds > 3 * estimate.seconds


def test_what_was_measured_is_said_instead(tmp_path: Path) -> None:
    estimate = estimate_of("ltx-video-2b", CARD, tmp_path, measured=70.0)
    assert (estimate.seconds, estimate.is_measured) == (pytest.approx(70.0), True)
    assert "takes 47 s to 2 min" in describe_estimate(estimate)


def test_where_nobody_knows_the_machine_no_time_is_invented(tmp_path: Path) -> None:
    estimate = estimate_of("ltx-video-2b", replace(CARD, operations_per_second=0.0), tmp_path)
    assert estimate.seconds is None
    mini = estimate_of("kinora-mini", CARD, tmp_path)
    assert (mini.seconds, mini.placement) == (None, "")


def test_a_download_is_told_before_it_begins(tmp_path: Path) -> None:
    told = describe_estimate(estimate_of("ltx-video-2b", CARD, tmp_path))
    assert "the first clip downloads about 16 GB (computed)" in told
    assert "Kinora mini needs no download" in told
    mini = estimate_of("kinora-mini", CARD, tmp_path)
    assert mini.download == DownloadSize(0)
    assert "download" not in describe_estimate(mini)


def test_hd_is_told_with_its_size_its_passes_and_its_time(tmp_path: Path) -> None:
    draft, standard, hd = (
        estimate_of("ltx-video-2b", CARD, tmp_path, quality=quality)
        for quality in ("draft", "standard", "hd")
    )
    assert draft.seconds < standard.seconds < hd.seconds
    assert hd.download.num_bytes - standard.download.num_bytes == 252_501_248
    told = describe_estimate(hd)
    assert "1216 x 704" in told
    assert "two passes, 7 + 3 steps" in told
    assert "passes" not in describe_estimate(standard)


def test_a_measured_time_is_that_of_its_quality(tmp_path: Path) -> None:
    estimate_of("ltx-video-2b", CARD, tmp_path, measured=70.0)
    assert not estimate_of("ltx-video-2b", CARD, tmp_path, quality="hd").is_measured


@pytest.mark.parametrize("quality", ["draft", "standard"])
def test_a_clip_is_made_in_hd_with_its_seed_and_what_hd_shares_with_it(
    folder: Path, tmp_path: Path, quality: str
) -> None:
    studio = create_studio(tmp_path, ModelCache(CPU, tiny_models(folder)))
    fields = {"prompt": "a cat", "model": LTX, "duration": 1.0, "seed": 5, "quality": quality}
    try:
        job_id = asyncio.run(studio.submit("text_to_video", fields, visitor="me", tab="film"))
        wait_for(studio, job_id)
        assert studio.offers.can_be_hd(studio.worker.store.facts(job_id).request)
        hd_id = asyncio.run(studio.in_hd(job_id, "client"))
        wait_for(studio, hd_id)
        facts = studio.worker.store.facts(hd_id)
        assert (facts.request.quality, facts.request.seed) == ("hd", 5)
        assert (facts.visitor, facts.tab) == ("me", "film")
        assert not studio.offers.can_be_hd(facts.request)
        recipe = studio.worker.recipe(hd_id)
        small, large = recipe["passes"]
        assert [2 * side for side in small["size"]] == large["size"]
        shared = set(windows_of(studio, job_id)) & set(windows_of(studio, hd_id))
        assert len(shared) == (1 if quality == "standard" else 0)
    finally:
        studio.close()


@pytest.mark.parametrize(
    ("machine", "model", "quality", "seconds"),
    [
        (CPU, "ltx-video-2b", "draft", 2.0),
        (CPU, "kinora-mini", "standard", 5.0),
        (CARD, "ltx-video-2b", "standard", 5.0),
    ],
)
def test_a_cpu_is_offered_short_drafts_of_large_models_first(
    tmp_path: Path, machine: Machine, model: str, quality: str, seconds: float
) -> None:
    worker = JobWorker(JobStore(tmp_path), lambda *_: {}, takes_up=False)
    studio = Studio(worker, ModelCache(machine), "kinora-mini")
    try:
        assert studio.offers.first_quality(MODELS[model]) == quality
        assert studio.offers.first_seconds(MODELS[model]) == seconds
        assert studio.offers.first_seconds(MODELS[model], 8.0) == 8.0  # a user's own choice
    finally:
        studio.close()


@pytest.mark.parametrize(("seconds", "is_long"), [(20.0, False), (300.0, True)])
def test_a_long_wait_goes_on_without_the_page(
    tmp_path: Path, seconds: float, is_long: bool
) -> None:
    estimate = estimate_of("ltx-video-2b", CARD, tmp_path, measured=seconds)
    told = describe_estimate(estimate)
    assert ("continues if you close this page" in told) == is_long


def test_what_has_no_hd_is_not_made_in_hd(folder: Path, tmp_path: Path) -> None:
    studio = create_studio(tmp_path, ModelCache(CPU, tiny_models(folder)))
    try:
        fields = {"prompt": "a cat", "model": MINI, "duration": 0.5}
        job_id = asyncio.run(studio.submit("text_to_video", fields))
        assert not studio.offers.can_be_hd(studio.worker.store.facts(job_id).request)
        with pytest.raises(InvalidRequestError, match="does not make clips of the quality 'hd'"):
            asyncio.run(studio.in_hd(job_id, "client"))
    finally:
        studio.close()


def windows_of(studio: Studio, job_id: str) -> list[str]:
    folder = studio.worker.store.folder(job_id) / "windows"
    return [path.name for path in folder.glob("*.safetensors")]


def wait_for(studio: Studio, job_id: str) -> None:
    deadline = time.monotonic() + 120
    while not (state := studio.worker.state(job_id)).is_over:
        assert time.monotonic() < deadline, state
        time.sleep(0.05)
    assert state.name == "done", state


def test_what_does_not_fit_is_refused_before_there_is_a_job(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="does not fit on this machine"):
        estimate_of("ltx-video-13b", replace(CARD, ram_bytes=4 * GIGABYTE), tmp_path)


@pytest.mark.parametrize(
    ("model", "is_fixed", "words"),
    [
        ("ltx-video-13b", True, "has only Kinora mini on its GPU"),
        ("ltx-video-13b", False, "does not fit on this machine"),
    ],
)
def test_an_old_job_is_checked_as_a_new_one_before_it_is_made_again(
    tmp_path: Path, model: str, is_fixed: bool, words: str
) -> None:
    """Resuming it, or making a variation, loaded whatever model it was made with."""
    worker = JobWorker(JobStore(tmp_path), lambda *_: {}, takes_up=False)
    model_cache = ModelCache(replace(CARD, ram_bytes=4 * GIGABYTE))
    studio = Studio(worker, model_cache, "kinora-mini", is_fixed=is_fixed)
    request = build_request("text_to_video", model=model, prompt="a cat")
    job_id = worker.store.create(request, visitor=visitor_key("ada"))
    worker.store.write_state(Paused(job_id))
    with pytest.raises(InvalidRequestError, match=words):
        asyncio.run(studio.resume(job_id, "client"))
    with pytest.raises(InvalidRequestError, match=words):
        asyncio.run(studio.again("ada", job_id, "client"))
    assert worker.state(job_id) == Paused(job_id)
    assert not studio.can_resume(job_id)
    assert len(worker.store.list_jobs()) == 1
    studio.close()


def test_resuming_is_offered_only_where_it_can_work(tmp_path: Path) -> None:
    worker = JobWorker(JobStore(tmp_path), lambda *_: {}, takes_up=False)
    studio = Studio(worker, ModelCache(CPU), "kinora-mini")
    job_id = worker.store.create(build_request("text_to_video", model="kinora-mini", prompt="a"))
    states = {
        Paused(job_id): True,
        Cancelled(job_id): True,
        Failed(job_id, message="The disk was full."): True,
        Failed(job_id, message="The clip was refused.", is_final=True): False,
        Done(job_id): False,
    }
    for state, can_resume in states.items():
        worker.store.write_state(state)
        assert worker.state(job_id) == state
        assert studio.can_resume(job_id) == can_resume
    assert not studio.can_resume("A" * 22)
    studio.close()


def test_no_more_variations_are_made_at_once_than_the_page_offers(tmp_path: Path) -> None:
    worker = JobWorker(JobStore(tmp_path), lambda *_: {}, takes_up=False)
    studio = Studio(worker, ModelCache(CPU), "kinora-mini", limits=Limits(Allowance(2)))
    for count, words in ((5, "choose a number from 1 to 4"), (3, "limit for one visitor")):
        made = studio.submit_variations("text_to_video", {"prompt": "a cat"}, count)
        with pytest.raises(InvalidRequestError, match=words):
            asyncio.run(made)
    assert worker.store.list_jobs() == []
    job_ids = asyncio.run(studio.submit_variations("text_to_video", {"prompt": "a cat"}, 2))
    assert len(job_ids) == 2
    studio.close()


def test_a_wait_of_hours_is_told_in_hours(tmp_path: Path) -> None:
    estimate = estimate_of("wan-2.2-5b", replace(CARD, operations_per_second=1e12), tmp_path)
    assert "hours (computed)" in describe_estimate(estimate, "Adds")

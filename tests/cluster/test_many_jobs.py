"""Jobs of several visitors on a cluster of three workers, with work that sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pipeline.cluster.fits import FittingModels
from pipeline.errors import InvalidRequestError
from pipeline.generation.progress import Progress
from pipeline.jobs.worker import JobWorker
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.acceleration import AccelerationSettings
from pipeline.runtime.device import GIGABYTE, Machine
from tests.cluster.tiny_cluster import LARGE, NEEDS_RAY, OTHER, places, until
from tests.tiny import MINI

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster
    from pipeline.models.registry import Models

pytestmark = NEEDS_RAY


@pytest.fixture
def cluster(join: Callable[..., Cluster]) -> Cluster:
    return join()


@pytest.fixture
def worker(cluster: Cluster, open_page: Callable[[Cluster], JobWorker]) -> JobWorker:
    return open_page(cluster)


def names(worker: JobWorker, *job_ids: str) -> list[str]:
    return [worker.state(job_id).name for job_id in job_ids]


def test_as_many_jobs_run_at_once_as_there_are_gpus_and_visitors_take_turns(
    worker: JobWorker, cluster: Cluster, ask: Callable[..., GenerationRequest]
) -> None:
    assert cluster.fleet.wait(120, 3)
    greedy = [worker.submit(ask(seed=x), visitor="a") for x in range(4)]
    until(lambda: names(worker, *greedy).count("running") == 3)
    late = worker.submit(ask(seed=9), visitor="b")
    assert worker.state(late).position == 1
    until(lambda: len(places(cluster)) == 3)
    assert set(places(cluster).values()) == set(greedy[:3])
    until(lambda: worker.state(late).name in ("running", "done"))
    until(lambda: names(worker, *greedy, late) == ["done"] * 5)
    began = [
        (worker.store.folder(x) / "log.txt").read_text().splitlines()[0][:19]
        for x in (late, greedy[3])
    ]
    assert began == sorted(began)
    assert all(worker.result(x) for x in (*greedy, late))


def test_a_worker_that_has_the_model_is_preferred(
    worker: JobWorker, cluster: Cluster, ask: Callable[..., GenerationRequest]
) -> None:
    first = worker.submit(ask(OTHER))
    until(lambda: worker.state(first).name == "done")
    until(lambda: OTHER in [x.facts.model for x in cluster.fleet.workers()])
    (place,) = [x.name for x in cluster.fleet.workers() if x.facts and x.facts.model == OTHER]
    again = worker.submit(ask(OTHER, seed=2))
    until(lambda: places(cluster).get(place) == again)
    until(lambda: worker.state(again).name == "done")


def test_a_model_goes_where_it_fits_and_is_refused_where_none_would_do(
    worker: JobWorker,
    cluster: Cluster,
    ask: Callable[..., GenerationRequest],
) -> None:
    large = worker.submit(ask(LARGE))
    until(lambda: large in places(cluster).values())
    (name,) = [name for name, job in places(cluster).items() if job == large]
    (machine,) = [x.facts.machine for x in cluster.fleet.workers() if x.name == name and x.facts]
    assert machine.memory_bytes > 500e9
    assert cluster.models.placement(LARGE)
    worker.cancel(large)


def test_what_fits_on_no_worker_is_refused_with_what_would(models: Models) -> None:
    small = Machine("cpu", 16 * GIGABYTE, has_fast_bf16=False)
    fitting = FittingModels(lambda: [small], small, models, AccelerationSettings())
    assert fitting.placement(MINI)
    told = "Large does not fit on this cluster: it needs a computer with 32 GB of memory"
    with pytest.raises(InvalidRequestError, match=told):
        fitting.placement(LARGE)


def test_a_stop_reaches_a_worker_within_a_step(
    worker: JobWorker, cluster: Cluster, ask: Callable[..., GenerationRequest]
) -> None:
    job_id = worker.submit(ask(seed=5, duration=20.0))
    until(lambda: isinstance(x := worker.progress(job_id), Progress) and x.stage == "sampling")
    began = time.monotonic()
    worker.cancel(job_id)
    until(lambda: worker.state(job_id).name == "cancelled")
    assert time.monotonic() - began < 5
    until(lambda: not places(cluster))


def test_the_page_lists_the_machines(cluster: Cluster) -> None:
    assert "0 of 3 workers are busy" in cluster.describe()
    assert "2 × GPU (16 GB), 1 × GPU (512 GB)" in cluster.describe()  # noqa: RUF001

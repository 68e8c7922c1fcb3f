"""Jobs of several visitors on a cluster of three workers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from pipeline.cluster.fits import FittingModels
from pipeline.errors import InvalidRequestError
from pipeline.runtime.acceleration import AccelerationSettings
from pipeline.runtime.device import GIGABYTE, Machine
from tests.cluster.conftest import Ask, OpenPage
from tests.cluster.tiny_cluster import LARGE, NEEDS_RAY, OTHER, finish, places, until
from tests.tiny import MINI

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster
    from pipeline.models.registry import Models

pytestmark = NEEDS_RAY
PATIENCE = 1.5


def test_as_many_jobs_run_at_once_as_there_are_gpus_and_visitors_take_turns(
    cluster: Cluster, open_page: OpenPage, ask: Ask, hold: Path
) -> None:
    """No job waits for a worker that has its model: that is another test."""
    page = open_page(patience=0.0)
    greedy = [page.submit(ask(seed=x), visitor="a") for x in range(4)]
    until(lambda: set(places(cluster).values()) == set(greedy[:3]))
    late = page.submit(ask(seed=9), visitor="b")
    assert page.state(late).position == 1
    assert page.state(greedy[3]).position == 2
    hold.unlink()
    finish(page, late, *greedy)
    logs = [page.store.folder(x) / "log.txt" for x in (late, greedy[3])]
    began = [log.read_text().splitlines()[0][:19] for log in logs]
    assert began == sorted(began)
    assert all(page.result(x) for x in (late, *greedy))


def test_a_worker_that_has_the_model_is_preferred_and_waited_for_so_long(
    cluster: Cluster, open_page: OpenPage, ask: Ask, hold: Path
) -> None:
    page = open_page(patience=PATIENCE)
    first = page.submit(ask(OTHER))
    hold.unlink()
    finish(page, first)
    until(lambda: OTHER in [x.facts.model for x in cluster.fleet.workers() if x.facts])
    (place,) = [x.name for x in cluster.fleet.workers() if x.facts and x.facts.model == OTHER]
    hold.touch()
    again = page.submit(ask(OTHER, seed=2))
    until(lambda: again in places(cluster).values())
    assert places(cluster) == {place: again}
    began, other = time.monotonic(), page.submit(ask(OTHER, seed=3))
    until(lambda: other in places(cluster).values())
    assert time.monotonic() - began > PATIENCE
    page.cancel(again)
    page.cancel(other)
    page.close()  # what was stopped does not go on without the page
    until(lambda: not places(cluster))
    assert hold.exists()


def test_a_model_goes_where_it_fits_and_a_stop_reaches_it_within_a_step(
    cluster: Cluster, open_page: OpenPage, ask: Ask, hold: Path
) -> None:
    """The window is held, so that it cannot end."""
    page = open_page()
    large = page.submit(ask(LARGE))
    until(lambda: large in places(cluster).values())
    (worker,) = [x for x in cluster.fleet.workers() if x.facts and x.facts.run_id == large]
    assert worker.facts is not None
    assert worker.facts.machine.memory_bytes > 500e9
    assert cluster.models.placement(LARGE)
    page.cancel(large)
    until(lambda: page.state(large).is_over)
    assert page.state(large).name == "cancelled"
    until(lambda: not places(cluster))
    assert hold.exists()


@pytest.mark.parametrize("root", ["apart"], indirect=True)
def test_a_picture_travels_to_a_worker_that_does_not_see_it(
    open_page: OpenPage, ask: Ask, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (360, 640, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    page = open_page()
    job_id = page.submit(ask(image=tmp_path / "picture.png"))
    finish(page, job_id)
    assert page.result(job_id)


def test_what_fits_on_no_worker_is_refused_with_what_would(models: Models) -> None:
    small = Machine("cpu", 16 * GIGABYTE, has_fast_bf16=False)
    fitting = FittingModels(lambda: [small], small, models, AccelerationSettings())
    assert fitting.placement(MINI)
    told = "Large does not fit on this cluster: it needs a computer with 32 GB of memory"
    with pytest.raises(InvalidRequestError, match=told):
        fitting.placement(LARGE)


def test_the_page_lists_the_machines(cluster: Cluster) -> None:
    until(lambda: "0 of 3 workers are busy" in cluster.describe())
    assert "2 × GPU (16 GB), 1 × GPU (512 GB)" in cluster.describe()  # noqa: RUF001

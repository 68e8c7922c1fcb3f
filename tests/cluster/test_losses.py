"""Workers, nodes and pages are lost in the middle of work, which goes on."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.generation.kept_parts import num_windows
from pipeline.jobs.store import JobStore
from pipeline.planning.request import GenerationRequest
from tests.cluster.conftest import AddNode, Ask, OpenPage
from tests.cluster.tiny_cluster import LARGE, NEEDS_RAY, finish, latents, places, until

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster

pytestmark = NEEDS_RAY
NUM_KILLS = int(os.environ.get("TEST_KILLS", "2"))  # 10 take minutes on a busy machine
SECONDS_A_KILL = 10  # of the clip


def process_of(cluster: Cluster, job_id: str) -> int | None:
    """Return the process that makes a job, or None."""
    facts = [x.facts for x in cluster.fleet.workers() if x.facts and x.facts.run_id == job_id]
    return facts[0].pid if facts else None


@pytest.mark.parametrize("root", ["apart"], indirect=True)
def test_a_worker_that_is_killed_again_and_again_costs_only_the_window_that_it_made(
    cluster: Cluster,
    open_page: OpenPage,
    ask: Ask,
    make_alone: Callable[[GenerationRequest], Path],
    hold: Path,
    told: dict[str, str],
    num_made: Callable[[], int],
) -> None:
    """It is held before each kill, so that what it has finished has reached the page.

    A clip that loses five workers without a window in between fails, so each third kill waits.
    """
    request = ask(seed=6, duration=min(60.0, SECONDS_A_KILL * (NUM_KILLS + 1)))
    page, killed, rng = open_page(), set[int](), random.Random(1)
    job_id = page.submit(request)

    def is_over() -> bool:
        return page.state(job_id).is_over

    while len(killed) < NUM_KILLS:
        hold.unlink(missing_ok=True)
        begun = (None, *killed)
        until(lambda begun=begun: process_of(cluster, job_id) not in begun or is_over())
        assert not is_over(), page.state(job_id)
        time.sleep(rng.uniform(0.2, 1.5))
        if len(killed) % 3 == 2:
            num_before = num_windows(page.store.folder(job_id))
            until(lambda: num_windows(page.store.folder(job_id)) > num_before)  # noqa: B023
        hold.touch()
        if (pid := process_of(cluster, job_id)) is not None:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
    hold.unlink()
    finish(page, job_id)
    made = latents(page.store.folder(job_id))
    assert len(made) <= num_made() <= len(made) + NUM_KILLS
    assert made == latents(make_alone(request))
    until(lambda: not [*Path(told["TMPDIR"]).glob("kinora-worker-*")])


def test_a_clip_goes_on_elsewhere_when_its_node_is_gone(
    nodes: Any,  # noqa: ANN401
    add_node: AddNode,
    cluster: Cluster,
    open_page: OpenPage,
    ask: Ask,
    hold: Path,
) -> None:
    node = add_node(nodes, 1024)
    until(lambda: len(cluster.fleet.workers()) == 4)
    page = open_page(patience=0.0)
    first, second = (page.submit(ask(LARGE, seed=x)) for x in (1, 2))
    until(lambda: {first, second} <= set(places(cluster).values()))
    nodes.remove_node(node, allow_graceful=False)
    until(lambda: len(cluster.fleet.workers()) == 3)
    hold.unlink()
    finish(page, first, second)


@pytest.mark.parametrize("root", ["shared", "apart"], indirect=True)
def test_a_page_that_is_started_again_finds_what_is_being_made(
    cluster: Cluster, open_page: OpenPage, ask: Ask, hold: Path, num_made: Callable[[], int]
) -> None:
    """Its worker is stopped meanwhile: one that does not answer is not taken for dead."""
    first = open_page()
    job_id = first.submit(ask(seed=7, duration=8.0))
    until(lambda: process_of(cluster, job_id))
    pid = process_of(cluster, job_id)
    assert pid is not None
    first.close()
    assert first.state(job_id).name == "queued"
    os.kill(pid, signal.SIGSTOP)
    second = open_page()
    time.sleep(3)
    os.kill(pid, signal.SIGCONT)
    until(lambda: second.progress(job_id))
    assert process_of(cluster, job_id) == pid
    hold.unlink()
    finish(second, job_id)
    assert num_made() == num_windows(second.store.folder(job_id))


def test_two_pages_on_one_data_folder_share_the_workers_and_run_no_job_twice(
    open_page: OpenPage, ask: Ask, root: Path, num_made: Callable[[], int]
) -> None:
    """Each takes a worker for free that the other has just taken, and looks for another one."""
    job_ids = [JobStore(root).create(ask(seed=x)) for x in range(6)]
    pages = [open_page(patience=0.0) for _ in range(2)]  # both find all jobs
    finish(pages[0], *job_ids)
    assert num_made() == sum(num_windows(pages[0].store.folder(x)) for x in job_ids)

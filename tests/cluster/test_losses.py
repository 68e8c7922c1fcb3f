"""Workers, nodes, pages and the head are lost in the middle of work, which goes on; it sleeps."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from safetensors.numpy import load_file

from pipeline.generation.generate import generate
from pipeline.generation.kept_parts import num_windows
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import JobWorker
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.device import GIGABYTE, Machine
from pipeline.runtime.model_cache import ModelCache
from tests.cluster import tiny_cluster
from tests.cluster.conftest import add_node
from tests.cluster.tiny_cluster import LARGE, NEEDS_RAY, places, until

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster
    from pipeline.models.registry import Models

pytestmark = NEEDS_RAY
NUM_KILLS = int(os.environ.get("TEST_KILLS", "3"))  # 10 take minutes on a busy machine


def latents(folder: Path) -> dict[str, bytes]:
    paths = folder.glob("windows/*.safetensors")
    return {path.name: load_file(path)["latents"].tobytes() for path in paths}


def process_of(cluster: Cluster, job_id: str) -> int | None:
    """Return the process that makes a job, or None."""
    facts = [x.facts for x in cluster.fleet.workers() if x.facts and x.facts.run_id == job_id]
    return facts[0].pid if facts else None


def open_other(cluster: Cluster, folder: Path) -> JobWorker:
    """Start the jobs of another page, which takes all workers for free that are not busy."""
    from pipeline.cluster.making import ClusterMaker
    from pipeline.cluster.slots import ClusterSlots

    slots = ClusterSlots(cluster.fleet, cluster.models)
    make = ClusterMaker(cluster.fleet, slots, cluster.models, None).make
    return JobWorker(JobStore(folder), make, slots=slots)


def test_a_worker_that_is_killed_again_and_again_costs_only_the_window_that_it_made(
    join: Callable[..., Cluster],
    open_page: Callable[[Cluster], JobWorker],
    ask: Callable[..., GenerationRequest],
    models: Models,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster, request = join(), ask(seed=6, duration=60.0)
    worker, killed, rng = open_page(cluster), set[int](), random.Random(1)
    job_id = worker.submit(request)
    while len(killed) < NUM_KILLS:
        until(lambda: (pid := process_of(cluster, job_id)) and pid not in killed)
        time.sleep(rng.uniform(0.2, 3.0))
        if (pid := process_of(cluster, job_id)) is not None:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
    until(lambda: worker.state(job_id).is_over, 280)
    assert worker.state(job_id).name == "done", worker.state(job_id)
    monkeypatch.setattr(tiny_cluster, "SECONDS_A_WINDOW", 0.0)
    alone = tmp_path / "alone"
    alone.mkdir()
    generate(
        request,
        model_cache=ModelCache(Machine("cpu", 16 * GIGABYTE, has_fast_bf16=False), models),
        output=alone / "result.mp4",
        keep=alone,
        on_progress=lambda _: None,
        is_cancelled=lambda: False,
    )
    assert latents(worker.store.folder(job_id)) == latents(alone)


def test_a_clip_goes_on_elsewhere_when_its_node_is_gone(
    nodes: Any,  # noqa: ANN401
    join: Callable[..., Cluster],
    open_page: Callable[[Cluster], JobWorker],
    ask: Callable[..., GenerationRequest],
) -> None:
    node = add_node(nodes, 1024)
    cluster = join(4)
    worker = open_page(cluster)
    first, second = (worker.submit(ask(LARGE, seed=x, duration=10.0)) for x in (1, 2))
    folder = worker.store.folder(second)
    until(lambda: second in places(cluster).values() and num_windows(folder) > 0)
    nodes.remove_node(node, allow_graceful=False)
    until(lambda: worker.state(second).is_over)
    assert (worker.state(first).name, worker.state(second).name) == ("done", "done")
    until(lambda: len(cluster.fleet.workers()) == 3)


def test_a_page_that_is_started_again_finds_what_is_being_made(
    join: Callable[..., Cluster], ask: Callable[..., GenerationRequest], tmp_path: Path
) -> None:
    cluster = join()
    first = JobWorker(JobStore(tmp_path), cluster.create_make(None), slots=cluster.slots)
    job_id = first.submit(ask(seed=7, duration=20.0))
    until(lambda: process_of(cluster, job_id) and num_windows(first.store.folder(job_id)) > 0)
    pid = process_of(cluster, job_id)
    first.close()
    assert first.state(job_id).name == "queued"
    time.sleep(1.5)
    assert process_of(cluster, job_id) == pid
    second = open_other(cluster, tmp_path)
    until(lambda: second.state(job_id).name == "running")
    assert process_of(cluster, job_id) == pid
    until(lambda: second.state(job_id).name == "done")
    second.close()


def test_two_pages_share_the_workers(
    join: Callable[..., Cluster], ask: Callable[..., GenerationRequest], tmp_path: Path
) -> None:
    """Each takes a worker for free that the other has just taken, and looks for another one."""
    cluster = join()
    pages = [open_other(cluster, tmp_path / name) for name in ("one", "two")]
    jobs = [(page, page.submit(ask(seed=x))) for x in range(3) for page in pages]
    for page, job_id in jobs:
        until(lambda page=page, job_id=job_id: page.state(job_id).is_over)
        assert page.state(job_id).name == "done"
    for page in pages:
        page.close()


def test_jobs_wait_while_the_head_is_gone_and_go_on_when_there_is_one_again(
    with_token: None,  # noqa: ARG001
    join: Callable[..., Cluster],
    open_page: Callable[[Cluster], JobWorker],
    ask: Callable[..., GenerationRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ray.cluster_utils import Cluster as Nodes

    from pipeline.cluster import connection

    monkeypatch.setattr(connection, "_SECONDS_TO_ANSWER", 4.0)
    head = {"num_cpus": 1, "num_gpus": 1, "env_vars": {"TEST_MEMORY_GB": "16"}}
    nodes = Nodes(initialize_head=True, head_node_args=head)
    cluster = join(1, nodes.address)
    worker = open_page(cluster)
    job_id = worker.submit(ask(seed=8, duration=10.0))
    folder = worker.store.folder(job_id)
    until(lambda: num_windows(folder) > 0)
    nodes.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
    until(lambda: "does not answer" in cluster.describe())
    assert worker.state(job_id).name == "running"
    later = worker.submit(ask(seed=9))
    port = int(nodes.address.rpartition(":")[2])
    nodes = Nodes(initialize_head=True, head_node_args={**head, "gcs_server_port": port})
    for each in (job_id, later):
        until(lambda each=each: worker.state(each).is_over, 200)
        assert worker.state(each).name == "done"
    cluster.close()
    nodes.shutdown()

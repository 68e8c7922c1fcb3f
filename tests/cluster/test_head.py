"""The head of a cluster is lost in the middle of work and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.generation.kept_parts import num_windows
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import JobWorker
from pipeline.runtime.acceleration import AccelerationSettings
from tests.cluster.conftest import Ask
from tests.cluster.tiny_cluster import MEMORY, NEEDS_RAY, TinyWorker, finish, until

if TYPE_CHECKING:
    from pipeline.models.registry import Models

pytestmark = NEEDS_RAY
GIGABYTES = {MEMORY: "16"}


@pytest.fixture
def heads(with_token: None) -> Iterator[list[Any]]:  # noqa: ARG001
    """Return a list of clusters of one node each, which end with the test."""
    heads: list[Any] = []
    yield heads
    for head in heads:
        head.shutdown()


def start(**options: object) -> Any:  # noqa: ANN401
    """Start a head that is also a worker's node."""
    from ray.cluster_utils import Cluster as Nodes

    node = {"num_cpus": 1, "num_gpus": 1, "env_vars": GIGABYTES, **options}
    return Nodes(initialize_head=True, head_node_args=node)


def test_jobs_wait_while_the_head_is_gone_and_go_on_when_there_is_one_again(
    heads: list[Any],
    models: Models,
    ask: Ask,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heads.append(start())
    from pipeline.cluster import connection
    from pipeline.cluster.cluster import Cluster

    monkeypatch.setattr(connection, "_SECONDS_TO_ANSWER", 4.0)
    address = heads[0].address
    cluster = Cluster(address, models, AccelerationSettings(), TinyWorker)
    page = JobWorker(JobStore(tmp_path), cluster.create_make(None), slots=cluster.slots)
    job_id = page.submit(ask(seed=8, duration=10.0))
    until(lambda: num_windows(page.store.folder(job_id)) > 0)
    heads[0].head_node.kill_all_processes(check_alive=False, allow_graceful=False)
    until(lambda: "does not answer" in cluster.describe())
    assert page.state(job_id).name == "running"
    later = page.submit(ask(seed=9))
    heads[0] = start(gcs_server_port=int(address.rpartition(":")[2]))
    finish(page, job_id, later)
    page.close()
    cluster.close()

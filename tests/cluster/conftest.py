"""A Ray cluster on this machine, of nodes with made-up GPUs."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.cluster.joining import prepare
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import JobWorker
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from tests import conftest as guard
from tests.tiny import MINI

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster
    from pipeline.models.registry import Models


prepare()  # before the tests import Ray


def add_node(nodes: Any, memory: int) -> Any:  # noqa: ANN401
    """Add a node with one made-up GPU of some memory in GB."""
    told = {"TEST_MEMORY_GB": str(memory)}
    return nodes.add_node(num_gpus=1, num_cpus=1, env_vars=told)


@pytest.fixture(scope="session")
def models(folder: Path) -> Models:
    """Return the rows of tiny models that sleep."""
    from tests.cluster.tiny_cluster import sleeping_models

    return sleeping_models(folder)


@pytest.fixture(scope="session")
def with_token() -> Iterator[None]:
    """Set a token, and the folder that workers import from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("RAY_worker_niceness", "0")  # on a busy machine they would starve
        folders = [str(Path.cwd()), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(folders))
        import ray

        # Ray listens on this machine's own address, which is none of loopback.
        own = (*guard.LOOPBACK, ray.util.get_node_ip_address())
        patch.setattr(guard, "LOOPBACK", own)
        yield


@pytest.fixture(scope="session")
def nodes(with_token: None) -> Iterator[Any]:  # noqa: ARG001
    """Start a head without GPUs, and three nodes with one each; the last has more memory."""
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0})
    for memory in (16, 16, 512):
        add_node(nodes, memory)
    yield nodes
    nodes.shutdown()


@pytest.fixture
def join(request: pytest.FixtureRequest, models: Models) -> Iterator[Callable[..., Cluster]]:
    """Return a function that joins a cluster as a page does, and waits for some workers."""
    from pipeline.cluster.cluster import Cluster
    from pipeline.runtime.acceleration import AccelerationSettings
    from tests.cluster.tiny_cluster import TinyWorker

    joined: list[Cluster] = []

    def join(num_workers: int = 3, address: str = "") -> Cluster:
        address = address or request.getfixturevalue("nodes").address
        cluster = Cluster(address, models, AccelerationSettings(), TinyWorker)
        joined.append(cluster)
        assert cluster.fleet.wait(200, num_workers)
        return cluster

    yield join
    for cluster in joined:
        cluster.close()


@pytest.fixture
def ask(models: Models) -> Callable[..., GenerationRequest]:
    """Return a function that builds a request for a clip, or with `shots` for a film."""

    def ask(model: str = MINI, seed: int = 1, duration: float = 2.0, shots: Sequence[Shot] = ()):  # noqa: ANN202
        words = {"shots": shots} if shots else {"prompt": "a red car", "duration": duration}
        return build_request("text_to_video", models=models, model=model, seed=seed, **words)

    return ask


@pytest.fixture
def open_page(tmp_path: Path) -> Iterator[Callable[[Cluster], JobWorker]]:
    """Return a function that starts the jobs of a page on a cluster; all have one data folder."""
    workers: list[JobWorker] = []

    def open_page(cluster: Cluster) -> JobWorker:
        make = cluster.create_make(None)
        workers.append(JobWorker(JobStore(tmp_path), make, slots=cluster.slots))
        return workers[-1]

    yield open_page
    for worker in workers:
        worker.close()

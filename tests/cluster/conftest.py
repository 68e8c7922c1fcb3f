"""A Ray cluster on this machine, of nodes with made-up GPUs, and pages that use it."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.cluster.joining import prepare
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import JobWorker
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.device import GIGABYTE, Machine
from pipeline.runtime.model_cache import ModelCache
from tests import conftest as guard
from tests.cluster import tiny_cluster
from tests.cluster.tiny_cluster import HIDDEN, HOLD, MADE, MEMORY, sleeping_models
from tests.tiny import MINI

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster
    from pipeline.models.registry import Models

Ask = Callable[..., GenerationRequest]
OpenPage = Callable[..., JobWorker]
AddNode = Callable[[Any, int], Any]

prepare()  # before the tests import Ray


@pytest.fixture(scope="session")
def models(folder: Path) -> Models:
    """Return the rows of tiny models that sleep."""
    return sleeping_models(folder)


@pytest.fixture(scope="session")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that the workers do not see."""
    return tmp_path_factory.mktemp("hidden", numbered=False)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory, hidden: Path) -> dict[str, str]:
    """Return what the environment of a node's workers says."""
    folder = tmp_path_factory.mktemp("told")
    names = {HIDDEN: hidden, HOLD: folder / "hold", MADE: folder / "made", "TMPDIR": folder}
    return {name: str(path) for name, path in names.items()}


@pytest.fixture
def hold(told: dict[str, str]) -> Iterator[Path]:
    """Return a file; workers that have slept enough sleep on, stoppable, until it is deleted."""
    path = Path(told[HOLD])
    path.touch()
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def num_made(told: dict[str, str]) -> Callable[[], int]:
    """Return a function that counts the windows that workers have made in this test."""
    path = Path(told[MADE])
    path.write_bytes(b"")
    return lambda: path.stat().st_size


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
def add_node(told: dict[str, str]) -> AddNode:
    """Return a function that adds a node with one made-up GPU of some memory in GB."""

    def add_node(nodes: Any, memory: int) -> Any:  # noqa: ANN401
        return nodes.add_node(num_gpus=1, num_cpus=1, env_vars=told | {MEMORY: str(memory)})

    return add_node


@pytest.fixture(scope="session")
def nodes(with_token: None, add_node: AddNode) -> Iterator[Any]:  # noqa: ARG001
    """Start a head without GPUs, and three nodes with one each; the last has more memory."""
    from ray.cluster_utils import Cluster as Nodes

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0})
    for memory in (16, 16, 512):
        add_node(nodes, memory)
    yield nodes
    nodes.shutdown()


@pytest.fixture(scope="module")
def cluster(nodes: Any, models: Models) -> Iterator[Cluster]:  # noqa: ANN401
    """Join the cluster of `nodes` as a page does, and wait for its three workers."""
    from pipeline.cluster.cluster import Cluster
    from pipeline.runtime.acceleration import AccelerationSettings

    handler = signal.getsignal(signal.SIGTERM)
    cluster = Cluster(nodes.address, models, AccelerationSettings(), tiny_cluster.TinyWorker)
    assert signal.getsignal(signal.SIGTERM) == handler  # the app's own, not Ray's
    assert cluster.fleet.wait(600, 3)
    yield cluster
    cluster.close()


@pytest.fixture
def ask(models: Models) -> Ask:
    """Return a function that builds a request for a clip, or with `shots` for a film."""

    def ask(
        model: str = MINI,
        seed: int = 1,
        duration: float = 2.0,
        shots: Sequence[Shot] = (),
        **fields: object,
    ) -> GenerationRequest:
        words = {"shots": shots} if shots else {"prompt": "a red car", "duration": duration}
        task = "image_to_video" if "image" in fields else "text_to_video"
        return build_request(task, models=models, model=model, seed=seed, **words, **fields)

    return ask


@pytest.fixture
def root(request: pytest.FixtureRequest, tmp_path: Path, hidden: Path) -> Path:
    """Return the page's data folder, which the workers see unless the parameter is "apart"."""
    is_apart = getattr(request, "param", "shared") == "apart"
    return hidden / tmp_path.name if is_apart else tmp_path


@pytest.fixture
def open_page(cluster: Cluster, root: Path) -> Iterator[OpenPage]:
    """Return a function that starts the jobs of a page on the cluster; closes it in the end."""
    from pipeline.cluster.following import Follower
    from pipeline.cluster.making import ClusterMaker
    from pipeline.cluster.slots import PATIENCE, ClusterSlots

    pages: list[JobWorker] = []

    def open_page(folder: Path = root, patience: float = PATIENCE) -> JobWorker:
        slots = ClusterSlots(cluster.fleet, cluster.models, patience)
        maker = ClusterMaker(Follower(cluster.fleet, slots), slots, cluster.models, None)
        pages.append(JobWorker(JobStore(folder), maker.make, slots=slots))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()


@pytest.fixture
def make_alone(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[GenerationRequest], Path]:
    """Return a function that makes a clip in this process and returns its folder."""

    def make_alone(request: GenerationRequest) -> Path:
        from pipeline.generation.generate import generate

        monkeypatch.setattr(tiny_cluster, "SECONDS_A_WINDOW", 0.0)
        folder = tmp_path / "alone"
        folder.mkdir()
        generate(
            request,
            model_cache=ModelCache(Machine("cpu", 16 * GIGABYTE, has_fast_bf16=False), models),
            output=folder / "result.mp4",
            keep=folder,
            on_progress=lambda _: None,
            is_cancelled=lambda: False,
        )
        return folder

    return make_alone

"""Two made-up GPUs of one node that make a clip together, as the command for several GPUs does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from pipeline.generation.progress import Progress
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import JobWorker
from pipeline.media.video_reader import probe_clip
from pipeline.models.registry import Models
from pipeline.planning.validation import build_request
from pipeline.runtime.acceleration import AccelerationSettings
from tests.cluster.tiny_cluster import MEMORY, NEEDS_RAY, TinyWorker, finish, until
from tests.generation.test_multi_gpu import frames_of, run
from tests.ranks import WAN, save_tiny_rows, tiny_rows

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster

pytestmark = NEEDS_RAY
NUM_STEPS = 8


@pytest.fixture(scope="module")
def saved(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    saved = tmp_path_factory.mktemp("saved")
    save_tiny_rows(saved, folder / "ltx")
    return saved


@pytest.fixture
def pair(with_token: None, told: dict[str, str], saved: Path) -> Iterator[Cluster]:  # noqa: ARG001
    """Start a head whose two GPUs work together, and join its cluster."""
    from ray.cluster_utils import Cluster as Nodes

    from pipeline.cluster.cluster import Cluster
    from pipeline.cluster.fleet import TOGETHER_RESOURCE

    environment = told | {MEMORY: "128", "OMP_NUM_THREADS": "1"}
    how = {"num_gpus": 2, "num_cpus": 2, "resources": {TOGETHER_RESOURCE: 2}}
    nodes = Nodes(initialize_head=True, head_node_args={**how, "env_vars": environment})
    models = Models([tiny_rows(saved)[WAN]])
    cluster = Cluster(nodes.address, models, AccelerationSettings(), TinyWorker)
    until(cluster.fleet.workers)
    yield cluster
    cluster.close()
    nodes.shutdown()


def ranks_of(cluster: Cluster) -> list[int]:
    """List the processes that the worker of two GPUs has started, but one that watches them."""
    (pid,) = (x.facts.pid for x in cluster.fleet.workers() if x.facts)
    children = psutil.Process(pid).children()
    return [x.pid for x in children if "spawn_main" in " ".join(x.cmdline())]


@pytest.mark.parametrize("root", ["apart"], indirect=True)
def test_two_gpus_make_the_commands_clip_together_though_stopped_and_though_one_is_lost(
    pair: Cluster, saved: Path, root: Path, tmp_path: Path
) -> None:
    words = {"prompt": "a red car", "seed": 5, "duration": 2.5, "aspect_ratio": "16:9"}
    words["num_inference_steps"] = NUM_STEPS
    assert "1 × 2 GPUs together (128 GB)" in pair.describe()  # noqa: RUF001
    page = JobWorker(JobStore(root), pair.create_make(None), slots=pair.slots)
    models = Models([tiny_rows(saved)[WAN]])
    job_id = page.submit(build_request("text_to_video", models=models, model=WAN, **words))

    def is_at(window: int) -> bool:
        state, progress = page.state(job_id), page.progress(job_id)
        assert not state.is_over, state
        return isinstance(progress, Progress) and progress.window >= window

    until(lambda: is_at(2))
    page.pause(job_id)
    until(lambda: page.state(job_id).is_over)
    assert page.state(job_id).name == "paused", page.state(job_id)
    part = page.result(job_id)
    assert part is not None
    num_frames = probe_clip(part).num_frames
    page.resume(job_id)
    until(lambda: is_at(3))
    os.kill(ranks_of(pair)[1], signal.SIGKILL)
    finish(page, job_id)
    recipe = page.recipe(job_id)
    assert recipe is not None
    assert recipe["speed"] == {"num_gpus": 2}
    page.close()
    options = [x for name, value in words.items() for x in ("--" + name.replace("_", "-"), value)]
    done = run(saved, WAN, *options, "--output", tmp_path / "command.mp4")
    assert done.returncode == 0, done.stderr
    together, command = frames_of(part), frames_of(tmp_path / "command.mp4")
    assert 0 < num_frames < len(together)
    # x264 itself encodes the same frames differently now and then on a busy machine.
    assert np.abs(together.astype(int) - command).mean((1, 2, 3)).max() < 1

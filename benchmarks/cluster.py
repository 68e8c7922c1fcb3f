"""Measures a Ray cluster of one to three workers on this machine against the app without one.

The model is the embedded one at 64x64 pixels, which sleeps in each window in the place of computing
and shows grey frames: workers that share a machine's cores would be hardly faster together
otherwise. All else is what the app does: jobs, files, encoding, joining.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import environ
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from benchmarks.job import PROMPT, request_of
from pipeline.cluster.job_files import CHUNK_BYTES
from pipeline.cluster.joining import prepare
from pipeline.cluster.work import Work
from pipeline.engines.base import OnEngineStep, SamplingParams, WindowContext
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import JobWorker
from pipeline.jobs.zero_gpu import follow_clip, stream_clip
from pipeline.mini.engine import MiniEngine
from pipeline.models.registry import EMBEDDED, SHIPPED, Models
from pipeline.planning.plan import plan_generation
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.acceleration import AccelerationSettings
from pipeline.runtime.model_cache import ModelCache

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster

NUM_JOBS, NUM_SHOTS, NUM_RUNS = 6, 6, 3
# Of a window. The fastest row, LTX-Video 2B in 8 steps, has 2.3e14 operations in one of 5 s: 2.8 s
# at half the speed that an RTX 4090 is sold with. All others take longer.
SECONDS_ASLEEP, NUM_STEPS = 3.0, 8
_FRAMES_A_LATENT, _GREY = 8, 128
_NUM_CALLS, _SENT_BYTES = 200, 64 * 2**20
_ROW = replace(
    SHIPPED.find(EMBEDDED), num_pixels=64 * 64, engine="benchmarks.cluster:SleepingEngine"
)
MODELS = Models([_ROW])


class SleepingEngine(MiniEngine):
    """The embedded model's engine with a pause in each window, and frames that cost nothing."""

    def make(
        self,
        num_latents: int,
        prompt: Any,  # noqa: ANN401
        context: WindowContext,
        params: SamplingParams,
        on_step: OnEngineStep | None = None,
    ) -> torch.Tensor:
        """Render the window, and sleep as a model with some steps would compute."""
        latents = super().make(num_latents, prompt, context, params)
        for _ in range(NUM_STEPS):
            time.sleep(SECONDS_ASLEEP / NUM_STEPS)
            if on_step is not None:
                on_step(1, latents)
        return latents

    def decode_shot(
        self,
        given: WindowContext,
        parts: Iterable[torch.Tensor],
        prompt: Any = None,  # noqa: ANN401
    ) -> Iterator[np.ndarray]:
        """Show as many grey frames (F, H, W, 3) uint8 as the parts stand for."""
        chunk = np.full((_FRAMES_A_LATENT, prompt.height, prompt.width, 3), _GREY, np.uint8)
        is_first = given.before is None
        for part in parts:
            for _ in range(part.shape[2]):
                yield chunk[:1] if is_first else chunk
                is_first = False


def measure_cluster(most_workers: int = 3) -> Iterator[dict[str, object]]:
    """Measure the app alone, then with one worker, two and so on; yield figures as they come."""
    environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    environ["PYTHONPATH"] = str(Path.cwd())
    environ["RAY_worker_niceness"] = "0"  # the app's own thread has none
    prepare()
    from ray.cluster_utils import Cluster as Nodes

    from pipeline.cluster.fleet import CPU_RESOURCE

    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for count in range(1, most_workers + 1):
            nodes.add_node(num_cpus=1, resources={CPU_RESOURCE: 1})
            with _cluster(nodes.address, count) as cluster, _page(cluster) as page:
                if count == 1:
                    yield _measure_overhead(page)
                    yield _measure_calls(cluster)
                _run(page, [_clip(seed) for seed in range(count)])  # loads the model everywhere
                yield _measure_work(page, f"{count} workers")
    finally:
        nodes.shutdown()


@contextmanager
def _cluster(address: str, count: int) -> Iterator[Cluster]:
    from pipeline.cluster.cluster import Cluster

    cluster = Cluster(address, MODELS, AccelerationSettings(), patience=0.0)
    cluster.fleet.wait(300, count)
    yield cluster
    cluster.close()


@contextmanager
def _page(cluster: Cluster | None = None) -> Iterator[JobWorker]:
    """Run jobs as the app does, on a cluster or in this process with one thread, as a worker."""
    with tempfile.TemporaryDirectory() as folder:
        store = JobStore(Path(folder))
        if cluster is None:
            torch.set_num_threads(1)
            page = JobWorker(store, _make_here())
        else:
            page = JobWorker(store, cluster.create_make(None), slots=cluster.slots)
        yield page
        page.close()


def _make_here() -> Callable[..., dict[str, object]]:
    model_cache = ModelCache(models=MODELS)

    def make(
        request: GenerationRequest, output: Path, *listeners: Callable[..., Any]
    ) -> dict[str, object]:
        return follow_clip(stream_clip(request, output, model_cache), *listeners)

    return make


def _run(page: JobWorker, requests: Sequence[GenerationRequest]) -> float:
    """Return how many seconds some jobs take together."""
    began = time.monotonic()
    for job_id in [page.submit(request) for request in requests]:
        while not (state := page.state(job_id)).is_over:
            time.sleep(0.002)
        if state.name != "done":
            raise RuntimeError(f"a job ended as {state}")
    return time.monotonic() - began


def _measure_work(page: JobWorker, name: str) -> dict[str, object]:
    """Measure short clips and a film whose shots are cut hard."""
    seconds = _run(page, [_clip(seed) for seed in range(10, 10 + NUM_JOBS)])
    shots = [Shot(PROMPT, 2.0) for _ in range(NUM_SHOTS)]
    film = build_request("text_to_video", models=MODELS, model=EMBEDDED, seed=50, shots=shots)
    return {
        f"jobs a minute, {name}": round(60 * NUM_JOBS / seconds, 1),
        f"film, {name}, s": round(_run(page, [film]), 1),
    }


def _measure_overhead(page: JobWorker) -> dict[str, object]:
    """Measure how much longer a window takes on a worker, with a clip of 16 s, here and there.

    The shortest run of each counts: other programs only make runs longer.
    """
    here, there = [], []
    with _page() as alone:
        for seed in range(NUM_RUNS + 1):
            request = _clip(100 + seed, 16.0)
            here.append(_run(alone, [request]))
            there.append(_run(page, [request]))
        figures = _measure_work(alone, "no cluster")
    num_windows = plan_generation(request, MODELS[EMBEDDED]).num_windows
    best_here, best_there = min(here[1:]), min(there[1:])  # the first runs load the model
    return figures | {
        "windows": num_windows,
        "no cluster, each run, s": [round(x, 2) for x in here[1:]],
        "one worker, each run, s": [round(x, 2) for x in there[1:]],
        "overhead a window, ms": round(1000 * (best_there - best_here) / num_windows, 1),
    }


def _measure_calls(cluster: Cluster) -> dict[str, object]:
    """Measure a call of a worker, and how fast a file travels to one and back."""
    (worker,) = cluster.fleet.workers()
    calls = []
    for _ in range(_NUM_CALLS):
        began = time.monotonic()
        cluster.fleet.call(worker, "describe")
        calls.append(time.monotonic() - began)
    chunk = secrets.token_bytes(CHUNK_BYTES)
    unseen = Work("job", _clip(0), Path("/nowhere/job/result.mp4"))
    cluster.fleet.call(worker, "start", unseen, ["file"])
    began = time.monotonic()
    for offset in range(0, _SENT_BYTES, CHUNK_BYTES):
        cluster.fleet.call(worker, "write", "job", "file", offset, chunk)
    cluster.fleet.call(worker, "write", "job", "file", _SENT_BYTES, b"")
    sent = time.monotonic()
    for offset in range(0, _SENT_BYTES, CHUNK_BYTES):
        cluster.fleet.call(worker, "read", "job", "file", offset)
    fetched = time.monotonic()
    cluster.fleet.call(worker, "discard", "job")
    return {
        "a call, ms": round(1000 * median(calls), 2),
        "sent to a worker, MB a second": round(_SENT_BYTES / 1e6 / (sent - began)),
        "fetched from a worker, MB a second": round(_SENT_BYTES / 1e6 / (fetched - sent)),
    }


def _clip(seed: int, seconds: float = 2.0) -> GenerationRequest:
    return replace(request_of(seconds, EMBEDDED), seed=seed)

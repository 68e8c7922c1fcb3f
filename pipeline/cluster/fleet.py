"""The workers of a Ray cluster: finds its machines, starts a worker for each GPU, and calls them.

Everything that knows Ray is here and in `connection.py`.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pipeline.cluster.connection import Connection, ask
from pipeline.cluster.gpu_worker import GpuWorker
from pipeline.cluster.work import ClusterGoneError, WorkerFacts, WorkerLostError
from pipeline.models.registry import Models
from pipeline.runtime.acceleration import AccelerationSettings

logger = logging.getLogger(__name__)

# Of nodes whose CPUs are to work too, and how many GPUs of a node share a clip; docs/cluster.md.
CPU_RESOURCE, TOGETHER_RESOURCE = "kinora", "kinora_together"
SECONDS_BETWEEN_ROUNDS = 1.0
_SECONDS_TO_LEAVE = 2.0  # of calls under way, before the connection closes
_CALLS_AT_ONCE = 16  # to one worker; none of them computes


@dataclass
class Worker:
    """A worker on some node; `facts` are None while it starts and when it is gone."""

    name: str
    node: str
    kind: str  # as it is shown
    handle: Any
    facts: WorkerFacts | None = None
    asked: Any = None  # the answer that is waited for
    num_ended: int = 0  # pieces of work that this page saw end
    num_ended_before: int = 0  # the question


class Fleet:
    """All workers of a cluster, watched by a thread."""

    def __init__(
        self,
        connection: Connection,
        models: Models,
        settings: AccelerationSettings,
        worker_class: type[GpuWorker] = GpuWorker,
    ) -> None:
        """Start to watch a cluster; workers that other pages have started are used too."""
        self._connection = connection
        self._actor = ray.remote(worker_class)
        self._arguments = models, settings
        self._lock = threading.Condition()
        self._workers: dict[str, Worker] = {}
        self._is_closed = False
        self._is_there = True
        self._thread = threading.Thread(target=self._watch, name="kinora-cluster", daemon=True)
        self._thread.start()

    @property
    def is_there(self) -> bool:
        """Say whether the head answers."""
        return self._is_there

    def workers(self) -> list[Worker]:
        """List the workers that answer."""
        with self._lock:
            return [x for x in self._workers.values() if x.facts is not None]

    def wait(self, seconds: float, count: int = 1) -> bool:
        """Wait until a number of workers answer; say whether they do."""
        with self._lock:
            return self._lock.wait_for(lambda: len(self.workers()) >= count, seconds)

    def call(self, worker: Worker, method: str, *arguments: object) -> Any:  # noqa: ANN401
        """Call a worker's method and return its result, however long that takes.

        Raises WorkerLostError if the worker is gone, and what the method raises.
        """
        try:
            self._check()
            answer = getattr(worker.handle, method).remote(*arguments)
            while not ray.wait([answer], timeout=0.5)[0]:
                self._check()
            return ray.get(answer)
        except RayActorError as exc:
            with self._lock:
                worker.facts = None
            raise WorkerLostError(f"{worker.name} is gone: {exc}") from exc
        except RayError as exc:  # before OSError, which one with an OSError as its cause is too
            if (cause := getattr(exc, "cause", None)) is not None:
                raise cause from exc
            raise WorkerLostError(str(exc)) from exc
        # Ray's answers when its process on this machine is gone, and while it leaves a cluster.
        except (OSError, SystemExit) as exc:
            raise ClusterGoneError("this page has lost the cluster") from exc

    def note_end(self, worker: Worker, model: str) -> None:
        """Note that a worker has ended some work with a model: it is free before it is asked."""
        with self._lock:
            worker.num_ended += 1
            if worker.facts is not None:
                worker.facts = replace(worker.facts, run_id="", model=model)

    def restart(self, worker: Worker) -> None:
        """End a worker's process, whose GPU may be in a bad state; Ray starts it again."""
        with self._lock:
            worker.facts = None
        with contextlib.suppress(RayError):
            ray.kill(worker.handle, no_restart=False)

    def close(self) -> None:
        """Leave the cluster; the workers stay and go on with what they do."""
        self._is_closed = True
        self._thread.join()
        self._connection.close()

    def _check(self) -> None:
        if self._is_closed or not self._is_there:
            raise ClusterGoneError("the head of the cluster does not answer")

    def _watch(self) -> None:
        """Look after the workers until closed; connect again when the head was gone."""
        while not self._is_closed:
            try:
                self._connection.check_head()
                self._look()
            except (RayError, OSError, RuntimeError, TimeoutError, SystemExit) as exc:
                logger.warning("The cluster does not answer (%s); trying again", exc)
                self._come_back()
            time.sleep(SECONDS_BETWEEN_ROUNDS)

    def _come_back(self) -> None:
        """Leave the cluster and join it again, as soon as there is a head."""
        with self._lock:
            self._is_there = False
            self._workers.clear()
        time.sleep(_SECONDS_TO_LEAVE)  # threads that wait for an answer look every half second
        self._connection.close()
        while not self._is_closed and not self._connection.open():
            time.sleep(SECONDS_BETWEEN_ROUNDS)
        self._is_there = not self._is_closed

    def _look(self) -> None:
        """Start missing workers and hear from all of them."""
        places = {place.name: place for place in _places()}
        with self._lock:
            for name in self._workers.keys() - places.keys():
                logger.info("The worker %s is gone with its machine", name)
                del self._workers[name]
        for name in places.keys() - self._workers.keys():
            worker = self._start(places[name])
            with self._lock:
                self._workers[name] = worker
        for worker in [*self._workers.values()]:
            self._hear(worker)

    def _start(self, place: _Place) -> Worker:
        """Start a worker on a node, or find the one that is there."""
        node, num_gpus = place.node, place.num_gpus
        resources = {"num_gpus": num_gpus} if num_gpus else {"resources": {CPU_RESOURCE: 1}}
        options = self._actor.options(
            name=place.name,
            get_if_exists=True,
            lifetime="detached",  # it stays when this page ends
            max_restarts=-1,
            max_concurrency=_CALLS_AT_ONCE,
            num_cpus=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            **resources,
        )
        num_shares = _count(node, "GPU") + _count(node, CPU_RESOURCE)
        num_threads = max(1, _count(node, "CPU") * max(1, num_gpus) // num_shares)
        handle = options.remote(*self._arguments, num_threads, max(1, num_gpus))
        return Worker(place.name, node["NodeManagerHostname"], place.kind, handle)

    def _hear(self, worker: Worker) -> None:
        """Read a worker's answer if it is there; no answer means that it is busy or starts."""
        if worker.asked is None:
            worker.num_ended_before = worker.num_ended
            worker.asked = worker.handle.describe.remote()
        if not ray.wait([worker.asked], timeout=0.02)[0]:
            return
        answer, worker.asked = worker.asked, None
        try:
            facts = ray.get(answer)
        except RayActorError as exc:
            facts = None
            logger.info("The worker %s does not answer: %s", worker.name, type(exc).__name__)
            if type(exc).__name__ in ("ActorDiedError", "ActorUnschedulableError"):
                with self._lock:
                    self._workers.pop(worker.name, None)  # it is made anew if its node is there
        with self._lock:
            if facts is None or worker.num_ended == worker.num_ended_before:  # else it is outdated
                worker.facts = facts
            self._lock.notify_all()


@dataclass(frozen=True)
class _Place:
    """Where there should be a worker, with 0 GPUs for a CPU."""

    name: str
    node: dict[str, Any]
    num_gpus: int

    @property
    def kind(self) -> str:
        """Say what the worker computes on."""
        if self.num_gpus > 1:
            return f"{self.num_gpus} GPUs together"
        return "GPU" if self.num_gpus else "CPU"


def _places() -> Iterator[_Place]:
    """Yield the places of all workers; their names are the same for all pages."""
    for node in ask(ray.nodes):
        if not node["Alive"]:
            continue
        num_gpus, most = _count(node, "GPU"), max(1, _count(node, TOGETHER_RESOURCE))
        for first in range(0, num_gpus, most):
            count = min(most, num_gpus - first)
            yield _Place(f"GPU-{node['NodeID']}-{first}", node, count)
        for number in range(_count(node, CPU_RESOURCE)):
            yield _Place(f"CPU-{node['NodeID']}-{number}", node, 0)


def _count(node: dict[str, Any], resource: str) -> int:
    return int(node["Resources"].get(resource, 0))

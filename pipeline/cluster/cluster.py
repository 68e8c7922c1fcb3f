"""A Ray cluster as the app uses it: slots for its jobs, what makes their clips, what fits."""

from __future__ import annotations

import logging
from collections import Counter

from pipeline.cluster.connection import Connection
from pipeline.cluster.fits import FittingModels
from pipeline.cluster.fleet import Fleet
from pipeline.cluster.following import Follower
from pipeline.cluster.gpu_worker import GpuWorker
from pipeline.cluster.making import ClusterMaker
from pipeline.cluster.slots import PATIENCE, ClusterSlots
from pipeline.errors import KinoraError
from pipeline.jobs.worker import Run
from pipeline.models.registry import Models
from pipeline.runtime.acceleration import AccelerationSettings
from pipeline.runtime.device import GIGABYTE, Machine
from pipeline.runtime.ram import usable_ram
from pipeline.trust.watermark.mark import Marker

logger = logging.getLogger(__name__)

_SECONDS_FOR_FIRST = 60.0


class Cluster:
    """The workers of a Ray cluster, and what the rest of Kinora is told of them."""

    def __init__(
        self,
        address: str,
        models: Models,
        settings: AccelerationSettings,
        worker_class: type[GpuWorker] = GpuWorker,
        patience: float = PATIENCE,
    ) -> None:
        """Connect to the cluster at an address. Raises KinoraError if there is none."""
        try:
            connection = Connection(address)
        except Exception as exc:  # Ray raises many kinds
            raise KinoraError(
                f"KINORA_CLUSTER is {address!r}, but no Ray cluster can be joined there ({exc}); "
                "start one as docs/cluster.md says."
            ) from exc
        # The page itself computes no clips, and leaves its GPU to the worker on it.
        self.here = Machine("cpu", usable_ram(), has_fast_bf16=False)
        self.fleet = Fleet(connection, models, settings, worker_class)
        self.models = FittingModels(self._machines, self.here, models, settings)
        self.slots = ClusterSlots(self.fleet, self.models, patience)
        if not self.fleet.wait(_SECONDS_FOR_FIRST):
            logger.warning("The cluster at %s has no worker yet; jobs wait for one", address)

    def create_make(self, marker: Marker | None) -> Run:
        """Return the function that makes a job's clip on the cluster."""
        follower = Follower(self.fleet, self.slots)
        return ClusterMaker(follower, self.slots, self.models, marker).make

    def describe(self) -> str:
        """Say in a line which machines there are and what their workers do."""
        if not self.fleet.is_there:
            return "The cluster does not answer; jobs wait until it is back."
        workers = self.fleet.workers()
        if not workers:
            return "The cluster has no worker at the moment; jobs wait for one."
        nodes: dict[str, Counter[str]] = {}
        for worker in workers:
            assert worker.facts is not None  # as it answers
            kind = f"{worker.kind} ({worker.facts.machine.memory_bytes / GIGABYTE:.0f} GB)"
            nodes.setdefault(worker.node, Counter())[kind] += 1
        parts = [
            f"{node}: " + ", ".join(f"{count} × {kind}" for kind, count in sorted(kinds.items()))  # noqa: RUF001
            for node, kinds in sorted(nodes.items())
        ]
        num_busy = sum(bool(x.facts and x.facts.run_id) for x in workers)
        return f"{num_busy} of {len(workers)} workers are busy. " + "; ".join(parts) + "."

    def close(self) -> None:
        """Leave the cluster; its workers stay."""
        self.fleet.close()

    def _machines(self) -> list[Machine]:
        return [x.facts.machine for x in self.fleet.workers() if x.facts]

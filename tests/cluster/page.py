"""A page in a process of its own, which a test kills: makes the jobs that wait in a data folder.

Run: python -m tests.cluster.page ADDRESS DATA_FOLDER MODELS_FOLDER
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from pipeline.cluster.joining import prepare
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import JobWorker
from pipeline.runtime.acceleration import AccelerationSettings
from tests.cluster.tiny_cluster import TinyWorker, sleeping_models


def main(address: str, data: str, models: str) -> None:
    """Join the cluster and make what waits until killed."""
    prepare()
    from pipeline.cluster.cluster import Cluster

    rows = sleeping_models(Path(models))
    cluster = Cluster(address, rows, AccelerationSettings(), TinyWorker)
    cluster.fleet.wait(600, 3)
    JobWorker(JobStore(Path(data)), cluster.create_make(None), slots=cluster.slots)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])

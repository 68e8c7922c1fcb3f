"""A worker in this process, without Ray: what it does, and with whom."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.cluster.gpu_worker import GpuWorker
from pipeline.cluster.joining import join_cluster, prepare
from pipeline.cluster.work import Report, Work, WorkerBusyError, WorkerLostError
from pipeline.errors import GenerationCancelledError
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.acceleration import AccelerationSettings
from tests.cluster.tiny_cluster import TinyWorker

if TYPE_CHECKING:
    from pipeline.models.registry import Models


@pytest.fixture
def worker(models: Models, monkeypatch: pytest.MonkeyPatch) -> GpuWorker:
    monkeypatch.setenv("TEST_MEMORY_GB", "16")
    return TinyWorker(models, AccelerationSettings(), 1)


def end(worker: GpuWorker, run_id: str) -> Report:
    """Return the last report of some work."""
    deadline = time.monotonic() + 60
    while not (report := worker.news(run_id, 1.0)).is_last:
        assert time.monotonic() < deadline
    return report


def test_a_worker_refuses_other_work_and_stops_within_a_step(
    worker: GpuWorker, ask: Callable[..., GenerationRequest], tmp_path: Path
) -> None:
    work = Work("one", ask(duration=60.0), tmp_path / "result.mp4")
    worker.start(work, ())
    worker.start(work, ())  # the same page again, or one that has taken its place
    assert worker.describe().run_id == "one"
    with pytest.raises(WorkerBusyError):
        worker.start(Work("two", ask(), tmp_path / "other.mp4"), ())
    with pytest.raises(WorkerLostError):
        worker.news("two", 0.0)
    worker.stop("one")
    assert isinstance(end(worker, "one").outcome, GenerationCancelledError)
    assert worker.describe().run_id == ""


def test_a_worker_that_does_not_see_the_jobs_folder_asks_for_its_files(
    worker: GpuWorker, ask: Callable[..., GenerationRequest], tmp_path: Path
) -> None:
    work = Work("one", ask(), tmp_path / "one" / "result.mp4")
    assert worker.start(work, ["windows/a.safetensors"]) == ["windows/a.safetensors"]
    assert worker.describe().copy_of == "one"
    assert not worker.describe().run_id
    worker.write("one", "windows/a.safetensors", 0, b"latents")
    worker.write("one", "windows/a.safetensors", 7, b"")
    assert worker.start(work, ["windows/a.safetensors"]) == []
    worker.discard("one")  # not while it is used
    assert isinstance(end(worker, "one").outcome, dict)
    assert "result.mp4" in worker.list_parts("one", "result.mp4")
    worker.discard("one")
    assert worker.describe().copy_of == ""


def test_without_the_setting_no_cluster_is_joined(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KINORA_CLUSTER", raising=False)
    assert join_cluster(models) is None


def test_a_cluster_is_asked_for_its_token_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    prepare()
    assert os.environ["RAY_AUTH_MODE"] == "token"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    prepare()
    assert os.environ["RAY_AUTH_MODE"] == "disabled"

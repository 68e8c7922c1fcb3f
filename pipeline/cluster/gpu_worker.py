"""A worker of a cluster: one process for one GPU that keeps a model in memory and makes clips.

Ray runs it as an actor. Work goes on whether or not somebody asks for its news, so that a page that
is started again finds it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from pipeline.cluster.job_files import JobCopy, discard_left
from pipeline.cluster.ranks import Ranks, RankSetup, run_rank
from pipeline.cluster.work import (
    Report,
    Work,
    WorkerBusyError,
    WorkerFacts,
    WorkerLostError,
)
from pipeline.errors import GenerationCancelledError, KinoraError
from pipeline.generation.progress import Progress
from pipeline.jobs.zero_gpu import News, stream_clip
from pipeline.models.registry import Models
from pipeline.runtime.acceleration import AccelerationSettings
from pipeline.runtime.device import Machine, detect_machine
from pipeline.runtime.model_cache import ModelCache

logger = logging.getLogger(__name__)

# Work that no page has asked about for so long is stopped; its finished windows are kept.
SECONDS_UNTIL_ABANDONED = 600.0


class GpuWorker:
    """Makes one clip at a time on the GPU that its process sees; its methods may be called at once.

    Without a GPU it computes on the CPU. Of several GPUs it uses all for a model whose tokens can
    be split, else the first.
    """

    run_rank = staticmethod(run_rank)

    def __init__(
        self, models: Models, settings: AccelerationSettings, num_threads: int, num_gpus: int = 1
    ) -> None:
        """Detect the machine; no model is loaded yet. `num_threads` is this worker's share."""
        torch.set_num_threads(num_threads)  # without this Ray allows one
        machine = self.detect()
        settings = _usable(settings, machine)
        self._model_cache = ModelCache(machine, models, settings)
        self._num_gpus = num_gpus
        setup = RankSetup(num_gpus, machine, models, settings, num_threads)
        self._ranks = Ranks(setup, self.run_rank) if num_gpus > 1 else None
        self._changed = threading.Condition()
        self._work: Work | None = None
        self._report = Report()
        self._is_stopped = False
        self._asked_at = 0.0
        self._model = ""
        discard_left()
        self._copy = JobCopy()

    def detect(self) -> Machine:
        """Return the machine that this process may use."""
        return detect_machine()

    def describe(self) -> WorkerFacts:
        """Say what this worker has and does."""
        with self._changed:
            is_busy = self._work is not None and not self._report.is_last
            run_id = self._work.run_id if self._work and is_busy else ""
            copy_of = self._copy.job_id
        return WorkerFacts(
            self._model_cache.machine, os.getpid(), self._model, run_id, copy_of, self._num_gpus
        )

    def start(self, work: Work, files: Sequence[str]) -> list[str] | None:
        """Begin some work, or go on with it if it is the same. Raises WorkerBusyError.

        Returns None if this worker sees the job's folder. Otherwise it works in a copy of it, and
        returns which of the `files` are missing there: it begins when there are none.
        """
        is_seen = _is_seen(work.output.parent)
        with self._changed:
            self._asked_at = time.monotonic()
            if self._work is not None and not self._report.is_last:
                if self._work.run_id == work.run_id and not self._is_stopped:
                    return None if is_seen else []
                raise WorkerBusyError(self._work.run_id)
            if not is_seen:
                folder = self._copy.open(work.job_id)
                if missing := [name for name in files if not (folder / name).is_file()]:
                    return missing
                work = work.at(folder)
                work.output.unlink(missing_ok=True)  # of an earlier attempt
            self._work, self._report, self._is_stopped = work, Report(), False
        threading.Thread(target=self._make, args=(work,), name="kinora-work", daemon=True).start()
        return None if is_seen else []

    def list_parts(self, job_id: str, clip: str) -> list[str]:
        """List what is finished in this worker's copy of a job; see `JobCopy`."""
        return self._copy.list_parts(job_id, clip)

    def read(self, job_id: str, name: str, offset: int) -> bytes:
        """Read a chunk of a file in this worker's copy of a job."""
        return self._copy.read(job_id, name, offset)

    def write(self, job_id: str, name: str, offset: int, chunk: bytes) -> None:
        """Write a chunk of a file in this worker's copy of a job."""
        self._copy.write(job_id, name, offset, chunk)

    def discard(self, job_id: str) -> None:
        """Delete this worker's copy of a job."""
        with self._changed:
            if self._work is None or self._report.is_last:
                self._copy.discard(job_id)

    def news(self, run_id: str, seconds: float) -> Report:
        """Return what is new of some work, as soon as something is, within some seconds.

        Raises WorkerLostError if this worker does not know the work, as after a crash.
        """
        with self._changed:
            if self._work is None or self._work.run_id != run_id:
                raise WorkerLostError(f"this process has not begun {run_id}")
            self._asked_at = time.monotonic()
            self._changed.wait_for(lambda: self._report != Report(), seconds)
            report = self._report
            if not report.is_last:
                self._report = Report()
            return report

    def stop(self, run_id: str) -> None:
        """Stop some work within a step; its last report follows."""
        with self._changed:
            if self._work is not None and self._work.run_id == run_id:
                self._is_stopped = True

    def _make(self, work: Work) -> None:
        """Do some work and keep its last report until it is asked for."""
        try:
            last = self._follow(work)
        except WorkerLostError:
            logger.exception("Work %s has lost one of its GPUs", work.run_id)
            with self._changed:
                self._work = None  # who asks for it hears that it is lost
            return
        except Exception:
            logger.exception("Work %s failed", work.run_id)
            last = Report(failure=traceback.format_exc())
        with self._changed:
            self._report = replace(last, progress=self._report.progress)
            self._changed.notify_all()

    def _follow(self, work: Work) -> Report:
        """Run the generation and collect its news; return the last report."""
        stream = self._stream(work)
        for news in stream:
            if isinstance(news, Progress):
                self._model = work.request.model
                with self._changed:
                    self._report = Report(progress=news)
                    self._changed.notify_all()
            elif news is not None:
                return Report(outcome=news)
            if self._is_to_end():
                stream.close()
        return Report(outcome=GenerationCancelledError())

    def _stream(self, work: Work) -> Generator[News, None, None]:
        """Begin to make a clip, on all GPUs if its model allows it."""
        request = work.request
        if self._ranks is not None:
            if self._model_cache.can_share(request.model, request.quality):
                self._model_cache.release()
                return self._ranks.stream_clip(work)
            self._ranks.close()
        return stream_clip(
            request,
            work.output,
            self._model_cache,
            marker=work.marker,
            shots=work.shots,
            makes_new=work.makes_new,
        )

    def _is_to_end(self) -> bool:
        with self._changed:
            is_abandoned = time.monotonic() - self._asked_at > SECONDS_UNTIL_ABANDONED
            self._is_stopped = self._is_stopped or is_abandoned
            return self._is_stopped


def _is_seen(folder: Path) -> bool:
    """Say whether a job's folder, which has a random name, is the page's: all machines share it."""
    try:
        next(folder.iterdir(), None)  # also renews what NFS remembers of it
    except OSError:
        return False
    return True


def _usable(settings: AccelerationSettings, machine: Machine) -> AccelerationSettings:
    """Return the optimizations if this machine has what they need; else none, and log why."""
    if settings == AccelerationSettings():
        return settings
    from pipeline.runtime.acceleration_hooks import check_settings  # imports diffusers

    try:
        return check_settings(settings, machine)
    except KinoraError as exc:
        logger.warning("This worker uses no optimizations: %s", exc)
        return AccelerationSettings()

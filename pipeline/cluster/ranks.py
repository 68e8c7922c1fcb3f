"""Several GPUs of one machine that make a clip together, as `generation/multi_gpu.py` has it.

A worker that has them starts a process for each, a rank, which keeps the model between clips. Rank
0 writes the clip; the others compute the same request for their share of the tokens.
"""

from __future__ import annotations

import math
import os
import queue
import shutil
import signal
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import torch
from torch import distributed
from torch.multiprocessing import ProcessExitedException, get_context, start_processes

from pipeline.cluster.job_files import JobCopy, discard_left
from pipeline.cluster.work import Work, WorkerLostError
from pipeline.errors import GenerationCancelledError, KinoraError
from pipeline.generation.kept_parts import list_parts
from pipeline.generation.progress import Progress
from pipeline.jobs.zero_gpu import HEARTBEAT_SECONDS, News
from pipeline.models.registry import Models
from pipeline.runtime.acceleration import AccelerationSettings
from pipeline.runtime.device import Machine
from pipeline.runtime.model_cache import ModelCache

# An error of one rank leaves the others waiting for it.
_SECONDS_UNTIL_OTHERS_FAIL = 10.0
# No limit of its own: loading takes long, and whether a rank lives is seen by its process.
_LIMIT = timedelta(days=7)


@dataclass(frozen=True)
class RankSetup:
    """What ranks are told at their start."""

    num_ranks: int
    machine: Machine
    models: Models
    settings: AccelerationSettings
    num_threads: int


@dataclass(frozen=True)
class Channels:
    """How a worker and its ranks talk: work for each, news of all, and whether to stop."""

    inboxes: list[Any]
    outbox: Any
    stop: Any


class Ranks:
    """The ranks of a worker; they start when they are needed, and end together."""

    def __init__(self, setup: RankSetup, run: Callable[..., None]) -> None:
        """Start nothing yet; `run` is `run_rank`, which tests wrap."""
        self._setup = setup
        self._run = run
        self._copy = JobCopy()  # a folder that is deleted even after a crash
        # The system ends ranks with the thread that has started them.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="kinora-ranks")
        self._channels: Channels | None = None
        self._context: Any = None

    def stream_clip(self, work: Work) -> Generator[News, None, None]:
        """Make a clip and yield its news as `zero_gpu.stream_clip` does; closing it stops it.

        Raises WorkerLostError if a rank was killed.
        """
        channels = self._channels or self._starter.submit(self._start).result()
        channels.stop.clear()
        for inbox in channels.inboxes:
            inbox.put(work)
        outcomes: dict[int, News] = {}
        try:
            yield from self._follow(channels, outcomes)
        finally:
            channels.stop.set()
            for _ in self._follow(channels, outcomes):
                pass
        errors = [x for x in outcomes.values() if isinstance(x, KinoraError)]
        yield errors[0] if errors else outcomes[0]

    def close(self) -> None:
        """End the ranks, which frees their GPUs."""
        for process in self._context.processes if self._context else ():
            process.kill()
            process.join()
        self._context = self._channels = None
        self._copy.discard()
        discard_left()

    def _start(self) -> Channels:
        spawn, count = get_context("spawn"), self._setup.num_ranks
        inboxes = [spawn.SimpleQueue() for _ in range(count)]
        channels = Channels(inboxes, spawn.Queue(), spawn.Event())
        meeting_point = self._copy.open("ranks") / "meeting"
        self._context = start_processes(
            self._run,
            (self._setup, channels, str(meeting_point)),
            count,
            join=False,
            start_method="spawn",
        )
        self._channels = channels
        return channels

    def _follow(self, channels: Channels, outcomes: dict[int, News]) -> Generator[News, None, None]:
        """Yield progress, or None, until all ranks have told their outcome or are ended."""
        deadline = math.inf
        while self._context is not None and len(outcomes) < self._setup.num_ranks:
            self._check()
            if time.monotonic() > deadline:
                self.close()
                return
            try:
                rank, news = channels.outbox.get(timeout=HEARTBEAT_SECONDS)
            except queue.Empty:
                rank, news = 0, None
            if news is None or isinstance(news, Progress):
                yield news
                continue
            outcomes[rank] = news
            has_failed = isinstance(news, KinoraError)
            if has_failed and not isinstance(news, GenerationCancelledError):
                deadline = min(deadline, time.monotonic() + _SECONDS_UNTIL_OTHERS_FAIL)

    def _check(self) -> None:
        """Raise WorkerLostError if a rank was killed, and the error of one that has failed."""
        try:
            self._context.join(timeout=0, grace_period=0)
        except ProcessExitedException as exc:
            self.close()
            raise WorkerLostError(str(exc)) from exc
        except Exception:
            self.close()
            raise


def run_rank(rank: int, setup: RankSetup, channels: Channels, meeting_point: str) -> None:
    """Make clips as one of several ranks, until killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # what the system sends when the worker is gone
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ.setdefault(name, "lo")  # otherwise they listen to the network
    torch.set_num_threads(max(1, setup.num_threads // setup.num_ranks))
    is_on_gpu = setup.machine.device == "cuda"
    if is_on_gpu:
        torch.cuda.set_device(rank)
    distributed.init_process_group(
        "nccl" if is_on_gpu else "gloo",
        init_method=f"file://{meeting_point}",
        rank=rank,
        world_size=setup.num_ranks,
        timeout=_LIMIT,
    )
    agree = _Agreement(distributed.new_group(backend="gloo", timeout=_LIMIT), channels.stop)
    settings = replace(setup.settings, num_gpus=setup.num_ranks)
    model_cache, copy = ModelCache(setup.machine, setup.models, settings), JobCopy()
    while True:
        work: Work = channels.inboxes[rank].get()
        if rank > 0:
            work = _with_own_parts(work, copy)
        agree.meet()  # before rank 0 changes its parts

        def report(progress: Progress) -> None:
            if progress.stage != "loading" and agree.to_stop():
                raise GenerationCancelledError()
            if rank == 0:
                channels.outbox.put((rank, progress))

        channels.outbox.put((rank, _make(work, model_cache, report)))
        copy.discard()


class _Agreement:
    """What all ranks do at the same step: one that stopped alone would leave the others waiting."""

    def __init__(self, group: Any, stop: Any) -> None:  # noqa: ANN401
        self._group = group
        self._stop = stop

    def meet(self) -> None:
        """Wait for the other ranks."""
        distributed.barrier(self._group)

    def to_stop(self) -> bool:
        """Return what rank 0 knows."""
        flag = torch.tensor([int(self._stop.is_set())])
        distributed.broadcast(flag, 0, self._group)
        return bool(flag.item())


def _with_own_parts(work: Work, copy: JobCopy) -> Work:
    """Return the work with its finished parts, and what is written, in a folder of its own."""
    source, folder = work.output.parent, copy.open(work.job_id)
    for name in list_parts(source):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source / name, folder / name)
    return replace(work, output=folder / work.output.name)


def _make(work: Work, model_cache: ModelCache, report: Callable[[Progress], None]) -> News:
    from pipeline.generation.generate import generate  # imports diffusers

    try:
        clip = generate(
            work.request,
            model_cache=model_cache,
            output=work.output,
            on_progress=report,
            is_cancelled=lambda: False,
            keep=work.output.parent,
            marker=work.marker,
            shots=work.shots,
            makes_new=work.makes_new,
        )
    except KinoraError as exc:
        return exc
    return clip.recipe

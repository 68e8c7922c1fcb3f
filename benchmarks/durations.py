"""Jobs of several lengths, each in a process of its own: how long they take, how much memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_SAMPLE_SECONDS = 0.05
_MEGABYTE = 1e6


@dataclass(frozen=True)
class Job:
    """One job that was done: what it says of itself, and its peak of memory in MB."""

    figures: dict[str, object]
    peak: float


def run_job(seconds: float, model_id: str) -> Job:
    """Do one job and watch its memory. Raises CalledProcessError if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "benchmarks.job", "--model", model_id]
        command += ["--seconds", str(seconds), "--output", str(output)]
        with subprocess.Popen(command) as process:
            peak = _watch(process)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        return Job(json.loads(output.read_text()), peak / _MEGABYTE)


def run_jobs(lengths: Sequence[float], runs: int, model_id: str) -> dict[float, list[Job]]:
    """Do a job of each length, again and again: what else the machine does meets all alike."""
    jobs: dict[float, list[Job]] = {seconds: [] for seconds in lengths}
    for _ in range(runs):
        for seconds in lengths:
            jobs[seconds].append(run_job(seconds, model_id))
    return jobs


def _watch(process: subprocess.Popen) -> int:
    """Return the peak of a process's memory and its children's (ffmpeg), in bytes, once it ends.

    Sampled, because the peak that the system keeps is inherited from whoever starts a process.
    """
    peak = 0
    while process.poll() is None:
        peak = max(peak, _resident_bytes(process.pid))
        time.sleep(_SAMPLE_SECONDS)
    return peak


def _resident_bytes(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for member in family:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:  # it has ended since it was listed
            continue
    return total

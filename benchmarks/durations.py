"""Measures time and memory of jobs of several lengths, each in its own process."""

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
    """A finished job: the figures it reports, and its peak memory in MB."""

    figures: dict[str, object]
    peak: float


def run_job(seconds: float, model_id: str) -> Job:
    """Run one job and watch its memory. Raises CalledProcessError if it fails."""
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
    """Run a job of each length in turn, `runs` times, so that other load affects all alike."""
    jobs: dict[float, list[Job]] = {seconds: [] for seconds in lengths}
    for _ in range(runs):
        for seconds in lengths:
            jobs[seconds].append(run_job(seconds, model_id))
    return jobs


def _watch(process: subprocess.Popen) -> int:
    """Wait for a process to end; return its peak memory in bytes, with its children (ffmpeg).

    The memory is sampled, because a process inherits the system's peak figure from its parent.
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
        except psutil.NoSuchProcess:  # it ended after it was listed
            continue
    return total

"""Programs that read or write media: they end in time, and with the work that they are for."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pipeline.deadlines import check_deadline, killed_at_deadline
from pipeline.errors import MediaError

_Stream = int | IO[bytes] | None  # as `subprocess` takes it


def run(
    arguments: list[str], timeout: float, folder: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Wait for a command, in a folder if one is given, and return what it wrote.

    Raises MediaError after `timeout` seconds, or at the deadline of the work that it is for.
    """
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with running(arguments, folder, **pipes) as process:
        try:
            out, told = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as exc:
            raise MediaError(
                "The clip takes too long to read; use a shorter or smaller one."
            ) from exc
    check_deadline()
    return subprocess.CompletedProcess(arguments, process.returncode, out, told)


@contextlib.contextmanager
def running(
    arguments: list[str],
    folder: Path | None = None,
    *,
    stdin: _Stream = None,
    stdout: _Stream = None,
    stderr: _Stream = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command, in a folder if one is given.

    When the block ends, however it does, nothing of it runs any more. Raises MediaError if the
    block fails and the work that it is for has no time left.
    """
    process = subprocess.Popen(arguments, cwd=folder, stdin=stdin, stdout=stdout, stderr=stderr)
    try:
        with killed_at_deadline(process):
            yield process
    except Exception:
        check_deadline()  # what was killed at the deadline looks like a damaged file
        raise
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):  # what is still in a buffer has nowhere to go
                if pipe is not None:
                    pipe.close()

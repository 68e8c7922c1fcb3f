"""How much RAM this process may use: the computer's, or less in a container."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import psutil

_PROC, _CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def usable_ram() -> int:
    """Return the bytes of RAM that this process may use; psutil knows no container's limit."""
    return min([psutil.virtual_memory().total, *_limits(_PROC, _CGROUPS)])


def _limits(proc: Path, cgroups: Path) -> Iterator[int]:
    """Yield the limits in bytes of the control groups of this process, of both versions of Linux.

    `proc` lists the groups, as lines of an id, controllers and a path below `cgroups`. Inside a
    container that path may be the host's, of which only the root is visible. Each group is limited
    by those above it too.
    """
    try:
        lines = proc.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError):
        return  # another system has none
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folder, name = cgroups, "memory.max"
        elif "memory" in controllers.split(","):
            folder, name = cgroups / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = PurePosixPath(path.lstrip("/"))
        for above in (group, *group.parents):
            limit = _read_number(folder / above / name)
            if limit is not None:
                yield limit


def _read_number(file: Path) -> int | None:
    """Return a file's number; None if it has none ("max": no limit) or cannot be read."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError):
        return None
    return int(text) if text.isdigit() else None

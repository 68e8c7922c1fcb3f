"""Writes files, such as keys, atomically and readable only by their owner."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file, replacing an existing one. Raises OSError."""
    with _draft(path, content) as draft:
        draft.replace(path)


def create_private(path: Path, content: bytes) -> None:
    """Write a file unless it already exists; an existing file is kept. Raises OSError."""
    with _draft(path, content) as draft:
        try:
            path.hardlink_to(draft)  # unlike a rename, this never replaces a file
        except FileExistsError:
            pass
        except OSError:  # no hard links here, for example on a mounted bucket
            if not path.exists():
                draft.replace(path)


@contextlib.contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    """Write a temporary file next to a path; remove it if it is not used."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - the mode is set on creation
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)

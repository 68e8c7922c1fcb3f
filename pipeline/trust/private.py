"""Files that their owner alone can read, written whole or not at all: keys above all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Write a file in the place of another one, if there is one. Raises OSError."""
    with _draft(path, content) as draft:
        draft.replace(path)


def create_private(path: Path, content: bytes) -> None:
    """Write a file unless there is one of its name already, which then stays. Raises OSError."""
    with _draft(path, content) as draft:
        try:
            path.hardlink_to(draft)  # unlike a renamed file it takes no other one's place
        except FileExistsError:
            pass
        except OSError:  # a disk without links, as a mounted bucket is
            if not path.exists():
                draft.replace(path)


@contextlib.contextmanager
def _draft(path: Path, content: bytes) -> Iterator[Path]:
    """Write beside a path, and clear up what is not used."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - the mode from birth
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)

"""File operations for jobs: atomic JSON files, hard links and copies, folder sizes."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

# In a job's folder, see `store.py`.
REQUEST, STATE, PROMPTS = "request.json", "state.json", "prompts.json"
DELETED = "deleted.json"  # what REQUEST becomes when its visitor deletes the job


def write_json(path: Path, values: dict[str, object]) -> None:
    """Write a JSON file atomically. Raises OSError."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        draft.write_text(json.dumps(values, indent=2), encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object from a file; return None if the file is missing or damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Hard-link a file, or copy it where the file system cannot link. Raises OSError."""
    draft = Path(target).with_suffix(f".{secrets.token_hex(4)}")
    try:
        draft.hardlink_to(source)
    except OSError:
        shutil.copy2(source, draft)
    draft.replace(target)


def link_all(source: Path, target: Path) -> None:
    """Link the complete files of a folder into a new one; others may still be written there."""
    target.mkdir()
    for path in source.iterdir():
        if path.suffix != ".part":
            with contextlib.suppress(FileNotFoundError):
                link_or_copy(path, target / path.name)


def copier(folder: Path) -> Callable[[Path], Path]:
    """Return a function that copies a source file into a folder once and returns the new path."""
    copies: dict[Path, Path] = {}

    def copy(path: Path) -> Path:
        if path not in copies:
            copies[path] = folder / f"source-{len(copies) + 1}{path.suffix.lower()}"
            shutil.copy2(path, copies[path])  # not a link: the user may still edit the original
        return copies[path]

    return copy


def folder_size(folder: Path) -> int:
    """Return the size of a folder's files in bytes; files linked elsewhere count too."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total

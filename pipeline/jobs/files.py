"""Small files of jobs, written whole or not at all, and second names for large ones."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path


def write_json(path: Path, values: dict[str, object]) -> None:
    """Write a file whole or not at all. Raises OSError."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        draft.write_text(json.dumps(values, indent=2), encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, object] | None:
    """Read a file that may be missing or damaged: None then."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return values if isinstance(values, dict) else None


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Give a file a second name; copy it where the file system cannot. Raises OSError."""
    draft = Path(target).with_suffix(f".{secrets.token_hex(4)}")
    try:
        draft.hardlink_to(source)
    except OSError:
        shutil.copy2(source, draft)
    draft.replace(target)


def link_all(source: Path, target: Path) -> None:
    """Give whole files a second name in another folder, while others may be written there."""
    target.mkdir()
    for path in source.iterdir():
        if path.suffix != ".part":
            with contextlib.suppress(FileNotFoundError):
                link_or_copy(path, target / path.name)


def copier(folder: Path) -> Callable[[Path], Path]:
    """Return a function that copies a source file into a folder, once, and returns its path."""
    copies: dict[Path, Path] = {}

    def copy(path: Path) -> Path:
        if path not in copies:
            copies[path] = folder / f"source-{len(copies) + 1}{path.suffix.lower()}"
            shutil.copy2(path, copies[path])  # no second name: its user may go on editing it
        return copies[path]

    return copy


def folder_size(folder: Path) -> int:
    """Add up a folder's files in bytes; a file with a second name elsewhere counts too."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total

"""Identifies a model folder's weights, so that figures say what they were measured with."""

from __future__ import annotations

import hashlib
from pathlib import Path


def hash_weights(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every weight file in a pipeline folder, by its path in it."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.safetensors"))
    }

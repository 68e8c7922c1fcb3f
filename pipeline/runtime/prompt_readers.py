"""Loads and keeps what accounts for the words of prompts: one small reader for each model's row."""

from __future__ import annotations

import pkgutil
import threading

from pipeline.models.spec import ModelSpec
from pipeline.planning.understanding import Reader


class PromptReaders:
    """The readers of an app, each loaded when it is first used; thread-safe."""

    def __init__(self) -> None:
        """Load nothing yet."""
        self._lock = threading.Lock()
        self._readers: dict[str, Reader] = {}

    def find(self, spec: ModelSpec) -> Reader | None:
        """Return the reader of a row, or None if its model reads any words."""
        if not spec.reader:
            return None
        with self._lock:
            if spec.id not in self._readers:
                self._readers[spec.id] = pkgutil.resolve_name(spec.reader)(spec)
            return self._readers[spec.id]

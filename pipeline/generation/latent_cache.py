"""The finished windows of a job on disk: latents that are never made twice.

A window is named by all that it follows from, so that a name found is a window that need not be
made: after a crash, a pause, a failed decoding, and in a storyboard of which one shot was changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from pipeline.errors import cannot_write

logger = logging.getLogger(__name__)

_WINDOWS = "windows"
_SUFFIX = ".safetensors"


def content_key(facts: Mapping[str, object]) -> str:
    """Return a name (64 hexadecimal digits) for what follows from facts: JSON's types, tensors."""
    text = json.dumps(facts, sort_keys=True, default=_digest)
    return hashlib.sha256(text.encode()).hexdigest()


class LatentCache:
    """The windows' latents in the folder of a job; without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        """Use a job's folder; one within is made when there is something to keep."""
        self._folder = None if folder is None else folder / _WINDOWS
        self._wanted: set[str] = set()

    def want(self, names: Iterable[str]) -> None:
        """Say that windows belong to the clip, whether anybody looks for them or not."""
        self._wanted.update(names)

    def find(self, name: str) -> torch.Tensor | None:
        """Return a window's latents, on the CPU, or None; a damaged file is as good as none."""
        if self._folder is None:
            return None
        try:
            return load((self._folder / f"{name}{_SUFFIX}").read_bytes())["latents"]
        except (FileNotFoundError, SafetensorError, KeyError):
            return None

    def add(self, name: str, latents: torch.Tensor, **notes: object) -> None:
        """Keep a window's latents before anything else is done with them, whole or not at all.

        `notes` are for people who look at the file. Raises StorageError if the disk is full or may
        not be written.
        """
        if self._folder is None:
            return
        path = self._folder / f"{name}{_SUFFIX}"
        draft = path.with_suffix(".part")
        data = save(
            {"latents": latents.detach().cpu().contiguous()},
            metadata={key: str(value) for key, value in notes.items()},
        )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as exc:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            logger.exception("A window cannot be written to %s", self._folder)
            raise cannot_write() from exc

    def drop_rest(self) -> None:
        """Remove the windows that are not wanted: those of shots that were changed."""
        for path in self._folder.glob(f"*{_SUFFIX}") if self._folder else ():
            if path.stem not in self._wanted:
                path.unlink(missing_ok=True)


def _digest(value: object) -> str:
    """Stand for a tensor or an array by its shape, its type and the hash of its numbers."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{type(value).__name__} cannot be part of a name")
    array = value.detach().cpu().contiguous()
    digest = hashlib.sha256(array.view(torch.uint8).numpy()).hexdigest()
    return f"{tuple(array.shape)} {array.dtype} {digest}"

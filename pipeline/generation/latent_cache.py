"""Stores the finished windows of a job on disk, so that no latents are made twice.

A window's key covers everything that determines it. A window that is found is reused: after a
crash, a pause or a failed decoding, or when one shot of a storyboard was changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from pipeline.errors import GenerationCancelledError, cannot_write
from pipeline.generation.kept_parts import WINDOW_SUFFIX, WINDOWS

logger = logging.getLogger(__name__)


def content_key(facts: Mapping[str, object]) -> str:
    """Return a key (64 hexadecimal digits) for facts, which are JSON values, arrays and tensors.

    Raises TypeError for other types.
    """
    text = json.dumps(facts, sort_keys=True, default=_digest)
    return hashlib.sha256(text.encode()).hexdigest()


class LatentCache:
    """The windows' latents in a job's folder; without a folder nothing is stored."""

    def __init__(self, folder: Path | None, *, makes_new: bool = True) -> None:
        """Use a job's folder; a subfolder is created when there is something to store.

        With `makes_new` false, a job that misses a window ends as if it were stopped then.
        """
        self._folder = None if folder is None else folder / WINDOWS
        self._makes_new = makes_new
        self._wanted: set[str] = set()

    def want(self, names: Iterable[str]) -> None:
        """Mark windows as part of the clip, so that `drop_rest` keeps them."""
        self._wanted.update(names)

    def find(self, name: str) -> torch.Tensor | None:
        """Return a window's part, on the CPU, or None if it is missing or its file is damaged.

        Raises GenerationCancelledError in the place of None if no window is to be made.
        """
        with contextlib.suppress(FileNotFoundError, SafetensorError, KeyError):
            if self._folder is not None:
                return load((self._folder / f"{name}{WINDOW_SUFFIX}").read_bytes())["latents"]
        if not self._makes_new:
            raise GenerationCancelledError()
        return None

    def add(self, name: str, latents: torch.Tensor, **notes: object) -> None:
        """Write a window's part to disk atomically.

        `notes` are stored as metadata for human readers. Raises StorageError if the disk is full or
        read-only.
        """
        if self._folder is None:
            return
        path = self._folder / f"{name}{WINDOW_SUFFIX}"
        draft = path.with_suffix(f".{secrets.token_hex(4)}.part")  # others may write the same
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
            logger.exception("Cannot write a window to %s", self._folder)
            raise cannot_write(exc) from exc

    def drop_rest(self) -> None:
        """Remove windows that are not part of the clip: those of shots that were changed."""
        for path in self._folder.glob(f"*{WINDOW_SUFFIX}") if self._folder else ():
            if path.stem not in self._wanted:
                path.unlink(missing_ok=True)
        for path in self._folder.glob("*.part") if self._folder else ():  # a killed process's
            path.unlink(missing_ok=True)


def _digest(value: object) -> str:
    """Describe a tensor or an array by its shape, its type and the hash of its values."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{type(value).__name__} cannot be part of a name")
    array = value.detach().cpu().contiguous()
    digest = hashlib.sha256(array.view(torch.uint8).numpy().data).hexdigest()
    return f"{tuple(array.shape)} {array.dtype} {digest}"

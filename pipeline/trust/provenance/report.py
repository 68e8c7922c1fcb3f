"""Reports what is known about the origin of a clip or picture; it does not judge what is true.

Signed credentials come first, then the invisible mark, similar clips in the registry, and notes
that anyone can write. conclusions.py puts the report into sentences.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import MediaError
from pipeline.media.images import open_picture, read_notes
from pipeline.media.video_reader import iterate_frames, probe_clip, read_metadata
from pipeline.planning.recipe import RECIPE_TAG, parse_recipe
from pipeline.trust.provenance import conclusions
from pipeline.trust.provenance.credential_types import Credentials
from pipeline.trust.provenance.credentials import read_credentials
from pipeline.trust.provenance.file_type import mime_type
from pipeline.trust.provenance.fingerprint import MOST_BITS, Fingerprint
from pipeline.trust.provenance.identity import Identity
from pipeline.trust.provenance.registry import Registry
from pipeline.trust.watermark.detection import Window, find_marks

logger = logging.getLogger(__name__)

MAX_SECONDS = 60  # of a clip are searched for marks: the length of the longest clip Kinora makes
MAX_SIDE = 1280  # pixels; the search uses fewer, and 48 frames are in memory at a time
_MAX_TAGS, _MAX_TAG_CHARACTERS = 24, 300


@dataclass(frozen=True)
class Verifier:
    """Checks where files come from, with this Kinora's known signers, mark key and clip registry.

    Without a `key`, marks are not searched for. Without a `registry`, no clip is known.
    """

    identity: Identity | None = None
    key: bytes | None = None
    registry: Registry | None = None

    def verify(self, path: Path) -> dict[str, Any]:
        """Report where a file comes from, as JSON. Raises MediaError if it cannot be read.

        `recipe` is the signed one, or else the one in the file's tag. About other users' clips, the
        report gives only the day, the model and the mark's ID, plus what their own files show.
        """
        is_picture = mime_type(path).startswith("image/")
        credentials = read_credentials(path, self.identity)
        tags = read_notes(path) if is_picture else read_metadata(path)
        claimed = parse_recipe(tags.pop(RECIPE_TAG, ""))
        signed = credentials.recipe if credentials.is_signed else None
        report = {
            "kind": "picture" if is_picture else "clip",
            "made_by_kinora_claim": (claimed if signed is None else signed) is not None,
            "recipe": claimed if signed is None else signed,
            "signed": credentials.is_signed,
            "conclusion": conclusions.conclude(credentials, has_claim=claimed is not None),
            "credentials": credentials.to_json(),
            "tags": _shorten(tags),
            **self._look(path, is_picture, credentials),
        }
        return report | {"conclusions": conclusions.conclusions(report)}

    def _look(self, path: Path, is_picture: bool, credentials: Credentials) -> dict[str, Any]:
        """Check the pixels, which may be damaged even if the credentials can be read."""
        found: dict[str, Any] = {"marks": [], "nearest": None, "seconds_searched": 0.0}
        if self.key is None and self.registry is None:
            return found
        try:
            fps, frames = _open(path, is_picture)
            fingerprint = Fingerprint(fps)
            seen = fingerprint.watch(islice(frames, round(MAX_SECONDS * fps)))
            windows = list(find_marks(seen, self.key)) if self.key else [*_drain(seen)]
        except MediaError as exc:
            if credentials.state == "none" and is_picture:
                raise
            logger.info("Could not read the pixels of a file: %s", exc)
            return found | {"unreadable": str(exc)}
        marks = [self._describe(window, fps) for window in windows]
        searched = sum(window.num_frames for window in windows) / fps
        found |= {"marks": marks, "seconds_searched": round(searched, 2)}
        return found | {"nearest": self._nearest(fingerprint.hashes)}

    def _describe(self, window: Window, fps: float) -> dict[str, Any]:
        known = None
        if window.mark_id and self.registry:
            known = self.registry.find_mark(window.mark_id)
        return {
            "first_frame": window.first_frame,
            "num_frames": window.num_frames,
            "from_seconds": round(window.first_frame / fps, 2),
            "to_seconds": round((window.first_frame + window.num_frames) / fps, 2),
            "score": window.score,
            "is_marked": window.is_marked,
            "id": window.mark_id,
            "known": known and known.to_json(),
        }

    def _nearest(self, hashes: np.ndarray) -> dict[str, Any] | None:
        """Return the most similar known clip, or None if none is close enough."""
        found = self.registry and self.registry.nearest(hashes)
        if not found or found[0] > MOST_BITS:
            return None
        return {"distance": found[0], "most": MOST_BITS} | found[1].to_json()


def _open(path: Path, is_picture: bool) -> tuple[float, Iterator[np.ndarray]]:
    if is_picture:
        return 1.0, iter([np.asarray(open_picture(path))])
    info = probe_clip(path)
    scale = min(1.0, MAX_SIDE / max(info.width, info.height))
    size = max(1, round(info.width * scale)), max(1, round(info.height * scale))
    chunks = iterate_frames(path, info, size=size)
    return float(info.fps), (frame for chunk in chunks for frame in chunk)


def _drain(frames: Iterator[np.ndarray]) -> Iterator[Window]:
    """Consume the frames; without a key there are no windows."""
    for _ in frames:
        pass
    yield from ()


def _shorten(tags: dict[str, str]) -> dict[str, str]:
    chosen = list(tags.items())[:_MAX_TAGS]
    return {key[:_MAX_TAG_CHARACTERS]: text[:_MAX_TAG_CHARACTERS] for key, text in chosen}

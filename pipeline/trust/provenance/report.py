"""Reports what is known about the origin of a clip or picture; it does not judge what is true.

Signed credentials come first, then the invisible mark, similar clips in the registry, and notes
that anyone can write. pixels.py looks at the pixels, conclusions.py puts the report into sentences.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import MediaError
from pipeline.media.images import read_notes
from pipeline.media.video_reader import read_metadata
from pipeline.planning.recipe import RECIPE_TAG, parse_recipe
from pipeline.trust.provenance import conclusions
from pipeline.trust.provenance.credential_types import Credentials
from pipeline.trust.provenance.credentials import read_credentials
from pipeline.trust.provenance.file_type import mime_type
from pipeline.trust.provenance.fingerprint import MOST_BITS, distance, likeness
from pipeline.trust.provenance.headline import headline
from pipeline.trust.provenance.identity import Identity
from pipeline.trust.provenance.pixels import PixelCheck, look_at
from pipeline.trust.provenance.registry import Known, Registry
from pipeline.trust.provenance.spans import given_pictures, spans_of
from pipeline.trust.provenance.status_codes import TOO_LARGE

logger = logging.getLogger(__name__)

_TOO_LARGE = (
    "The file is too large or too complex to be checked; save it again with another program, or "
    "use a smaller one."
)
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
        """Report where a file comes from, as JSON.

        Raises MediaError if it cannot be read, or when the time of the inspection is up. `recipe`
        is the signed one, or else the one in the file's tag. About other users' clips, the report
        gives only the day, the model and the mark's ID, plus what their own files show.
        """
        is_picture = mime_type(path).startswith("image/")
        credentials = read_credentials(path, self.identity)
        if TOO_LARGE in {failure.code for failure in credentials.failures}:
            raise MediaError(_TOO_LARGE)  # what reads notes and pixels would swell or hang too
        tags = read_notes(path) if is_picture else read_metadata(path)
        claimed = parse_recipe(tags.pop(RECIPE_TAG, ""))
        signed = credentials.recipe if credentials.is_signed else None
        has_claim = claimed is not None
        spans = spans_of(credentials)
        report = {
            "kind": "picture" if is_picture else "clip",
            "made_by_kinora_claim": (claimed if signed is None else signed) is not None,
            "recipe": claimed if signed is None else signed,
            "signed": credentials.is_signed,
            "conclusion": conclusions.conclude(
                credentials, has_claim=has_claim, is_picture=is_picture
            ),
            "credentials": credentials.to_json(),
            "spans": [span.to_json() for span in spans],
            "tags": _shorten(tags),
            **self._look(path, is_picture, credentials),
        }
        pictures = given_pictures(credentials)
        further = conclusions.of_credentials(credentials, spans, pictures)
        words, mood = headline(report)
        said = {"headline": words, "mood": mood}
        return report | said | {"conclusions": conclusions.conclusions(report, further)}

    def _look(self, path: Path, is_picture: bool, credentials: Credentials) -> dict[str, Any]:
        """Check the pixels, which may be damaged even if the credentials can be read."""
        found: dict[str, Any] = {"marks": [], "nearest": None, "seconds_searched": 0.0}
        if self.key is None and self.registry is None:
            return found
        try:
            look = look_at(path, is_picture, self.key)
        except MediaError as exc:
            if credentials.state == "none" and is_picture:
                raise
            logger.info("Could not read the pixels of a file: %s", exc)
            return found | {"unreadable": str(exc)}
        return {
            "marks": self._describe_marks(look),
            "nearest": self._nearest(look.fingerprint.hashes),
            "seconds_searched": round(look.seconds_searched, 2),
        }

    def _describe_marks(self, look: PixelCheck) -> list[dict[str, Any]]:
        """Describe each window; a known mark is compared with what its clip looks like."""
        ids = {window.mark_id for window in look.windows if window.mark_id}
        registry = self.registry
        known = {x: registry.find_mark(x) if registry else None for x in ids}
        return [
            {
                "first_frame": window.first_frame,
                "num_frames": window.num_frames,
                "from_seconds": round(window.first_frame / look.fps, 2),
                "to_seconds": round((window.first_frame + window.num_frames) / look.fps, 2),
                "score": window.score,
                "is_marked": window.is_marked,
                "id": window.mark_id,
                "known": (clip := known.get(window.mark_id or "")) and clip.to_json(),
                "looks_like_known": clip and _is_similar(look.hashes_in(window), clip),
            }
            for window in look.windows
        ]

    def _nearest(self, hashes: np.ndarray) -> dict[str, Any] | None:
        """Return the most similar known clip, or None if none is close enough."""
        found = self.registry and self.registry.nearest(hashes)
        if not found or found[0] > MOST_BITS:
            return None
        bits, known = found
        like = likeness(hashes, known.made, known.given)
        return {"distance": bits, "most": MOST_BITS, "likeness": like} | known.to_json()


def _is_similar(hashes: np.ndarray, known: Known) -> bool | None:
    """Return whether hashes (N,) are like a clip's; None if there is nothing to compare."""
    if not len(hashes) or not len(known.hashes):
        return None
    return distance(hashes, known.hashes) <= MOST_BITS


def _shorten(tags: dict[str, str]) -> dict[str, str]:
    chosen = list(tags.items())[:_MAX_TAGS]
    return {key[:_MAX_TAG_CHARACTERS]: text[:_MAX_TAG_CHARACTERS] for key, text in chosen}

"""Puts the visible label, then the invisible mark, on new frames before they are encoded.

Frames of a given clip are not changed. New frames near a seam and in a dissolve are marked too.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from pipeline.generation.assembly import Segment
from pipeline.generation.latent_cache import content_key
from pipeline.geometry import Size
from pipeline.planning.request import Label
from pipeline.trust.watermark.label import VisibleLabel
from pipeline.trust.watermark.mark import Marker


class FrameMarker:
    """Adds a clip's label and mark; without either it changes nothing."""

    def __init__(
        self, marker: Marker | None, label: Label, size: Size, fps: float | Fraction
    ) -> None:
        """Prepare for frames of one size and rate; an empty label adds none."""
        self._marker = marker
        self._label = VisibleLabel(label, size, fps) if label else None
        self._facts = {"marker": marker and marker.name, "label": label}
        self._new: list[tuple[int, int, str]] = []  # first frame, number of frames, mark

    def name_of(self, segment: Segment) -> str:
        """Return a key for a segment together with its label and mark."""
        if self._marker is None and self._label is None:
            return segment.name
        return content_key(self._facts | {"piece": segment.name})

    def note(self, segment: Segment, first_frame: int) -> None:
        """Record the new frames and mark of a segment that starts at `first_frame` of the clip."""
        if segment.num_frames:
            mark_id = self._marker.id_of(segment.name) if self._marker else ""
            self._new.append((first_frame + segment.new.start, len(segment.new), mark_id))

    def frames(self, segment: Segment) -> Iterator[np.ndarray]:
        """Yield a segment's frames (H, W, 3) uint8; new ones get the label and the mark."""
        mark_id = self._marker.id_of(segment.name) if self._marker else ""
        for index, frame in enumerate(segment.frames):
            if index in segment.new:
                if self._label is not None:
                    frame = self._label.write(frame, index - segment.new.start)
                if self._marker is not None:
                    frame = self._marker.embed(frame, mark_id)
            yield frame

    def marks(self, num_frames: int) -> list[dict[str, object]]:
        """List the marks of a clip of `num_frames` frames, for its recipe."""
        return [
            {"first_frame": first, "num_frames": min(count, num_frames - first), "id": mark_id}
            for first, count, mark_id in self._new
            if mark_id and first < num_frames
        ]

    def new_spans(self, num_frames: int) -> list[dict[str, int]]:
        """List the spans of new frames in a clip of `num_frames` frames; the rest was given."""
        spans: list[dict[str, int]] = []
        for first, count, _ in self._new:
            count = min(count, num_frames - first)
            if spans and sum(spans[-1].values()) == first:
                spans[-1]["num_frames"] += count
            elif count > 0:
                spans.append({"first_frame": first, "num_frames": count})
        return spans

"""What is put on new frames before they are encoded: the visible label, then the invisible mark.

A clip that was given keeps its own frames as they are. Of a seam the new frames bear the mark,
though they are blended with what the given ones have more of; so do those of a dissolve.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.generation.assembly import Segment
from pipeline.generation.latent_cache import content_key
from pipeline.geometry import Size
from pipeline.planning.request import Label
from pipeline.trust.watermark.label import VisibleLabel
from pipeline.trust.watermark.mark import Marker


class FrameMarker:
    """A clip's label and mark, if it is to have them; without either nothing is changed."""

    def __init__(self, marker: Marker | None, label: Label, size: Size, fps: float) -> None:
        """Use a marker, and label frames of one size and rate; an empty label is none."""
        self._marker = marker
        self._label = VisibleLabel(label, size, fps) if label else None
        self._facts = {"marker": marker and marker.name, "label": label}
        self._new: list[tuple[int, int, str]] = []  # first frame, number of frames, mark

    def name_of(self, segment: Segment) -> str:
        """Return a name for a segment and all that is put on it."""
        if self._marker is None and self._label is None:
            return segment.name
        return content_key(self._facts | {"piece": segment.name})

    def note(self, segment: Segment, first_frame: int) -> None:
        """Note the new frames, and their mark, of a segment that begins at a frame of the clip."""
        if segment.num_frames:
            mark_id = self._marker.id_of(segment.name) if self._marker else ""
            self._new.append((first_frame + segment.new.start, len(segment.new), mark_id))

    def frames(self, segment: Segment) -> Iterator[np.ndarray]:
        """Yield a segment's frames (H, W, 3) uint8, the new ones with label and mark."""
        mark_id = self._marker and self._marker.id_of(segment.name)
        for index, frame in enumerate(segment.frames):
            if index in segment.new:
                if self._label is not None:
                    frame = self._label.write(frame, index - segment.new.start)
                if self._marker is not None:
                    frame = self._marker.embed(frame, mark_id)
            yield frame

    def marks(self, num_frames: int) -> list[dict[str, object]]:
        """List the marks of a clip that has so many frames, as its recipe says them."""
        return [
            {"first_frame": first, "num_frames": min(count, num_frames - first), "id": mark_id}
            for first, count, mark_id in self._new
            if mark_id and first < num_frames
        ]

    def new_spans(self, num_frames: int) -> list[dict[str, int]]:
        """List where a clip that has so many frames is new; the rest was given."""
        spans: list[dict[str, int]] = []
        for first, count, _ in self._new:
            count = min(count, num_frames - first)
            if spans and sum(spans[-1].values()) == first:
                spans[-1]["num_frames"] += count
            elif count > 0:
                spans.append({"first_frame": first, "num_frames": count})
        return spans

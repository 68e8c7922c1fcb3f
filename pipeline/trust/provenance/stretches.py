"""Groups windows that were searched for marks into the stretches of a file that carry each mark.

A window can hide other footage. Of a clip signed here, the signed recipe says where each mark is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

_LEAST_SECONDS = 0.1  # shorter pieces are left over by rounding


@dataclass(frozen=True)
class Stretch:
    """Neighbouring windows, in seconds, with the same mark and the same likeness to its clip.

    It is vouched for if credentials of this Kinora say that all of it was generated here.
    """

    start: float
    end: float
    mark_id: str | None
    looks_like_known: bool | None
    is_vouched_for: bool = False


def stretches_of(report: Mapping[str, Any]) -> list[Stretch]:
    """List a file's marked stretches in order; a window without the mark ends a stretch."""
    found: list[Stretch] = []
    for window in report["marks"]:
        if not window["is_marked"]:
            continue
        start, end = window["from_seconds"], window["to_seconds"]
        new = Stretch(start, end, window["id"], window["looks_like_known"])
        if found and replace(found[-1], start=start, end=end) == new and found[-1].end == start:
            found[-1] = replace(found[-1], end=end)
        else:
            found.append(new)
    credentials = report["credentials"]
    if not report["signed"] or not credentials["is_local_identity"] or credentials["uncovered"]:
        return found
    return [piece for stretch in found for piece in _as_signed(stretch, report)]


def _as_signed(stretch: Stretch, report: Mapping[str, Any]) -> Iterator[Stretch]:
    """Yield what the signed recipe leaves of a stretch: other marks end where new frames begin."""
    recipe = report["recipe"] or {}
    marks = [
        (x["first_frame"] / recipe["fps"], (x["first_frame"] + x["num_frames"]) / recipe["fps"], x)
        for x in recipe.get("marks") or ()
    ]
    own = [(start, end) for start, end, x in marks if x["id"] == stretch.mark_id]
    if own:
        yield from _vouched(stretch, own)
        return
    generated = [(x["start"], x["end"]) for x in report["spans"] if x["is_generated_here"]]
    for piece in _without(stretch, [(start, end) for start, end, _ in marks]):
        yield from _vouched(piece, generated)
        yield from _without(piece, generated)


def _vouched(stretch: Stretch, ranges: list[tuple[float, float]]) -> Iterator[Stretch]:
    """Yield the pieces of a stretch inside ranges; a window there that looks different is mixed."""
    for start, end in ranges:
        start, end = max(start, stretch.start), min(end, stretch.end)
        if end - start >= _LEAST_SECONDS:
            looks = stretch.looks_like_known or None
            yield Stretch(start, end, stretch.mark_id, looks, is_vouched_for=True)


def _without(stretch: Stretch, ranges: list[tuple[float, float]]) -> Iterator[Stretch]:
    """Yield the pieces of a stretch outside ranges."""
    start = stretch.start
    for first, last in [*sorted(ranges), (stretch.end, stretch.end)]:
        end = min(first, stretch.end)
        if end - start >= _LEAST_SECONDS:
            yield replace(stretch, start=start, end=end)
        start = max(start, last)

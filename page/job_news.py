"""Picks the moments of a running job that the page shows."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from pipeline.studio import JobSnapshot

SECONDS_BETWEEN = 1.0  # within a stage; each moment takes a busy browser 0.1 to 0.4 s


async def pick_news(snapshots: AsyncIterator[JobSnapshot]) -> AsyncIterator[JobSnapshot]:
    """Yield new states, stages and the first preview at once, and the rest once a second."""
    told: JobSnapshot | None = None
    told_at = 0.0
    async for snapshot in snapshots:
        is_late = time.monotonic() - told_at >= SECONDS_BETWEEN
        if is_late or told is None or _is_news(snapshot, told):
            told, told_at = snapshot, time.monotonic()
            yield snapshot


def _is_news(snapshot: JobSnapshot, told: JobSnapshot) -> bool:
    now, before = snapshot.progress, told.progress
    if now is None or before is None or now.stage != before.stage:
        return True
    return before.preview is None and now.preview is not None

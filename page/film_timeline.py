"""The time line of a film: a segment for each shot, as long as it, with its picture once made.

Segments are dragged, or moved with the arrow keys (assets/timeline.js); a press leads to the card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import gradio as gr

from page import messages
from page.components import ASSETS
from page.served_files import serve
from pipeline.errors import MediaError
from pipeline.jobs.posters import make_shot_pictures
from pipeline.planning.request import MAX_CLIP_SECONDS, Shot
from pipeline.studio import Studio

# A segment for each shot, and an overlay over what exceeds a minute. Only our own values: the
# template inserts them unescaped.
_TEMPLATE = (
    '<div class="kinora-total" role="group" aria-label="Time line: ${value.text}">'
    '${value.seconds.map((s, i) => `<button type="button" draggable="true" data-shot="${i}"'
    ' aria-label="Shot ${i + 1}, ${s} s; arrow keys move it" data-label="${i + 1}"'
    " style=\"flex-grow:${s};${value.pictures[i] ? `background-image:url('${value.pictures[i]}')`"
    " : ''}\"></button>`).join('')}"
    '<u style="left:${value.limit}%"></u></div>'
    '<div class="kinora-note">${value.text}</div>'
)
Pictures = Mapping[str, str]


class Timeline:
    """The time line, in the Blocks being built."""

    def __init__(self, name: str, shots: Sequence[Shot]) -> None:
        """Create the time line of these shots."""
        self.html = gr.HTML(
            measure(shots),
            html_template=_TEMPLATE,
            js_on_load=(ASSETS / "timeline.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            elem_id=f"{name}-total",
            elem_classes="kinora-flush",
        )


def show_made(studio: Studio, job_id: str) -> dict[str, str]:
    """Return pictures of the middle of a film's shots; none if the film is not made."""
    clip = studio.worker.result(job_id)
    if clip is None:
        return {}
    shots = studio.worker.store.facts(job_id).request.shots
    ends = [*accumulate(shot.duration for shot in shots)]
    middles = [end - shot.duration / 2 for end, shot in zip(ends, shots, strict=True)]
    try:
        paths = make_shot_pictures(clip, middles)
    except (MediaError, OSError):  # the film was deleted meanwhile
        return {}
    served = (serve(path, job_id, path.name) for path in paths)
    return {
        key_of(shot): f"gradio_api/file={path}" for shot, path in zip(shots, served, strict=True)
    }


def key_of(shot: Shot) -> str:
    """Return what a shot's picture shows: when it changes, the picture is of another shot."""
    # As a request has them: a card's seconds may be whole or missing.
    return repr((shot.prompt.strip(), float(shot.duration or 0), shot.camera, shot.take))


def measure(shots: Sequence[Shot], pictures: Pictures | None = None) -> dict[str, Any]:
    """Return the values of the time line; missing and negative durations count as 0.

    `pictures` are addresses by `key_of` their shots.
    """
    seconds = [max(shot.duration or 0, 0) for shot in shots]
    total = sum(seconds)
    return {
        "seconds": seconds,
        "pictures": [(pictures or {}).get(key_of(shot), "") for shot in shots],
        "limit": 100 * min(MAX_CLIP_SECONDS / total, 1) if total else 100,
        "text": messages.describe_total(total),
    }

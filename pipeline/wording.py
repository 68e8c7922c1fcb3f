"""What the page says in words: a plan, a source, a job's progress. Decides nothing."""

from __future__ import annotations

from typing import Any

from pipeline.media import ClipInfo
from pipeline.plan import Plan, Source
from pipeline.progress import Progress, Stage
from pipeline.request import MAX_CLIP_SECONDS

_STAGES: dict[Stage, str] = {
    "loading": "Loading the model",
    "denoising": "Denoising",
    "writing": "Decoding and writing",
}
_STATES: dict[str, str] = {
    "queued": "Waiting for its turn",
    "running": "Starting",
    "done": "Done",
    "failed": "This clip could not be made",
    "cancelled": "Stopped",
}


def describe_plan(plan: Plan, *, is_added: bool) -> str:
    """Return the size, the frames and the seconds that a request comes to; or that it adds."""
    width, height = plan.size
    frames = f"{plan.num_frames} frames at {plan.fps:g} frames a second ({plan.seconds:.2f} s)"
    return f"Adds {frames} to {width} x {height}" if is_added else f"{width} x {height}, {frames}"


def describe_clip(info: ClipInfo) -> str:
    """Return what was found in an uploaded clip."""
    sound = "with sound" if info.has_audio else "without sound"
    return (
        f"Your clip: {info.width} x {info.height}, {info.num_frames} frames at "
        f"{info.fps:g} frames a second ({info.duration:.2f} s), {sound}"
    )


def describe_crop(picture: Source, box: tuple[int, int, int, int]) -> str:
    """Return which part of an uploaded picture is kept."""
    left, top, right, bottom = box
    whole = f"Your picture: {picture.width} x {picture.height}"
    if (right - left, bottom - top) == (picture.width, picture.height):
        return f"{whole}, all of it is kept"
    return f"{whole}, its middle {right - left} x {bottom - top} is kept, as shown"


def describe_total(seconds: float) -> str:
    """Return how much of the longest clip the shots of a film come to."""
    return f"{seconds:g} of {MAX_CLIP_SECONDS:g} s"


def describe_progress(state: dict[str, Any], progress: Progress | None) -> str:
    """Return how far a job is: percent, stage, window, step and the time left."""
    if progress is None or state["state"] != "running":
        return _STATES[state["state"]]
    parts = [f"**{progress.fraction:.0%}**", _STAGES[progress.stage]]
    if progress.num_windows > 1 and progress.window:
        parts.append(f"window {progress.window} of {progress.num_windows}")
    if progress.step and progress.stage == "denoising":
        parts.append(f"step {progress.step} of {progress.num_steps}")
    if progress.seconds_left is not None:
        parts.append(f"about {describe_seconds(progress.seconds_left)} left")
    return " · ".join(parts)


def describe_seconds(seconds: float) -> str:
    """Return a time to wait, as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"

"""What the page says in words: a plan, a source, a job's progress. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.generation.progress import Progress, Stage
from pipeline.jobs.history import HistoryEntry
from pipeline.jobs.states import Done, JobState, Queued, Running, StateName
from pipeline.jobs.store import JobFacts
from pipeline.media.video_reader import ClipInfo
from pipeline.models.registry import EMBEDDED, MODELS, Models
from pipeline.models.spec import ModelSpec
from pipeline.planning.plan import Source
from pipeline.planning.request import MAX_CLIP_SECONDS
from pipeline.studio import Estimate

MAX_CAPTION = 90

_STAGES: dict[Stage, str] = {
    "loading": "Loading the model",
    "sampling": "Drawing",
    "writing": "Decoding and writing",
}
_STATES: dict[StateName, str] = {
    "queued": "Waiting",
    "running": "Starting",
    "done": "Done",
    "failed": "This clip could not be made",
    "cancelled": "Stopped",
    "paused": "Paused",
}


def describe_estimate(estimate: Estimate, *, is_added: bool) -> str:
    """Return the size, the frames and the seconds that a request comes to; or that it adds.

    How long it takes, if that is known, where a model of the catalogue will live, and whether its
    weights have to come first.
    """
    plan = estimate.plan
    width, height = plan.size
    rate = f"{float(plan.fps):g} frames a second"
    frames = f"{plan.num_frames} frames at {rate} ({plan.seconds:.2f} s)"
    parts = [
        f"Adds {frames} to {width} x {height}" if is_added else f"{width} x {height}, {frames}"
    ]
    if estimate.seconds is not None:
        wait = describe_seconds(estimate.seconds)
        parts.append(
            f"takes about {wait}" if estimate.is_measured else f"takes roughly {wait} (computed)"
        )
    download = ""
    if estimate.download_bytes:
        download = (
            "Its weights are not on this computer yet: the first clip downloads about "
            f"{estimate.download_bytes / 1e9:.0f} GB, if the Hub can be reached. "
            f"{MODELS[EMBEDDED].label} needs no download."
        )
    return "\n\n".join(filter(None, [" · ".join(parts), estimate.placement, download]))


def describe_model(spec: ModelSpec) -> str:
    """Return what a model draws, whether it is heard, and what its licence asks of people."""
    sound = "With sound." if spec.has_audio else ""
    return " ".join(filter(None, (spec.description, sound, spec.licence_note)))


def describe_choice(models: Models) -> str:
    """Return what the menu of models is for, and what else may be typed into it."""
    if models.is_open:
        return "Choose a model, or enter a local folder or Hugging Face ID (owner/name)"
    return "Choose a model"


def describe_loras(models: Models) -> str:
    """Return how LoRAs are asked for, and which there are."""
    how = "A line for each, and how much of it, from -2 to 2"
    if models.is_open:
        how = f"Files of your own, or of the Hub. {how}"
    return f"{how}. Offered here: {', '.join(models.loras)}" if models.loras else how


def describe_limits(abilities: Mapping[str, str], spec: ModelSpec) -> str:
    """Return which of some abilities, with their names on the page, a model lacks, and why."""
    reasons: dict[str, list[str]] = {}
    for ability, label in abilities.items():
        if reason := spec.cannot.get(ability):
            reasons.setdefault(reason, []).append(label)
    return " ".join(f"Not {', '.join(labels)}: {reason}" for reason, labels in reasons.items())


def describe_entry(entry: HistoryEntry) -> str:
    """Return the caption of a clip in the history: its state, unless it is done, and its words."""
    prompt = " / ".join(shot.prompt for shot in entry.facts.request.shots)
    prompt = prompt if len(prompt) <= MAX_CAPTION else f"{prompt[: MAX_CAPTION - 1]}…"
    is_done = isinstance(entry.state, Done)
    return prompt if is_done else f"{_STATES[entry.state.name]}: {prompt}"


def describe_clip(info: ClipInfo) -> str:
    """Return what was found in an uploaded clip."""
    sound = "with sound" if info.has_audio else "without sound"
    notes = "".join(f"; {note}" for note in info.notes)
    return (
        f"Your clip: {info.width} x {info.height}, {info.num_frames} frames at "
        f"{float(info.fps):g} frames a second ({info.duration:.2f} s), {sound}{notes}"
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


def describe_progress(state: JobState, progress: Progress | None) -> str:
    """Return how far a job is: percent, stage, window, step and the time left."""
    if progress is None or not isinstance(state, Running):
        place = state.position if isinstance(state, Queued) else 1
        notice = f". {state.message}" if isinstance(state, Done) and state.message else ""
        line = f", number {place} in the queue" if place > 1 else ""
        return _STATES[state.name] + line + notice
    if progress.downloaded:
        done, total = (num_bytes / 1e9 for num_bytes in progress.downloaded)
        return f"Downloading the model, once: {done:.1f} of {total:.1f} GB"
    stage = _STAGES[progress.stage]
    if progress.num_windows > 1 and progress.window:
        stage += f" part {progress.window} of {progress.num_windows}"
    parts = [f"**{progress.fraction:.0%}**", stage]
    if progress.num_steps > 1 and progress.step and progress.stage == "sampling":
        parts.append(f"step {progress.step} of {progress.num_steps}")
    if progress.seconds_left is not None:
        parts.append(f"about {describe_seconds(progress.seconds_left)} left")
    return " · ".join(parts)


def describe_history(num_clips: int) -> str:
    """Return how many clips a visitor has, or what the history is for."""
    if not num_clips:
        return "Your clips appear here. Only this browser can see them."
    return "One clip." if num_clips == 1 else f"{num_clips} clips, the newest first."


def describe_job(facts: JobFacts, state: JobState) -> str:
    """Return what a clip in the history is: when it was asked for, its state, and its words."""
    asked_at = datetime.fromtimestamp(facts.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
    word = "Finished" if isinstance(state, Done) else _STATES[state.name]
    head = f"**{word}**, requested {asked_at}, seed {facts.request.seed}"
    message = f"\n\n{state.message}" if state.message else ""
    return head + message


def describe_signing(recipe: Mapping[str, Any] | None) -> str:
    """Return what whoever has a clip should know of its signature; nothing if all is well."""
    if recipe is None:
        return ""
    sentences = [str(recipe.get("signing") or ""), *recipe.get("warnings", ())]
    return " ".join(filter(None, sentences))


def describe_seconds(seconds: float) -> str:
    """Return a time to wait, as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} hours"

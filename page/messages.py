"""Texts of the page: estimates, uploads, progress and history. Makes no decisions."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from pipeline.generation.progress import Progress, Stage
from pipeline.jobs.estimates import Estimate
from pipeline.jobs.history import HistoryEntry
from pipeline.jobs.queue_view import QueuedJob
from pipeline.jobs.states import Done, Failed, JobState, Queued, Running, StateName
from pipeline.media.video_reader import ClipInfo
from pipeline.models.registry import EMBEDDED, MODELS, Models
from pipeline.models.spec import Direction, ModelSpec
from pipeline.planning.plan import Source
from pipeline.planning.request import MAX_CLIP_SECONDS
from pipeline.planning.understanding import Understanding, UnknownWord

MAX_CAPTION = 90
MAX_WORDS = 8  # of those that are not known; more say no more
MIN_SAID_SECONDS = 5  # of the time left: the last frames' checks and signature take some of them
_LONG_SECONDS = 60  # from here on a visitor may want to leave

_STAGES: dict[Stage, str] = {
    "rewriting": "Rewriting the prompt",
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


def describe_estimate(estimate: Estimate, verb: str = "") -> str:
    """Describe an estimate: size, frames, seconds, wait, placement and download.

    The `verb` says what the frames do to the clip that is given, such as "Adds".
    """
    plan = estimate.plan
    width, height = plan.size
    rate = f"{float(plan.fps):g} frames a second"
    frames = f"{plan.num_frames} frames at {rate} ({plan.seconds:.2f} s)"
    parts = [f"{verb} {frames} of {width} x {height}" if verb else f"{width} x {height}, {frames}"]
    if plan.second_pass is not None:
        steps = f"{plan.num_inference_steps} + {plan.second_pass.num_steps} steps"
        parts.append(f"two passes, {steps}")
    if estimate.seconds is not None:
        wait = describe_seconds(estimate.seconds)
        if estimate.low is not None and estimate.high is not None:
            parts.append(f"takes {describe_range(estimate.low, estimate.high)}")
        else:
            parts.append(f"takes roughly {wait} (computed)")
        if estimate.seconds >= _LONG_SECONDS:
            parts.append("continues if you close this page")
    download = ""
    if estimate.download.num_bytes:
        size = f"{estimate.download.num_bytes / 1e9:.1f} GB"
        if estimate.download.is_computed:
            size = f"about {estimate.download.num_bytes / 1e9:.0f} GB (computed)"
        download = (
            f"The model's weights are not on this computer yet: the first clip downloads {size} "
            f"from the Hugging Face Hub. {MODELS[EMBEDDED].label} needs no download."
        )
    return "\n\n".join(filter(None, [" · ".join(parts), estimate.placement, download]))


def describe_model(spec: ModelSpec) -> str:
    """Describe a model: what it draws, whether it makes sound, and its licence."""
    sound = "With sound." if spec.has_audio else ""
    licence = "" if spec.ships_with_app else f"Licence: {spec.licence}."
    notes = spec.description, sound, licence, spec.licence_note, spec.access_note
    return " ".join(filter(None, notes))


def describe_understanding(said: Understanding) -> str:
    """Return what a model makes of a prompt, as HTML: what it draws, and what it does not know."""
    lines = [html.escape(note) for note in said.notes]
    if said.unknown:
        lines.insert(0, f"<b>Not known:</b> {_list_words(said.unknown)}")
    if said.drawn is not None:
        drawn = html.escape(", ".join(said.drawn)) or "something of its own"
        lines.insert(0, f"<b>Will draw:</b> {drawn}")
    return "".join(f"<div>{line}</div>" for line in lines)


def warn_of_nothing(said: Understanding, spec: ModelSpec) -> str:
    """Ask to confirm a clip that will show nothing of what its prompt names."""
    words = f" ({_list_words(said.unknown)})" if said.unknown else ""
    return (
        f"{spec.label} knows nothing of this prompt{words} and will draw something else. Change "
        "the words, switch to a larger model, or press the button again to make it anyway."
    )


def describe_offer(spec: ModelSpec, estimate: Estimate, duration: float) -> str:
    """Say that a model can draw a prompt, how long that takes here, and what it downloads."""
    wait = ""
    if estimate.seconds is not None:
        wait = f" about {describe_seconds(estimate.seconds)} for {duration:g} s here,"
    download = " nothing to download"
    if size := estimate.download.num_bytes:
        about = "about " if estimate.download.is_computed else ""
        download = f" {about}{size / 1e9:.0f} GB to download once"
    return f"{spec.label} can draw this:{wait}{download}."


def _list_words(words: Sequence[UnknownWord]) -> str:
    shown = [
        html.escape(f"{x.word} (nearest: {x.nearest})" if x.nearest else x.word)
        for x in words[:MAX_WORDS]
    ]
    more = len(words) - MAX_WORDS
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def describe_negative_prompt(spec: ModelSpec) -> str:
    """Return the help text of the negative prompt, with what the model uses if it is empty."""
    default = spec.default_negative_prompt
    return f"What to avoid; if empty, with guidance: {default}" if default else "What to avoid"


def describe_qualities(spec: ModelSpec) -> str:
    """Say what the qualities of a model are; empty for a model that has only one."""
    known = {
        "draft": "Draft: small and fast, to try an idea.",
        "standard": "",
        "hd": "HD: a second pass over a standard clip, larger and sharper.",
    }
    if len(spec.qualities) == 1:
        return ""
    return " ".join(filter(None, (known[quality] for quality in spec.qualities)))


def describe_choice(models: Models) -> str:
    """Return the help text of the model menu."""
    if models.is_open:
        return "Choose a model, or enter a local folder or Hugging Face ID (owner/name)"
    return "Choose a model"


def describe_loras(models: Models) -> str:
    """Return the help text of the LoRA field, with the offered LoRAs."""
    how = "One per line, each with a weight from -2 to 2"
    if models.is_open:
        how = f"Your own files, or files on the Hub. {how}"
    return f"{how}. Available: {', '.join(models.loras)}" if models.loras else how


def describe_limits(abilities: Mapping[Direction, str], spec: ModelSpec) -> str:
    """Say which of some abilities a model lacks and why; `abilities` has their page labels."""
    reasons: dict[str, list[str]] = {}
    for ability, label in abilities.items():
        if reason := spec.cannot.get(ability):
            reasons.setdefault(reason, []).append(label)
    return " ".join(
        f"Not possible: {', '.join(labels)}. {reason}" for reason, labels in reasons.items()
    )


def shorten(prompt: str) -> str:
    """Return the beginning of a prompt, short enough for a caption."""
    return prompt if len(prompt) <= MAX_CAPTION else f"{prompt[: MAX_CAPTION - 1]}…"


def describe_caption(entry: HistoryEntry) -> str:
    """Return the caption of a clip in the history: its prompt, and its state if not done."""
    prompt = shorten(entry.prompt)
    is_done = isinstance(entry.state, Done)
    return prompt if is_done else f"{_STATES[entry.state.name]}: {prompt}"


def describe_entry(entry: HistoryEntry) -> str:
    """Describe a clip of the history: its prompts, model, length, size, seed, time and state."""
    facts, recipe, state = entry.facts, entry.recipe or {}, entry.state
    asked_at = datetime.fromtimestamp(facts.created_at).astimezone().strftime("%Y-%m-%d %H:%M")
    word = "Finished" if isinstance(state, Done) else _STATES[state.name]
    made = [str(recipe.get("model_label") or label_of(facts.request.model))]
    if recipe.get("num_frames") and recipe.get("fps"):
        made.append(f"{recipe['num_frames'] / recipe['fps']:.2g} s")
        made.append(f"{recipe['width']} x {recipe['height']}")
    else:
        made.append(f"{facts.request.duration:g} s")
    prompts = [escape_markdown(facts.request.title)]
    if facts.request.model:  # a cut has no prompts, and draws nothing
        made.append(f"seed {facts.request.seed}")
        prompts = [escape_markdown(shot.prompt) for shot in facts.request.shots]
    if len(prompts) > 1:
        prompts = [f"{number}. {prompt}" for number, prompt in enumerate(prompts, 1)]
    paragraphs = [
        f"**{word}**, requested {asked_at}",
        "\n".join(prompts),
        " · ".join(filter(None, made)),
        html.escape(state.message, quote=False),
        describe_signing(entry.recipe),
    ]
    return "\n\n".join(filter(None, paragraphs))


def label_of(model: str) -> str:
    """Return a model's name on the page, also of one that is no longer offered."""
    return MODELS[model].label if model in MODELS else model


def escape_markdown(text: str) -> str:
    """Return a user's text, in one line, for Markdown, which shows it as it is."""
    line = html.escape(" ".join(text.split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]()#+.!|~$-])", r"\\\1", line)


def shown_recipe(recipe: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a recipe without the job's id: it is a key to the clip, and people share recipes."""
    if recipe is None:
        return None
    return {name: value for name, value in recipe.items() if name != "job_id"}


def describe_missing(recipe: Mapping[str, Any]) -> str:
    """Say what a file's recipe does not contain; empty if nothing is missing."""
    shots = [shot for shot in recipe.get("shots") or () if isinstance(shot, Mapping)]
    has_files = any(recipe.get(name) for name in ("image", "video", "video_after"))
    missing = []
    if any(isinstance(shot.get("prompt"), Mapping) for shot in shots):
        missing.append("The file carries only a fingerprint of its prompt; write it again.")
    if has_files or any(shot.get("image") for shot in shots):
        missing.append("Add the picture or clip that it was made from again.")
    return " ".join(missing)


def describe_queued(job: QueuedJob) -> str:
    """Describe a job of the queue: what comes before it, what is done, and the time left."""
    if isinstance(job.state, Running):
        return describe_progress(job.state, cast("Progress | None", job.progress))
    before = "Next"
    if job.num_before:
        before = f"{job.num_before} {'clip' if job.num_before == 1 else 'clips'} before it"
    if job.seconds_left is None:
        return before
    return f"{before} · done in about {describe_seconds(job.seconds_left)}"


def describe_end(state: JobState) -> str:
    """Return how a job has ended, in a word or a few."""
    return _STATES[state.name]


def describe_clip(info: ClipInfo) -> str:
    """Describe an uploaded clip."""
    sound = "with sound" if info.has_audio else "without sound"
    notes = "".join(f"; {note}" for note in info.notes)
    return (
        f"Your clip: {info.width} x {info.height}, {info.num_frames} frames at "
        f"{float(info.fps):g} frames a second ({info.duration:.2f} s), {sound}{notes}"
    )


def describe_crop(picture: Source, box: tuple[int, int, int, int]) -> str:
    """Describe which part of an uploaded picture is used."""
    left, top, right, bottom = box
    whole = f"Your picture: {picture.width} x {picture.height}"
    if (right - left, bottom - top) == (picture.width, picture.height):
        return f"{whole}; all of it is used"
    return f"{whole}; the middle {right - left} x {bottom - top} is used, as shown"


def describe_total(seconds: float) -> str:
    """Return the length of a film's shots and the limit."""
    return f"{seconds:g} of {MAX_CLIP_SECONDS:g} s"


def describe_progress(state: JobState, progress: Progress | None) -> str:
    """Describe a job's progress as HTML: percent, stage, part, step and the time left."""
    if progress is None or not isinstance(state, Running):
        place = state.position if isinstance(state, Queued) else 1
        says = isinstance(state, Done | Failed) and state.message
        notice = f". {html.escape(state.message, quote=False)}" if says else ""
        line = f", number {place} in the queue" if place > 1 else ""
        return _STATES[state.name] + line + notice
    if progress.downloaded:
        done, total = (num_bytes / 1e9 for num_bytes in progress.downloaded)
        what = "language model" if progress.stage == "rewriting" else "model"
        return f"Downloading the {what}, once: {done:.1f} of {total:.1f} GB"
    stage = _STAGES[progress.stage]
    if progress.num_windows > 1 and progress.window:
        stage += f" part {progress.window} of {progress.num_windows}"
    parts = [f"{progress.fraction:.0%}", stage]
    if progress.num_steps > 1 and progress.step and progress.stage == "sampling":
        parts.append(f"step {progress.step} of {progress.num_steps}")
    if progress.seconds_left is not None:
        parts.append(describe_left(progress.seconds_left))
    return " · ".join(parts)


def describe_history(num_clips: int, *, is_filtered: bool = False) -> str:
    """Return how many clips a visitor has, or what the history is for."""
    if is_filtered:
        return "One clip fits." if num_clips == 1 else f"{num_clips or 'No'} clips fit."
    if not num_clips:
        return "Your clips appear here. Only this browser can see them."
    return "One clip." if num_clips == 1 else f"{num_clips} clips, newest first."


def describe_rewritten(rewritten: Sequence[Mapping[str, Any]]) -> str:
    """Return the prompts as typed and as they were rewritten, or why they were not."""
    return "\n\n".join(
        f"You wrote: {x['typed']}\n{x['note'] or 'Used instead: ' + x['prompt']}" for x in rewritten
    )


def describe_signing(recipe: Mapping[str, Any] | None) -> str:
    """Return the signing problems and warnings of a clip; empty if there are none."""
    if recipe is None:
        return ""
    sentences = [str(recipe.get("signing") or ""), *recipe.get("warnings", ())]
    return " ".join(filter(None, sentences))


def describe_range(low: float, high: float) -> str:
    """Return a range of durations as text, such as "6 to 9 s", "about 12 s" or "50 s to 2 min"."""
    first, last = describe_seconds(low), describe_seconds(high)
    if first == last:
        return f"about {first}"
    number, unit = first.split(" ", 1)
    return f"{number} to {last}" if last.endswith(f" {unit}") else f"{first} to {last}"


def describe_left(seconds: float) -> str:
    """Say how long a job still takes; no number at the end, where one would be wrong."""
    if seconds < MIN_SAID_SECONDS:
        return "a few seconds left"
    return f"about {describe_seconds(seconds)} left"


def describe_seconds(seconds: float) -> str:
    """Return a duration as text, such as "12 s" or "3 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} hours"

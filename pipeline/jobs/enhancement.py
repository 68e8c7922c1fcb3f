"""Rewrites a job's short prompts before its clip is made, once: the words stay with the job.

Resumed jobs and films that are changed use them again. What cannot be rewritten is used as typed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from pipeline.errors import (
    GenerationCancelledError,
    InvalidRequestError,
    ModelError,
    RefusedError,
)
from pipeline.generation.progress import Progress
from pipeline.jobs.files import PROMPTS, read_json, write_json
from pipeline.jobs.worker import IsCancelled, OnProgress
from pipeline.models.registry import Models
from pipeline.models.spec import ModelSpec
from pipeline.planning.characters import keep_names
from pipeline.planning.request import GenerationRequest
from pipeline.planning.rewriting import (
    ask_for_prompt,
    for_shot,
    prompts_to_rewrite,
    read_rewritten,
)
from pipeline.runtime.prompt_writer import PromptWriter, PromptWriters
from pipeline.trust.moderation.review import Review, Reviewer

logger = logging.getLogger(__name__)

MAX_SECONDS = 120.0  # of writing, for all prompts of a request
_PROGRESS = Progress("rewriting", window=0, num_windows=0, step=0, num_steps=0, fraction=0.0)
_AS_TYPED = "The prompt was used as you typed it. "
_REFUSED = "As rewritten it would have been refused."
_TOO_LATE = f"The language model did not finish in {MAX_SECONDS:g} seconds."
_UNUSABLE = "The language model did not write a paragraph."


@dataclass(frozen=True)
class Rewritten:
    """A prompt as typed, and what became of it, as a recipe has it.

    `prompt` is the text that the video model reads instead; empty if the prompt was used as typed,
    and then `note` says why in a sentence. `model` and `revision` are those of the language model.
    """

    typed: str
    prompt: str = ""
    model: str = ""
    revision: str | None = None
    note: str = ""

    def as_typed(self, why: str) -> Rewritten:
        """Return the same prompt, used as typed, with the reason: a sentence."""
        return Rewritten(self.typed, note=_AS_TYPED + why)

    def to_json(self) -> dict[str, Any]:
        """Return its fields as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Enhanced:
    """A reviewed request with its rewritten prompts, and all of those that were to be rewritten.

    `words` says what the model makes of the typed ones; see `Understanding.for_recipe`.
    """

    review: Review
    rewritten: tuple[Rewritten, ...] = ()
    words: Mapping[str, Any] = field(default_factory=dict)

    def note(self) -> dict[str, Any]:
        """Return what the recipe says of the words and their rewriting."""
        if not self.rewritten:
            return dict(self.words)
        return {**self.words, "rewritten": [x.to_json() for x in self.rewritten]}


class PromptEnhancer:
    """Rewrites prompts with the language model at hand, and lets the reviewer read them again."""

    def __init__(self, models: Models, writers: PromptWriters, reviewer: Reviewer) -> None:
        """Load nothing yet."""
        self._models = models
        self._writers = writers
        self._reviewer = reviewer

    def enhance(
        self, review: Review, folder: Path, on_progress: OnProgress, is_cancelled: IsCancelled
    ) -> Enhanced:
        """Return a reviewed request with its prompts rewritten, where that is wanted and works.

        `folder` is the job's. Raises GenerationCancelledError, after which nothing is kept, and
        OSError if the words cannot be kept.
        """
        spec = self._models.find(review.request.model)
        wanted = prompts_to_rewrite(review.request, spec)
        kept = _read(folder)
        missing = [prompt for prompt in wanted if prompt not in kept]
        if missing:
            task = _Task(review.request, spec, on_progress, is_cancelled)
            kept |= self._rewrite(task, missing)
            _write(folder, kept)
        rewritten = {prompt: kept[prompt] for prompt in wanted}
        try:
            review = self._review_again(review, rewritten)
        except RefusedError:
            logger.info("Rewritten prompts were refused: the typed ones are used")
            rewritten = {x.typed: x.as_typed(_REFUSED) for x in rewritten.values()}
            _write(folder, kept | rewritten)
        return Enhanced(review, tuple(rewritten.values()))

    def _review_again(self, review: Review, rewritten: Mapping[str, Rewritten]) -> Review:
        """Return the review of the request with its rewritten prompts. Raises RefusedError."""
        texts = {x.typed: x.prompt for x in rewritten.values() if x.prompt}
        if not texts:
            return review
        shots = [
            replace(shot, prompt=for_shot(texts[shot.prompt], shot))
            if shot.prompt in texts
            else shot
            for shot in review.request.shots
        ]
        return self._reviewer.review_words(review, replace(review.request, shots=tuple(shots)))

    def _rewrite(self, task: _Task, prompts: Sequence[str]) -> dict[str, Rewritten]:
        """Rewrite prompts, and say of each that is not why. Raises GenerationCancelledError."""
        task.on_progress(_PROGRESS)
        try:
            with self._writers.open(task.request, task.on_bytes) as writer:
                deadline = time.monotonic() + MAX_SECONDS
                return {prompt: _ask(writer, task, prompt, deadline) for prompt in prompts}
        except torch.OutOfMemoryError:
            why = "There was not enough GPU memory for the language model."
        except (ModelError, InvalidRequestError) as exc:
            why = str(exc)
        return {prompt: Rewritten(prompt).as_typed(why) for prompt in prompts}


@dataclass(frozen=True)
class _Task:
    """A request whose prompts are rewritten, and how to report on it and to stop."""

    request: GenerationRequest
    spec: ModelSpec
    on_progress: OnProgress
    is_cancelled: IsCancelled

    def on_bytes(self, done: int, total: int) -> None:
        """Report a download. Raises GenerationCancelledError."""
        self.check()
        self.on_progress(replace(_PROGRESS, downloaded=(done, total)))

    def check(self) -> None:
        """Raise GenerationCancelledError if the job was stopped."""
        if self.is_cancelled():
            raise GenerationCancelledError()


def _ask(writer: PromptWriter, task: _Task, prompt: str, deadline: float) -> Rewritten:
    """Let the writer rewrite one prompt."""
    task.check()
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        return Rewritten(prompt).as_typed(_TOO_LATE)
    messages = ask_for_prompt(task.request, prompt, task.spec)
    answer = writer.write(messages, task.request.seed, seconds, task.is_cancelled)
    task.check()
    if time.monotonic() >= deadline:  # what there is by then depends on the machine's load
        return Rewritten(prompt).as_typed(_TOO_LATE)
    text = read_rewritten(answer)
    if text is None:
        return Rewritten(prompt).as_typed(_UNUSABLE)
    text = keep_names(text, prompt, task.request.characters)
    return Rewritten(prompt, text, writer.name, writer.revision)


def _read(folder: Path) -> dict[str, Rewritten]:
    """Return a job's prompts that were rewritten before; none if their file is damaged."""
    values = read_json(folder / PROMPTS) or {}
    try:
        return {x["typed"]: Rewritten(**x) for x in values.get("rewritten", ())}
    except (TypeError, KeyError):
        return {}


def _write(folder: Path, rewritten: Mapping[str, Rewritten]) -> None:
    write_json(folder / PROMPTS, {"rewritten": [x.to_json() for x in rewritten.values()]})

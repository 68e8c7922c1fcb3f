"""Judges prompts by their meaning with Qwen3Guard-Gen-0.6B, a language model made for that.

It is asked when a job begins, not when it is submitted: on a CPU an answer takes seconds.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from pipeline.errors import KinoraError, ModelError, RefusedError
from pipeline.models.language_model import LOADING_ERRORS, LanguageModel, load_language_model
from pipeline.settings import read_variable
from pipeline.trust.moderation.rules import Strictness, Verdict, read_rules, worst

logger = logging.getLogger(__name__)

Setting = Literal["auto", "on", "off"]
REPOSITORY = "Qwen/Qwen3Guard-Gen-0.6B"  # Apache-2.0, 119 languages, 1.2 GB
MAX_SECONDS = 120.0  # for one request; what is not judged by then counts as not checked
SECONDS_UNTIL_RETRY = 600.0  # after weights that could not be loaded
_MAX_TOKENS = 64  # of an answer, which is two short lines
_MAX_PART = 2000  # letters judged at once: the longest prompt
_MIN_FREE_GPU_BYTES = 4 * 1024**3
# Its categories: ours if it says Unsafe, and ours if it says Controversial; see rules.json.
_CATEGORIES = {
    "Violent": ("violence", "disputed"),
    "Non-violent Illegal Acts": ("illegal", "disputed"),
    "Sexual Content or Sexual Acts": ("sexual", "nudity"),
    "PII": ("private_data", "disputed"),
    "Suicide & Self-Harm": ("harm", "disputed"),
    "Unethical Acts": ("unethical", "disputed"),
    "Politically Sensitive Topics": ("news", "disputed"),
    "Copyright Violation": ("copyright", "disputed"),
    "Jailbreak": ("evasion", "disputed"),
}
_UNNAMED = ("unsafe", "disputed")
_SAFETY = re.compile(r"^Safety: (Safe|Unsafe|Controversial)\s*$", re.MULTILINE)
_NAMED = re.compile(r"^Categories: (.+)$", re.MULTILINE)
_UNCHECKED = Verdict("warn", "unchecked", "a prompt that was checked by word rules alone")
_REFUSED = (
    "Your prompt could not be checked, and this server makes no clip without that: {} Try again "
    "later."
)
_NOT_LOADED = (
    "The guard model {} could not be loaded; with a network it is fetched at the next start, and "
    "KINORA_GUARD=off does without."
)


@dataclass(frozen=True)
class Answer:
    """What the model says of a prompt; its categories are empty if it is safe."""

    safety: Literal["Safe", "Unsafe", "Controversial"]
    categories: tuple[str, ...] = ()


def read_answer(text: str) -> Answer | None:
    """Read the model's answer; None if it is none in its published format."""
    safety, named = _SAFETY.search(text), _NAMED.search(text)
    if safety is None:
        return None
    names = [name.strip() for name in named[1].split(",")] if named else []
    kind = cast("Literal['Safe', 'Unsafe', 'Controversial']", safety[1])
    return Answer(kind, tuple(name for name in names if name in _CATEGORIES))


def verdict_of(answer: Answer, strictness: Strictness) -> Verdict:
    """Return what an answer means here: of several categories, the gravest."""
    if answer.safety == "Safe":
        return Verdict()
    rules, place = read_rules(), 0 if answer.safety == "Unsafe" else 1
    named = [_CATEGORIES[name][place] for name in answer.categories] or [_UNNAMED[place]]
    return worst(
        Verdict(rules.outcomes[name][strictness], name, rules.titles[name]) for name in named
    )


class GuardModel:
    """The model, loaded when it is first asked; one prompt at a time."""

    def __init__(
        self,
        strictness: Strictness,
        *,
        is_required: bool = False,
        device: str = "cpu",
        repository: str = REPOSITORY,
    ) -> None:
        """Load nothing yet.

        Where it `is_required`, requests that it cannot judge are refused; otherwise they get a
        warning. With `device="cuda"` it is on the GPU only while it judges, if there is room.
        """
        self.is_required = is_required
        self._strictness = strictness
        self._device = device if device == "cuda" else "cpu"
        self._repository = repository
        self._lock = threading.Lock()
        self._loaded: LanguageModel | None = None
        self._failure: tuple[float, ModelError] | None = None

    def load(self) -> None:
        """Load the weights, and download them if need be. Raises ModelError."""
        with self._lock:
            self._load()

    def judge(self, prompts: Sequence[str]) -> Verdict:
        """Judge the prompts of a request's shots. Raises RefusedError if it must and cannot."""
        deadline = time.monotonic() + MAX_SECONDS
        if not self._lock.acquire(timeout=MAX_SECONDS):
            return self._unchecked("the guard model is busy.")
        try:
            self._load()
            return worst([self._judge_part(part, deadline) for part in _parts(prompts)])
        except ModelError as exc:
            return self._unchecked(str(exc))
        finally:
            self._lock.release()

    def _judge_part(self, part: str, deadline: float) -> Verdict:
        seconds = deadline - time.monotonic()
        answer = read_answer(self._ask(part, seconds)) if seconds > 0 else None
        if answer is None:
            return self._unchecked("the guard model gave no answer in time.")
        return verdict_of(answer, self._strictness)

    def _ask(self, prompt: str, seconds: float) -> str:
        """Return what the model writes about a prompt."""
        assert self._loaded is not None  # `judge` has loaded it
        device = self._device if self._has_room() else "cpu"
        self._loaded.model.to(device)
        try:
            message = {"role": "user", "content": prompt}
            return self._loaded.write(
                [message], max_tokens=_MAX_TOKENS, seconds=seconds, device=device
            )
        finally:
            self._loaded.model.to("cpu")

    def _has_room(self) -> bool:
        import torch

        return self._device == "cpu" or torch.cuda.mem_get_info()[0] >= _MIN_FREE_GPU_BYTES

    def _load(self) -> None:
        if self._loaded is not None:
            return
        if self._failure is not None and time.monotonic() < self._failure[0] + SECONDS_UNTIL_RETRY:
            raise self._failure[1]
        try:
            self._loaded = _read_model(self._repository, self._device)
            logger.info("The guard model %s judges prompts", self._repository)
        except LOADING_ERRORS as exc:
            logger.warning(
                "Prompts are judged by word rules alone: the guard model %s could not be loaded "
                "(%s: %s)",
                self._repository,
                type(exc).__name__,
                exc,
            )
            error = ModelError(f"The guard model {self._repository} could not be loaded.")
            self._failure = time.monotonic(), error
            raise error from exc

    def _unchecked(self, why: str) -> Verdict:
        if self.is_required:
            logger.info("Refused a request: not checked by the guard model")
            raise RefusedError(_REFUSED.format(why[:1].upper() + why[1:]))
        logger.info("A prompt was checked by word rules alone: %s", why)
        return _UNCHECKED


def open_guard(strictness: Strictness, device: str, *, is_private: bool) -> GuardModel | None:
    """Return the guard model that KINORA_GUARD asks for, loaded if it says "on"; None without.

    By default there is one where others than the owner can ask for clips. Raises KinoraError for
    another value, and ModelError if what is demanded cannot be loaded.
    """
    setting = read_variable("KINORA_GUARD").lower() or "auto"
    if setting not in get_args(Setting):
        raise KinoraError(
            f"KINORA_GUARD is {setting!r}, but it must be one of {', '.join(get_args(Setting))}."
        )
    if setting == "off" or (setting == "auto" and is_private):
        return None
    guard = GuardModel(
        strictness, is_required=setting == "on", device=device, repository=REPOSITORY
    )
    if guard.is_required:
        try:
            guard.load()
        except ModelError as exc:
            raise ModelError(_NOT_LOADED.format(REPOSITORY)) from exc
    return guard


def _parts(prompts: Sequence[str]) -> Iterator[str]:
    """Yield the shots' prompts, short ones together, so that an act split over two is seen."""
    part = ""
    for prompt in prompts:
        if part and len(part) + len(prompt) >= _MAX_PART:
            yield part
            part = ""
        part = f"{part}\n{prompt}".strip()
    yield part


def _read_model(repository: str, device: str) -> LanguageModel:
    """Download what is missing, and return the model."""
    import torch

    dtype = torch.bfloat16 if device == "cuda" else torch.float32  # few CPUs are fast with bf16
    return load_language_model(repository, dtype, name="guard model")

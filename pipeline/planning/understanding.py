"""What a model makes of a request's prompts: what it draws, what it does not know, and warnings.

A model with a closed vocabulary names in its row (`reader`) what accounts for its words; the rest
is told from the text alone. Nothing is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pipeline.models.spec import ModelSpec
from pipeline.planning.characters import (
    Character,
    call_characters,
    list_handles,
    subject_of,
    without_names,
)
from pipeline.planning.prompt_language import foreign_language
from pipeline.planning.rewriting import SHORT_WORDS, num_words

# T5 and its kind cut English into about this many pieces a word, with the punctuation; assumed.
TOKENS_PER_WORD = 1.3
# Camera moves in the words of film, and the names of those that requests can choose.
_MOVES: dict[str, str] = {
    r"\b(?:dolly|push|track)(?:es|s|ing)? (?:in|forward)\b": "dolly in",
    r"\b(?:dolly|pull)(?:s|ing)? (?:out|back)\b": "dolly out",
    r"\borbit(?:s|ing|al)?\b|\bcircles around\b|\barc shot\b|\b360\b": "orbit left",
    r"\bhand-?held\b|\bshaky cam\w*\b": "handheld",
    r"\bdrone (?:shot|view|footage|camera)\b|\baerial\b|\bbird'?s[- ]eye\b": "drone flight",
    r"\bfly-?(?:over|through)\b|\bfpv\b": "drone flight",
    r"\bcrane (?:shot|up|down)\b|\bjib\b": "crane",
    r"\bwhip pan\b": "whip pan",
    r"\bdolly zoom\b|\bvertigo (?:shot|effect)\b": "dolly zoom",
    r"\brack focus\b|\bfocus pull\b": "rack focus",
}


OF_WORDS = ("understood", "not_understood")
"""The fields of a recipe that repeat words of the prompt."""


@dataclass(frozen=True)
class UnknownWord:
    """A word that nothing was made of, or something else; `nearest` is what the model does know."""

    word: str
    nearest: str | None = None


@dataclass(frozen=True)
class Reading:
    """What became of the words of one prompt; function words are in none of the lists.

    `drawn` says what is drawn, in the model's words. `num_cut` words come after the last one that
    is read.
    """

    drawn: tuple[str, ...]
    understood: tuple[str, ...]
    unknown: tuple[UnknownWord, ...]
    num_cut: int = 0


class Reader(Protocol):
    """Accounts for the words of prompts as one model reads them."""

    def read(self, prompt: str, looks: Sequence[Mapping[str, Any]] = ()) -> Reading:
        """Say what becomes of every word of a prompt.

        `looks` are the scene states of the characters that it calls: their subjects are drawn so.
        """


@dataclass(frozen=True)
class Understanding:
    """What a model makes of the prompts of a request.

    The lists of words are None for a model that reads any words; `notes` are sentences for users.
    With `knows_nothing` the model draws something, but none of what the prompts name.
    """

    notes: tuple[str, ...] = ()
    drawn: tuple[str, ...] | None = None
    understood: tuple[str, ...] | None = None
    unknown: tuple[UnknownWord, ...] | None = None
    knows_nothing: bool = False

    def for_recipe(self) -> dict[str, Any]:
        """Return what recipes say of the words; nothing for a model that reads any."""
        if self.understood is None:
            return {}
        values = self.to_json()
        return {name: values[name] for name in OF_WORDS}

    def to_json(self) -> dict[str, Any]:
        """Return the form of the API."""
        words = None
        if self.unknown is not None:
            words = [{"word": x.word, "nearest": x.nearest} for x in self.unknown]
        return {
            "will_draw": None if self.drawn is None else list(self.drawn),
            "understood": None if self.understood is None else list(self.understood),
            "not_understood": words,
            "notes": list(self.notes),
            "knows_nothing": self.knows_nothing,
        }


def understand(
    prompts: Sequence[str],
    spec: ModelSpec,
    reader: Reader | None,
    *,
    is_rewritten: bool = False,
    characters: Sequence[Character] | None = None,
) -> Understanding:
    """Say what a model makes of prompts; `reader` is the one that its row names, if any.

    With `is_rewritten` short prompts are written anew in plain English before the model reads them.
    `characters` are those that prompts may call by @name; None if they are not known.
    """
    typed = [x for x in dict.fromkeys(prompts) if not (is_rewritten and num_words(x) < SHORT_WORDS)]
    # Names are no words: a prompt that only calls characters says nothing else.
    texts = [text for x in typed if (text := without_names(x)) or not list_handles([x])]
    notes = _describe_unknown_names(prompts, characters)
    notes += [note for x in texts if (note := _describe_language(x, spec))]
    if reader is None:
        for text in texts:
            notes += filter(None, (_describe_length(text, spec), _describe_move(text, spec)))
        return Understanding(tuple(dict.fromkeys(notes)))
    names = list_handles(typed)
    readings = [_read(x, spec, reader, characters or ()) for x in typed]
    for text, reading in zip(typed, readings, strict=True):
        if reading.num_cut:
            notes.append(
                f"The prompt is too long: {spec.label} does not read its last "
                f"{reading.num_cut} words."
            )
        if move := _describe_move(text, spec, reading.understood):
            notes.append(move)
    return Understanding(
        notes=tuple(dict.fromkeys(notes)),
        drawn=_merge(x.drawn for x in readings),
        understood=_merge(x.understood for x in readings),
        unknown=tuple({x.word.lower(): x for y in readings for x in y.unknown}.values()),
        knows_nothing=not any(x.understood for x in readings) and bool(texts) and not names,
    )


def _read(prompt: str, spec: ModelSpec, reader: Reader, given: Sequence[Character]) -> Reading:
    """Read a prompt, and say how the characters that it calls are drawn."""
    reading = reader.read(without_names(prompt))
    text, called = call_characters(prompt, given, spec)
    if not called:
        return reading
    drawn = [*reader.read(text, [x.scene for x in called if x.scene is not None]).drawn]
    for character in called:
        subject = subject_of(character.scene)
        for index, words in enumerate(drawn):
            if subject and words.endswith(subject):
                drawn[index] = f"{words} (@{character.handle})"
                break
    names = [f"@{character.handle}" for character in called]
    return replace(reading, drawn=tuple(drawn), understood=(*names, *reading.understood))


def _describe_unknown_names(prompts: Sequence[str], given: Sequence[Character] | None) -> list[str]:
    known = [character.handle for character in given or ()]
    lost = [] if given is None else [x for x in list_handles(prompts) if x not in known]
    return [f"There is no character @{handle}; it is read as other words are." for handle in lost]


def _describe_language(prompt: str, spec: ModelSpec) -> str:
    if not any(character.isalpha() for character in prompt):
        return "The prompt has no words; describe what the clip should show."
    language = foreign_language(prompt) if spec.reads_only_english else None
    return f"This looks like {language}; {spec.label} reads only English." if language else ""


def _describe_length(prompt: str, spec: ModelSpec) -> str:
    most = int(spec.max_sequence_length / TOKENS_PER_WORD)
    if num_words(prompt) <= most:
        return ""
    return (
        f"The prompt may be too long: {spec.label} reads about its first {most} words, and it has "
        f"{num_words(prompt)}."
    )


def _describe_move(prompt: str, spec: ModelSpec, understood: Sequence[str] = ()) -> str:
    """Name a camera move of the prompt that the model cannot make, with those that it can."""
    known = {word.lower() for word in understood}
    for pattern, move in _MOVES.items():
        found = re.search(pattern, prompt, re.IGNORECASE)
        if not found or move in spec.camera_words:
            continue
        # Other moves than those of the menu may be known to a model that reads any words.
        is_closed = spec.reader or move in ("dolly in", "dolly out", "orbit left", "handheld")
        words = {word.lower() for word in re.findall(r"\w+", found[0])}
        if is_closed and not words & known - {"camera", "shot"}:
            return (
                f"{spec.label} does not know the camera move “{found[0]}”; it knows "
                f"{', '.join(spec.camera_words)}."
            )
    return ""


def _merge(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(x for values in lists for x in values))

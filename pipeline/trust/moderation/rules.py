"""Blocks, labels or warns about prompts by the word rules in `rules.json`.

Rules match words, not meaning; classifiers can be added. review.py checks pictures and clips.
"""

from __future__ import annotations

import functools
import json
import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast, get_args

from pipeline.errors import KinoraError, RefusedError
from pipeline.settings import read_variable
from pipeline.trust.moderation.cut_words import CutWords, read_ordinary
from pipeline.trust.moderation.text_normalization import (
    compile_terms,
    has_spaces,
    plain_words,
    readings_of,
)

logger = logging.getLogger(__name__)

Outcome = Literal["pass", "warn", "label", "block"]
Strictness = Literal["off", "standard", "strict"]
_GRAVITY: tuple[Outcome, ...] = get_args(Outcome)
_RULES = Path(__file__).with_name("rules.json")
# A negative prompt with words of these groups asks for the opposite.
_ASKED_BY_AVOIDING = {"clothing": "without clothes", "grown_up": "children"}


@dataclass(frozen=True)
class Verdict:
    """The outcome for a request, and why: the category's title and the words that matched."""

    outcome: Outcome = "pass"
    category: str = ""
    title: str = ""
    words: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Return the title and the matched words, for the user."""
        found = " and ".join(f'"{word}"' for word in self.words)
        return f"{self.title} ({found})" if found else self.title

    @property
    def message(self) -> str:
        """Return one message for the user about the outcome; empty if the request passes."""
        return {
            "pass": "",
            "warn": f"Take care with {self.reason}.",
            "label": f"The clip gets a visible label because it shows {self.reason}.",
            "block": f"Kinora does not make clips of {self.reason}. Describe something else.",
        }[self.outcome]


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the most severe of some verdicts."""
    return max(verdicts, key=lambda verdict: _GRAVITY.index(verdict.outcome))


class Classifier(Protocol):
    """A model that judges prompts in addition to the rules."""

    def judge(self, prompts: Sequence[str]) -> Verdict:
        """Judge the prompts of a request's shots."""


@dataclass(frozen=True)
class _Rule:
    """Matches if each entry of `all` has a group that matches, and no group of `unless` does."""

    category: str
    all: tuple[tuple[str, ...], ...]
    unless: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """The parsed rule file."""

    version: int
    titles: Mapping[str, str]
    outcomes: Mapping[str, Mapping[str, Outcome]]
    rules: Sequence[_Rule]
    terms: Mapping[str, re.Pattern[str]]
    allowed: re.Pattern[str]
    words: frozenset[str]  # that the terms are made of; a final `*` stands for any ending


class Moderator:
    """Judges prompts at one strictness. The rules about children block at every strictness."""

    def __init__(
        self,
        strictness: Strictness = "standard",
        classifiers: Sequence[Classifier] = (),
        rules: Rules | None = None,
    ) -> None:
        """Use the given rules, or read the shipped ones."""
        self.strictness = strictness
        self.rules = rules or read_rules()
        self._classifiers = classifiers
        self._cut_words = CutWords(self.rules.words, read_ordinary())

    def check(
        self,
        prompts: Sequence[str],
        negative_prompt: str = "",
        more_classifiers: Sequence[Classifier] = (),
    ) -> tuple[Verdict, ...]:
        """Check a request's prompts, one for each shot, and return the warnings and labels.

        Raises RefusedError if a verdict blocks the request; only its category is logged.
        """
        verdicts = self._verdicts(prompts, negative_prompt)
        if all(verdict.outcome != "block" for verdict in verdicts):
            verdicts += [classifier.judge(prompts) for classifier in more_classifiers]
        if refused := next((x for x in verdicts if x.outcome == "block"), None):
            logger.info("Refused a request: %s", refused.category)
            raise RefusedError(refused.message)
        return tuple(x for x in verdicts if x.outcome != "pass")

    def judge(self, prompts: Sequence[str], negative_prompt: str = "") -> Verdict:
        """Return the most severe verdict on a request's prompts, one for each shot."""
        return worst(self._verdicts(prompts, negative_prompt))

    def _verdicts(self, prompts: Sequence[str], negative_prompt: str) -> list[Verdict]:
        texts = [self._read(prompt) for prompt in prompts]
        avoided = self._read(negative_prompt)
        asked = [x for group, x in _ASKED_BY_AVOIDING.items() if self._finds(group, avoided)]
        texts = [(*readings, *asked) for readings in texts]
        # Shots that are harmless one by one may not be harmless in one film.
        texts += [(*self._read(" ".join(prompts)), *asked)] if len(texts) > 1 else []
        verdicts = [self._judge(rule, readings) for rule in self.rules.rules for readings in texts]
        return verdicts + [classifier.judge(prompts) for classifier in self._classifiers]

    def _read(self, text: str) -> tuple[str, ...]:
        readings = readings_of(text)
        mended = map(self._cut_words.join, readings)
        every = dict.fromkeys((*readings, *mended))
        return tuple(self.rules.allowed.sub(" ", reading) for reading in every)

    def _judge(self, rule: _Rule, readings: Collection[str]) -> Verdict:
        found = [self._first(groups, readings) for groups in rule.all]
        if not all(found) or self._first(rule.unless, readings):
            return Verdict()
        return Verdict(
            self.rules.outcomes[rule.category][self.strictness],
            rule.category,
            self.rules.titles[rule.category],
            tuple(dict.fromkeys(found)),
        )

    def _first(self, groups: Collection[str], readings: Collection[str]) -> str:
        return next(filter(None, (self._finds(group, readings) for group in groups)), "")

    def _finds(self, group: str, readings: Collection[str]) -> str:
        """Return the first match of a group's terms in any reading, or an empty string."""
        found = (self.rules.terms[group].search(reading) for reading in readings)
        return next((match[0] for match in found if match), "")


def read_strictness() -> Strictness:
    """Return KINORA_MODERATION, or by default "strict" on a Space and "standard" elsewhere.

    A Space is open to everyone, a computer only to its users. Raises KinoraError for other values.
    """
    chosen = read_variable("KINORA_MODERATION").lower()
    if not chosen:
        return "strict" if read_variable("SPACE_ID") else "standard"
    if chosen not in get_args(Strictness):
        raise KinoraError(
            f"KINORA_MODERATION is {chosen!r}, but it must be one of "
            f"{', '.join(get_args(Strictness))}."
        )
    return cast("Strictness", chosen)


@functools.cache
def read_rules(path: Path = _RULES) -> Rules:
    """Read a rule file and compile its terms; cached."""
    values = json.loads(path.read_text(encoding="utf-8"))
    categories = values["categories"]
    terms = {
        name: [term for terms in languages.values() for term in terms]
        for name, languages in values["terms"].items()
    }
    return Rules(
        version=values["version"],
        titles={name: category["title"] for name, category in categories.items()},
        outcomes={name: category["outcomes"] for name, category in categories.items()},
        rules=[_read_rule(rule) for rule in values["rules"]],
        terms={name: compile_terms(group) for name, group in terms.items()},
        allowed=compile_terms(values["allowed"]),
        words=frozenset(
            word for group in terms.values() for term in group for word in _words(term)
        ),
    )


def _words(term: str) -> list[str]:
    """Return a term's plain words; the last keeps the `*` that stands for any ending."""
    if not has_spaces(term):
        return []
    words = plain_words(term).split()
    return [*words[:-1], words[-1] + "*"] if term.endswith("*") else words


def _read_rule(values: Mapping[str, Any]) -> _Rule:
    return _Rule(
        category=values["category"],
        all=tuple(tuple(groups.split("|")) for groups in values["all"]),
        unless=tuple(values.get("unless", ())),
    )

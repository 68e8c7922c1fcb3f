"""Describe scenes in words, with many templates and synonyms, to cover the wordings of users.

`draw_caption` returns a caption and the attributes it names; the model may choose the others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.mini.scene import ATTRIBUTES, Scene
from training.phrases import (
    CAMERAS,
    COLOURS,
    EMOTIONS,
    FILLER,
    FUNCTION_WORDS,
    HELD_OUT_WORDS,
    MOTIONS,
    NOBODY,
    NOUNS,
    PLACES,
    RELATIONS,
    SIZES,
    STYLES,
    TIMES,
    VAGUE_MOTIONS,
    WEATHERS,
)

_TABLES = (
    NOUNS, COLOURS, PLACES, TIMES, WEATHERS, MOTIONS, CAMERAS, SIZES, EMOTIONS, RELATIONS, STYLES,
)  # fmt: skip
_PHRASES = {"place": PLACES, "time": TIMES, "weather": WEATHERS}
_OF_SLOTS = {
    "subject": NOUNS, "colour": COLOURS, **_PHRASES, "motion": MOTIONS, "camera": CAMERAS,
    "size": SIZES, "emotion": EMOTIONS, "relation": RELATIONS, "style": STYLES,
}  # fmt: skip


def development_words() -> frozenset[str]:
    """Choose half of the known phrases of each value, always the same: to tune without looking.

    A development run never sees them in training, as no run ever sees `HELD_OUT_WORDS`.
    """
    rng = np.random.default_rng(20261122)
    chosen: set[str] = set()
    for table in _TABLES:
        for options in table.values():
            known = [x for x in options[1:] if x not in HELD_OUT_WORDS]
            chosen |= {str(x) for x in rng.choice(known, (1 + len(known)) // 2, replace=False)}
    return frozenset(chosen)


def _choose(
    rng: np.random.Generator, options: tuple[str, ...], unseen: frozenset[str], *, held_out: bool
) -> str:
    known = [x for x in options if x not in unseen | HELD_OUT_WORDS]
    novel = [x for x in options if x in unseen]
    return _pick(rng, novel if held_out and novel else known)


def _pick(rng: np.random.Generator, options: list[str]) -> str:
    return options[int(rng.integers(len(options)))]


# How likely a caption names what the scene has.
_CHANCES = {
    "subject": 0.97, "colour": 0.9, "place": 0.85, "time": 0.75, "weather": 0.8, "motion": 0.7,
    "camera": 0.5, "size": 0.4, "emotion": 0.8, "companion": 1.0, "companion_colour": 0.9,
    "relation": 0.9, "style": 0.9,
}  # fmt: skip
_SELDOM_SAID = ("size", "weather", "style")


def _choose_named(scene: Scene, rng: np.random.Generator, *, complete: bool) -> dict[str, str]:
    """Choose what a caption names: of what goes without saying only now and then."""
    named = {
        name: value
        for name in ATTRIBUTES
        if (value := getattr(scene, name)) is not None
        and rng.random() < (1.0 if complete and name not in _SELDOM_SAID else _CHANCES[name])
    }
    if scene.weather == "clear" and rng.random() < 0.85:
        named.pop("weather", None)
    if scene.style == "flat" and rng.random() < 0.85:
        named.pop("style", None)
    if scene.camera == "static" and not complete and rng.random() < 0.5:
        named.pop("camera", None)
    return named


def _tell_subject(
    named: dict[str, str],
    rng: np.random.Generator,
    say: Callable[[str, dict[str, tuple[str, ...]]], list[str]],
) -> str:
    """Tell who is there, what they do and who is beside them."""
    adjectives = [say("size", SIZES), say("emotion", EMOTIONS), say("colour", COLOURS)]
    if rng.random() < 0.3:
        rng.shuffle(adjectives)
    noun = say("subject", NOUNS) or ["something"]
    article = str(rng.choice(["a", "the", "one", ""], p=[0.6, 0.2, 0.05, 0.15]))
    subject = " ".join([article, *(word for words in adjectives for word in words), *noun])
    if "motion" in named:
        does = (" is " if rng.random() < 0.3 else " ") + say("motion", MOTIONS)[0]
    else:
        does = " " + str(rng.choice(VAGUE_MOTIONS))
    other = ""
    if "companion" in named:
        joint = say("relation", RELATIONS) or [str(rng.choice(["and", "with", "next to"]))]
        other = " ".join(
            ["", *joint, "a", *say("companion_colour", COLOURS), *say("companion", NOUNS)]
        )
    return subject + (other + does if rng.random() < 0.5 else does + other)


def draw_caption(
    scene: Scene,
    rng: np.random.Generator,
    *,
    complete: bool = False,
    held_out: bool = False,
    unseen: frozenset[str] = HELD_OUT_WORDS,
) -> tuple[str, dict[str, str]]:
    """Draw a caption of a scene; return it and the attributes it names.

    A `complete` caption names every attribute but size, weather and style; `held_out` prefers the
    `unseen` phrases, that training never uses.
    """
    named = _choose_named(scene, rng, complete=complete)

    def say(name: str, table: dict[str, tuple[str, ...]]) -> list[str]:
        if name not in named:
            return []
        return [_choose(rng, table[named[name]], unseen, held_out=held_out)]

    body = _tell_subject(named, rng, say) if scene.subject else str(rng.choice(NOBODY))
    parts = [phrase for name, table in _PHRASES.items() for phrase in say(name, table)]
    rng.shuffle(parts)
    lead = parts.pop() if parts and rng.random() < 0.25 else None
    text = str(rng.choice([" ", ", ", " "])).join([body, *parts])
    if lead:
        text = f"{lead}{rng.choice([', ', ' '])}{text}"
    if rng.random() < 0.3:
        text = f"{rng.choice(FILLER)} {text}"
    if rng.random() < 0.15:
        text = f"{text}, {rng.choice(FILLER)}"
    for phrase in [*say("style", STYLES), *say("camera", CAMERAS)]:
        text = (
            f"{phrase}: {text}"
            if rng.random() < 0.2
            else f"{text}{rng.choice([', ', '. ', '; '])}{phrase}"
        )
    return " ".join(text.split()), named


def vocabulary(unseen: frozenset[str] = HELD_OUT_WORDS) -> list[str]:
    """List every word a training caption can hold, sorted; words of unseen phrases are not."""
    phrases = [x for options in _known_phrases(unseen).values() for x in options]
    return _words_of([*phrases, *FILLER, *VAGUE_MOTIONS, *NOBODY, FUNCTION_WORDS])


def slot_phrases(unseen: frozenset[str] = HELD_OUT_WORDS) -> dict[str, dict[str, list[str]]]:
    """Map each slot and value to the phrases that a training caption can name it by."""
    return {
        slot: {value: [x for x in options if x not in unseen] for value, options in table.items()}
        for slot, table in _OF_SLOTS.items()
    }


def passed_over() -> list[str]:
    """List the words of captions that name nothing."""
    return _words_of([*FILLER, *VAGUE_MOTIONS, *NOBODY, FUNCTION_WORDS])


def meanings(unseen: frozenset[str] = HELD_OUT_WORDS) -> dict[str, frozenset[str]]:
    """Map each word that can name something by itself to the values whose phrases have it."""
    passing = set(passed_over())
    found: dict[str, set[str]] = {}
    for value, phrases in _known_phrases(unseen).items():
        for word in set(_words_of(phrases)) - passing:
            found.setdefault(word, set()).add(value)
    return {word: frozenset(values) for word, values in sorted(found.items())}


def _known_phrases(unseen: frozenset[str]) -> dict[str, list[str]]:
    return {
        value: [x for x in options if x not in unseen | HELD_OUT_WORDS]
        for table in _TABLES
        for value, options in table.items()
    }


def _words_of(phrases: list[str]) -> list[str]:
    """Split phrases as the tokenizer does."""
    words = " ".join(phrases).lower()
    for mark in ",.;:!?-":
        words = words.replace(mark, f" {mark} ")
    return sorted(set(words.split()))

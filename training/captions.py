"""Describe scenes in words, with many templates and synonyms, to cover the wordings of users.

`draw_caption` returns a caption and the attributes it names; the model may choose the others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.mini.scene import Scene
from pipeline.mini.tables import ATTRIBUTES, NATURAL, OF_BODIES, PEOPLE, SOMEBODY
from training.phrases import (
    ACTIONS,
    CAMERAS,
    COLOURS,
    COUNTS,
    EMOTIONS,
    FILLER,
    FUNCTION_WORDS,
    GOING,
    HAIRS,
    HELD_OUT_WORDS,
    MOTIONS,
    NOBODY,
    NOUNS,
    OUTFITS,
    PLACES,
    RELATIONS,
    SEASONS,
    SIZES,
    STYLES,
    TIMES,
    TOGETHER,
    UNKNOWN_NOUNS,
    VAGUE_MOTIONS,
    WEATHERS,
    plural,
)

_TABLES = (
    NOUNS, COLOURS, PLACES, TIMES, WEATHERS, MOTIONS, CAMERAS, SIZES, EMOTIONS, RELATIONS, STYLES,
    SEASONS, ACTIONS, HAIRS, COUNTS,
)  # fmt: skip
_PHRASES = {"place": PLACES, "time": TIMES, "weather": WEATHERS, "season": SEASONS}
_OF_SLOTS = {
    "subject": NOUNS, "colour": COLOURS, **_PHRASES, "motion": MOTIONS, "camera": CAMERAS,
    "size": SIZES, "emotion": EMOTIONS, "relation": RELATIONS, "style": STYLES,
    "count": COUNTS, "action": ACTIONS, "hair": HAIRS,
}  # fmt: skip
_TOUCHING = ("riding", "holding", "wearing", "chasing", "on")
_SOMEBODY_SHARE = 0.3  # of women and men who are called a person
_TOGETHER_SHARE = 0.5  # of companions without a relation who are said to do something
_UNKNOWN_SHARE = 0.1  # of captions about something that the world does not have
_DIRECTED = MOTIONS | {"right": tuple(x for x in MOTIONS["right"] if x not in GOING)}
Say = Callable[[str, dict[str, tuple[str, ...]]], list[str]]


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
    "camera": 0.5, "size": 0.4, "emotion": 0.8, "companion": 1.0, "companion_colour": 0.7,
    "relation": 0.7, "style": 0.9, "count": 1.0, "season": 0.9, "action": 0.85, "outfit": 0.6,
    "hair": 0.3, "skin": 0.0,
}  # fmt: skip
_SELDOM_SAID = ("size", "weather", "style", "season", "outfit", "hair", "skin", "action")
# What goes without saying, and how likely it is left out.
_UNSAID = {"weather": ("clear", 0.85), "style": ("flat", 0.85), "season": ("summer", 0.9),
           "count": ("one", 0.95), "action": ("stand", 0.6)}  # fmt: skip


def _choose_named(scene: Scene, rng: np.random.Generator, *, complete: bool) -> dict[str, str]:
    """Choose what a caption names: of what goes without saying only now and then."""
    named = {
        name: value
        for name in ATTRIBUTES
        if (value := getattr(scene, name)) is not None
        and rng.random() < (1.0 if complete and name not in _SELDOM_SAID else _CHANCES[name])
    }
    for name in ("colour", "companion_colour"):
        if named.get(name) == NATURAL:
            del named[name]
    for name, (value, share) in _UNSAID.items():
        if named.get(name) == value and rng.random() < share:
            del named[name]
    if scene.relation in _TOUCHING:
        named["relation"] = scene.relation
    if named.get("action") == "ride":
        del named["action"]
    if "action" in named and not complete and rng.random() < 0.7:
        named.pop("motion", None)
    if scene.camera == "static" and not complete and rng.random() < 0.5:
        named.pop("camera", None)
    if named.get("subject") in PEOPLE[:2] and rng.random() < _SOMEBODY_SHARE:
        named["subject"] = SOMEBODY
    return named


def _tell_subject(named: dict[str, str], rng: np.random.Generator, say: Say) -> str:
    """Tell who is there, what they do and who is beside them."""
    subject = _name_subject(named, rng, say)
    does = _tell_deed(named, rng, say)
    if "companion" not in named:
        return subject + does
    joint = say("relation", RELATIONS)
    if not joint:
        beside = ("and", "with", "next to", "beside")
        joint = [str(rng.choice(TOGETHER if rng.random() < _TOGETHER_SHARE else beside))]
    other = " ".join(["", *joint, "a", *say("companion_colour", COLOURS), *say("companion", NOUNS)])
    return subject + (other + does if rng.random() < 0.5 else does + other)


def _tell_unknown(named: dict[str, str], rng: np.random.Generator, say: Say) -> str:
    """Tell of something that the world does not have: nothing of it is labelled."""
    noun = str(rng.choice(UNKNOWN_NOUNS))
    article = str(rng.choice(["a", "the", "", "two"]))
    noun = plural(noun) if article == "two" else noun
    adjectives = [*say("size", SIZES), *say("colour", COLOURS)]
    return " ".join([article, *adjectives, noun]) + _tell_deed(named, rng, say)


def _name_subject(named: dict[str, str], rng: np.random.Generator, say: Say) -> str:
    """Say article, adjectives and noun, and what a person wears."""
    is_person = named.get("subject") in (*PEOPLE[:2], SOMEBODY)
    colour, after = say("colour", COLOURS), []
    if is_person and (outfit := say("outfit", OUTFITS)):
        after += [outfit[0].format(*(colour or [""]))]
        colour = []
    elif is_person and colour and rng.random() < 0.8:
        clothes = str(rng.choice(["in", "wearing", "dressed in", "in bright"]))
        after += [f"{clothes} {colour[0]}"]
        colour = []
    hair = say("hair", HAIRS)
    after, hair = (after + hair, []) if hair and hair[0].startswith("with") else (after, hair)
    adjectives = [say("size", SIZES), say("emotion", EMOTIONS), colour, hair]
    if rng.random() < 0.3:
        rng.shuffle(adjectives)
    noun = say("subject", NOUNS)
    article = str(rng.choice(["a", "the", "one", ""], p=[0.6, 0.2, 0.05, 0.15]))
    if count := say("count", COUNTS):
        article = count[0]
        if noun and named["count"] != "one":
            noun = [plural(noun[0])]
    words = [*(word for words in adjectives for word in words), *(noun or ["something"])]
    if article == "a" and words[0][0] in "aeiou":
        article = "an"
    return " ".join([article, *words, *after])


def _tell_deed(named: dict[str, str], rng: np.random.Generator, say: Say) -> str:
    """Say what somebody does and where they go."""
    deeds = []
    if action := say("action", ACTIONS):
        deeds += action
    if "motion" in named:
        is_person = named.get("subject") in (*PEOPLE, SOMEBODY)
        table = _DIRECTED if is_person else MOTIONS
        deeds += [("is " if rng.random() < 0.3 and not deeds else "") + say("motion", table)[0]]
    if not deeds:
        return " " + str(rng.choice(VAGUE_MOTIONS))
    return " " + str(rng.choice([" ", " and ", ", "])).join(deeds)


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

    if scene.subject and not complete and rng.random() < _UNKNOWN_SHARE:
        body = _tell_unknown(named, rng, say)
        named = {name: value for name, value in named.items() if name not in OF_BODIES}
    elif scene.subject:
        body = _tell_subject(named, rng, say)
    else:
        body = str(rng.choice(NOBODY))
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
    many = [plural(x) for value in NOUNS for x in _known_phrases(unseen)[value]]
    worn = [x.format("") for options in OUTFITS.values() for x in options]
    unknown = [*UNKNOWN_NOUNS, *map(plural, UNKNOWN_NOUNS)]
    known = [
        *phrases,
        *many,
        *worn,
        *unknown,
        *FILLER,
        *VAGUE_MOTIONS,
        *NOBODY,
        *_JOINTS,
        *TOGETHER,
        FUNCTION_WORDS,
    ]
    return _words_of(known)


def slot_phrases(unseen: frozenset[str] = HELD_OUT_WORDS) -> dict[str, dict[str, list[str]]]:
    """Map each slot and value to the phrases that a training caption can name it by."""
    return {
        slot: {value: [x for x in options if x not in unseen] for value, options in table.items()}
        for slot, table in _OF_SLOTS.items()
    }


def passed_over() -> list[str]:
    """List the words of captions that name nothing."""
    said = [*FILLER, *VAGUE_MOTIONS, *NOBODY, *_JOINTS, FUNCTION_WORDS]
    return _words_of(said)


def meanings(unseen: frozenset[str] = HELD_OUT_WORDS) -> dict[str, frozenset[str]]:
    """Map each word that can name something by itself to the values whose phrases have it."""
    unknown = _words_of([*UNKNOWN_NOUNS, *map(plural, UNKNOWN_NOUNS)])
    passing = {*passed_over(), *unknown}
    found: dict[str, set[str]] = {}
    for value, phrases in _known_phrases(unseen).items():
        if value in NOUNS:
            phrases = [*phrases, *(plural(x) for x in phrases)]
        for word in set(_words_of(phrases)) - passing:
            found.setdefault(word, set()).add(value)
    return {word: frozenset(values) for word, values in sorted(found.items())}


_JOINTS = ("and", "with", "next to", "beside", "dressed in bright", "wearing")


def _known_phrases(unseen: frozenset[str]) -> dict[str, list[str]]:
    """Return the phrases of each value that training may use; brown is a colour and hair."""
    known: dict[str, list[str]] = {}
    for table in _TABLES:
        for value, options in table.items():
            said = [x for x in options if x not in unseen | HELD_OUT_WORDS]
            known.setdefault(value, []).extend(said)
    return known


def _words_of(phrases: list[str]) -> list[str]:
    """Split phrases as the tokenizer does."""
    words = " ".join(phrases).lower()
    for mark in ",.;:!?-'":
        words = words.replace(mark, f" {mark} ")
    return sorted(set(words.split()))

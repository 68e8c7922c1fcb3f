"""Scenes of the embedded model's world.

A prompt names some attributes; `complete_scene` fills in the rest. `motion_paths.py` says where the
characters are, and `training/world.py` draws scenes for training.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np

from pipeline.mini.tables import (
    ATTRIBUTES,
    HOMES,
    NATURAL,
    OF_BODIES,
    OF_PEOPLE,
    PEOPLE,
    SOMEBODY,
    Vocabulary,
)

logger = logging.getLogger(__name__)

# Of morning, day, sunset and night where none is said.
_TIME_SHARES = (0.2, 0.5, 0.2, 0.1)


@dataclass(frozen=True)
class Scene:
    """A scene: the value of every attribute, and the seed of everything the words leave open.

    In a landscape without characters, `subject` and all attributes of a subject are None. Only a
    child has an `emotion`. The three attributes after it are None if there is no companion.
    """

    subject: str | None
    colour: str | None
    place: str
    time: str
    weather: str
    motion: str | None
    camera: str
    size: str | None
    seed: int
    emotion: str | None = None
    companion: str | None = None
    companion_colour: str | None = None
    relation: str | None = None
    style: str = "flat"
    count: str | None = None
    season: str | None = None
    action: str | None = None
    outfit: str | None = None
    hair: str | None = None
    skin: str | None = None


@dataclass(frozen=True)
class Look:
    """Everything that decides how a character looks: values of the attributes of the same names."""

    subject: str
    colour: str
    time: str
    weather: str
    emotion: str | None
    style: str
    season: str | None = None
    action: str | None = None
    outfit: str | None = None
    hair: str | None = None
    skin: str | None = None


OF_LOOKS = tuple(field.name for field in fields(Look))


def looks_of(scene: Scene) -> tuple[Look | None, Look | None]:
    """Return the looks of a scene's subject and of its companion; None for a missing one."""
    looks = Look(*(getattr(scene, name) for name in OF_LOOKS))
    subject, companion = looks if scene.subject else None, None
    if scene.companion:
        colour = cast("str", scene.companion_colour)  # every companion has one
        companion = replace(looks, subject=scene.companion, colour=colour, emotion=None)
        companion = replace(companion, **_look_of_companion(scene))
    return subject, companion


def read_scene(values: Mapping[str, Any], known: Vocabulary = ATTRIBUTES) -> Scene:
    """Read a scene from its JSON fields. Raises ValueError if they are not those of a scene.

    `known` are the values that the weights know.
    """
    try:
        scene = Scene(**values)
        is_whole = complete_scene(values, scene.seed, known) == scene
    except TypeError as exc:
        raise ValueError(f"not the fields of a scene: {exc}") from exc
    if not is_whole or any(
        getattr(scene, name) not in (None, *options) for name, options in known.items()
    ):
        raise ValueError("a value of the scene is not in its table, or one is missing")
    return scene


def continue_scene(
    named: Mapping[str, str | None], before: Scene, known: Vocabulary = ATTRIBUTES
) -> Scene:
    """Make the scene that follows another without a cut: attributes not named stay the same.

    Motion and camera do not carry over.
    """
    kept = {name: getattr(before, name) for name in known}
    kept |= {"motion": None, "camera": None}
    if named["subject"] not in (None, before.subject):
        kept |= dict.fromkeys(("colour", "size", "emotion", "count", *OF_PEOPLE))
    values = {name: named[name] or kept[name] for name in known}
    return complete_scene(values, before.seed, known)


def change_scene(
    named: Mapping[str, str | None], before: Scene, known: Vocabulary = ATTRIBUTES
) -> Scene:
    """Make a scene again with what is named changed; everything else stays, also its seed."""
    values = {name: named[name] or getattr(before, name) for name in known}
    return complete_scene(values, before.seed, known)


def cut_to_scene(
    named: Mapping[str, str | None], earlier: Sequence[Scene], known: Vocabulary = ATTRIBUTES
) -> Scene:
    """Make the scene that a film cuts to: the same world, where characters keep their look.

    A prompt without a subject continues with the last subject, where it was, if it names no place
    or says something about a subject. Otherwise place, time, weather and style that the prompt
    leaves open are those of the first shot, whatever the shots in between changed.
    """
    values, world = dict(named), earlier[0]
    is_of_subject = any(named[name] for name in ("colour", "motion", "size", "emotion"))
    if named["subject"] is None and named["companion"]:  # a companion alone is the subject
        values |= {"subject": named["companion"], "companion": None, "companion_colour": None}
        values["colour"] = named["companion_colour"] or named["colour"]
    elif named["subject"] is None and (is_of_subject or named["place"] is None):
        world = next((scene for scene in reversed(earlier) if scene.subject), earlier[-1])
        values["subject"] = world.subject
    for name in ("place", "time", "weather"):
        values[name] = named[name] or getattr(world, name)
    values["style"] = named["style"] or earlier[0].style
    for name, look in _looks(values["subject"], earlier).items():
        values[name] = values.get(name) or look
    looks = _looks(values["companion"], earlier)
    values["companion_colour"] = values["companion_colour"] or looks.get("colour")
    return complete_scene(values, world.seed, known)


def dress_all(
    named: Mapping[str, str | None], states: Iterable[Mapping[str, Any]], known: Vocabulary
) -> dict[str, str | None]:
    """Return what a prompt names, dressed as the scene states of characters say.

    Clips are untrusted input: a state that is not one of `known` values is ignored.
    """
    named = dict(named)
    for state in states:
        try:
            named = dress(named, read_scene(state["staging"]["scene"], known))
        except (KeyError, TypeError, ValueError) as exc:
            logger.info("Ignoring the invalid scene of a character: %s", exc)
    return named


def dress(named: Mapping[str, str | None], scene: Scene) -> dict[str, str | None]:
    """Return what a prompt names, with the looks of a scene's subject where it is named again.

    What the prompt says of the looks itself comes first.
    """
    values, looks = dict(named), _looks(scene.subject, [scene])
    if named["subject"] == scene.subject:
        values |= {name: named.get(name) or look for name, look in looks.items()}
    elif named["companion"] == scene.subject:
        values["companion_colour"] = named["companion_colour"] or looks["colour"]
    return values


def _looks(subject: str | None, earlier: Sequence[Scene]) -> dict[str, str | None]:
    """Return how a subject looked when it was last seen."""
    for scene in reversed(earlier):
        if subject and scene.subject == subject:
            names = ("colour", "size", "emotion", "count", "outfit", "hair", "skin")
            return {name: getattr(scene, name) for name in names}
        if subject and scene.companion == subject:
            return {"colour": scene.companion_colour}
    return {}


def complete_scene(
    named: Mapping[str, str | None], seed: int, known: Vocabulary = ATTRIBUTES
) -> Scene:
    """Make a scene of the attributes that are named; the rest are defaults or drawn from a seed.

    `known` are the values that the weights know: others cannot be drawn.
    """
    rng = np.random.default_rng((seed, 5))
    values: dict[str, Any] = {name: named.get(name) for name in known}
    # Drawn in a fixed order, named or not: naming one more attribute does not change the others.
    drawn = {name: str(rng.choice(options)) for name, options in known.items()}
    is_of_subject = [values[name] for name in ("colour", "motion", "size", "emotion")]
    if values["subject"] is None and values["companion"]:  # a companion alone is the subject
        values["subject"], values["colour"] = values["companion"], values["companion_colour"]
        values["companion"] = None
    if values["subject"] is None and any(is_of_subject):
        values["subject"] = "child" if values["emotion"] else drawn["subject"]
    if values["subject"] is None and any(values.get(name) for name in OF_PEOPLE):
        values["subject"] = "woman" if rng.random() < 0.5 else "man"
    for name in ("subject", "companion"):
        if values[name] == SOMEBODY:
            values[name] = "woman" if rng.random() < 0.5 else "man"
    if NATURAL in known["colour"]:
        drawn |= _likely(values["subject"], known, seed)
    for name in ("place", "time"):
        values[name] = values[name] or drawn[name]
    for name, plain in (
        ("weather", "clear"), ("camera", "static"), ("style", "flat"), ("season", "summer"),
    ):  # fmt: skip
        if name in known:
            values[name] = values[name] or plain
    if values["subject"] is None:
        values |= {name: None for name in OF_BODIES if name in known}
    else:
        _complete_subject(values, drawn)
    if values["camera"] == "follow" and values["motion"] not in ("right", "left"):
        values["camera"] = "static"  # there is nothing to follow in the other motions
    return Scene(**values, seed=seed)


def _complete_subject(values: dict[str, Any], drawn: Mapping[str, str]) -> None:
    """Fill in what is left open of a subject and its companion, in place."""
    values["colour"] = values["colour"] or drawn["colour"]
    values["size"] = values["size"] or "medium"
    goes = values["camera"] == "follow" or values.get("action") in ("walk", "run")
    goes = goes or values["relation"] in ("riding", "chasing")
    values["motion"] = values["motion"] or ("right" if goes else "still")
    if "count" in values:
        values["count"] = "one" if values["companion"] else values["count"] or "one"
        _complete_person(values, drawn)
    if values["subject"] == "child":
        values["emotion"] = values["emotion"] or "happy"
        values["size"] = "medium" if values["size"] == "small" else values["size"]
    else:
        values["emotion"] = None
    if values["companion"] is None:
        values |= dict.fromkeys(("companion_colour", "relation"))
    else:
        values["companion_colour"] = values["companion_colour"] or drawn["companion_colour"]
        values["relation"] = values["relation"] or "left of"
        values["size"] = "medium" if values["size"] == "large" else values["size"]


def _complete_person(values: dict[str, Any], drawn: Mapping[str, str]) -> None:
    """Fill in what a person does and wears, in place; others have nothing of it."""
    if values["subject"] not in PEOPLE:
        values |= dict.fromkeys(OF_PEOPLE)
        return
    is_walking = values["motion"] in ("right", "left", "pace", "circle")
    values["action"] = values["action"] or ("walk" if is_walking else "stand")
    if values["relation"] == "riding" and values["companion"]:
        values["action"] = "ride"
    for name in ("outfit", "hair", "skin"):
        values[name] = values[name] or drawn[name]


def _likely(subject: str | None, known: Vocabulary, seed: int) -> dict[str, str]:
    """Draw what is likely where nothing is said: natural colours, and where a subject lives."""
    rng = np.random.default_rng((seed, 6))
    places = next((places for names, places in HOMES if subject in names), known["place"])
    homes = [place for place in places if place in known["place"]]
    outfit = "dress" if subject == "woman" and rng.random() < 0.6 else "trousers"
    colours = dict.fromkeys(("colour", "companion_colour"), NATURAL)
    time = str(rng.choice(known["time"], p=_TIME_SHARES))
    return colours | {"place": str(rng.choice(homes)), "outfit": outfit, "time": time}


def _look_of_companion(scene: Scene) -> dict[str, Any]:
    """Return what a companion does and wears, if it is a person: as the subject does, or stand."""
    if scene.companion not in PEOPLE or scene.count is None:
        return dict.fromkeys(OF_PEOPLE)
    rng = np.random.default_rng((scene.seed, 7))
    values: dict[str, Any] = {name: str(rng.choice(ATTRIBUTES[name])) for name in ("hair", "skin")}
    values["outfit"] = "dress" if scene.companion == "woman" else "trousers"
    return values | {"action": scene.action if scene.subject in PEOPLE else "stand"}

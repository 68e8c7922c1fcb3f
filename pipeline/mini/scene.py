"""Scenes of the embedded model's world: the tables of attribute values, and `Scene`.

A prompt names some attributes; `complete_scene` fills in the rest. `motion_paths.py` says where the
characters are, and `training/world.py` draws scenes for training.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np

logger = logging.getLogger(__name__)

# Every place has only a few views, as in a picture book, so that a small model can learn them.
NUM_VIEWS = 4
# Everything that repeats (turning, walking, falling rain) repeats within this time.
PERIOD_SECONDS = 8.0
# The sides of the autoencoder's patches in pixels: start positions and speeds are aligned to this
# grid, see `camera.SPEED`.
PATCH = 32
# For each subject: its width at height 1, and where it lives. Append, never reorder: their numbers
# are in the weights' tables.
CAST: dict[str, tuple[float, str]] = {
    "car": (1.76, "ground"),
    "boat": (1.3, "water"),
    "train": (2.66, "ground"),
    "rocket": (0.6, "air"),
    "balloon": (0.8, "air"),
    "robot": (0.84, "ground"),
    "cat": (1.18, "ground"),
    "rabbit": (0.88, "ground"),
    "bird": (1.28, "air"),
    "fish": (1.44, "air"),
    "butterfly": (1.2, "air"),
    "turtle": (1.56, "ground"),
    "plane": (1.76, "air"),
    "elephant": (1.64, "ground"),
    "dinosaur": (1.96, "ground"),
    "child": (0.84, "ground"),
    "woman": (0.88, "ground"),
    "man": (0.88, "ground"),
    "astronaut": (0.88, "ground"),
    "vase": (0.62, "ground"),
    "bottle": (0.46, "ground"),
    "glass": (0.66, "ground"),
    "bowl": (1.48, "ground"),
    "dog": (1.4, "ground"),
    "chair": (0.86, "ground"),
    "table": (1.78, "ground"),
    "bench": (1.86, "ground"),
    "apple": (1.1, "ground"),
    "orange fruit": (0.98, "ground"),
    "banana": (1.4, "ground"),
    "tree": (0.9, "ground"),
    "bear": (1.64, "ground"),
    "panda": (1.04, "ground"),
    "hat": (1.9, "ground"),
    "suitcase": (1.2, "ground"),
    "bag": (1.0, "ground"),
    "cup": (1.24, "ground"),
    "ball": (1.0, "ground"),
    "house": (1.26, "ground"),
    "castle": (1.56, "ground"),
    "tower": (0.88, "ground"),
    "temple": (1.32, "ground"),
    "penguin": (0.92, "ground"),
    "duck": (1.4, "water"),
    "swan": (1.36, "water"),
    "owl": (0.88, "ground"),
    "horse": (1.6, "ground"),
    "unicorn": (1.6, "ground"),
    "zebra": (1.6, "ground"),
    "bicycle": (1.66, "ground"),
    "motorcycle": (1.8, "ground"),
    "flower": (0.76, "ground"),
    "book": (1.88, "ground"),
    "squirrel": (1.2, "ground"),
    "fox": (2.0, "ground"),
    "truck": (2.12, "ground"),
    "bus": (2.14, "ground"),
    "sheep": (1.24, "ground"),
    "cow": (1.56, "ground"),
    "goat": (1.32, "ground"),
    "pig": (1.54, "ground"),
    "kangaroo": (1.44, "ground"),
    "shark": (2.2, "air"),
    "whale": (2.04, "air"),
    "dolphin": (2.1, "air"),
    "umbrella": (1.26, "air"),
    "cake": (1.48, "ground"),
    "pizza": (1.08, "ground"),
    "phone": (0.58, "ground"),
    "laptop": (1.66, "ground"),
    "dragon": (2.04, "air"),
    "clock": (0.9, "ground"),
    "frog": (1.36, "ground"),
    "snail": (1.86, "ground"),
    "mouse": (1.74, "ground"),
    "moon": (1.1, "air"),
    "planet": (1.64, "air"),
    "lion": (1.82, "ground"),
    "tiger": (1.8, "ground"),
    "guitar": (0.76, "ground"),
    "piano": (1.92, "ground"),
    "monkey": (1.1, "ground"),
    "helicopter": (2.3, "air"),
    "drone": (2.1, "air"),
    "bee": (1.4, "air"),
    "giraffe": (0.96, "ground"),
    "kite": (0.72, "air"),
    "octopus": (1.44, "air"),
    "snowman": (1.08, "ground"),
    "mushroom": (1.2, "ground"),
    "star": (1.08, "air"),
}
NATURAL = "natural"  # the colour of what has one by itself
_COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black",
    NATURAL,
)  # fmt: skip
PEOPLE = ("woman", "man", "astronaut")  # who have poses; a child has faces
SOMEBODY = "person"  # a woman or a man, as the seed has it
_OUTDOORS = ("meadow", "forest", "garden", "village", "farm")
# Where subjects are shown if nothing is said.
HOMES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("fish", "shark", "whale", "dolphin", "octopus"), ("underwater",)),
    (("car", "truck", "bus", "motorcycle", "bicycle"), ("road", "city", "village")),
    (("rocket", "planet", "astronaut", "star"), ("space", "moonscape")),
    (("boat", "swan", "duck"), ("lake",)),
    (("plane", "helicopter", "balloon", "kite"), ("sky", "mountains", "meadow")),
    (("penguin", "snowman"), ("snowfield",)),
    (("vase", "bottle", "glass", "bowl", "cup", "cake", "pizza", "apple", "orange fruit", "banana",
      "hat", "clock", "book", "phone", "laptop", "suitcase", "bag"),
     ("studio", "room", "kitchen")),
    (("chair", "table"), ("room", "cafe")),
    (("guitar", "piano"), ("stage", "room")),
    (("ball",), ("stadium", "garden", "studio")),
    (("sheep", "cow", "goat", "pig", "horse"), ("farm", "meadow")),
    (("monkey", "tiger", "dinosaur", "panda", "fox", "squirrel", "bear", "owl", "frog", "mushroom"),
     ("forest",)),
    (("lion", "zebra", "giraffe", "elephant", "kangaroo"), ("meadow", "desert")),
    (("cat", "dog", "rabbit", "bird", "butterfly", "bee", "snail", "mouse", "flower", "tree",
      "house", "bench", "child", "unicorn", "turtle"), _OUTDOORS),
)  # fmt: skip
_TIME_SHARES = (0.2, 0.5, 0.2, 0.1)  # of morning, day, sunset and night where none is said
Vocabulary = Mapping[str, tuple[str, ...]]
# Everything that can be drawn. Weights know a part of it, which their text encoder's configuration
# lists (`KinoraMiniPipeline.vocabulary`). Append, never reorder: places and subjects are numbered.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "subject": (*CAST, SOMEBODY),
    "colour": _COLOURS,
    "place": (
        "meadow", "forest", "beach", "desert", "mountains",
        "city", "village", "lake", "snowfield", "garden",
        "room", "kitchen", "cafe", "underwater", "sky", "space", "moonscape", "neon street", "road",
        "castle grounds", "stage", "stadium", "farm", "waterfall", "studio",
    ),
    "time": ("morning", "day", "sunset", "night"),
    "weather": ("clear", "rain", "snow", "fog"),
    "motion": ("still", "right", "left", "rise", "fall", "bounce", "circle", "pace"),
    "camera": (
        "static", "pan left", "pan right", "tilt up", "tilt down", "zoom in", "zoom out", "follow",
    ),
    "size": ("small", "medium", "large"),
    # Only some scenes have these: a child's emotion, and a companion beside the subject.
    "emotion": ("happy", "sad", "angry", "surprised", "sleepy"),
    "companion": (*CAST, SOMEBODY),
    "companion_colour": _COLOURS,
    "relation": (
        "left of", "right of", "above", "below", "riding", "holding", "wearing", "chasing", "on",
    ),
    "style": ("flat", "pastel", "comic", "papercut"),
    "count": ("one", "two", "three"),
    "season": ("spring", "summer", "autumn", "winter"),
    # Only people have these.
    "action": ("stand", "walk", "run", "dance", "sit", "wave", "ride"),
    "outfit": ("dress", "trousers"),
    "hair": ("black", "brown", "blond", "red", "grey"),
    "skin": ("fair", "tan", "brown", "dark"),
}  # fmt: skip

OF_BODIES = (
    "subject", "colour", "motion", "size", "emotion", "companion", "companion_colour", "relation",
    "count", "action", "outfit", "hair", "skin",
)  # fmt: skip
"""The attributes that only a scene with a character has."""


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
OF_PEOPLE = ("action", "outfit", "hair", "skin")


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

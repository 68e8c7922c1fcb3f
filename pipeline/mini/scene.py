"""Scenes of the embedded model's world: the tables of attribute values, and `Scene`.

A prompt names some attributes; `complete_scene` fills in the rest. `motion_paths.py` says where the
characters are, and `training/world.py` draws scenes for training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np

# Every place has only a few views, as in a picture book, so that a small model can learn them.
NUM_VIEWS = 4
# Everything that repeats (turning, walking, falling rain) repeats within this time.
PERIOD_SECONDS = 8.0
# The sides of the autoencoder's patches in pixels: start positions and speeds are aligned to this
# grid, see `camera.SPEED`.
PATCH = 32
# For each subject: its width at height 1, and where it lives.
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
}
_COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black",
)  # fmt: skip
# The order of the slots is the order of the text encoder's output tokens: append, never reorder.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "subject": tuple(CAST),
    "colour": _COLOURS,
    "place": (
        "meadow", "forest", "beach", "desert", "mountains",
        "city", "village", "lake", "snowfield", "garden",
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
    "companion": tuple(CAST),
    "companion_colour": _COLOURS,
    "relation": ("left of", "right of", "above", "below"),
    "style": ("flat", "pastel", "comic", "papercut"),
}  # fmt: skip

OF_BODIES = (
    "subject", "colour", "motion", "size", "emotion", "companion", "companion_colour", "relation",
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


@dataclass(frozen=True)
class Look:
    """Everything that decides how a character looks: values of the attributes of the same names."""

    subject: str
    colour: str
    time: str
    weather: str
    emotion: str | None
    style: str


# The order in which the sprite network was trained to read them.
OF_LOOKS = tuple(field.name for field in fields(Look))


def looks_of(scene: Scene) -> tuple[Look | None, Look | None]:
    """Return the looks of a scene's subject and of its companion; None for a missing one."""
    looks = Look(*(getattr(scene, name) for name in OF_LOOKS))
    subject, companion = looks if scene.subject else None, None
    if scene.companion:
        colour = cast("str", scene.companion_colour)  # every companion has one
        companion = replace(looks, subject=scene.companion, colour=colour, emotion=None)
    return subject, companion


def read_scene(values: Mapping[str, Any]) -> Scene:
    """Read a scene from its JSON fields. Raises ValueError if they are not those of a scene."""
    try:
        scene = Scene(**values)
        is_whole = complete_scene(values, scene.seed) == scene
    except TypeError as exc:
        raise ValueError(f"not the fields of a scene: {exc}") from exc
    if not is_whole or any(
        getattr(scene, name) not in (None, *options) for name, options in ATTRIBUTES.items()
    ):
        raise ValueError("a value of the scene is not in its table, or one is missing")
    return scene


def continue_scene(named: Mapping[str, str | None], before: Scene) -> Scene:
    """Make the scene that follows another without a cut: attributes not named stay the same.

    Motion and camera do not carry over.
    """
    kept = {name: getattr(before, name) for name in ATTRIBUTES}
    kept |= {"motion": None, "camera": None}
    if named["subject"] not in (None, before.subject):
        kept |= dict.fromkeys(("colour", "size", "emotion"))
    values = {name: named[name] or kept[name] for name in ATTRIBUTES}
    return complete_scene(values, before.seed)


def change_scene(named: Mapping[str, str | None], before: Scene) -> Scene:
    """Make a scene again with what is named changed; everything else stays, also its seed."""
    values = {name: named[name] or getattr(before, name) for name in ATTRIBUTES}
    return complete_scene(values, before.seed)


def cut_to_scene(named: Mapping[str, str | None], earlier: Sequence[Scene]) -> Scene:
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
    for name, known in _looks(values["subject"], earlier).items():
        values[name] = values[name] or known
    looks = _looks(values["companion"], earlier)
    values["companion_colour"] = values["companion_colour"] or looks.get("colour")
    return complete_scene(values, world.seed)


def _looks(subject: str | None, earlier: Sequence[Scene]) -> dict[str, str | None]:
    """Return how a subject looked when it was last seen."""
    for scene in reversed(earlier):
        if subject and scene.subject == subject:
            return {"colour": scene.colour, "size": scene.size, "emotion": scene.emotion}
        if subject and scene.companion == subject:
            return {"colour": scene.companion_colour}
    return {}


def complete_scene(named: Mapping[str, str | None], seed: int) -> Scene:
    """Make a scene of the attributes that are named; the rest are defaults or drawn from a seed."""
    rng = np.random.default_rng((seed, 5))
    values: dict[str, Any] = {name: named.get(name) for name in ATTRIBUTES}
    # Drawn in a fixed order, named or not: naming one more attribute does not change the others.
    drawn = {name: str(rng.choice(options)) for name, options in ATTRIBUTES.items()}
    for name in ("place", "time"):
        values[name] = values[name] or drawn[name]
    for name, plain in (("weather", "clear"), ("camera", "static"), ("style", "flat")):
        values[name] = values[name] or plain
    is_of_subject = [values[name] for name in ("colour", "motion", "size", "emotion")]
    if values["subject"] is None and values["companion"]:  # a companion alone is the subject
        values["subject"], values["colour"] = values["companion"], values["companion_colour"]
        values["companion"] = None
    if values["subject"] is None and any(is_of_subject):
        values["subject"] = "child" if values["emotion"] else drawn["subject"]
    if values["subject"] is None:
        values |= dict.fromkeys(OF_BODIES)
    else:
        values["colour"] = values["colour"] or drawn["colour"]
        values["size"] = values["size"] or "medium"
        is_followed = values["camera"] == "follow"
        values["motion"] = values["motion"] or ("right" if is_followed else "still")
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
    if values["camera"] == "follow" and values["motion"] not in ("right", "left"):
        values["camera"] = "static"  # there is nothing to follow in the other motions
    return Scene(**values, seed=seed)

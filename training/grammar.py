"""Draws random scenes of the embedded model's world, and decides which are held out.

`pipeline.mini.tables` has the values, `world.py` renders a scene, `captions.py` describes it.
"""

from __future__ import annotations

import numpy as np

from pipeline.mini.anchors import HELD, RIDDEN, SAT_ON, WORN
from pipeline.mini.scene import Scene, complete_scene
from pipeline.mini.tables import ATTRIBUTES, NATURAL, OF_BODIES, SOMEBODY, Vocabulary

COMPANION_SHARE = 0.25
COUNT_SHARE = 0.15
NOBODY_SHARE = 0.08
SEASON_SHARE = 0.3
HELD_OUT_SHARE = 0.04
# Of people among subjects, each of which weighs 1; somebody is one of them.
_SUBJECT_WEIGHTS = {"woman": 5.0, "man": 5.0, "child": 5.0, SOMEBODY: 0.0}
_WEIGHTS = {
    "subject": [_SUBJECT_WEIGHTS.get(name, 1.0) for name in ATTRIBUTES["subject"]],
    "colour": [3.0 if name == NATURAL else 1.0 for name in ATTRIBUTES["colour"]],
    "weather": (7.0, 1.0, 1.0, 1.0),
    "camera": (3.0, *[1.0] * 7),
    "size": (1.0, 2.0, 2.0),
    "style": (5.5, 1.5, 1.5, 1.5),
}  # fmt: skip
_RELATIONS = {"riding": RIDDEN, "on": SAT_ON, "holding": HELD, "wearing": WORN}
_ANY = ("left of", "right of", "above", "below")


def is_held_out(scene: Scene) -> bool:
    """Say whether (subject, colour, place) is one of the combinations no training stage may see."""
    if scene.subject is None:
        return False
    key = tuple(
        ATTRIBUTES[name].index(getattr(scene, name)) for name in ("subject", "colour", "place")
    )
    draw = np.random.default_rng((20261122, *key)).random()
    return bool(draw < HELD_OUT_SHARE)


def draw_scene(
    rng: np.random.Generator, *, held_out: bool = False, known: Vocabulary = ATTRIBUTES
) -> Scene:
    """Draw a scene at random, from the held-out combinations or from all others.

    It has only what is `known`: to measure weights, the vocabulary of their pipeline.
    """
    while True:
        named = {name: draw_value(rng, name, known) for name in known}
        if not held_out and rng.random() < NOBODY_SHARE:
            named |= {name: None for name in OF_BODIES if name in known}
        elif rng.random() < COMPANION_SHARE:
            named |= _draw_company(rng, named, known)
        else:
            named |= dict.fromkeys(("companion", "companion_colour", "relation"))
        _leave_open(named, rng)
        if named["camera"] == "follow" and named["subject"]:
            named["motion"] = str(rng.choice(["right", "left"]))
        scene = complete_scene(named, int(rng.integers(2**31)), known)
        if is_held_out(scene) == held_out:
            return scene


def _leave_open(named: dict[str, str | None], rng: np.random.Generator) -> None:
    """Leave open what most scenes have plain, in place."""
    if "count" not in named:
        return
    if rng.random() >= COUNT_SHARE:
        named["count"] = None
    if rng.random() >= SEASON_SHARE:
        named["season"] = None
    if named["subject"] != "woman" or rng.random() < 0.4:
        named["outfit"] = None
    if named["action"] == "ride" or rng.random() < 0.4:
        named["action"] = None


def draw_value(rng: np.random.Generator, name: str, known: Vocabulary = ATTRIBUTES) -> str:
    """Draw a value of an attribute by its weight."""
    weights = np.array(_WEIGHTS.get(name, np.ones(len(ATTRIBUTES[name]))), float)
    weights = weights[: len(known[name])]
    return str(rng.choice(known[name], p=weights / weights.sum()))


def _draw_company(
    rng: np.random.Generator, named: dict[str, str | None], known: Vocabulary
) -> dict[str, str | None]:
    """Draw a companion and a relation that makes sense, other than the subject and its colour."""
    kinds = [name for name in (*_RELATIONS, "chasing") if name in known["relation"]]
    while True:
        kind = str(rng.choice([*kinds, "any", "any", "any"]))
        if kind in _RELATIONS:
            companion, relation = str(rng.choice(_RELATIONS[kind])), kind
        else:
            companion = draw_value(rng, "subject", known)
            relation = "chasing" if kind == "chasing" else str(rng.choice(_ANY))
        colour = draw_value(rng, "colour", known)
        is_same = companion == named["subject"]
        if not is_same and (colour == NATURAL or colour != named["colour"]):
            moves = {"motion": str(rng.choice(["right", "left"]))} if kind == "chasing" else {}
            return {
                "companion": companion,
                "companion_colour": colour,
                "relation": relation,
            } | moves

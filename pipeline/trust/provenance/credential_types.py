"""What is known of a file's signed credentials, as plain data; credentials.py reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pipeline.trust.provenance.status_codes import Failure

State = Literal["trusted", "valid", "invalid", "none", "unreadable"]
"""Signer known here; signer not known here; changed since signing; unsigned; cannot be read."""

_IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED = f"{_IPTC}trainedAlgorithmicMedia"
COMPOSITE = f"{_IPTC}compositeWithTrainedAlgorithmicMedia"
PICTURE = "inputTo"  # relationship of a picture that a clip was generated from
_RELATIONSHIPS = {
    "parentOf": "the clip that {} was made from",
    PICTURE: "a picture that {} was made from",
    "componentOf": "a clip that is part of {}",
}


@dataclass(frozen=True)
class Action:
    """An action that the signer declares: C2PA action, IPTC source type, software and time."""

    action: str
    source_type: str = ""
    software: str = ""
    when: str = ""


@dataclass(frozen=True)
class Credentials:
    """A manifest and its ingredients. All but `state` and `failures` is the signer's claim.

    `signed_at` comes from a timestamp authority and is empty without one. `filler` and `uncovered`
    are what the signature does not cover: harmless boxes, and anything else.
    """

    state: State
    failures: tuple[Failure, ...] = ()
    signer: str = ""
    is_local_identity: bool = False
    signed_at: str = ""
    actions: tuple[Action, ...] = ()
    disclosure: dict[str, Any] | None = field(default=None, repr=False)
    recipe: dict[str, Any] | None = field(default=None, repr=False)
    ingredients: tuple[Ingredient, ...] = ()
    filler: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()

    @property
    def is_signed(self) -> bool:
        """Return whether the file is signed, by any signer, and unchanged since."""
        return self.state in ("trusted", "valid")

    @property
    def source_type(self) -> str:
        """Return the IPTC digital source type of the last action that has one, or "".

        What was generated to go with other footage is a composite, even if its signer says less.
        """
        types = [action.source_type for action in self.actions if action.source_type]
        if not types or types[-1] != GENERATED:
            return types[-1] if types else ""
        is_generated = all(x.credentials.source_type == GENERATED for x in self.ingredients)
        return GENERATED if is_generated else COMPOSITE

    @property
    def is_generated_here(self) -> bool:
        """Return whether this Kinora signed the file, and generated all of it."""
        is_generated = self.is_local_identity and self.source_type == GENERATED
        return is_generated and all(x.credentials.is_generated_here for x in self.ingredients)

    def walk(self) -> Iterator[Ingredient]:
        """Yield every ingredient, and the ingredients of each, depth first."""
        for ingredient in self.ingredients:
            yield ingredient
            yield from ingredient.credentials.walk()

    def tampered(self) -> list[Ingredient]:
        """Return the ingredients, at any depth, that are invalid or unreadable."""
        return [x for x in self.walk() if x.credentials.state in ("invalid", "unreadable")]

    def to_json(self) -> dict[str, Any]:
        """Return the credentials as JSON-serializable values."""
        values = asdict(self) | {"source_type": self.source_type}
        values["ingredients"] = [
            asdict(x) | {"credentials": x.credentials.to_json()} for x in self.ingredients
        ]
        return json.loads(json.dumps(values))


@dataclass(frozen=True)
class Ingredient:
    """A file that another was made from; `relationship` is parentOf, inputTo or componentOf.

    Its signature is checked anew. That its pictures were those it was signed with cannot be: only
    the signer of the file that was made from it says so.
    """

    title: str
    relationship: str
    credentials: Credentials


def describe_relationship(relationship: str, whole: str) -> str:
    """Say what an ingredient is to `whole`, such as "this file"."""
    return _RELATIONSHIPS.get(relationship, "a file that {} was made from").format(whole)

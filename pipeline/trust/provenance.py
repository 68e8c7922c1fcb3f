"""What a clip says of its origin: signed credentials, and a note that anybody can write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.recipe import read_recipe
from pipeline.trust.credentials import Credentials, read_credentials
from pipeline.trust.identity import Identity
from pipeline.trust.signing import describe_tampered

_CLAIM = (
    "This file says that Kinora made it, and how; it is not signed, and anybody can write such a "
    "note, so take it as a claim."
)
_NOTHING = (
    "This file says nothing of Kinora; such a note is easily removed, so that proves nothing."
)
_OWN = "This Kinora signed the file, and nothing in it has been changed since."
_TRUSTED = "{signer} signed this file, and nothing in it has been changed since."
_VALID = (
    "Nothing in this file has been changed since it was signed; the signer calls itself {signer}, "
    "and is not known here."
)
_INVALID = "Do not rely on this file's credentials: {reasons}."
_UNREADABLE = "This file may be signed, but that cannot be told: {reasons}."


def verify_clip(path: Path, identity: Identity | None = None) -> dict[str, Any]:
    """Report what a clip says of its origin and whether that holds, as JSON.

    `recipe` is the signed one, or what the file's tag claims. Raises MediaError if the file cannot
    be read.
    """
    claimed = read_recipe(path)
    credentials = read_credentials(path, identity)
    signed = credentials.recipe if credentials.is_signed else None
    recipe = claimed if signed is None else signed
    return {
        "made_by_kinora_claim": recipe is not None,
        "recipe": recipe,
        "signed": credentials.is_signed,
        "conclusion": conclude(credentials, has_claim=claimed is not None),
        "credentials": credentials.to_json(),
    }


def conclude(credentials: Credentials, *, has_claim: bool) -> str:
    """Say in words what credentials come to, with every ingredient that does not hold."""
    reasons = "; ".join(dict.fromkeys(x.words for x in credentials.failures))
    signer = f"\u201c{credentials.signer or 'nobody'}\u201d"
    known = _OWN if credentials.is_local_identity else _TRUSTED.format(signer=signer)
    conclusion = {
        "trusted": known,
        "valid": _VALID.format(signer=signer),
        "invalid": _INVALID.format(reasons=reasons),
        "unreadable": _UNREADABLE.format(reasons=reasons),
        "none": _CLAIM if has_claim else _NOTHING,
    }[credentials.state]
    warnings = [describe_tampered(ingredient) for ingredient in credentials.tampered()]
    return " ".join([conclusion, *warnings])

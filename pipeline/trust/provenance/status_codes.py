"""C2PA's status codes: which are failures, and what they mean in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TRUSTED = "signingCredential.trusted"
UNTRUSTED = "signingCredential.untrusted"
MISSING = "ingredient.manifest.missing"
TOO_LARGE = "kinora.tooLarge"  # c2pa took too long, or too much memory
_CHANGED = "the pictures or the sound were changed after it was signed"
_CLAIMS_CHANGED = "the statements in its credentials were changed after it was signed"
_EXPIRED = "the signer's certificate had expired or was not yet valid"
_WORDS = {
    UNTRUSTED: "the signer is not known to this Kinora",
    "signingCredential.expired": _EXPIRED,
    "claimSignature.outsideValidity": _EXPIRED,
    "claimSignature.mismatch": "the signature does not match",
    "assertion.hashedURI.mismatch": _CLAIMS_CHANGED,
    "assertion.missing": _CLAIMS_CHANGED,
    "ingredient.manifest.mismatch": "the credentials of a file it was made from were changed",
    MISSING: "the credentials of a file it was made from were removed",
}
# The hash of the file that a manifest is for, which can be checked only with that file.
_CONTENT = re.compile(r"assertion\.\w+Hash\.mismatch")
# Older ingredients list all codes in one; these are no failures.
_SUCCESSES = (".match", ".validated", ".trusted", ".accessible", ".insideValidity", ".notRevoked")
_MAX_CODE_CHARACTERS = 80


@dataclass(frozen=True)
class Failure:
    """A failed check: C2PA's status code, and the same in words."""

    code: str
    words: str


def failure(code: str) -> Failure:
    """Return a failed check by its code, which is untrusted text."""
    if code.endswith("Hash.mismatch"):
        return Failure(code, _CHANGED)
    plain = "".join(x for x in code if x.isprintable())[:_MAX_CODE_CHARACTERS]
    return Failure(code, _WORDS.get(code) or f"a check failed ({plain})")


def failures_of(results: Mapping[str, Any] | None) -> tuple[Failure, ...]:
    """Return the failures among c2pa's results for one manifest."""
    return tuple(failure(code) for code in codes_of(results, "failure"))


def codes_of(results: Mapping[str, Any] | None, kind: str) -> list[str]:
    """Return the codes of one kind: `success`, `informational` or `failure`."""
    return [str(row.get("code", "")) for row in (results or {}).get(kind) or ()]


def recorded_failures(ingredient: Mapping[str, Any]) -> tuple[Failure, ...]:
    """Return the failures that the signer of a file recorded for one of its ingredients.

    What the signer thought of the ingredient's own signer is left out: it is checked anew.
    """
    results = ingredient.get("validation_results") or {}
    codes = codes_of(results.get("activeManifest"), "failure")
    codes += [
        code
        for row in ingredient.get("validation_status") or ()
        if not (code := str(row.get("code", ""))).endswith(_SUCCESSES)
    ]
    return tuple(failure(code) for code in dict.fromkeys(codes) if code != UNTRUSTED)


def without_content(failures: tuple[Failure, ...]) -> tuple[Failure, ...]:
    """Return the failures of a manifest alone, read without the file that it is for."""
    return tuple(x for x in failures if not _CONTENT.fullmatch(x.code))

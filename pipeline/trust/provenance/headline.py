"""The headline of a report on a file's origin, and whether it is good or bad news.

It says no more than the conclusions do; see conclusions.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pipeline.trust.provenance.credential_types import PICTURE

Mood = Literal["good", "fair", "plain", "bad"]
_COPYABLE = "Unsigned; it carries a mark like that of a clip made here"
_OF_STATES: dict[str, tuple[str, Mood]] = {
    "trusted": ("Signed, content unchanged; this Kinora knows the signer", "good"),
    "valid": ("Signed, content unchanged; this Kinora does not know the signer", "fair"),
    "invalid": ("Signed, but the credentials are not valid", "bad"),
    "unreadable": ("The credentials cannot be read", "bad"),
}


def headline(report: Mapping[str, Any]) -> tuple[str, Mood]:
    """Return the headline of a report, and its mood."""
    credentials = report["credentials"]
    if report["signed"] and _is_broken_below(credentials):
        return "Signed, but made from a file whose credentials failed checks", "bad"
    if report["signed"] and credentials["uncovered"]:
        return "Signed, but the signature does not cover all of the file", "bad"
    if credentials["is_local_identity"]:
        return _of_own(report)
    if credentials["state"] in _OF_STATES:
        return _OF_STATES[credentials["state"]]
    if any(x["is_marked"] for x in report["marks"]):
        return _of_marks({x["looks_like_known"] for x in report["marks"] if x["known"]})
    if near := report["nearest"]:
        if near["likeness"] == "given":
            return "Unsigned; a clip made here began with this, or with something like it", "plain"
        return "Unsigned; it looks like a clip made here", "fair"
    if report["made_by_kinora_claim"]:
        return "Unsigned; claims to be made by Kinora", "plain"
    return "Nothing found; this proves nothing", "plain"


def _of_own(report: Mapping[str, Any]) -> tuple[str, Mood]:
    given = report["credentials"]["ingredients"]
    foreign = [x for x in given if not x["credentials"]["is_local_identity"]]
    if report["spans"] and not any(span["is_generated_here"] for span in report["spans"]):
        return "Cut and signed by this Kinora; none of it was generated here", "fair"
    is_partly_foreign = any(not span["is_generated_here"] for span in report["spans"])
    if is_partly_foreign or any(x["relationship"] != PICTURE for x in foreign):
        return "Signed by this Kinora; only part of it was generated here", "fair"
    if foreign:
        return (
            "Made and signed by this Kinora from a picture; content unchanged since",
            "good",
        )
    return "Made and signed by this Kinora; content unchanged since", "good"


def _of_marks(agreements: set[bool | None]) -> tuple[str, Mood]:
    if agreements >= {True, False}:
        return f"{_COPYABLE}, and only part of it looks like it", "fair"
    if False in agreements:
        return f"{_COPYABLE}, but does not look like it", "fair"
    if True in agreements:
        return f"{_COPYABLE}, and looks like it", "fair"
    return "Unsigned; it carries a mark like those of this Kinora", "fair"


def _is_broken_below(credentials: Mapping[str, Any]) -> bool:
    below = [x["credentials"] for x in credentials["ingredients"]]
    return any(x["state"] in ("invalid", "unreadable") or _is_broken_below(x) for x in below)

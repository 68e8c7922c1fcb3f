"""Puts a report on a file's origin into sentences, with its limits; it checks nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.trust.provenance.credential_types import Credentials
from pipeline.trust.provenance.signing import describe_tampered

_CLAIM = (
    "This file says that Kinora made it, and how. It is not signed, and anyone can write such a "
    "note, so treat it as a claim."
)
_NOTHING = (
    "This file has no note that Kinora made it. Such notes are easy to remove, so this proves "
    "nothing."
)
_OWN = "This Kinora signed the file, and nothing in it has changed since."
_TRUSTED = "{signer} signed this file, and nothing in it has changed since."
_VALID = (
    "Nothing in this file has changed since it was signed. The signer calls itself {signer} and is "
    "not known to this Kinora."
)
_INVALID = "Do not rely on this file's credentials: {reasons}."
_UNREADABLE = "This file may be signed, but Kinora cannot tell: {reasons}."
_PROVES = "Credentials prove who signed the file, not that what it shows is true."
_NOTHING_FOUND = (
    "Finding nothing proves nothing: credentials, marks and notes can be removed, and most cameras "
    "and generators leave none that Kinora can read."
)
_NEAR = (
    "It looks like a clip that this Kinora made on {made_on} with {model}. Similarity is a hint, "
    "not proof."
)
_SOURCES = {
    "trainedAlgorithmicMedia": "According to its credentials, a model generated it.",
    "compositeWithTrainedAlgorithmicMedia": (
        "According to its credentials, a model generated it from, or into, other pictures."
    ),
    "digitalCapture": "According to its credentials, a camera took it.",
}


def conclude(credentials: Credentials, *, has_claim: bool) -> str:
    """Return what the credentials show, and a warning for each ingredient that failed checks."""
    reasons = "; ".join(dict.fromkeys(x.words for x in credentials.failures))
    signer = f"\u201c{credentials.signer or 'unnamed'}\u201d"
    known = _OWN if credentials.is_local_identity else _TRUSTED.format(signer=signer)
    conclusion = {
        "trusted": known,
        "valid": _VALID.format(signer=signer),
        "invalid": _INVALID.format(reasons=reasons),
        "unreadable": _UNREADABLE.format(reasons=reasons),
        "none": _CLAIM if has_claim else _NOTHING,
    }[credentials.state]
    warnings = dict.fromkeys(describe_tampered(ingredient) for ingredient in credentials.tampered())
    return " ".join([conclusion, *warnings])


def conclusions(report: Mapping[str, Any]) -> list[str]:
    """Return the report's conclusions, one finding each; the last may say what is not proved."""
    said = [report["conclusion"]]
    source = report["credentials"]["source_type"].rpartition("/")[2]
    if report["signed"] and source in _SOURCES:
        said.append(_SOURCES[source])
    said += _of_marks(report["marks"])
    if near := report["nearest"]:
        said.append(_NEAR.format(**near))
    if reason := report.get("unreadable"):
        said.append(f"Its pictures could not be checked. {reason}")
    if report["signed"]:
        return [*said, _PROVES]
    is_found = report["credentials"]["state"] != "none" or report["made_by_kinora_claim"] or near
    is_found = is_found or any(x["is_marked"] for x in report["marks"])
    return said if is_found else [*said, _NOTHING_FOUND]


def _of_marks(windows: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for each ID that was read, or one if there are only unreadable marks."""
    said = []
    for mark_id in dict.fromkeys(x["id"] for x in windows if x["id"]):
        seen = [x for x in windows if x["id"] == mark_id]
        known = seen[0]["known"]
        what = (
            f"this Kinora made it on {known['made_on']} with {known['model']}"
            if known
            else "this Kinora's key made it, but the clip is not, or no longer, in the registry"
        )
        said.append(f"Its pixels carry the invisible mark {mark_id}: {what}.")
    if not said and any(x["is_marked"] for x in windows):
        said.append("Its pixels carry this Kinora's invisible mark, but its ID cannot be read.")
    return said

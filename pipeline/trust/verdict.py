"""A report on a file's origin in sentences, with what cannot be concluded. Finds out nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.trust.credentials import Credentials
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
_PROVES = "Credentials prove who signed, not that what is seen is true."
_NOTHING_FOUND = (
    "Nothing found proves nothing: credentials, marks and notes can be removed, and most cameras "
    "and generators leave none that can be read here."
)
_NEAR = (
    "It looks like a clip that this studio made on {made_on} with {model}; likeness is a hint, "
    "no proof."
)
_SOURCES = {
    "trainedAlgorithmicMedia": "By its credentials a model has generated it.",
    "compositeWithTrainedAlgorithmicMedia": (
        "By its credentials a model has generated it from, or into, other pictures."
    ),
    "digitalCapture": "By its credentials a camera took it.",
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
    warnings = dict.fromkeys(describe_tampered(ingredient) for ingredient in credentials.tampered())
    return " ".join([conclusion, *warnings])


def conclusions(report: Mapping[str, Any]) -> list[str]:
    """Return what a report comes to, a sentence each; the last says what it does not."""
    said = [report["conclusion"]]
    source = report["credentials"]["source_type"].rpartition("/")[2]
    if report["signed"] and source in _SOURCES:
        said.append(_SOURCES[source])
    said += _of_marks(report["marks"])
    if near := report["nearest"]:
        said.append(_NEAR.format(**near))
    if reason := report.get("unreadable"):
        said.append(f"Its pictures could not be looked at. {reason}")
    if report["signed"]:
        return [*said, _PROVES]
    is_found = report["credentials"]["state"] != "none" or report["made_by_kinora_claim"] or near
    is_found = is_found or any(x["is_marked"] for x in report["marks"])
    return said if is_found else [*said, _NOTHING_FOUND]


def _of_marks(windows: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for each mark that was read, and one for those that could not be."""
    said = []
    for mark_id in dict.fromkeys(x["id"] for x in windows if x["id"]):
        seen = [x for x in windows if x["id"] == mark_id]
        known = seen[0]["known"]
        what = (
            f"this studio made it on {known['made_on']} with {known['model']}"
            if known
            else "this studio's key made it, but the registry does not have the clip (any more)"
        )
        said.append(f"Its pixels bear the invisible mark {mark_id}: {what}.")
    if not said and any(x["is_marked"] for x in windows):
        said.append("Its pixels bear this studio's invisible mark, but its id cannot be read.")
    return said

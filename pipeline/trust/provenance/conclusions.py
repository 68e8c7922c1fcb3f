"""Puts a report on a file's origin into sentences that say no more than was checked.

It checks nothing itself. Where something could fool a check, the sentence says what.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.trust.provenance.credential_types import COMPOSITE, GENERATED, Credentials
from pipeline.trust.provenance.signing import describe_tampered
from pipeline.trust.provenance.spans import Span

_CLAIM = (
    "This file says that Kinora made it, and how. It is not signed, and anyone can write such a "
    "note, so treat it as a claim."
)
_NOTHING = (
    "This file is not signed and has no note that Kinora made it. Both are easy to remove, so this "
    "proves nothing."
)
_OWN = "This Kinora signed the file, and {covered} not changed since."
_TRUSTED = (
    "{signer} signed this file, with a certificate from an issuer that this Kinora trusts, and "
    "{covered} not changed since."
)
_VALID = (
    "The file is signed, and {covered} not changed since. The signer calls itself {signer} and is "
    "not known to this Kinora; anyone can sign with any name."
)
_LOOSE = (
    "{signer} signed this file, but the signature does not cover {parts}, which can be changed "
    "without a trace. So it does not show that the file is unchanged."
)
_INVALID = "Do not rely on this file's credentials: {reasons}."
_UNREADABLE = "This file may be signed, but Kinora cannot tell: {reasons}."
_FILLER = (
    "The signature does not cover the file's type label and padding ({boxes}); these can be "
    "changed without a trace, but hold no pictures and no sound."
)
_BORROWED = (
    "That it was made from a file signed by this Kinora is what {signer} says. The credentials of "
    "that file are genuine, but they can be copied from any clip made here."
)
_RECORDED = (
    "The credentials of the files it was made from were checked again now. That those files were "
    "unchanged when they were used is as recorded by {signer}."
)
_PROVES = "Credentials prove who signed the file, not that what it shows is true."
_NOTHING_FOUND = (
    "Finding nothing proves nothing: credentials, marks and notes can be removed, and most cameras "
    "and generators leave none that Kinora can read."
)
_NEAR = {
    "made": (
        "It looks like a clip that this Kinora made on {made_on} with {model}. Similarity is a "
        "hint, not proof."
    ),
    "given": (
        "A clip that this Kinora made on {made_on} with {model} {began}, or with something that "
        "looks like it. That does not mean that this file was made here."
    ),
    "both": (
        "Part of it looks like a clip that this Kinora made on {made_on} with {model}, and part "
        "like what that clip was made from. Similarity is a hint, not proof."
    ),
}
_SOURCES = {
    GENERATED: "According to its credentials, a model generated it.",
    COMPOSITE: (
        "According to its credentials, it combines what a model generated with other pictures or "
        "footage."
    ),
    "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture": (
        "According to its credentials, a camera took it."
    ),
}
_MARK = "{pixels} carry a mark like that of the clip made here on {made_on} with {model} (ID {id})"
_MARK_AGREES = f"{_MARK}, and look like that clip. Marks can be copied: it is a hint, not proof."
_MARK_DISAGREES = (
    f"{_MARK}, but do not look like that clip. Marks can be copied from one picture to another, so "
    "do not conclude that this was made here; a clip that was mirrored, or changed a lot, would "
    "look the same to this check."
)
_MARK_ALONE = f"{_MARK}. What that clip looks like is not in the registry, and marks can be copied."
_MARK_UNKNOWN = (
    "{pixels} carry a mark like those of this Kinora (ID {id}), but no clip in its registry has "
    "that ID. The clip may have been deleted, and marks can be copied."
)
_MARK_UNREADABLE = (
    "{pixels} carry a pattern like this Kinora's invisible mark, but its ID cannot be read. Marks "
    "can be copied."
)


def conclude(credentials: Credentials, *, has_claim: bool, is_picture: bool = False) -> str:
    """Return what the credentials show, and a warning for each ingredient that failed checks."""
    reasons = "; ".join(dict.fromkeys(x.words for x in credentials.failures))
    signer = _quoted(credentials)
    covered = "its picture and notes have" if is_picture else "its pictures, sound and notes have"
    conclusion = {
        "trusted": _OWN if credentials.is_local_identity else _TRUSTED,
        "valid": _VALID,
        "invalid": _INVALID,
        "unreadable": _UNREADABLE,
        "none": _CLAIM if has_claim else _NOTHING,
    }[credentials.state].format(signer=signer, covered=covered, reasons=reasons)
    if credentials.is_signed and credentials.uncovered:
        parts = " and ".join(credentials.uncovered)
        conclusion = _LOOSE.format(signer=signer, parts=parts)
    warnings = dict.fromkeys(describe_tampered(ingredient) for ingredient in credentials.tampered())
    return " ".join([conclusion, *warnings])


def of_credentials(credentials: Credentials, spans: list[Span], pictures: list[str]) -> list[str]:
    """Return what else a file's credentials say: what they cover, and what it was made from."""
    if not credentials.is_signed:
        return []
    said = []
    if credentials.filler and not credentials.uncovered:
        said.append(_FILLER.format(boxes=", ".join(credentials.filler)))
    if spans:
        said.append(f"{'; '.join(span.words for span in spans)}.")
    elif source := _SOURCES.get(credentials.source_type):
        said.append(source)
    if pictures:
        said.append(_of_pictures(pictures))
    if not credentials.is_local_identity and any(
        x.credentials.is_local_identity for x in credentials.ingredients
    ):
        said.append(_BORROWED.format(signer=_quoted(credentials)))
    if any(x.credentials.is_signed for x in credentials.ingredients):
        signer = "this Kinora" if credentials.is_local_identity else _quoted(credentials)
        said.append(_RECORDED.format(signer=signer))
    return said


def conclusions(report: Mapping[str, Any], of_credentials: Iterable[str] = ()) -> list[str]:
    """Return the report's conclusions, one finding each; the last may say what is not proved."""
    said = [report["conclusion"], *of_credentials, *_of_marks(report)]
    is_picture = report["kind"] == "picture"
    near = report["nearest"]
    if near and not report["credentials"]["is_local_identity"]:  # it would be like itself
        began = "began with this picture" if is_picture else "was made with this footage"
        said.append(_NEAR[near["likeness"]].format(**near, began=began))
    if reason := report.get("unreadable"):
        said.append(f"Its pictures could not be checked. {reason}")
    if report["signed"]:
        return [*said, _PROVES]
    is_found = report["credentials"]["state"] != "none" or report["made_by_kinora_claim"] or near
    is_found = is_found or any(x["is_marked"] for x in report["marks"])
    return said if is_found else [*said, _NOTHING_FOUND]


def _of_pictures(pictures: list[str]) -> str:
    origins = " and ".join(dict.fromkeys(pictures))
    many = "a picture" if len(pictures) == 1 else f"{len(pictures)} pictures"
    return f"It was generated from {many} given by its user: {origins}."


def _of_marks(report: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each ID that was read, or one if there are only unreadable marks."""
    windows, said = report["marks"], []
    for mark_id in dict.fromkeys(x["id"] for x in windows if x["id"]):
        seen = [x for x in windows if x["id"] == mark_id]
        known, agrees = seen[0]["known"], seen[0]["looks_like_known"]
        sentence = {True: _MARK_AGREES, False: _MARK_DISAGREES, None: _MARK_ALONE}[agrees]
        sentence = sentence if known else _MARK_UNKNOWN
        said.append(sentence.format(id=mark_id, pixels=_pixels(seen, windows), **(known or {})))
    marked = [x for x in windows if x["is_marked"]]
    if not said and marked:
        said.append(_MARK_UNREADABLE.format(pixels=_pixels(marked, windows)))
    return said


def _pixels(seen: list[dict[str, Any]], windows: list[dict[str, Any]]) -> str:
    """Return the subject of a sentence on some of the windows."""
    if len(seen) == len(windows):
        return "Its pixels"
    start, end = seen[0]["from_seconds"], seen[-1]["to_seconds"]
    return f"Its pixels between {start:.3g} and {end:.3g} s"


def _quoted(credentials: Credentials) -> str:
    if credentials.is_local_identity:
        return "This Kinora"
    return f"\u201c{credentials.signer or 'unnamed'}\u201d"

"""Puts a report on a file's origin into sentences that say no more than was checked.

It checks nothing itself. Where something could fool a check, the sentence says what.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.trust.provenance.credential_types import COMPOSITE, GENERATED, Credentials
from pipeline.trust.provenance.signing import describe_tampered
from pipeline.trust.provenance.spans import Span
from pipeline.trust.provenance.stretches import Stretch, stretches_of

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
        "{share} looks like a clip that this Kinora made on {made_on} with {model}. Similarity is "
        "a hint, not proof."
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
    "do not conclude that this was made here; a clip that was mirrored, changed a lot, or mixed "
    "with other footage would look the same to this check."
)
_MARK_ALONE = (
    f"{_MARK}. What they look like cannot be compared with that clip: the pictures are too plain, "
    "the part is too short, or the registry does not have it. Marks can be copied."
)
_MARK_SIGNED = f"{_MARK}, in a part that was generated here according to these credentials."
_WINDOWS = (
    "Marks are looked for in windows of {seconds:.2g} s; other footage in part of a window, or "
    "between them, can go unnoticed."
)
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
        share = "It" if is_picture else "At least half of it"
        said.append(_NEAR[near["likeness"]].format(**near, began=began, share=share))
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
    """Return a sentence for each ID and likeness, or one if there are only unreadable marks."""
    windows, stretches, said = report["marks"], stretches_of(report), []
    clips = {x["id"]: x["known"] for x in windows if x["id"]}
    groups: dict[tuple[Any, ...], list[Stretch]] = {}
    for stretch in stretches:
        if stretch.mark_id or not clips:
            alike = (stretch.mark_id, stretch.looks_like_known, stretch.is_vouched_for)
            groups.setdefault(alike, []).append(stretch)
    for (mark_id, _, _), seen in groups.items():
        known, pixels = clips.get(mark_id), _pixels(seen, report)
        sentence = _sentence(seen[0], is_known=bool(known))
        said.append(sentence.format(id=mark_id, pixels=pixels, **(known or {})))
    if report["kind"] == "clip" and not all(x.is_vouched_for for x in stretches):
        seconds = windows[0]["to_seconds"] - windows[0]["from_seconds"]
        said.append(_WINDOWS.format(seconds=seconds))
    return said


def _sentence(stretch: Stretch, *, is_known: bool) -> str:
    if stretch.mark_id is None:
        return _MARK_UNREADABLE
    if not is_known:
        return _MARK_UNKNOWN
    if stretch.is_vouched_for and not stretch.looks_like_known:
        return _MARK_SIGNED
    return {True: _MARK_AGREES, False: _MARK_DISAGREES, None: _MARK_ALONE}[stretch.looks_like_known]


def _pixels(seen: list[Stretch], report: Mapping[str, Any]) -> str:
    """Return the subject of a sentence on some stretches, and name each of them."""
    if report["kind"] == "picture":
        return "Its pixels"
    times = " and ".join(f"between about {x.start:.3g} and {x.end:.3g} s" for x in seen)
    return f"{'Its' if seen[0].is_vouched_for else 'At least parts of its'} pixels {times}"


def _quoted(credentials: Credentials) -> str:
    if credentials.is_local_identity:
        return "This Kinora"
    return f"\u201c{credentials.signer or 'unnamed'}\u201d"

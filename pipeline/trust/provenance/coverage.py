"""Tells which parts of a file its signature does not cover, from the manifest's hash assertion.

A signer chooses these parts, and c2pa calls a file valid even if nothing of it is covered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

_BMFF, _DATA = "c2pa.hash.bmff", "c2pa.hash.data"
_C2PA_BOX = "2P7D1hsOSDySl1goh37EgQ=="  # the UUID of the box with the credentials, in base64
# Boxes that every film signed with c2pa leaves out: type label, seek index, padding.
FILLER = frozenset({"ftyp", "mfra", "free", "skip"})
_EVERYTHING = "all of the pictures and sound"
_SOME_BYTES = "parts chosen by the signer"
_SPARE, _SPARE_BYTES = 0.05, 1024  # what a container adds to the credentials it holds


def left_out(
    assertions: Mapping[str, Any], codes: Collection[str], num_bytes: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the filler boxes that a signature leaves out, and what else it leaves out.

    `assertions` are a manifest's, by label; `codes` are c2pa's remarks on it; `num_bytes` is the
    size of its manifest store, which no signature can cover.
    """
    for label, data in assertions.items():
        if label.startswith(_BMFF) and isinstance(data, Mapping):
            return _of_boxes(data)
    if any(code == "assertion.boxesHash.additionalExclusionsPresent" for code in codes):
        return (), (_SOME_BYTES,)
    sizes = [
        span["length"]
        for label, data in assertions.items()
        if label.startswith(_DATA)
        for span in data.get("exclusions") or ()
    ]
    is_loose = sum(sizes) > num_bytes * (1 + _SPARE) + _SPARE_BYTES
    return (), ((_SOME_BYTES,) if is_loose else ())


def _of_boxes(data: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    has_merkle = bool(data.get("merkle"))
    if not data.get("hash") and not has_merkle:
        return (), (_EVERYTHING,)
    filler: list[str] = []
    others: list[str] = []
    for exclusion in data.get("exclusions") or ():
        name = str(exclusion.get("xpath", "")).strip("/")
        if name == "uuid" and _C2PA_BOX in str(exclusion.get("data")):
            continue
        if name == "mdat" and has_merkle:  # covered by a tree of hashes
            continue
        (filler if name in FILLER else others).append(name)
    return tuple(filler), tuple(f"the box {name}" for name in others)

"""Finds the signer's certificate in a C2PA manifest store, which is untrusted input.

A store is made of JUMBF boxes (ISO/IEC 19566-5). A manifest's `c2pa.signature` box has a COSE_Sign1
message (RFC 9052), whose header `x5chain` (RFC 9360) has the certificates, the signer's first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

_X5CHAIN = (33, "x5chain")
_SIGN1 = 18  # tag of a COSE_Sign1 message
_HAS_LABEL = 0x02
_MAX_DEPTH = 16
_MAX_ITEMS = 10_000


def signer_certificate(store: bytes, label: str) -> str:
    """Return the SHA-256 (hex) of the certificate that a manifest is signed with.

    Returns "" if there is none, or more than one that could be meant.
    """
    try:
        (manifest,) = (x for name, x in _children(_only(store)) if name == label)
        (signature,) = (x for name, x in _children(manifest) if name == "c2pa.signature")
        (message,) = (body for kind, body in _boxes(signature) if kind == b"cbor")
        return hashlib.sha256(_signer(message)).hexdigest()
    except (ValueError, IndexError, TypeError, RecursionError):
        return ""


def _only(store: bytes) -> bytes:
    (content,) = (body for kind, body in _boxes(store) if kind == b"jumb")
    return content


def _children(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the label and the content of each superbox within one."""
    for kind, body in _boxes(content):
        if kind == b"jumb":
            _, description = next(_boxes(body))
            is_labelled = description[16] & _HAS_LABEL
            label = description[17:].split(b"\0", 1)[0] if is_labelled else b""
            yield label.decode(), body


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(data):
        size, header = int.from_bytes(data[position : position + 4], "big"), 8
        if size == 1:
            size, header = int.from_bytes(data[position + 8 : position + 16], "big"), 16
        size = size or len(data) - position
        if size < header or position + size > len(data):
            raise ValueError("a box is larger than what holds it")
        yield data[position + 4 : position + 8], data[position + header : position + size]
        position += size


def _signer(message: bytes) -> bytes:
    """Return the first certificate (DER) of a COSE_Sign1 message."""
    tag, (protected, unprotected, _, _) = _Cbor(message).item()
    if tag != _SIGN1:
        raise ValueError("not a COSE_Sign1 message")
    headers = [*(_Cbor(protected).item() if protected else ()), *unprotected]
    (chain,) = (value for name, value in headers if name in _X5CHAIN)
    return bytes(chain if isinstance(chain, bytes) else chain[0])


_Item = Any  # what an item is, is known once it is read


class _Cbor:
    """Reads the part of CBOR (RFC 8949) that COSE uses; maps become lists of pairs."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position, self._num_items = data, 0, 0

    def item(self, depth: int = 0) -> _Item:
        """Return the next item; a tag and what it tags are a pair."""
        self._num_items += 1
        if depth > _MAX_DEPTH or self._num_items > _MAX_ITEMS:
            raise ValueError("nested too deep, or too much")
        kind, detail = divmod(self._take(1)[0], 32)
        if kind == 7:
            self._take({24: 1, 25: 2, 26: 4, 27: 8}.get(detail, 0))
            return None  # a number with a fraction, true, false or nothing: never asked for
        if detail > 27:
            raise ValueError("of a length that is not said")
        value = detail if detail < 24 else int.from_bytes(self._take(1 << detail - 24), "big")
        if kind in (0, 1):
            return value if kind == 0 else -1 - value
        if kind in (2, 3):
            content = self._take(value)
            return content if kind == 2 else content.decode()
        if kind == 4:
            return [self.item(depth + 1) for _ in range(value)]
        if kind == 5:
            return [(self.item(depth + 1), self.item(depth + 1)) for _ in range(value)]
        return value, self.item(depth + 1)

    def _take(self, count: int) -> bytes:
        taken = self._data[self._position : self._position + count]
        if len(taken) < count:
            raise ValueError("cut off")
        self._position += count
        return taken

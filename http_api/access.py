"""Who may call the HTTP APIs: owners with a key, or without any keys only this computer."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import NewType

from starlette.requests import HTTPConnection

from http_api.addresses import is_loopback, split_address
from http_api.errors import ApiError
from pipeline.errors import KinoraError
from pipeline.settings import read_variable

Owner = NewType("Owner", str)
"""Whose jobs a call sees and whose limits it counts towards; also a folder name.

It is never what `visitor_key` returns, so that no visitor of the page has an owner's jobs.
"""
THIS_COMPUTER = Owner("api-this-computer")
MIN_KEY_CHARACTERS = 16  # shorter ones can be guessed
_FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_NEEDS_KEY = "This server needs an API key; send one of KINORA_API_KEYS as a bearer token."
_NO_KEYS = (
    "Without KINORA_API_KEYS only programs on this computer may call, by the address 127.0.0.1 or "
    "localhost, not through a proxy, and not where the page has a password, a share link or "
    "KINORA_HOSTS; set keys, and send one as a bearer token."
)


@dataclass(frozen=True)
class ApiAccess:
    """The API keys of a server, and whether this computer's programs may call without them.

    `trusts_this_computer` must be false where others reach the server through this computer: by a
    share link or a proxy, or past the password of the page.
    """

    keys: tuple[str, ...] = field(default=(), repr=False)
    trusts_this_computer: bool = False

    def owner_of(self, connection: HTTPConnection) -> Owner:
        """Return who calls. Raises ApiError (401) if they may not."""
        if self.keys:
            return self._owner_by_key(connection.headers.get("authorization", ""))
        if self.trusts_this_computer and is_from_this_computer(connection):
            return THIS_COMPUTER
        raise ApiError(401, _NO_KEYS)

    def _owner_by_key(self, authorization: str) -> Owner:
        scheme, _, given = authorization.partition(" ")
        # All keys are compared, whichever fits, so that the time tells nothing.
        digest = _digest(given.strip())
        matches = [hmac.compare_digest(digest, _digest(key)) for key in self.keys]
        if scheme.lower() != "bearer" or not any(matches):
            raise ApiError(401, _NEEDS_KEY)
        return Owner(f"api-{digest[:28]}")


def is_from_this_computer(connection: HTTPConnection) -> bool:
    """Return whether a call comes straight from a program on this computer, not from a website.

    A proxy on this computer would show in its headers or in the host that was asked for. Browsers
    say when a page of another site calls.
    """
    headers, client = connection.headers, connection.client
    host, _ = split_address(headers.get("host", ""))
    return (
        client is not None
        and is_loopback(client.host)
        and host == "localhost"
        and not any(name in headers for name in _FORWARDED)
        and headers.get("sec-fetch-site", "none") in ("none", "same-origin")
    )


def read_keys() -> tuple[str, ...]:
    """Read KINORA_API_KEYS. Raises KinoraError for a key that is too short or has other characters.

    The message does not show the key.
    """
    keys = tuple(key.strip() for key in read_variable("KINORA_API_KEYS").split(",") if key.strip())
    for number, key in enumerate(keys, 1):
        if not re.fullmatch(rf"[!-~]{{{MIN_KEY_CHARACTERS},}}", key):
            raise KinoraError(
                f"Key {number} of KINORA_API_KEYS has {len(key)} characters, but a key must have "
                f"at least {MIN_KEY_CHARACTERS} letters, digits or signs, without blanks; make "
                "one with python -c 'import secrets; print(secrets.token_urlsafe(24))'."
            )
    return keys


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()

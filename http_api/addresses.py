"""Names and addresses of computers, as headers, origins and settings write them."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def split_address(address: str) -> tuple[str, int | None]:
    """Return the host and the port that an origin or a Host header names, "" and None if none.

    All names of this machine become "localhost".
    """
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        name, port = parts.hostname or "", parts.port
    except ValueError:
        return "", None
    return "localhost" if is_loopback(name) else name, port

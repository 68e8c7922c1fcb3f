"""Signs a message and sends it to an address, never into a private network that is not listed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
from urllib.parse import urlsplit, urlunsplit

import httpx

TIMEOUT_SECONDS = 10.0
# Names of the public DNS can be pointed at any address by others. These cannot: they are listed.
_LOCAL_SUFFIXES = (".internal", ".lan", ".local", ".localhost", ".home.arpa")


class NotDeliveredError(Exception):
    """A message was not taken; the reason is for the owner's log."""


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a signed message, as standardwebhooks.com specifies them."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


async def deliver(address: str, body: bytes, headers: dict[str, str]) -> None:
    """Send a message once. Raises NotDeliveredError, also for a redirect, which is not followed.

    The name is looked up once and that address is used, so that it cannot change in between.
    """
    parts = urlsplit(address)
    host = str(parts.hostname)
    target = await resolve(host, parts.port or (443 if parts.scheme == "https" else 80))
    literal = f"[{target}]" if ":" in target else target
    port = f":{parts.port}" if parts.port else ""
    url = urlunsplit((parts.scheme, literal + port, parts.path or "/", parts.query, ""))
    headers = {**headers, "Host": parts.netloc, "Content-Type": "application/json"}
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            request = client.build_request(
                "POST", url, content=body, headers=headers, extensions={"sni_hostname": host}
            )
            response = await client.send(request, stream=True)  # the answer's body is not read
            await response.aclose()
    except httpx.HTTPError as exc:
        raise NotDeliveredError(type(exc).__name__) from exc
    if not response.is_success:
        raise NotDeliveredError(f"status {response.status_code}")


async def resolve(host: str, port: int) -> str:
    """Return an IP address of a host. Raises NotDeliveredError if it is private but not listed.

    Addresses, names without a dot and names of local networks are listed by being written down.
    """
    if _is_address(host):
        return host
    try:
        loop = asyncio.get_running_loop()
        found = await asyncio.wait_for(
            loop.getaddrinfo(host, port, type=socket.SOCK_STREAM), TIMEOUT_SECONDS
        )
    except (OSError, asyncio.TimeoutError, UnicodeError) as exc:
        raise NotDeliveredError("its name is not known") from exc
    addresses = [str(entry[4][0]) for entry in found]
    is_listed = "." not in host or host.endswith(_LOCAL_SUFFIXES)
    if not addresses or not (is_listed or all(_is_public(one) for one in addresses)):
        raise NotDeliveredError("its name leads into a private network")
    return addresses[0]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    return found.is_global and not found.is_multicast

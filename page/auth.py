"""Reads the access settings: the password, the server's host names and the limits for visitors.

Also identifies clients by their address, for the limits.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gradio.context import LocalContext
from gradio.utils import get_space

from http_api.access import ApiAccess, read_keys
from http_api.addresses import is_loopback
from pipeline.errors import KinoraError
from pipeline.rate_limits import PUBLIC, Allowance
from pipeline.settings import NO, read_number, read_variable

logger = logging.getLogger(__name__)

USER = "kinora"  # the login name, if the password is set without one
SHARE_HOSTS = (".gradio.live",)  # the suffix of share links
_LIMITS = {
    "KINORA_MAX_JOBS_AT_ONCE": "jobs_at_once",
    "KINORA_MAX_JOBS_AN_HOUR": "jobs_an_hour",
}
_OPEN_LINK = (
    "The share link has no password: everyone who has it can make clips on this computer, see the "
    "page and the API, and upload files; set KINORA_PASSWORD to require a login."
)


@dataclass(frozen=True)
class AccessPolicy:
    """Who may use the server; browsers may reach it only by the names in `hosts`.

    Without `hosts`, any name is allowed. `login` is a user name and a password. `api` says who may
    call the HTTP APIs beside the page.
    """

    login: tuple[str, str] | None = None
    hosts: tuple[str, ...] = ()
    is_shared: bool = False
    api: ApiAccess = field(default_factory=ApiAccess)

    @property
    def warning(self) -> str:
        """Return what a share link without a password exposes; empty if there is none."""
        return _OPEN_LINK if self.is_shared and self.login is None else ""

    def warn(self) -> None:
        """Log the warning, if there is one."""
        if self.warning:
            logger.warning(self.warning)


def listens_to_itself() -> bool:
    """Return whether the server listens only to its own computer and is not a Space."""
    name = read_variable("GRADIO_SERVER_NAME") or "127.0.0.1"
    return is_loopback(name) and not read_variable("SPACE_ID")


def is_private() -> bool:
    """Return whether only users of this computer can reach the server.

    Others can reach it through a share link, or through a proxy (KINORA_HOSTS).
    """
    is_shared = read_variable("GRADIO_SHARE").lower() not in ("", *NO)
    return listens_to_itself() and not is_shared and not read_variable("KINORA_HOSTS")


def read_access(*, share: bool | None = None) -> AccessPolicy:
    """Read the access settings. Raises KinoraError for a password or key that is not valid."""
    is_shared = _wants_share() if share is None else share
    names = (name.strip().lower() for name in read_variable("KINORA_HOSTS").split(","))
    hosts = tuple(name for name in names if name)
    if not get_space():  # on a Space the Hub's proxy checks names; elsewhere prevent rebinding
        hosts += ("localhost",) if listens_to_itself() else ("localhost", *_machine_names())
    if hosts and is_shared:
        hosts += SHARE_HOSTS + _own_share_host()
    login = _read_login()
    is_direct = not (login or is_shared or get_space() or read_variable("KINORA_HOSTS"))
    api = ApiAccess(read_keys(), trusts_this_computer=is_direct)
    return AccessPolicy(login, hosts, is_shared and not get_space(), api)


def read_allowance() -> Allowance:
    """Read the limits for one visitor: none on a private server, the public ones elsewhere."""
    allowance = Allowance() if is_private() else PUBLIC
    for name, limit in _LIMITS.items():
        count = read_number(name, getattr(allowance, limit), is_count=True)
        allowance = replace(allowance, **{limit: count})
    return allowance


def client_id() -> str:
    """Return the client of the Gradio event that is running."""
    request = LocalContext.request.get(None)
    if request is None or request.client is None:
        return ""
    return client_id_of(request.headers, request.client.host)


def client_id_of(headers: Mapping[str, str], address: str) -> str:
    """Identify a client by its address; for IPv6 by its /64 network, which is one household.

    A Space is behind the Hub's proxy, whose header names the visitor. Clients can add an address to
    that header, so a determined visitor can evade the limits. Elsewhere the header is not read here
    (uvicorn reads it if the connection is from this machine, and takes the last address).
    """
    if get_space():
        address = headers.get("x-forwarded-for", "").split(",")[0].strip() or address
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if known.version == 6 and known.ipv4_mapped is None:
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(getattr(known, "ipv4_mapped", None) or known)


def _wants_share() -> bool:
    return read_variable("GRADIO_SHARE").lower() == "true"


def _machine_names() -> tuple[str, ...]:
    """Return the names of this computer in its local network."""
    name = socket.gethostname().lower()
    return (name, f"{name}.local") if name else ()


def _own_share_host() -> tuple[str, ...]:
    address = read_variable("GRADIO_SHARE_SERVER_ADDRESS").partition(":")[0]
    return (f".{address}",) if address else ()


def _read_login() -> tuple[str, str] | None:
    text = os.environ.get("KINORA_PASSWORD", "")
    if not text:
        return None
    name, _, password = text.rpartition(":")
    if not password or (":" in text and not name):
        raise KinoraError(
            "KINORA_PASSWORD must be a password, or a name and a password as in name:password."
        )
    return name or USER, password

"""Who may come in, as the environment says it: the password, the names of this server, the limits.

And who somebody is: the address they come from, for the limits.
"""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gradio.context import LocalContext
from gradio.utils import get_space

from pipeline.errors import KinoraError
from pipeline.rate_limits import PUBLIC, Allowance
from pipeline.settings import NO, read_number, read_variable

logger = logging.getLogger(__name__)

USER = "kinora"  # who logs in, if the password comes without a name
SHARE_HOSTS = (".gradio.live",)  # what share links end in
_LIMITS = {
    "KINORA_MAX_JOBS_AT_ONCE": "jobs_at_once",
    "KINORA_MAX_JOBS_AN_HOUR": "jobs_an_hour",
}
_OPEN_LINK = (
    "The share link is open: whoever has it can use this computer for clips, see the page and the "
    "API, and upload files; set KINORA_PASSWORD, and they have to log in."
)


@dataclass(frozen=True)
class AccessPolicy:
    """Who may come in; `hosts` are the names by which a browser may call this server.

    Any name will do if there are none. `login` is a name and a password.
    """

    login: tuple[str, str] | None = None
    hosts: tuple[str, ...] = ()
    is_shared: bool = False

    def warn(self) -> None:
        """Say in the log what a link without a password exposes."""
        if self.is_shared and self.login is None:
            logger.warning(_OPEN_LINK)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine itself."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def listens_to_itself() -> bool:
    """Say whether the server listens to its own computer alone, and is no Space."""
    name = read_variable("GRADIO_SERVER_NAME") or "127.0.0.1"
    return is_loopback(name) and not read_variable("SPACE_ID")


def is_private() -> bool:
    """Say whether only people at this computer can use the server.

    Others come through a share link, or through a proxy that knows the server by further names.
    """
    is_shared = read_variable("GRADIO_SHARE").lower() not in ("", *NO)
    return listens_to_itself() and not is_shared and not read_variable("KINORA_HOSTS")


def read_access(*, share: bool | None = None) -> AccessPolicy:
    """Read who may come in. Raises KinoraError if the password cannot be one."""
    is_shared = _wants_share() if share is None else share
    names = (name.strip().lower() for name in read_variable("KINORA_HOSTS").split(","))
    hosts = tuple(name for name in names if name)
    if hosts or listens_to_itself():  # where any other name is another site's trick
        hosts += ("localhost",)
    if hosts and is_shared:
        hosts += SHARE_HOSTS + _own_share_host()
    return AccessPolicy(_read_login(), hosts, is_shared and not get_space())


def read_allowance() -> Allowance:
    """Read what one visitor may do: on one's own computer anything, where others come less."""
    allowance = Allowance() if is_private() else PUBLIC
    for name, field in _LIMITS.items():
        count = read_number(name, getattr(allowance, field), is_count=True)
        allowance = replace(allowance, **{field: count})
    return allowance


def client_id() -> str:
    """Return who has asked for what Gradio runs at the moment."""
    request = LocalContext.request.get(None)
    if request is None or request.client is None:
        return ""
    return client_id_of(request.headers, request.client.host)


def client_id_of(headers: Mapping[str, str], address: str) -> str:
    """Return who comes from an address; of IPv6 it is the network, which is one household's.

    A Space is behind the Hub's proxy, whose header names the visitor. Anybody can write one more
    into it, so that who wants to is not held by the limits; elsewhere it is not looked at here
    (uvicorn does, if the connection is from this machine, and takes the last one).
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


def is_at_home(host: str) -> bool:
    """Say whether a host is this machine, or an address of a private network."""
    try:
        return is_loopback(host) or ipaddress.ip_address(host.strip("[]")).is_private
    except ValueError:
        return False


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
            "KINORA_PASSWORD has to be a password, or a name and a password as in name:password."
        )
    return name or USER, password

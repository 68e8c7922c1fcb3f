"""What the environment says to several parts of Kinora: numbers, and whether others can come."""

from __future__ import annotations

import ipaddress
import math
import os

from pipeline.errors import KinoraError

YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def read_variable(name: str) -> str:
    """Return what a variable says; a missing one is empty."""
    return os.environ.get(name, "").strip()


def read_number(name: str, default: float, *, is_count: bool = False) -> float:
    """Return a number above 0, which may be infinity; a count is whole. Raises KinoraError."""
    text = read_variable(name)
    try:
        number = float(text) if text else default
    except ValueError:
        number = math.nan
    is_whole = math.isinf(number) or number % 1 == 0
    if not number > 0 or (is_count and not is_whole):
        rule = "a whole number above 0" if is_count else "a number above 0"
        raise KinoraError(f"{name} is {text!r}, but it has to be {rule}, or inf.")
    return number


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
    """Say whether the server hears its own computer alone, and is no Space."""
    name = read_variable("GRADIO_SERVER_NAME") or "127.0.0.1"
    return is_loopback(name) and not read_variable("SPACE_ID")


def is_private() -> bool:
    """Say whether nobody but this computer's own people can come.

    Others do by a share link, and by a proxy, for which the server is given further names.
    """
    is_shared = read_variable("GRADIO_SHARE").lower() not in ("", *NO)
    return listens_to_itself() and not is_shared and not read_variable("KINORA_HOSTS")

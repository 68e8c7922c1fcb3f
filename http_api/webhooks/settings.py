"""Reads the addresses that webhooks go to, and the secret that signs them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pipeline.errors import KinoraError, shown
from pipeline.settings import read_variable

_PREFIX = "whsec_"
_MIN_SECRET_BYTES = 16


@dataclass(frozen=True)
class WebhookSettings:
    """Where webhooks go, which may be nowhere, and the key that signs them."""

    addresses: tuple[str, ...] = ()
    key: bytes = field(default=b"", repr=False)


def read_webhook_settings() -> WebhookSettings:
    """Read KINORA_WEBHOOKS and KINORA_WEBHOOK_SECRET. Raises KinoraError if they do not fit."""
    listed = read_variable("KINORA_WEBHOOKS").split(",")
    addresses = tuple(address.strip() for address in listed if address.strip())
    for address in addresses:
        if not _is_address(address):
            raise KinoraError(
                f"KINORA_WEBHOOKS has {shown(address)}, but it must be addresses that begin with "
                "https:// or http://, without a user name."
            )
    if not addresses:
        return WebhookSettings()
    return WebhookSettings(addresses, _read_key(read_variable("KINORA_WEBHOOK_SECRET")))


def _is_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.username is None
            and parts.port != 0
        )
    except ValueError:
        return False


def _read_key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or len(key) < _MIN_SECRET_BYTES:
        raise KinoraError(
            "KINORA_WEBHOOK_SECRET must be whsec_ and at least 16 bytes in base64, to sign "
            'webhooks with; make one with python -c "import base64, secrets; '
            "print('whsec_' + base64.b64encode(secrets.token_bytes(24)).decode())\"."
        )
    return key

"""Signs a finished clip, as the last step that writes to the file. An error leaves it intact.

The signed copy is read back and then replaces the clip atomically. manifest.py has the content.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.planning.recipe import public_recipe
from pipeline.planning.request import GenerationRequest
from pipeline.trust.provenance.credential_types import (
    Credentials,
    Ingredient,
    describe_relationship,
)
from pipeline.trust.provenance.credentials import (
    c2pa,
    offline,
    read_credentials,
    read_own_credentials,
)
from pipeline.trust.provenance.file_type import UNKNOWN, mime_type
from pipeline.trust.provenance.identity import Identity
from pipeline.trust.provenance.manifest import Input, inputs_of, make_manifest
from pipeline.trust.provenance.status_codes import TOO_LARGE, UNTRUSTED

logger = logging.getLogger(__name__)

TIMESTAMP_TIMEOUT_SECONDS = 5
_UNAVAILABLE = "This clip is unsigned because this platform has no library that can sign it."
_FAILED = (
    "This clip is unsigned because signing failed; the person running Kinora can find the reason "
    "in its log."
)
_NO_TIMESTAMP = (
    "This clip is signed without a timestamp because the timestamp authority did not answer."
)


@dataclass(frozen=True)
class Outcome:
    """Whether a clip was read back as signed, a note if something is missing, and warnings."""

    is_signed: bool
    note: str = ""
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as the recipe shows it to the clip's owner."""
        return {
            "signed": self.is_signed,
            "signing": self.note,
            "warnings": list(self.warnings),
        }


def sign_clip(
    path: Path, recipe: Mapping[str, Any], request: GenerationRequest, identity: Identity
) -> Outcome:
    """Sign a clip in place. On an error, leave it unchanged, log the error and return a note.

    A clip that is already signed, by a process that was killed afterwards, is left as it is.
    """
    if c2pa is None:
        return Outcome(False, _UNAVAILABLE)
    if reason := identity.why_not():
        return Outcome(False, reason)
    draft = path.with_name(f".{path.name}.signing")  # only one process at a time has the job
    try:
        before = read_own_credentials(path, identity)
        if _is_ours(before, identity):
            return Outcome(True, warnings=_warnings(before))
        said = public_recipe(recipe)
        inputs = [
            replace(x, credentials=read_credentials(x.path, identity)) for x in inputs_of(request)
        ]
        manifest = make_manifest(said, request, inputs)
        note = _sign(path, draft, manifest, inputs, identity)
        after = read_own_credentials(draft, identity)
        if not _is_ours(after, identity) or after.recipe != json.loads(json.dumps(said)):
            logger.error("The signed clip was read back as %s: %s", after.state, after.failures)
            return Outcome(False, _FAILED)
        with draft.open("r+b") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    except (c2pa.C2paError, OSError):
        logger.exception("Could not sign a clip")
        return Outcome(False, _FAILED)
    finally:
        draft.unlink(missing_ok=True)
    for warning in (warnings := _warnings(after)):
        logger.warning("%s", warning)
    return Outcome(True, note, warnings)


def _sign(
    path: Path,
    draft: Path,
    manifest: dict[str, Any],
    inputs: list[Input],
    identity: Identity,
) -> str:
    """Write the signed copy; return a note for the user, or an empty string."""
    url = identity.timestamp_url
    if not url:
        _write_signed(path, draft, manifest, inputs, identity)
        return ""
    host, port = _address(url)
    try:
        # c2pa would wait for an answer without a time limit.
        socket.create_connection((host, port), TIMESTAMP_TIMEOUT_SECONDS).close()
        _write_signed(path, draft, manifest, inputs, identity, url)
    except (OSError, OverflowError, c2pa.C2paError):
        logger.exception("No timestamp from the timestamp authority %s", host)
        _write_signed(path, draft, manifest, inputs, identity)
        return _NO_TIMESTAMP
    return ""


def _address(url: str) -> tuple[str, int]:
    """Return a URL's host and port; what is not a URL gets a host and port that cannot answer."""
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "", 0


def _write_signed(
    path: Path,
    draft: Path,
    manifest: dict[str, Any],
    inputs: list[Input],
    identity: Identity,
    timestamp_url: str | None = None,
) -> None:
    """Sign once. Raises C2paError or OSError."""
    draft.unlink(missing_ok=True)
    hosts = [_address(timestamp_url)[0]] if timestamp_url else []
    info = c2pa.C2paSignerInfo(
        c2pa.C2paSigningAlg.ES256,
        identity.chain.encode("ascii"),
        identity.key.encode("ascii"),
        timestamp_url and timestamp_url.encode("ascii", "replace"),
    )
    with (
        c2pa.Signer.from_info(info) as signer,
        c2pa.Builder(manifest, context=offline(identity, *hosts)) as builder,
    ):
        for given in inputs:
            _add(builder, given)
        builder.sign_file(path, draft, signer)


def _add(builder: c2pa.Builder, given: Input) -> None:
    """Add an input of the clip as an ingredient, with its own credentials if it has any."""
    is_readable = TOO_LARGE not in {x.code for x in given.credentials.failures}
    with given.path.open("rb") as file:
        try:
            if is_readable:
                builder.add_ingredient(given.to_json(), mime_type(given.path), file)
                return
        except c2pa.C2paError:
            logger.warning("The credentials of %s cannot be read", given.title, exc_info=True)
            file.seek(0)
        title = f"{given.title}, whose credentials could not be read"
        builder.add_ingredient(given.to_json() | {"title": title}, UNKNOWN, file)


def _is_ours(credentials: Credentials, identity: Identity) -> bool:
    """Return whether a clip is intact, has a recipe, and has a known signer.

    If the identity comes from settings, its issuer may be unknown here.
    """
    codes = {failure.code for failure in credentials.failures}
    is_known = credentials.state == "trusted" or (identity.is_given and codes == {UNTRUSTED})
    return credentials.is_signed and is_known and credentials.recipe is not None


def _warnings(credentials: Credentials) -> tuple[str, ...]:
    warnings = (describe_tampered(ingredient) for ingredient in credentials.tampered())
    return tuple(dict.fromkeys(warnings))


def describe_tampered(ingredient: Ingredient) -> str:
    """Return one sentence about an ingredient that failed checks; its title is untrusted."""
    what = describe_relationship(ingredient.relationship, "this file").capitalize()
    reasons = dict.fromkeys(x.words for x in ingredient.credentials.failures if x.code != UNTRUSTED)
    return f"{what} has credentials that failed checks: {'; '.join(reasons)}."

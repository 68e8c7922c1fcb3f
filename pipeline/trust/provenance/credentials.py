"""Reads and verifies a file's signed credentials (C2PA), offline.

A trusted clip can be made from one that was changed, so every ingredient has its own state. What
signers recorded about ingredients is not believed: each manifest is checked anew, as far as that is
possible without the file that it was made for.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import programs
from pipeline.deadlines import check_deadline
from pipeline.errors import MediaError
from pipeline.trust.provenance import manifest_facts, status_codes
from pipeline.trust.provenance.coverage import left_out
from pipeline.trust.provenance.credential_types import Action, Credentials, Ingredient, State
from pipeline.trust.provenance.file_type import mime_type
from pipeline.trust.provenance.identity import Identity
from pipeline.trust.provenance.manifest_facts import c2pa
from pipeline.trust.provenance.manifest_store import signer_certificate
from pipeline.trust.provenance.status_codes import TRUSTED, UNTRUSTED, Failure

ACTIONS = "c2pa.actions"
DISCLOSURE = "c2pa.ai-disclosure"
RECIPE = "io.github.kinora.recipe"
TIMEOUT_SECONDS = 20
_PROGRAM = Path(manifest_facts.__file__)
_MAX_DEPTH = 50  # of clips made from clips: credentials are untrusted input
# In total. Two ingredients can name the same manifest, so a small file can hold billions of them.
_MAX_INGREDIENTS = 500
_MAX_NAME_CHARACTERS = 80
_MAX_TYPE_CHARACTERS = 200  # a source type is an address
_NO_LIBRARY = "credentials cannot be read on this platform"
_TOO_MANY = "it was made from more files than Kinora checks"
_TOO_LARGE = "the file is too large or too complex for its credentials to be checked"
_UNREADABLE = "its credentials are damaged or in a format that Kinora cannot read"
_ELSEWHERE = "its credentials are stored elsewhere, and Kinora does not go online for them"
_UNCHECKED = (
    "its credentials could not be checked here, so what they say is as recorded by the signer"
)


def is_available() -> bool:
    """Return whether this platform can sign and read credentials."""
    return c2pa is not None


def read_credentials(path: Path, identity: Identity | None = None) -> Credentials:
    """Read and verify a file's credentials; `identity` decides which signers are known.

    The file may be any: c2pa reads it in a process of its own, with limits of time and memory.
    Raises OSError if the file cannot be opened, MediaError at the deadline of an inspection, and
    nothing else, whatever the file contains.
    """
    if c2pa is None:
        return _unreadable(_NO_LIBRARY)
    identity = identity or Identity()
    kind, settings = mime_type(path), json.dumps(_settings(identity))
    arguments = [sys.executable, str(_PROGRAM), str(path.absolute()), kind, settings]
    try:
        done = programs.run(arguments, TIMEOUT_SECONDS)
    except MediaError:
        check_deadline()
        return _unreadable(_TOO_LARGE, status_codes.TOO_LARGE)
    if done.returncode:
        return _unreadable(_TOO_LARGE, status_codes.TOO_LARGE)
    return _interpret(json.loads(done.stdout), identity)


def read_own_credentials(path: Path, identity: Identity) -> Credentials:
    """Do the same to a file that this process has written, which takes milliseconds."""
    if c2pa is None:
        return _unreadable(_NO_LIBRARY)
    facts = manifest_facts.read_facts(path, mime_type(path), _settings(identity))
    return _interpret(facts, identity)


def offline(identity: Identity, *hosts: str) -> c2pa.Context:
    """Return c2pa's context: trust an identity's anchors, and reach no other host than `hosts`."""
    return c2pa.Context.from_dict(_settings(identity, *hosts))


def _settings(identity: Identity, *hosts: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "core": {"allowed_network_hosts": list(hosts)},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
        "builder": {"thumbnail": {"enabled": False}},
    }
    if identity.anchors:
        values["trust"] = {"user_anchors": identity.anchors}
    return values


def _interpret(facts: dict[str, Any], identity: Identity) -> Credentials:
    if (error := facts.get("error")) is not None:
        if not error:
            return Credentials("none")
        is_elsewhere = "RemoteManifest" in error
        return _unreadable(_ELSEWHERE if is_elsewhere else _UNREADABLE, error)
    try:
        return _Store(facts, identity).active()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        return _unreadable(_UNREADABLE, type(exc).__name__)


@dataclass(frozen=True)
class _Check:
    """A manifest checked by itself: its size, its signer's certificate and c2pa's results."""

    num_bytes: int
    certificate: str
    results: dict[str, Any]


class _Store:
    """The manifests of one file, as c2pa reports them."""

    def __init__(self, facts: dict[str, Any], identity: Identity) -> None:
        self._identity = identity
        self._report, self._assertions = facts["report"], facts["assertions"]
        self._num_seen = 0
        self._checks = {label: _check(label, said) for label, said in facts["checks"].items()}
        self._manifests: dict[str, dict[str, Any]] = self._report.get("manifests", {})
        self._deltas = {
            delta["ingredientAssertionURI"]: delta["validationDeltas"]
            for delta in self._report.get("validation_results", {}).get("ingredientDeltas", ())
        }

    def active(self) -> Credentials:
        """Return the credentials of the file itself."""
        results = self._report.get("validation_results", {})
        failures = status_codes.failures_of(results.get("activeManifest"))
        for delta in self._deltas.values():
            failures += status_codes.failures_of(delta)
        state = self._report.get("validation_state", "Invalid").lower()
        label = self._report["active_manifest"]
        return self._credentials(label, state, failures, (), self._checks.get(label))

    def _credentials(
        self,
        label: str,
        state: State,
        failures: tuple[Failure, ...],
        above: tuple[str, ...],
        check: _Check | None,
    ) -> Credentials:
        manifest = self._manifests.get(label)
        if manifest is None or label in above or len(above) > _MAX_DEPTH:
            missing = status_codes.failure(status_codes.MISSING)
            return Credentials("unreadable", (*failures, missing))
        signature = manifest.get("signature_info") or {}
        said = {x["label"]: x.get("data") for x in manifest.get("assertions", ())}
        is_known = check is not None and check.certificate in self._identity.certificates
        filler, uncovered = ((), ()) if above else self._left_out(check)
        return Credentials(
            state=state,
            failures=failures,
            signer=_plain(signature.get("common_name") or signature.get("issuer")),
            is_local_identity=state == "trusted" and is_known,
            signed_at=_plain(signature.get("time")),
            actions=tuple(_actions(said)),
            disclosure=_mapping(said.get(DISCLOSURE)),
            recipe=_recipe(said.get(RECIPE)),
            ingredients=tuple(
                self._ingredient(x, label, (*above, label)) for x in manifest.get("ingredients", ())
            ),
            filler=filler,
            uncovered=uncovered,
        )

    def _left_out(self, check: _Check | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return what the file's own signature does not cover; see coverage.py."""
        results = self._report.get("validation_results", {}).get("activeManifest")
        codes = status_codes.codes_of(results, "informational")
        return left_out(self._assertions, codes, check.num_bytes if check else 0)

    def _ingredient(self, values: dict[str, Any], label: str, above: tuple[str, ...]) -> Ingredient:
        """Return one ingredient: its manifest checked anew, and what was recorded against it."""
        self._num_seen += 1
        uri = f"self#jumbf=/c2pa/{label}/c2pa.assertions/{values.get('label')}"
        failures = status_codes.recorded_failures(values)
        failures += status_codes.failures_of(self._deltas.get(uri))
        if self._num_seen > _MAX_INGREDIENTS:
            credentials = _unreadable(_TOO_MANY)
        elif "active_manifest" not in values:
            credentials = Credentials("invalid" if failures else "none", failures)
        else:
            credentials = self._checked(values["active_manifest"], failures, above)
        title, relationship = _plain(values.get("title")), _plain(values.get("relationship"))
        return Ingredient(title, relationship, credentials)

    def _checked(
        self, label: str, failures: tuple[Failure, ...], above: tuple[str, ...]
    ) -> Credentials:
        check = self._checks.get(label)
        if check is None:
            failures += (Failure("", _UNCHECKED),)
            return self._credentials(label, "unreadable", failures, above, None)
        found = status_codes.without_content(status_codes.failures_of(check.results))
        failures = tuple(dict.fromkeys((*found, *failures)))
        codes = {failure.code for failure in failures}
        is_trusted = TRUSTED in status_codes.codes_of(check.results, "success")
        is_trusted = is_trusted and UNTRUSTED not in codes
        state: State = "invalid" if codes - {UNTRUSTED} else "trusted" if is_trusted else "valid"
        return self._credentials(label, state, failures, above, check)


def _check(label: str, said: dict[str, Any]) -> _Check:
    store = base64.b64decode(said["store"])
    return _Check(len(store), signer_certificate(store, label), said["results"])


def _unreadable(words: str, code: str = "") -> Credentials:
    return Credentials("unreadable", (Failure(code, words),))


def _actions(said: Mapping[str, Any]) -> Iterator[Action]:
    for label, data in said.items():
        if label.startswith(ACTIONS):
            for action in (_mapping(data) or {}).get("actions", ()):
                agent = action.get("softwareAgent") or ""
                software = agent.get("name", "") if isinstance(agent, dict) else agent
                yield Action(
                    _plain(action.get("action")),
                    _plain(action.get("digitalSourceType"), _MAX_TYPE_CHARACTERS),
                    _plain(software),
                    _plain(action.get("when")),
                )


def _recipe(data: object) -> dict[str, Any] | None:
    try:
        return _mapping(json.loads((_mapping(data) or {})["recipe"]))
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def _plain(text: object, most: int = _MAX_NAME_CHARACTERS) -> str:
    """Return untrusted text cut to `most` printable characters, for use in a sentence."""
    return "".join(x for x in str(text or "") if x.isprintable())[:most]


def _mapping(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None

"""Reads and verifies a file's signed credentials (C2PA), offline.

A trusted clip can be made from one that was changed, so every ingredient has its own state.
signing.py writes credentials; conclusions.py puts them into sentences.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline.trust.provenance.identity import Identity

try:
    import c2pa
except (ImportError, OSError, RuntimeError):  # no native library for this platform
    c2pa = None

State = Literal["trusted", "valid", "invalid", "none", "unreadable"]
"""Signer known here; signer not known here; changed since signing; unsigned; cannot be read."""

ACTIONS = "c2pa.actions"
DISCLOSURE = "c2pa.ai-disclosure"
RECIPE = "io.github.kinora.recipe"
UNTRUSTED = "signingCredential.untrusted"
_UNKNOWN_TYPE = "application/octet-stream"
_MAX_DEPTH = 50  # of clips made from clips: credentials are untrusted input
# In total. Two ingredients can name the same manifest, so a small file can hold billions of them.
_MAX_INGREDIENTS = 500
_MAX_NAME_CHARACTERS = 80
_MAX_TYPE_CHARACTERS = 200  # a source type is an address
_CHANGED = "the pictures or the sound were changed after it was signed"
_CLAIMS_CHANGED = "the statements in its credentials were changed after it was signed"
_TOO_MANY = "it was made from more files than Kinora checks"
_EXPIRED = "the signer's certificate had expired or was not yet valid"
_UNREADABLE = "its credentials are damaged or in a format that Kinora cannot read"
_WORDS = {
    UNTRUSTED: "the signer is not known to this Kinora",
    "signingCredential.expired": _EXPIRED,
    "claimSignature.outsideValidity": _EXPIRED,
    "claimSignature.mismatch": "the signature does not match",
    "assertion.hashedURI.mismatch": _CLAIMS_CHANGED,
    "assertion.missing": _CLAIMS_CHANGED,
    "ingredient.manifest.mismatch": "the credentials of a file it was made from were changed",
    "ingredient.manifest.missing": "the credentials of a file it was made from were removed",
}
# First bytes of the file formats that can carry credentials, and their MIME types.
_BRANDS = {b"qt  ": "video/quicktime", b"avif": "image/avif"} | dict.fromkeys(
    (b"heic", b"heix", b"mif1", b"msf1", b"hevc"), "image/heic"
)
_STARTS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
}


@dataclass(frozen=True)
class Failure:
    """A failed check: C2PA's status code, and the same in words."""

    code: str
    words: str


@dataclass(frozen=True)
class Action:
    """An action that the signer declares: C2PA action, IPTC source type, software and time."""

    action: str
    source_type: str = ""
    software: str = ""
    when: str = ""


@dataclass(frozen=True)
class Credentials:
    """A manifest and its ingredients. All but `state` and `failures` is the signer's claim.

    `signed_at` comes from a timestamp authority and is empty without one.
    """

    state: State
    failures: tuple[Failure, ...] = ()
    signer: str = ""
    is_local_identity: bool = False
    signed_at: str = ""
    actions: tuple[Action, ...] = ()
    disclosure: dict[str, Any] | None = field(default=None, repr=False)
    recipe: dict[str, Any] | None = field(default=None, repr=False)
    ingredients: tuple[Ingredient, ...] = ()

    @property
    def is_signed(self) -> bool:
        """Return whether the file is signed, by any signer, and unchanged since."""
        return self.state in ("trusted", "valid")

    @property
    def source_type(self) -> str:
        """Return the IPTC digital source type of the last action that has one, or ""."""
        types = [action.source_type for action in self.actions if action.source_type]
        return types[-1] if types else ""

    def walk(self) -> Iterator[Ingredient]:
        """Yield every ingredient, and the ingredients of each, depth first."""
        for ingredient in self.ingredients:
            yield ingredient
            yield from ingredient.credentials.walk()

    def tampered(self) -> list[Ingredient]:
        """Return the ingredients, at any depth, that are invalid or unreadable."""
        return [x for x in self.walk() if x.credentials.state in ("invalid", "unreadable")]

    def to_json(self) -> dict[str, Any]:
        """Return the credentials as JSON-serializable values."""
        values = asdict(self) | {"source_type": self.source_type}
        values["ingredients"] = [
            asdict(x) | {"credentials": x.credentials.to_json()} for x in self.ingredients
        ]
        return json.loads(json.dumps(values))


@dataclass(frozen=True)
class Ingredient:
    """A file that another was made from; `relationship` is parentOf, inputTo or componentOf."""

    title: str
    relationship: str
    credentials: Credentials


def is_available() -> bool:
    """Return whether this platform can sign and read credentials."""
    return c2pa is not None


def read_credentials(path: Path, identity: Identity | None = None) -> Credentials:
    """Read and verify a file's credentials; `identity` decides which signers are known.

    Raises OSError if the file cannot be opened, and nothing else, whatever the file contains.
    """
    identity = identity or Identity()
    if c2pa is None:
        return _unreadable("credentials cannot be read on this platform")
    with path.open("rb") as file:
        try:
            reader = c2pa.Reader.try_create(mime_type(path), file, context=offline(identity))
            if reader is None:
                return Credentials("none")
            with reader:
                return _Store(json.loads(reader.json()), identity).active()
        except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
            return Credentials("none")
        except c2pa.C2paError.RemoteManifest:
            return _unreadable(
                "its credentials are stored elsewhere, and Kinora does not go online for them"
            )
        except (c2pa.C2paError, ValueError, RecursionError) as exc:
            return _unreadable(_UNREADABLE, f"{type(exc).__name__}")


def offline(identity: Identity, *hosts: str) -> c2pa.Context:
    """Return c2pa settings: trust an identity's anchors, and reach no other host than `hosts`."""
    values: dict[str, Any] = {
        "core": {"allowed_network_hosts": list(hosts)},
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
        "builder": {"thumbnail": {"enabled": False}},
    }
    if identity.anchors:
        values["trust"] = {"user_anchors": identity.anchors}
    return c2pa.Context.from_dict(values)


def mime_type(path: Path) -> str:
    """Return a file's MIME type from its first bytes: file names are not to be trusted."""
    with path.open("rb") as file:
        begin = file.read(16)
    if begin[4:8] == b"ftyp":
        return _BRANDS.get(begin[8:12], "video/mp4")
    if begin[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"AVI ": "video/avi"}.get(begin[8:12], _UNKNOWN_TYPE)
    return next((kind for start, kind in _STARTS.items() if begin.startswith(start)), _UNKNOWN_TYPE)


class _Store:
    """The manifests of one file, as c2pa reports them."""

    def __init__(self, report: dict[str, Any], identity: Identity) -> None:
        self._report = report
        self._identity = identity
        self._num_seen = 0
        self._manifests: dict[str, dict[str, Any]] = report.get("manifests", {})
        self._deltas = {
            delta["ingredientAssertionURI"]: delta["validationDeltas"]
            for delta in report.get("validation_results", {}).get("ingredientDeltas", ())
        }

    def active(self) -> Credentials:
        """Return the credentials of the file itself."""
        results = self._report.get("validation_results", {})
        failures = _failures(results.get("activeManifest"))
        failures += tuple(x for delta in self._deltas.values() for x in _failures(delta))
        state = self._report.get("validation_state", "Invalid").lower()
        return self._credentials(self._report["active_manifest"], state, failures, ())

    def _credentials(
        self, label: str, state: State, failures: tuple[Failure, ...], above: tuple[str, ...]
    ) -> Credentials:
        manifest = self._manifests.get(label)
        if manifest is None or label in above or len(above) > _MAX_DEPTH:
            missing = "ingredient.manifest.missing"
            return Credentials("unreadable", (*failures, Failure(missing, _WORDS[missing])))
        signature = manifest.get("signature_info") or {}
        serial = str(signature.get("cert_serial_number", ""))
        said = {x["label"]: x.get("data") for x in manifest.get("assertions", ())}
        return Credentials(
            state=state,
            failures=failures,
            signer=_plain(signature.get("common_name") or signature.get("issuer")),
            is_local_identity=state == "trusted" and serial in self._identity.serials,
            signed_at=_plain(signature.get("time")),
            actions=tuple(_actions(said)),
            disclosure=_mapping(said.get(DISCLOSURE)),
            recipe=_recipe(said.get(RECIPE)),
            ingredients=tuple(
                self._ingredient(x, label, (*above, label)) for x in manifest.get("ingredients", ())
            ),
        )

    def _ingredient(self, values: dict[str, Any], label: str, above: tuple[str, ...]) -> Ingredient:
        """Return one ingredient. The signed manifest records its state at the time it was used."""
        self._num_seen += 1
        uri = f"self#jumbf=/c2pa/{label}/c2pa.assertions/{values.get('label')}"
        results = (values.get("validation_results") or {}).get("activeManifest") or {}
        failures = _failures(results) + _failures(self._deltas.get(uri))
        codes = {failure.code for failure in failures}
        is_trusted = any(x.get("code") == "signingCredential.trusted" for x in _rows(results))
        if self._num_seen > _MAX_INGREDIENTS:
            credentials = _unreadable(_TOO_MANY)
        elif "active_manifest" not in values:
            credentials = Credentials("invalid" if failures else "none", failures)
        else:
            state = "invalid" if codes - {UNTRUSTED} else "trusted" if is_trusted else "valid"
            credentials = self._credentials(values["active_manifest"], state, failures, above)
        title, relationship = _plain(values.get("title")), _plain(values.get("relationship"))
        return Ingredient(title, relationship, credentials)


def _unreadable(words: str, code: str = "") -> Credentials:
    return Credentials("unreadable", (Failure(code, words),))


def _rows(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(results.get("success") or ())


def _failures(results: Mapping[str, Any] | None) -> tuple[Failure, ...]:
    rows = (results or {}).get("failure") or ()
    return tuple(Failure(str(row.get("code", "")), _in_words(row)) for row in rows)


def _in_words(row: Mapping[str, Any]) -> str:
    code = str(row.get("code", ""))
    if code.endswith("Hash.mismatch"):
        return _CHANGED
    return _WORDS.get(code) or f"a check failed ({_plain(code)})"


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
        return _mapping(json.loads(data["recipe"]))
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def _plain(text: object, most: int = _MAX_NAME_CHARACTERS) -> str:
    """Return untrusted text cut to `most` printable characters, for use in a sentence."""
    return "".join(x for x in str(text or "") if x.isprintable())[:most]


def _mapping(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None

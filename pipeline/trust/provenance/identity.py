"""The signing identity: a certificate and key, made on the first start or given by settings.

Anyone can make such a certificate, so elsewhere the signer is unknown. Only the owner can read the
key file. Former certificates are kept, so that old clips are still recognized.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.settings import read_variable
from pipeline.trust.private_files import write_private

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
except ImportError:  # clips can be made without it
    x509 = None  # type: ignore[assignment]  # checked before anything else is used

logger = logging.getLogger(__name__)

# Once a certificate expires, clips it signed without a timestamp count as invalid.
LIFE = timedelta(days=365 * 30)
LOCK_TIMEOUT_SECONDS = 20
COMMON_NAME = "Kinora, a local identity"
ORGANIZATION = "Kinora"
_SIGNER = "signer.pem"  # key, leaf, root: in one file, so that they stay together
_CLAIM_SIGNING = "1.3.6.1.4.1.62558.2.1"  # c2pa-kp-claimSigning
_UNAVAILABLE = "This clip is unsigned because the signing library is not available here."
_UNWRITABLE = (
    "This clip is unsigned because Kinora cannot store a signing identity in its data folder; "
    "the person running Kinora can make that folder writable and restart Kinora."
)
_DAMAGED = (
    "This clip is unsigned because Kinora's signing identity is damaged or cannot be read; the "
    "person running Kinora can restore signer.pem, or delete it for a new one, and restart Kinora."
)
_ONE_SETTING = (
    "This clip is unsigned because KINORA_CERTIFICATE and KINORA_PRIVATE_KEY must be set together; "
    "the person running Kinora can set both or neither."
)
_OUT_OF_DATE = (
    "This clip is unsigned because the signing certificate has expired or is not valid yet; "
    "the person running Kinora can renew it."
)
_UNUSABLE = (
    "This clip is unsigned because the files in KINORA_CERTIFICATE and KINORA_PRIVATE_KEY cannot "
    "be read or do not match; the person running Kinora can correct them."
)


@dataclass(frozen=True)
class Identity:
    """What clips are signed with. If `problem` (one sentence) is set, nothing is signed.

    `chain` and `key` are PEM; the signer's certificate comes first. `anchors` are the PEM
    certificates at the end of this Kinora's own chains, former ones included. `certificates` are
    the SHA-256 (hex) of its signers' certificates: their serial numbers can be copied.
    """

    chain: str = ""
    key: str = field(default="", repr=False)
    anchors: str = ""
    certificates: frozenset[str] = frozenset()
    timestamp_url: str = ""
    is_given: bool = False  # by settings, so its issuer may be unknown here
    problem: str = ""

    def why_not(self) -> str:
        """Return one sentence that says why signing is impossible now, or an empty string."""
        if self.problem or not self.chain:
            return self.problem or _UNAVAILABLE
        signer, *_ = x509.load_pem_x509_certificates(self.chain.encode("ascii"))
        begin, end = signer.not_valid_before_utc, signer.not_valid_after_utc
        return "" if begin <= datetime.now(timezone.utc) <= end else _OUT_OF_DATE


def open_identity(folder: Path, settings: Mapping[str, str] = os.environ) -> Identity:
    """Load the identity named in the settings, or else the folder's, creating it on first use.

    Several processes may call this at once. An error is logged and stored in the identity's
    `problem`. It is never raised, because clips can be made unsigned.
    """
    if x509 is None:
        return Identity(problem=_UNAVAILABLE)
    certificate = read_variable("KINORA_CERTIFICATE", settings)
    key = read_variable("KINORA_PRIVATE_KEY", settings)
    try:
        if bool(certificate) != bool(key):
            raise _IdentityError(_ONE_SETTING)
        if certificate and key:
            signer = _read_given(Path(certificate), Path(key))
            with contextlib.suppress(_IdentityError):  # signing works even if nothing can be stored
                _keep_certificates(folder, signer.chain)
        else:
            signer = _own_signer(folder)
    except _IdentityError as exc:
        logger.exception("Clips will not be signed")
        signer = Identity(problem=str(exc))
    anchors, certificates = _known(folder, signer.chain)
    return replace(
        signer,
        anchors=anchors,
        certificates=certificates,
        timestamp_url=read_variable("KINORA_TIMESTAMP_URL", settings),
        is_given=bool(certificate),
    )


class _IdentityError(Exception):
    """Carries one sentence that says why nothing is signed."""


def _own_signer(folder: Path) -> Identity:
    """Return the folder's identity; the first process to ask creates it."""
    path = folder / _SIGNER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        with FileLock(folder / "lock", timeout=LOCK_TIMEOUT_SECONDS):
            if not path.exists():
                write_private(path, _make_signer().encode("ascii"))
    except (OSError, Timeout) as exc:
        raise _IdentityError(_UNWRITABLE) from exc
    try:
        path.chmod(0o600)  # it may have been copied back with other permissions
        signer = _parse(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as exc:
        raise _IdentityError(_DAMAGED) from exc
    _keep_certificates(folder, signer.chain)
    return signer


def _read_given(certificate: Path, key: Path) -> Identity:
    try:
        return _parse(key.read_text(encoding="ascii") + certificate.read_text(encoding="ascii"))
    except (OSError, ValueError) as exc:
        raise _IdentityError(_UNUSABLE) from exc


def _parse(text: str) -> Identity:
    """Parse a key and its certificates. Raises ValueError if they do not match."""
    key = serialization.load_pem_private_key(text.encode("ascii"), password=None)
    chain = x509.load_pem_x509_certificates(text.encode("ascii"))
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("the key is not on the P-256 curve")
    if chain[0].public_key() != key.public_key():
        raise ValueError("the key does not match the certificate")
    return Identity(_pem(*chain), _key_pem(key))


def _known(folder: Path, chain: str) -> tuple[str, frozenset[str]]:
    """Return the anchors and the signers' certificates of all identities this Kinora has had."""
    texts = [chain] if chain else []
    with contextlib.suppress(OSError):
        for path in sorted((folder / "certificates").glob("*.pem")):
            with contextlib.suppress(OSError, ValueError):
                texts.append(path.read_text(encoding="ascii"))
    anchors: dict[str, None] = {}
    signers: set[str] = set()
    for text in texts:
        try:
            certificates = x509.load_pem_x509_certificates(text.encode("ascii"))
        except ValueError:
            logger.warning("Skipped a damaged certificate of an earlier identity")
            continue
        anchors[_pem(certificates[-1])] = None
        signers.add(certificates[0].fingerprint(hashes.SHA256()).hex())
    return "".join(anchors), frozenset(signers)


def _keep_certificates(folder: Path, chain: str) -> None:
    """Store the public part of an identity, to recognize its clips after it is replaced."""
    serial = x509.load_pem_x509_certificates(chain.encode("ascii"))[0].serial_number
    path = folder / "certificates" / f"{serial:x}.pem"
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, chain.encode("ascii"))
    except OSError as exc:
        raise _IdentityError(_UNWRITABLE) from exc


def _make_signer() -> str:
    """Return a new key, its certificate and the root that issued it, as PEM.

    C2PA 2.2 section 14.5 specifies the signer's certificate. The emailProtection purpose is for
    verifiers that do not know claimSigning.
    """
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = _name(f"{COMMON_NAME} (root)")
    signs_only = _key_usage(digital_signature=True)
    purposes = [ObjectIdentifier(_CLAIM_SIGNING), ExtendedKeyUsageOID.EMAIL_PROTECTION]
    root = (
        _certificate(root_name, root_name, root_key, root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )
    leaf = (
        _certificate(_name(COMMON_NAME), root_name, key, root_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(signs_only, critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    )
    # The root's key is not stored, so the root can never issue another certificate.
    signed = (builder.sign(root_key, hashes.SHA256()) for builder in (leaf, root))
    return _key_pem(key) + _pem(*signed)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    begin = datetime.now(timezone.utc) - timedelta(days=1)  # clocks differ
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority, critical=False)
    )


def _name(common_name: str) -> x509.Name:
    names = {NameOID.COMMON_NAME: common_name, NameOID.ORGANIZATION_NAME: ORGANIZATION}
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in names.items()])


def _key_usage(**used: bool) -> x509.KeyUsage:
    names: tuple[str, ...]
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment")
    names += ("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: used.get(name, False) for name in names})


def _pem(*certificates: x509.Certificate) -> str:
    encoding = serialization.Encoding.PEM
    return "".join(x.public_bytes(encoding).decode("ascii") for x in certificates)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(*form, serialization.NoEncryption()).decode("ascii")

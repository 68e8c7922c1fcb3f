"""Who signs clips: a certificate and its key, made on the first start or given by settings.

Anybody can make such a certificate, so that others see an unknown signer. The key is one file that
its owner alone can read; of every identity there was the certificates stay, to know old clips by.
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

from pipeline.trust.private import write_private

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
except ImportError:  # a platform without it makes clips all the same
    x509 = None

logger = logging.getLogger(__name__)

# Once its certificate has run out, what it signed without a time stamp counts as invalid.
LIFE = timedelta(days=365 * 30)
LOCK_TIMEOUT_SECONDS = 20
COMMON_NAME = "Kinora, a local identity"
ORGANIZATION = "Kinora"
_SIGNER = "signer.pem"  # key, leaf, root: one file, so that they cannot fall apart
_CLAIM_SIGNING = "1.3.6.1.4.1.62558.2.1"  # c2pa-kp-claimSigning
_UNAVAILABLE = "This clip is unsigned, because the signing library is not available here."
_UNWRITABLE = (
    "This clip is unsigned, because no signing identity can be kept in Kinora's data folder; "
    "whoever runs it can make that folder writable and start Kinora again."
)
_DAMAGED = (
    "This clip is unsigned, because Kinora's signing identity is damaged or cannot be read; "
    "whoever runs it can put signer.pem back, or remove it for a new one, and start Kinora again."
)
_ONE_SETTING = (
    "This clip is unsigned, because KINORA_CERTIFICATE and KINORA_PRIVATE_KEY have to be given "
    "together; whoever runs Kinora can set both or neither."
)
_OUT_OF_DATE = (
    "This clip is unsigned, because the signing certificate has expired or is not valid yet; "
    "whoever runs Kinora can renew it."
)
_UNUSABLE = (
    "This clip is unsigned, because the files of KINORA_CERTIFICATE and KINORA_PRIVATE_KEY cannot "
    "be read or do not belong together; whoever runs Kinora can correct them."
)


@dataclass(frozen=True)
class Identity:
    """What clips are signed with; with a `problem`, one sentence, nothing is signed.

    `chain` and `key` are PEM, the signer's certificate first. `anchors` are the PEM certificates
    that chains of this Kinora's own lead to, former ones too, `serials` those of its signers.
    """

    chain: str = ""
    key: str = field(default="", repr=False)
    anchors: str = ""
    serials: frozenset[str] = frozenset()
    timestamp_url: str = ""
    is_given: bool = False  # by settings, so that its issuer need not be known here
    problem: str = ""

    def why_not(self) -> str:
        """Return one sentence on why nothing can be signed now, or nothing if it can."""
        if self.problem or not self.chain:
            return self.problem or _UNAVAILABLE
        signer, *_ = x509.load_pem_x509_certificates(self.chain.encode("ascii"))
        begin, end = signer.not_valid_before_utc, signer.not_valid_after_utc
        return "" if begin <= datetime.now(timezone.utc) <= end else _OUT_OF_DATE


def open_identity(folder: Path, settings: Mapping[str, str] = os.environ) -> Identity:
    """Load the identity that the settings name, or the folder's, made there at the first time.

    Several processes may do so at once. What goes wrong is the identity's `problem`; it is logged,
    never raised, for clips are made without it too.
    """
    if x509 is None:
        return Identity(problem=_UNAVAILABLE)
    certificate, key = settings.get("KINORA_CERTIFICATE"), settings.get("KINORA_PRIVATE_KEY")
    try:
        if bool(certificate) != bool(key):
            raise _IdentityError(_ONE_SETTING)
        if certificate:
            signer = _read_given(Path(certificate), Path(key))
            with contextlib.suppress(_IdentityError):  # where nothing can be kept it still signs
                _keep_certificates(folder, signer.chain)
        else:
            signer = _own_signer(folder)
    except _IdentityError as exc:
        logger.exception("Clips will not be signed")
        signer = Identity(problem=str(exc))
    anchors, serials = _known(folder, signer.chain)
    url = settings.get("KINORA_TIMESTAMP_URL", "")
    return replace(
        signer, anchors=anchors, serials=serials, timestamp_url=url, is_given=bool(certificate)
    )


class _IdentityError(Exception):
    """Say in one sentence why nothing is signed."""


def _own_signer(folder: Path) -> Identity:
    """Return the identity of a folder, made by whichever process comes first."""
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
        path.chmod(0o600)  # somebody may have copied it back
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
    """Take key and certificates apart. Raises ValueError if they do not belong together."""
    key = serialization.load_pem_private_key(text.encode("ascii"), password=None)
    chain = x509.load_pem_x509_certificates(text.encode("ascii"))
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("the key is not of the curve P-256")
    if chain[0].public_key() != key.public_key():
        raise ValueError("the key is not the certificate's")
    return Identity(_pem(*chain), _key_pem(key))


def _known(folder: Path, chain: str) -> tuple[str, frozenset[str]]:
    """Return the anchors and the signers' serial numbers of all identities that were ever here."""
    texts = [chain] if chain else []
    with contextlib.suppress(OSError):
        for path in sorted((folder / "certificates").glob("*.pem")):
            with contextlib.suppress(OSError, ValueError):
                texts.append(path.read_text(encoding="ascii"))
    anchors, serials = {}, set()
    for text in texts:
        try:
            certificates = x509.load_pem_x509_certificates(text.encode("ascii"))
        except ValueError:
            logger.warning("A certificate of an earlier identity is damaged and left out")
            continue
        anchors[_pem(certificates[-1])] = None
        serials.add(str(certificates[0].serial_number))
    return "".join(anchors), frozenset(serials)


def _keep_certificates(folder: Path, chain: str) -> None:
    """Keep the public part of an identity; it knows its clips when another one signs."""
    serial = x509.load_pem_x509_certificates(chain.encode("ascii"))[0].serial_number
    path = folder / "certificates" / f"{serial:x}.pem"
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, chain.encode("ascii"))
    except OSError as exc:
        raise _IdentityError(_UNWRITABLE) from exc


def _make_signer() -> str:
    """Return a new key, its certificate and the root that has issued it, as PEM.

    C2PA 2.2 section 14.5 says what a signer's certificate has; with emailProtection verifiers take
    it that do not know claimSigning.
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
    # The root's key is nobody's from here on: it has issued all that it ever will.
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
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment")
    names += ("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: used.get(name, False) for name in names})


def _pem(*certificates: x509.Certificate) -> str:
    encoding = serialization.Encoding.PEM
    return "".join(x.public_bytes(encoding).decode("ascii") for x in certificates)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(*form, serialization.NoEncryption()).decode("ascii")

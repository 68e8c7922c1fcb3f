"""The signing identity: made once, kept by its owner alone, and never a reason to make no clip."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from pipeline.trust.provenance.identity import LIFE, Identity, open_identity

POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes")


def given(folder: Path, identity: Identity) -> dict[str, str]:
    """Write an identity as a real certificate comes in, and return the settings."""
    folder.mkdir()
    paths = {"KINORA_CERTIFICATE": folder / "chain.pem", "KINORA_PRIVATE_KEY": folder / "key.pem"}
    for path, text in zip(paths.values(), (identity.chain, identity.key), strict=True):
        path.write_text(text)
    return {name: str(path) for name, path in paths.items()}


def assert_refused(identity: Identity, *words: str) -> None:
    sentence = identity.why_not()
    assert sentence.startswith("This clip is unsigned because ")
    assert sentence.endswith(".")
    assert sentence.count(".") - sentence.count(".pem") == 1
    assert "/" not in sentence  # no folder of the machine: visitors read it
    assert all(word in sentence for word in words)
    assert not identity.key


def test_an_identity_is_made_once_and_found_again(tmp_path: Path) -> None:
    first, again = (open_identity(tmp_path / "identity", {}) for _ in range(2))
    assert first == again
    assert first.why_not() == ""
    assert (first.is_given, first.timestamp_url) == (False, "")


def test_the_certificate_is_what_signers_of_clips_have_and_lasts(tmp_path: Path) -> None:
    identity = open_identity(tmp_path / "identity", {})
    leaf, root = x509.load_pem_x509_certificates(identity.chain.encode())
    leaf.verify_directly_issued_by(root)
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert ExtendedKeyUsageOID.EMAIL_PROTECTION in purposes
    assert "1.3.6.1.4.1.62558.2.1" in [oid.dotted_string for oid in purposes]
    left = leaf.not_valid_after_utc - datetime.now(timezone.utc)
    assert left > LIFE - timedelta(days=2)
    assert identity.certificates == {leaf.fingerprint(hashes.SHA256()).hex()}
    assert "PRIVATE" not in identity.chain + identity.anchors


@POSIX_ONLY
def test_only_its_owner_can_read_the_key_even_after_somebody_has_opened_it_up(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "identity"
    open_identity(folder, {})

    def modes() -> list[int]:
        return [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "signer.pem")]

    assert modes() == [0o700, 0o600]
    folder.chmod(0o755)
    (folder / "signer.pem").chmod(0o644)
    open_identity(folder, {})
    assert modes() == [0o700, 0o600]


def test_processes_that_start_together_have_the_same_identity(tmp_path: Path) -> None:
    code = (
        "import json, sys; from pathlib import Path\n"
        "from pipeline.trust.provenance.identity import open_identity\n"
        "identity = open_identity(Path(sys.argv[1]), {})\n"
        "print(json.dumps([identity.key, identity.chain, identity.problem]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "identity")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(6)]
    answers = [json.loads(process.communicate()[0]) for process in started]
    assert answers[0][2] == ""
    assert all(answer == answers[0] for answer in answers)
    assert [path.name for path in (tmp_path / "identity").glob(".signer*")] == []


def test_a_former_identity_stays_known_when_there_is_a_new_one(tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    old = open_identity(folder, {})
    (folder / "signer.pem").unlink()
    new = open_identity(folder, {})
    assert new.key != old.key
    assert old.certificates < new.certificates
    assert old.anchors in new.anchors


@pytest.mark.parametrize("damage", [b"", b"not a key", b"\xff\xfe", "half", "another key"])
def test_a_damaged_identity_signs_nothing_and_is_not_replaced(
    tmp_path: Path, damage: bytes | str
) -> None:
    path = tmp_path / "identity" / "signer.pem"
    identity = open_identity(path.parent, {})
    if damage == "half":
        damage = path.read_bytes()[:400]
    elif damage == "another key":
        damage = (open_identity(tmp_path / "other", {}).key + identity.chain).encode()
    path.write_bytes(damage)
    assert_refused(open_identity(path.parent, {}), "damaged", "signer.pem")
    assert path.read_bytes() == damage


def test_where_nothing_can_be_written_nothing_is_signed(tmp_path: Path) -> None:
    (tmp_path / "identity").write_text("a file where the folder would be")
    assert_refused(open_identity(tmp_path / "identity", {}), "make that folder writable")


def test_a_real_certificate_comes_in_by_settings(tmp_path: Path) -> None:
    real = open_identity(tmp_path / "authority", {})
    settings = given(tmp_path / "real", real) | {"KINORA_TIMESTAMP_URL": "http://localhost:1/"}
    identity = open_identity(tmp_path / "identity", settings)
    assert (identity.key, identity.chain) == (real.key, real.chain)
    assert (identity.is_given, identity.timestamp_url) == (True, "http://localhost:1/")
    assert identity.why_not() == ""
    assert not (tmp_path / "identity" / "signer.pem").exists()
    later = open_identity(tmp_path / "identity", {})
    assert later.key != real.key
    assert real.certificates < later.certificates  # what it has signed stays known


def test_a_certificate_that_is_missing_or_half_given_or_anothers_is_not_passed_over(
    tmp_path: Path,
) -> None:
    settings = given(tmp_path / "real", open_identity(tmp_path / "authority", {}))
    folder = tmp_path / "identity"
    key = {"KINORA_PRIVATE_KEY": settings["KINORA_PRIVATE_KEY"]}
    assert_refused(open_identity(folder, key), "must be set together")
    missing = settings | {"KINORA_CERTIFICATE": str(tmp_path / "missing.pem")}
    assert_refused(open_identity(folder, missing), "cannot be read or do not match")
    other = given(tmp_path / "other", open_identity(tmp_path / "second", {}))
    mixed = settings | {"KINORA_PRIVATE_KEY": other["KINORA_PRIVATE_KEY"]}
    assert_refused(open_identity(folder, mixed), "do not match")

"""The certificate in a manifest store is found, and damaged stores say none."""

from __future__ import annotations

import hashlib
import io
import json

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pipeline.trust.provenance.identity import Identity, open_identity
from pipeline.trust.provenance.manifest_store import signer_certificate
from tests.credentials import ask, make_signed


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return open_identity(tmp_path_factory.mktemp("signer") / "identity", {})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, identity: Identity) -> tuple[bytes, str]:
    """Return the manifest store of a signed clip, and the label of its manifest."""
    path, stream = tmp_path_factory.mktemp("clip") / "clip.mp4", io.BytesIO()
    make_signed(path, ask(), identity)
    with c2pa.Reader(path) as reader:
        label = json.loads(reader.json())["active_manifest"]
        reader.resource_to_stream(label, stream)
    return stream.getvalue(), label


def der(identity: Identity) -> list[bytes]:
    chain = x509.load_pem_x509_certificates(identity.chain.encode())
    return [x.public_bytes(Encoding.DER) for x in chain]


def test_the_signers_certificate_is_found(store: tuple[bytes, str], identity: Identity) -> None:
    found = signer_certificate(*store)
    assert found == hashlib.sha256(der(identity)[0]).hexdigest()
    assert {found} == identity.certificates


def test_a_certificate_further_down_the_chain_is_not_the_signers(
    store: tuple[bytes, str], identity: Identity
) -> None:
    """A forger can put our certificate, which every clip shows, behind their own."""
    data, label = store
    leaf, root = der(identity)
    ours = data.replace(leaf, bytes(len(leaf)), 1)
    assert signer_certificate(ours.replace(root, leaf[: len(root)], 1), label) != (
        hashlib.sha256(leaf).hexdigest()
    )


def test_another_label_finds_nothing(store: tuple[bytes, str]) -> None:
    assert signer_certificate(store[0], "urn:c2pa:another") == ""


def test_damaged_stores_raise_nothing(store: tuple[bytes, str]) -> None:
    data, label = store
    rng = np.random.default_rng(0)
    for size in rng.integers(0, len(data), 200):
        signer_certificate(data[:size], label)
    for _ in range(1000):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 8):
            damaged[place] = rng.integers(256)
        signer_certificate(bytes(damaged), label)
    signer_certificate(b"\x9f" * 100_000, label)

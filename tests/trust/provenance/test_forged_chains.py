"""What signers recorded about the files they used is checked anew, not believed."""

from __future__ import annotations

from pathlib import Path

import c2pa
import pytest
from cryptography import x509

from pipeline.trust.provenance.credential_types import COMPOSITE, GENERATED
from pipeline.trust.provenance.credentials import read_credentials
from pipeline.trust.provenance.identity import Identity, open_identity
from tests.credentials import ask, flip_a_bit, make_signed
from tests.sources import make_clip


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return open_identity(tmp_path_factory.mktemp("signer") / "identity", {})


@pytest.fixture(scope="module")
def forger(tmp_path_factory: pytest.TempPathFactory, identity: Identity) -> Identity:
    """Make an identity with the serial number and the name of the Kinora's own."""
    ours = x509.load_pem_x509_certificates(identity.chain.encode())[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(x509, "random_serial_number", lambda: ours.serial_number)
        return open_identity(tmp_path_factory.mktemp("forger") / "identity", {})


def extend(source: Path, target: Path, identity: Identity, **fields: object) -> Path:
    request = ask("extend_video", video=source, seed=8, **fields)
    assert make_signed(target, request, identity)[0].is_signed
    return target


def test_a_forgers_record_makes_no_signer_known(
    tmp_path: Path, identity: Identity, forger: Identity
) -> None:
    """The forger trusts their own root, records that, and has our serial number."""
    parent = tmp_path / "parent.mp4"
    make_signed(parent, ask(), forger)
    chain = extend(parent, tmp_path / "chain.mp4", forger)
    read = read_credentials(chain, identity)
    (below,) = read.ingredients
    for credentials in (read, below.credentials):
        assert (credentials.state, credentials.is_local_identity) == ("valid", False)


def test_a_forgers_record_stays_unknown_below_a_clip_made_here(
    tmp_path: Path, identity: Identity, forger: Identity
) -> None:
    parent = tmp_path / "parent.mp4"
    make_signed(parent, ask(), forger)
    chain = extend(parent, tmp_path / "chain.mp4", forger)
    read = read_credentials(extend(chain, tmp_path / "ours.mp4", identity), identity)
    assert read.is_local_identity
    found = [(x.credentials.state, x.credentials.is_local_identity) for x in read.walk()]
    assert found == [("valid", False)] * 2


def test_a_signer_known_here_is_known_below_a_strangers_record(
    tmp_path: Path, identity: Identity, forger: Identity
) -> None:
    """A stranger records our signer as unknown; here it is known."""
    parent = tmp_path / "parent.mp4"
    make_signed(parent, ask(), identity)
    (below,) = read_credentials(extend(parent, tmp_path / "t.mp4", forger), identity).ingredients
    assert (below.credentials.state, below.credentials.is_local_identity) == ("trusted", True)


@pytest.mark.parametrize("direction", ["forward", "backward", "loop", "bridge"])
def test_an_extension_of_foreign_footage_is_a_composite(
    tmp_path: Path, identity: Identity, direction: str
) -> None:
    """3 s of foreign footage and half a second of ours were called generated."""
    foreign, own = make_clip(tmp_path / "foreign.mp4"), tmp_path / "own.mp4"
    make_signed(own, ask(), identity)
    sources = [(foreign, own), (own, foreign)] if direction == "bridge" else [(foreign, None)]
    for video, after in sources:
        fields = {"direction": direction, "video_after": after}
        read = read_credentials(extend(video, tmp_path / "e.mp4", identity, **fields), identity)
        assert {x.source_type for x in read.actions} - {""} == {COMPOSITE}
        assert read.source_type == COMPOSITE
        twice = read_credentials(
            extend(tmp_path / "e.mp4", tmp_path / "twice.mp4", identity), identity
        )
        assert twice.source_type == COMPOSITE


def test_an_extension_of_a_clip_that_was_changed_is_a_composite(
    tmp_path: Path, identity: Identity
) -> None:
    own = tmp_path / "own.mp4"
    make_signed(own, ask(), identity)
    read = read_credentials(extend(flip_a_bit(own), tmp_path / "e.mp4", identity), identity)
    assert read.source_type == COMPOSITE


def test_a_stranger_who_says_less_of_an_extension_is_read_as_a_composite(
    tmp_path: Path, identity: Identity, forger: Identity
) -> None:
    """A clip of words signed elsewhere says "generated"; here nobody knows that it was."""
    parent = tmp_path / "parent.mp4"
    make_signed(parent, ask(), forger)
    read = read_credentials(extend(parent, tmp_path / "e.mp4", identity), identity)
    assert read.ingredients[0].credentials.source_type == GENERATED
    assert read.source_type == COMPOSITE


def test_new_spans_are_regions_of_the_manifest(tmp_path: Path, identity: Identity) -> None:
    path = tmp_path / "e.mp4"
    request = ask("extend_video", video=make_clip(tmp_path / "foreign.mp4"))
    spans = [{"first_frame": 16, "num_frames": 8}]
    make_signed(path, request, identity, new_spans=spans, num_frames=24)
    with c2pa.Reader(path) as reader:
        said = {x["label"]: x["data"] for x in reader.get_active_manifest()["assertions"]}
    (edited,) = (x for x in said["c2pa.actions.v2"]["actions"] if x["action"] == "c2pa.edited")
    (change,) = edited["changes"]
    (region,) = change["region"]
    assert region["time"] == {"type": "npt", "start": "1.000", "end": "1.500"}

"""What a signature leaves out is said, since c2pa calls such a file valid all the same."""

from __future__ import annotations

from pathlib import Path

import c2pa
import numpy as np
import pytest
from PIL import Image

from pipeline.trust.provenance.coverage import FILLER, left_out
from pipeline.trust.provenance.credential_types import GENERATED
from pipeline.trust.provenance.credentials import offline, read_credentials
from pipeline.trust.provenance.identity import Identity, open_identity
from tests.credentials import ask, flip_a_bit, make_signed
from tests.sources import make_clip

C2PA = {"xpath": "/uuid", "data": [{"offset": 8, "value": "2P7D1hsOSDySl1goh37EgQ=="}]}


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return open_identity(tmp_path_factory.mktemp("signer") / "identity", {})


def sign(source: Path, target: Path, identity: Identity, *added: dict[str, object]) -> Path:
    """Sign a file with assertions that its signer chooses."""
    created = {"action": "c2pa.created", "digitalSourceType": GENERATED}
    actions = {"label": "c2pa.actions.v2", "data": {"actions": [created]}}
    info = c2pa.C2paSignerInfo(
        c2pa.C2paSigningAlg.ES256, identity.chain.encode(), identity.key.encode(), None
    )
    builder = c2pa.Builder({"assertions": [actions, *added]}, context=offline(identity))
    with c2pa.Signer.from_info(info) as signer, builder:
        builder.sign_file(source, target, signer)
    return target


def test_a_clip_made_here_leaves_out_only_filler(tmp_path: Path, identity: Identity) -> None:
    path = tmp_path / "clip.mp4"
    make_signed(path, ask(), identity)
    credentials = read_credentials(path, identity)
    assert (set(credentials.filler), credentials.uncovered) == (FILLER, ())


def test_a_signature_that_covers_nothing_is_seen(tmp_path: Path, identity: Identity) -> None:
    """C2PA calls such a film trusted, though its pictures were changed afterwards."""
    loose = {
        "label": "c2pa.hash.bmff.v2",
        "data": {"exclusions": [{"xpath": "/mdat"}], "alg": "sha256", "name": "x"},
    }
    path = sign(make_clip(tmp_path / "plain.mp4"), tmp_path / "loose.mp4", identity, loose)
    credentials = read_credentials(flip_a_bit(path, 0.9), identity)
    assert credentials.state == "trusted"
    assert credentials.uncovered == ("all of the pictures and sound",)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "tiff", "avif"])
def test_pictures_that_are_signed_as_usual_are_covered(
    tmp_path: Path, identity: Identity, suffix: str
) -> None:
    plain = tmp_path / f"plain.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    Image.fromarray(noise).save(plain)
    path = sign(plain, tmp_path / f"signed.{suffix}", identity)
    credentials = read_credentials(path, identity)
    assert (credentials.state, credentials.uncovered) == ("trusted", ())


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"hash": "x", "exclusions": [C2PA, {"xpath": "/ftyp"}]}, (("ftyp",), ())),
        ({"hash": "x", "exclusions": [C2PA, {"xpath": "/mdat"}]}, ((), ("the box mdat",))),
        ({"hash": "x", "exclusions": [{"xpath": "/uuid"}]}, ((), ("the box uuid",))),
        ({"hash": "x", "merkle": [1], "exclusions": [C2PA, {"xpath": "/mdat"}]}, ((), ())),
        ({"exclusions": [C2PA]}, ((), ("all of the pictures and sound",))),
    ],
)
def test_what_a_film_leaves_out(data: dict[str, object], found: tuple[object, ...]) -> None:
    assert left_out({"c2pa.hash.bmff.v3": data}, (), 5000) == found


@pytest.mark.parametrize(("length", "is_loose"), [(5012, False), (20_000, True)])
def test_more_bytes_left_out_than_the_credentials_have(length: int, is_loose: bool) -> None:
    data = {"exclusions": [{"start": 33, "length": length}]}
    assert bool(left_out({"c2pa.hash.data": data}, (), 5000)[1]) is is_loose


def test_boxes_of_a_picture_that_are_left_out_are_seen() -> None:
    code = "assertion.boxesHash.additionalExclusionsPresent"
    assert left_out({"c2pa.hash.boxes": {}}, [code], 5000)[1]

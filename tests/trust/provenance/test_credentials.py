"""Clips are signed and read back: each task, chains, and everything that must not look fine."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from PIL import Image

from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.planning.recipe import public_recipe
from pipeline.planning.request import Shot
from pipeline.trust.provenance import identity as identities
from pipeline.trust.provenance import signing
from pipeline.trust.provenance.credential_types import COMPOSITE, GENERATED
from pipeline.trust.provenance.credentials import Credentials, offline, read_credentials
from pipeline.trust.provenance.identity import Identity, open_identity
from pipeline.trust.provenance.report import Verifier
from pipeline.trust.provenance.signing import sign_clip
from tests.credentials import (
    PROMPT,
    ask,
    flip_a_bit,
    make_signed,
    recipe_of,
    replace_once,
    write_clip,
)
from tests.sources import make_clip

CHANGED = "the pictures or the sound were changed after it was signed"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return open_identity(tmp_path_factory.mktemp("signer") / "identity", {})


@pytest.fixture
def base(tmp_path: Path, identity: Identity) -> Path:
    """Make a signed clip of words alone."""
    path = tmp_path / "base.mp4"
    assert make_signed(path, ask(), identity)[0].is_signed
    return path


def picture(path: Path) -> Path:
    Image.fromarray(np.full((64, 96, 3), 90, np.uint8)).save(path)
    return path


def actions(credentials: Credentials) -> list[tuple[str, str]]:
    return [(action.action, action.source_type) for action in credentials.actions]


def frames(path: Path) -> np.ndarray:
    return np.concatenate(list(iterate_frames(path, probe_clip(path))))


def test_a_clip_of_words_says_who_made_it_how_and_by_which_recipe(
    tmp_path: Path, identity: Identity
) -> None:
    path, request = tmp_path / "clip.mp4", ask()
    outcome, recipe = make_signed(path, request, identity)
    assert (outcome.is_signed, outcome.note, outcome.warnings) == (True, "", ())
    credentials = read_credentials(path, identity)
    assert (credentials.state, credentials.failures) == ("trusted", ())
    assert credentials.is_local_identity
    assert credentials.signer == "Kinora, a local identity"
    assert actions(credentials) == [("c2pa.created", GENERATED)]
    assert credentials.source_type == GENERATED
    (action,) = credentials.actions
    assert action.software == "Kinora"
    made_at = datetime.strptime(action.when, "%Y-%m-%dT%H:%M:%S%z")
    assert abs(datetime.now(timezone.utc) - made_at) < timedelta(minutes=1)
    assert credentials.disclosure["modelIdentifier"] == recipe["model"] == "kinora-mini"
    assert credentials.disclosure["contentProfile"] == {"humanOversightLevel": "prompt_guided"}
    assert credentials.recipe == public_recipe(recipe)
    assert credentials.ingredients == ()
    labels = {x["label"]: x["data"] for x in raw_manifest(path)["assertions"]}
    uses = {k: v["use"] for k, v in labels["cawg.training-mining"]["entries"].items()}
    assert uses["cawg.ai_generative_training"] == uses["cawg.data_mining"] == "notAllowed"
    assert "c2pa.soft-binding" not in labels


def raw_manifest(path: Path) -> dict[str, object]:
    with c2pa.Reader(path) as reader:
        return reader.get_active_manifest()


def test_signing_changes_no_frame_and_a_second_time_nothing_at_all(
    tmp_path: Path, identity: Identity
) -> None:
    path, request = tmp_path / "clip.mp4", ask()
    recipe = recipe_of(request)
    before = frames(write_clip(path, recipe))
    size = path.stat().st_size
    assert sign_clip(path, recipe, request, identity).is_signed
    np.testing.assert_array_equal(frames(path), before)
    assert 2000 < path.stat().st_size - size < 16000
    signed = path.read_bytes()
    assert sign_clip(path, recipe, request, identity).is_signed
    assert path.read_bytes() == signed
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".gif"])
def test_a_clip_of_a_picture_is_a_composite_and_names_no_file(
    tmp_path: Path, identity: Identity, suffix: str
) -> None:
    image = picture(tmp_path / f"private-name{suffix}")
    path = tmp_path / "clip.mp4"
    assert make_signed(path, ask("image_to_video", image=image), identity)[0].is_signed
    credentials = read_credentials(path, identity)
    assert actions(credentials) == [("c2pa.created", COMPOSITE)]
    (ingredient,) = credentials.ingredients
    assert (ingredient.title, ingredient.relationship) == ("picture 1", "inputTo")
    assert ingredient.credentials == Credentials("none")
    assert b"private-name" not in path.read_bytes()


def test_a_films_pictures_are_ingredients_each_once(tmp_path: Path, identity: Identity) -> None:
    first, second = (picture(tmp_path / name) for name in ("1.png", "2.png"))
    images = [None, first, second, first]
    shots = [Shot(f"shot {number}", 1.0, image=x) for number, x in enumerate(images)]
    path = tmp_path / "clip.mp4"
    assert make_signed(path, ask(shots=shots), identity)[0].is_signed
    credentials = read_credentials(path, identity)
    assert actions(credentials) == [("c2pa.created", COMPOSITE)]
    assert [x.title for x in credentials.ingredients] == ["picture 1", "picture 2"]


@pytest.mark.parametrize("direction", ["forward", "backward", "loop"])
def test_an_extension_is_opened_and_edited_and_keeps_the_clips_own_credentials(
    tmp_path: Path, identity: Identity, base: Path, direction: str
) -> None:
    path = tmp_path / "longer.mp4"
    request = ask("extend_video", video=base, direction=direction, seed=8)
    outcome, _ = make_signed(path, request, identity)
    assert (outcome.is_signed, outcome.warnings) == (True, ())
    credentials = read_credentials(path, identity)
    assert actions(credentials) == [("c2pa.opened", ""), ("c2pa.edited", GENERATED)]
    (parent,) = credentials.ingredients
    assert parent.relationship == "parentOf"
    assert (parent.credentials.state, parent.credentials.is_local_identity) == ("trusted", True)
    assert (credentials.recipe["seed"], parent.credentials.recipe["seed"]) == (8, 7)


def test_a_bridge_is_made_of_both_its_clips(tmp_path: Path, identity: Identity, base: Path) -> None:
    path, after = tmp_path / "bridge.mp4", make_clip(tmp_path / "after.mp4")
    request = ask("extend_video", video=base, direction="bridge", video_after=after)
    assert make_signed(path, request, identity)[0].is_signed
    credentials = read_credentials(path, identity)
    assert [name for name, _ in actions(credentials)] == [
        *("c2pa.opened", "c2pa.edited", "c2pa.placed")
    ]
    found = [(x.relationship, x.credentials.state) for x in credentials.ingredients]
    assert found == [("parentOf", "trusted"), ("componentOf", "none")]


@pytest.mark.parametrize("suffix", [".webm", ".mkv", ".mov", ".avi"])
def test_a_clip_of_any_container_can_be_a_parent(
    tmp_path: Path, identity: Identity, suffix: str
) -> None:
    codec = ("-c:v", "libvpx") if suffix == ".webm" else ("-c:v", "mpeg4")
    source = make_clip(tmp_path / f"source{suffix}", *codec, "-pix_fmt", "yuv420p")
    path = tmp_path / "longer.mp4"
    assert make_signed(path, ask("extend_video", video=source), identity)[0].is_signed
    (parent,) = read_credentials(path, identity).ingredients
    assert parent.credentials == Credentials("none")


def chain_of_three(tmp_path: Path, identity: Identity, base: Path) -> Path:
    clips = [base, tmp_path / "second.mp4", tmp_path / "third.mp4"]
    for seed, (parent, path) in enumerate(pairwise(clips), 8):
        request = ask("extend_video", video=parent, seed=seed)
        assert make_signed(path, request, identity)[0].is_signed
    return clips[-1]


def test_a_chain_of_three_is_read_to_its_beginning(
    tmp_path: Path, identity: Identity, base: Path
) -> None:
    credentials = read_credentials(chain_of_three(tmp_path, identity, base), identity)
    found = [credentials, *(x.credentials for x in credentials.walk())]
    assert [x.recipe["seed"] for x in found] == [9, 8, 7]
    assert [x.state for x in found] == ["trusted"] * 3
    assert credentials.tampered() == []
    assert json.loads(json.dumps(credentials.to_json()))["ingredients"][0]["credentials"]["state"]


@pytest.mark.parametrize("place", [0.8, 0.9, 0.9999])
def test_one_flipped_bit_is_seen(base: Path, identity: Identity, place: float) -> None:
    credentials = read_credentials(flip_a_bit(base, place), identity)
    assert (credentials.state, credentials.is_signed) == ("invalid", False)
    assert [failure.words for failure in credentials.failures] == [CHANGED]
    report = Verifier(identity).verify(base)
    assert report["signed"] is False
    assert CHANGED in report["conclusion"]


def test_an_altered_recipe_is_seen(base: Path, identity: Identity) -> None:
    replace_once(base, rb"\"seed\": 7", rb"\"seed\": 8")
    credentials = read_credentials(base, identity)
    assert credentials.state == "invalid"
    assert "the statements in its credentials were changed after it was signed" in {
        failure.words for failure in credentials.failures
    }
    assert not credentials.is_local_identity


def test_an_extension_of_a_tampered_clip_does_not_look_fine(
    tmp_path: Path, identity: Identity, base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """C2PA calls the extension trusted, as nothing has been changed since it was made."""
    path = tmp_path / "longer.mp4"
    request = ask("extend_video", video=flip_a_bit(base))
    outcome, _ = make_signed(path, request, identity)
    assert outcome.is_signed
    (warning,) = outcome.warnings
    assert warning.startswith("The clip that this file was made from has credentials that failed")
    assert warning in caplog.text
    credentials = read_credentials(path, identity)
    assert credentials.state == "trusted"
    assert [x.credentials.state for x in credentials.tampered()] == ["invalid"]
    assert warning in Verifier(identity).verify(path)["conclusion"]


def test_a_tampered_clip_is_seen_from_the_third_of_a_chain(
    tmp_path: Path, identity: Identity, base: Path
) -> None:
    third = chain_of_three(tmp_path, identity, flip_a_bit(base))
    (tampered,) = read_credentials(third, identity).tampered()
    assert tampered.credentials.recipe["seed"] == 7
    assert CHANGED in Verifier(identity).verify(third)["conclusion"]


def test_a_parents_recipe_that_is_altered_inside_the_extension_is_seen(
    tmp_path: Path, identity: Identity, base: Path
) -> None:
    path = tmp_path / "longer.mp4"
    make_signed(path, ask("extend_video", video=base, seed=9), identity)
    replace_once(path, rb"\"seed\": 7", rb"\"seed\": 6")
    credentials = read_credentials(path, identity)
    assert credentials.state == "invalid"
    assert [x.credentials.state for x in credentials.tampered()] == ["invalid"]


def test_a_clip_of_somebody_else_is_intact_and_its_signer_unknown(
    tmp_path: Path, base: Path
) -> None:
    other = open_identity(tmp_path / "other", {})
    credentials = read_credentials(base, other)
    assert (credentials.state, credentials.is_signed) == ("valid", True)
    assert not credentials.is_local_identity
    assert "is not known to this Kinora" in Verifier(other).verify(base)["conclusion"]
    path = tmp_path / "longer.mp4"
    outcome, _ = make_signed(path, ask("extend_video", video=base), other)
    assert (outcome.is_signed, outcome.warnings) == (True, ())
    (parent,) = read_credentials(path, other).ingredients
    assert parent.credentials.state == "valid"


def test_a_former_identitys_clips_stay_this_kinoras(tmp_path: Path) -> None:
    folder, path = tmp_path / "identity", tmp_path / "clip.mp4"
    make_signed(path, ask(), open_identity(folder, {}))
    (folder / "signer.pem").unlink()
    credentials = read_credentials(path, open_identity(folder, {}))
    assert (credentials.state, credentials.is_local_identity) == ("trusted", True)


def test_the_prompt_is_in_the_file_only_if_its_owner_says_so(
    tmp_path: Path, identity: Identity
) -> None:
    words = {"prompt": "an unusual zeppelin", "negative_prompt": "blurry walruses"}
    path = tmp_path / "clip.mp4"
    make_signed(path, ask(**words, model="wan-2.2-5b"), identity)
    data = path.read_bytes()
    assert b"zeppelin" not in data
    assert b"walruses" not in data
    recipe = read_credentials(path, identity).recipe
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in words.values()]
    assert recipe["shots"][0]["prompt"] == {"sha256": digests[0]}
    assert recipe["negative_prompt"] == {"sha256": digests[1]}
    make_signed(path, ask(**words, model="wan-2.2-5b", shows_prompt=True), identity)
    recipe = read_credentials(path, identity).recipe
    assert (recipe["shots"][0]["prompt"], recipe["negative_prompt"]) == tuple(words.values())


def test_a_mark_in_the_frames_is_bound_to_the_credentials(
    tmp_path: Path, identity: Identity
) -> None:
    marks = [
        {"first_frame": 0, "num_frames": 16, "id": "00ff00ff00ff"},
        {"first_frame": 16, "num_frames": 8, "id": "123456789abc"},
    ]
    path = tmp_path / "clip.mp4"
    assert make_signed(path, ask(), identity, marks=marks)[0].is_signed
    credentials = read_credentials(path, identity)
    assert [name for name, _ in actions(credentials)] == ["c2pa.created", "c2pa.watermarked.bound"]
    labels = {x["label"]: x["data"] for x in raw_manifest(path)["assertions"]}
    blocks = labels["c2pa.soft-binding"]["blocks"]
    assert [block["value"] for block in blocks] == ["00ff00ff00ff", "123456789abc"]
    spans = [block["scope"]["timespan"] for block in blocks]
    assert spans == [{"start": 0, "end": 1000}, {"start": 1000, "end": 1500}]


def expired(identity: Identity) -> Identity:
    """Return an identity whose certificate was valid until yesterday."""
    root_key, key = (serialization.load_pem_private_key(identity.key.encode(), None),) * 2
    leaf, _ = x509.load_pem_x509_certificates(identity.chain.encode())
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(
        leaf.issuer,
        leaf.subject,
        key.public_key(),
        x509.random_serial_number(),
        now - timedelta(days=9),
        now - timedelta(days=1),
        list(leaf.extensions),
    )
    old = builder.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return replace(identity, chain=old.decode() + identity.chain.split("\n-----BEGIN", 1)[0])


def unsigned(tmp_path: Path, identity: Identity) -> str:
    """Try to sign; check that the clip is as it was and called unsigned; return the reason."""
    path, request = tmp_path / "clip.mp4", ask()
    recipe = recipe_of(request)
    before = write_clip(path, recipe).read_bytes()
    outcome = sign_clip(path, recipe, request, identity)
    assert not outcome.is_signed
    assert path.read_bytes() == before
    assert [x for x in tmp_path.iterdir() if x.name.endswith(".signing")] == []
    report = Verifier(identity).verify(path)
    assert (report["signed"], report["credentials"]["state"]) == (False, "none")
    assert report["made_by_kinora_claim"]
    assert outcome.note.startswith("This clip is unsigned because ")
    return outcome.note


def test_an_expired_certificate_signs_nothing(tmp_path: Path, identity: Identity) -> None:
    assert "has expired" in unsigned(tmp_path, expired(identity))


def test_a_missing_certificate_signs_nothing(tmp_path: Path) -> None:
    settings = dict.fromkeys(("KINORA_CERTIFICATE", "KINORA_PRIVATE_KEY"), "/nowhere")
    assert "cannot be read" in unsigned(tmp_path, open_identity(tmp_path / "identity", settings))


def test_an_identity_that_cannot_be_written_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / "identity").write_text("a file where the folder would be")
    assert "writable" in unsigned(tmp_path, open_identity(tmp_path / "identity", {}))


def test_a_key_that_c2pa_refuses_signs_nothing(tmp_path: Path, identity: Identity) -> None:
    other = open_identity(tmp_path / "other", {})
    assert "signing failed" in unsigned(tmp_path, replace(identity, key=other.key))


def test_a_platform_without_the_library_makes_unsigned_clips(
    tmp_path: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "c2pa", None)
    assert "no library" in unsigned(tmp_path, identity)
    monkeypatch.setattr(identities, "x509", None)
    assert open_identity(tmp_path / "identity", {}).why_not()


def test_a_time_stamp_authority_that_does_not_answer_stops_no_signature(
    tmp_path: Path, identity: Identity
) -> None:
    for url in ("http://127.0.0.1:9/tsa", "no address", "http://127.0.0.1:99999/"):
        path = tmp_path / "clip.mp4"
        outcome, _ = make_signed(path, ask(), replace(identity, timestamp_url=url))
        assert outcome.is_signed
        assert "without a timestamp" in outcome.note
        assert read_credentials(path, identity).signed_at == ""


def test_a_certificate_from_settings_signs_though_its_issuer_is_unknown_here(
    tmp_path: Path, identity: Identity
) -> None:
    given = replace(identity, is_given=True, anchors="", certificates=frozenset())
    path = tmp_path / "clip.mp4"
    assert make_signed(path, ask(), given)[0].is_signed
    assert read_credentials(path, given).state == "valid"


def test_files_that_are_no_clips_of_ours_are_told_as_what_they_are(
    tmp_path: Path, identity: Identity
) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no clip at all")
    assert read_credentials(text, identity) == Credentials("none")
    cut = tmp_path / "cut.mp4"
    make_signed(cut, ask(), identity)
    cut.write_bytes(cut.read_bytes()[:3000])
    assert not read_credentials(cut, identity).is_signed
    plain = make_clip(tmp_path / "plain.mp4")
    assert "proves nothing" in Verifier(identity).verify(plain)["conclusion"]


def test_a_picture_whose_name_lies_is_an_ingredient_by_what_it_is(
    tmp_path: Path, identity: Identity
) -> None:
    image = tmp_path / "picture.jpg"
    shutil.copy(picture(tmp_path / "picture.png"), image)
    path = tmp_path / "clip.mp4"
    assert make_signed(path, ask("image_to_video", image=image), identity)[0].is_signed


def test_a_picture_that_c2pa_cannot_read_is_an_ingredient_all_the_same(
    tmp_path: Path, identity: Identity
) -> None:
    image = tmp_path / "picture.jpg"
    image.write_bytes(b"\xff\xd8\xff and nothing more")
    path = tmp_path / "clip.mp4"
    assert make_signed(path, ask("image_to_video", image=image), identity)[0].is_signed
    (ingredient,) = read_credentials(path, identity).ingredients
    assert "could not be read" in ingredient.title


def sign_picture(path: Path, parent: Path | None, identity: Identity, software: str = "") -> None:
    """Sign a picture that says it was made from another one, twice."""
    created = {"action": "c2pa.created", "digitalSourceType": GENERATED, "softwareAgent": software}
    actions = {"label": "c2pa.actions", "data": {"actions": [created]}}
    info = c2pa.C2paSignerInfo(
        c2pa.C2paSigningAlg.ES256, identity.chain.encode(), identity.key.encode(), None
    )
    builder = c2pa.Builder({"assertions": [actions]}, context=offline(identity))
    with c2pa.Signer.from_info(info) as signer, builder:
        for _ in range(2 if parent else 0):
            with parent.open("rb") as file:
                builder.add_ingredient({"relationship": "componentOf"}, "image/png", file)
        builder.sign_file(picture(path.with_name("plain.png")), path, signer)


def test_a_small_file_that_is_made_from_millions_is_read_in_a_moment(
    tmp_path: Path, identity: Identity
) -> None:
    """Each generation named the one before it twice: a file of 250 kB filled the memory."""
    path = None
    for number in range(20):
        parent, path = path, tmp_path / f"{number}.png"
        sign_picture(path, parent, identity)
    read = read_credentials(path, identity)
    assert len([*read.walk()]) < 1000
    (warning,) = {x.failures[0].words for x in (i.credentials for i in read.tampered())}
    assert warning == "it was made from more files than Kinora checks"
    assert warning in Verifier(identity).verify(path)["conclusion"]


def test_what_a_signer_says_stays_short_and_in_its_order(
    tmp_path: Path, identity: Identity
) -> None:
    path = tmp_path / "signed.png"
    sign_picture(path, None, identity, f"Studio \u202egnp.exe {'x' * 100_000}")
    (action,) = read_credentials(path, identity).actions
    assert action.software.startswith("Studio gnp.exe x")
    assert len(action.software) < 100
    assert action.source_type == GENERATED


def test_nothing_that_is_said_of_a_clip_holds_a_prompt_by_accident(identity: Identity) -> None:
    assert PROMPT not in json.dumps(public_recipe(recipe_of(ask())))
    assert identity.key not in repr(identity)

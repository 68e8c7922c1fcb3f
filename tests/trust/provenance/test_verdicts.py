"""What Verify says of own, altered, foreign, laundered and forged files, and of originals."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import app
from page.verify_tab import show_report
from pipeline.deadlines import Deadline
from pipeline.errors import MediaError
from pipeline.jobs.states import Done
from pipeline.planning.request import Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from pipeline.studio import Studio
from pipeline.trust.provenance.identity import open_identity
from pipeline.trust.provenance.pixels import look_at
from pipeline.trust.provenance.registry import FILE, Registry
from pipeline.trust.watermark.mark import KEY_FILE, Marker
from tests.credentials import ask, flip_a_bit, make_signed, replace_once
from tests.footage import scene
from tests.sources import H264, ffmpeg
from tests.tiny import MINI

PROMPT = "a yellow balloon over a meadow"
MARKED = "carry a mark like that of the clip made here on"


@dataclass(frozen=True)
class World:
    """A studio with what it made, and files that it did not make."""

    studio: Studio
    data: Path
    words: Path
    picture: Path
    from_picture: Path
    foreign: Path
    laundered: Path

    def verify(self, path: Path) -> dict[str, Any]:
        return self.studio.verify(path)

    def say(self, path: Path) -> str:
        return " ".join(self.verify(path)["conclusions"])


def make(studio: Studio, folder: Path, task: str, **fields: object) -> Path:
    """Make a clip as a job does, and return a copy of it."""
    if task != "cut_video":
        fields = {"model": MINI, "seed": 3, "prompt": PROMPT, **fields}
    request = build_request(task, **fields)
    job_id = studio.worker.submit(request)
    while not (state := studio.worker.state(job_id)).is_over:
        time.sleep(0.05)
    assert isinstance(state, Done), state
    path = folder / f"{job_id}.mp4"
    path.write_bytes(studio.worker.result(job_id).read_bytes())
    return path


def encode(source: Path, target: Path, *options: str) -> Path:
    ffmpeg("-i", source, "-map_metadata", "-1", *options, *H264, target)
    return target


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    studio = app.create_studio(folder / "data", ModelCache())
    picture, foreign = folder / "picture.png", folder / "foreign.mp4"
    Image.fromarray(scene(1, 432, 768)[0]).save(picture)
    source = ("-f", "lavfi", "-i", "mandelbrot=size=320x180:rate=24:start_scale=2", "-t", "3")
    ffmpeg(*source, *H264, foreign)
    made = World(
        studio,
        folder / "data",
        make(studio, folder, "text_to_video", duration=2.0),
        picture,
        make(studio, folder, "image_to_video", image=picture, duration=2.0),
        foreign,
        make(studio, folder, "extend_video", video=foreign, duration=0.5),
    )
    yield made
    studio.close()


def test_an_own_clip_is_signed_here_and_the_signature_says_what_it_covers(world: World) -> None:
    said = world.say(world.words)
    assert "This Kinora signed the file, and its pictures, sound and notes have not changed" in said
    assert "does not cover the file's type label and padding (ftyp, mfra, free, skip)" in said
    assert MARKED in said
    assert "and look like that clip" in said
    assert "Made and signed by this Kinora" in show_report(world.verify(world.words))
    assert "Valid, signed by this Kinora" in show_report(world.verify(world.words))


@pytest.mark.parametrize("change", ["brand", "free box", "skip box"])
def test_what_the_signature_does_not_cover_is_not_called_unchanged(
    world: World, tmp_path: Path, change: str
) -> None:
    """ "Nothing in it has been changed" was said of them."""
    path = tmp_path / "changed.mp4"
    path.write_bytes(world.words.read_bytes())
    if change == "brand":
        replace_once(path, b"ftypisom", b"ftypavif")
    else:
        path.write_bytes(path.read_bytes() + b"\0\0\0\x10" + change[:4].encode() + b"unsigned")
    report = world.verify(path)
    assert (report["kind"], report["signed"]) == ("clip", True)
    assert report["marks"][0]["id"]
    said = " ".join(report["conclusions"])
    assert "can be changed without a trace" in said
    assert "othing in" not in said


def test_an_altered_clip_is_not_relied_on(world: World, tmp_path: Path) -> None:
    path = tmp_path / "altered.mp4"
    path.write_bytes(world.words.read_bytes())
    said = world.say(flip_a_bit(path))
    assert said.startswith("Do not rely on this file's credentials: the pictures or the sound")


def test_a_foreign_file_proves_nothing(world: World) -> None:
    said = world.say(world.foreign)
    assert "was made with this footage" in said  # the laundered clip
    assert "look like" not in said.replace("looks like it", "")


def test_a_laundered_clip_says_which_part_was_uploaded(world: World) -> None:
    """3 s of foreign footage and 0.5 s of ours were "made and signed here"."""
    report = world.verify(world.laundered)
    said = " ".join(report["conclusions"])
    assert "0 to 3 s come from an unsigned upload; 3 to 3.5 s are new" in said
    assert "a model generated it." not in said
    assert report["credentials"]["source_type"].endswith("compositeWithTrainedAlgorithmicMedia")
    shown = show_report(report)
    assert "Signed by this Kinora; only part of it was generated here" in shown
    assert "Made and signed" not in shown


def test_a_clip_that_is_laundered_twice_says_so_still(world: World, tmp_path: Path) -> None:
    twice = make(world.studio, tmp_path, "extend_video", video=world.laundered, duration=0.5)
    said = world.say(twice)
    assert "0 to 3 s come from an unsigned upload; 3 to 3.5 s were generated here earlier" in said
    assert "3.5 to 4 s are new" in said
    assert "only part of it" in show_report(world.verify(twice))


@pytest.mark.parametrize("direction", ["backward", "loop", "bridge"])
def test_every_kind_of_extension_says_which_parts_were_uploaded(
    world: World, tmp_path: Path, direction: str
) -> None:
    fields = {"direction": direction, "video": world.foreign, "duration": 1.0}
    if direction == "bridge":
        fields["video_after"] = world.words
    path = make(world.studio, tmp_path, "extend_video", **fields)
    spans = world.verify(path)["spans"]
    found = [(x["start"], x["end"], x["is_generated_here"]) for x in spans]
    expected = {
        "backward": [(0, 1, True), (1, 4, False)],
        "loop": [(0, 3, False), (3, 4, True)],
        "bridge": [(0, 3, False), (3, 4, True), (4, 6, True)],
    }[direction]
    assert [tuple(map(float, x)) for x in found] == [
        pytest.approx(tuple(map(float, x)), abs=0.1) for x in expected
    ]


def test_a_retake_and_a_cut_say_which_parts_were_uploaded(world: World, tmp_path: Path) -> None:
    span = {"start": 0.5, "duration": 0.5}
    retake = make(world.studio, tmp_path, "retake_video", video=world.foreign, **span)
    pieces = [Shot("", 1.0, video=world.foreign), Shot("", 1.0, video=world.words, start=0.5)]
    cut = make(world.studio, tmp_path, "cut_video", shots=pieces)
    for path, expected in (
        (retake, [(0, 0.5, False), (0.5, 1, True), (1, 3, False)]),
        (cut, [(0, 1, False), (1, 2, True)]),
    ):
        report = world.verify(path)
        found = [(x["start"], x["end"], x["is_generated_here"]) for x in report["spans"]]
        np.testing.assert_allclose(found, expected, atol=0.02)
        assert report["signed"]
        assert "c2pa.edited" in [x["action"] for x in report["credentials"]["actions"]]
        assert "only part of it was generated here" in report["headline"]


def test_a_clip_of_a_picture_says_that_the_picture_was_given(world: World) -> None:
    report = world.verify(world.from_picture)
    said = " ".join(report["conclusions"])
    assert "It was generated from a picture given by its user: an unsigned upload." in said
    assert "Made and signed by this Kinora from a picture" in show_report(report)


@pytest.mark.parametrize("direction", ["bridge", "loop"])
def test_the_mark_of_an_own_source_is_not_read_into_what_is_new(
    world: World, tmp_path: Path, direction: str
) -> None:
    """A window holds 3 s at 16 frames a second, so new frames were said to carry the old mark."""
    fields = {"direction": direction, "video": world.words, "duration": 1.0}
    if direction == "bridge":
        fields["video_after"] = world.words
    path = make(world.studio, tmp_path, "extend_video", **fields)
    report = world.verify(path)
    Registry(world.data / FILE).forget(path.stem)  # other tests ask what the source is nearest to
    old = world.verify(world.words)["marks"][0]["id"]
    (new,) = report["recipe"]["marks"]
    start, end = (x / report["recipe"]["fps"] for x in (new["first_frame"], new["num_frames"]))
    times = [
        (float(first), float(last))
        for said in report["conclusions"]
        if f"ID {old}" in said
        for first, last in re.findall(r"between about ([\d.]+) and ([\d.]+) s", said)
    ]
    assert times
    assert all(last <= start + 0.01 or first >= start + end - 0.01 for first, last in times)
    assert "do not conclude" not in " ".join(report["conclusions"])


def test_a_clip_of_one_colour_is_not_compared(world: World, tmp_path: Path) -> None:
    """Our own clip was "made and signed by this Kinora" and "do not conclude" that at once."""
    picture = tmp_path / "red.png"
    Image.new("RGB", (640, 360), (200, 40, 40)).save(picture)
    clip = make(world.studio, tmp_path, "image_to_video", image=picture, duration=2.0)
    report = world.verify(clip)
    said = " ".join(report["conclusions"])
    assert report["headline"].startswith("Made and signed by this Kinora")
    assert MARKED in said
    assert "look like" not in said
    assert "do not conclude" not in said
    assert report["marks"][0]["looks_like_known"] is None
    unsigned = world.verify(encode(clip, tmp_path / "unsigned.mp4"))
    assert unsigned["marks"][0]["looks_like_known"] is None
    assert "cannot be compared with that clip" in " ".join(unsigned["conclusions"])
    white = tmp_path / "white.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=white:s=640x360:r=24:d=2", *H264, white)
    assert world.verify(white)["nearest"] is None
    assert "a clip made here" not in show_report(world.verify(white))


@pytest.mark.parametrize("options", [("png", 1.0), ("jpg", 1.0), ("jpg", 0.5)])
def test_the_picture_that_a_clip_began_with_is_not_called_made_here(
    world: World, tmp_path: Path, options: tuple[str, float]
) -> None:
    """The untouched photo "looked like a clip that was made here"."""
    suffix, scale = options
    path = tmp_path / f"picture.{suffix}"
    picture = Image.open(world.picture)
    picture.resize([round(side * scale) for side in picture.size]).save(path)
    report = world.verify(path)
    assert report["nearest"]["likeness"] == "given"
    said = " ".join(report["conclusions"])
    assert "began with this picture" in said
    assert "looks like a clip" not in said
    assert "a clip made here began with this" in show_report(report)


def test_a_clip_that_was_given_is_not_called_made_here(world: World, tmp_path: Path) -> None:
    for path in (world.foreign, encode(world.foreign, tmp_path / "again.mp4", "-r", "30")):
        assert world.verify(path)["nearest"]["likeness"] == "given"


def test_what_is_encoded_again_is_like_what_it_was(world: World, tmp_path: Path) -> None:
    scaled = ("-vf", "scale=iw*3/4:ih*3/4")
    again = encode(world.words, tmp_path / "words.mp4", *scaled)
    report = world.verify(again)
    assert report["nearest"]["likeness"] == "made"
    assert report["marks"][0]["looks_like_known"] is True
    shown = show_report(report)
    assert "Unsigned; it carries a mark like that of a clip made here, and looks like it" in shown


def test_a_copied_mark_is_not_called_made_here(world: World, tmp_path: Path) -> None:
    """The mean of (frame - blur) of a grey clip, added to another picture, scored 13.5.

    Verify said flatly that this Kinora had made it.
    """
    mark_id = world.verify(world.words)["marks"][0]["id"]
    marker = Marker((world.data / "identity" / KEY_FILE).read_bytes())
    grey = marker.embed(np.full((432, 768, 3), 128, np.uint8), mark_id).astype(float)
    residue = grey - cv2.blur(grey, (17, 17))
    victim = Image.open(world.picture).convert("RGB")
    forged = tmp_path / "forged.png"
    pixels = (np.asarray(victim)[::-1] + 4 * residue).round().clip(0, 255)
    Image.fromarray(pixels.astype(np.uint8)).save(forged)
    report = world.verify(forged)
    (window,) = report["marks"]
    assert window["id"] == mark_id
    assert window["looks_like_known"] is False
    said = " ".join(report["conclusions"])
    assert "but do not look like that clip. Marks can be copied" in said
    assert "made it on" not in said
    assert "but does not look like it" in show_report(report)


def test_a_forged_chain_is_the_word_of_its_signer(world: World, tmp_path: Path) -> None:
    """A stranger can attach the genuine credentials of our clip to other pictures."""
    stranger = open_identity(tmp_path / "stranger", {})
    path = tmp_path / "forged.mp4"
    make_signed(path, ask("extend_video", video=world.words), stranger)
    report = world.verify(path)
    said = " ".join(report["conclusions"])
    assert "anyone can sign with any name" in said
    assert "they can be copied from any clip made here" in said
    assert "this Kinora does not know the signer" in show_report(report)


def test_looking_at_frames_ends_when_the_time_is_up(tmp_path: Path) -> None:
    path, deadline = tmp_path / "picture.png", Deadline(60)
    Image.new("RGB", (64, 48)).save(path)

    def look_late() -> None:
        deadline.end()
        look_at(path, is_picture=True, key=bytes(32))

    with pytest.raises(MediaError, match="takes longer than 60 seconds"):
        deadline.run(look_late)

"""Label and mark on the clips that are made: on new frames alone, and the same after a stop."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

import app
from pipeline.errors import GenerationCancelledError
from pipeline.generation.assembly import Segment
from pipeline.generation.generate import Clip, generate
from pipeline.generation.watermarking import FrameMarker
from pipeline.geometry import Size
from pipeline.media.video_reader import read_metadata
from pipeline.media.video_writer import ClipWriter
from pipeline.planning.recipe import RECIPE_TAG
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from pipeline.trust.watermark.mark import KEY_FILE, Marker
from tests.footage import HEIGHT, WIDTH, decoded, read_marks, scene
from tests.tiny import LTX, MINI

KEY = bytes(range(32))


def ask(task: str = "text_to_video", name: str = MINI, **values: object) -> GenerationRequest:
    values = {"prompt": "a red boat", "duration": 0.5, "seed": 3} | values
    return build_request(task, model=name, **values)


def run(
    model_caches: dict[str, ModelCache], request: GenerationRequest, output: Path, **options: object
) -> Clip:
    options = {"on_progress": lambda _: None, "is_cancelled": lambda: False} | options
    return generate(request, model_cache=model_caches[request.model], output=output, **options)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a clip of two seconds that bears a mark of its own."""
    path, marker = tmp_path_factory.mktemp("given") / "clip.mp4", Marker(KEY)
    with ClipWriter(path, width=WIDTH, height=HEIGHT, fps=24) as writer:
        for frame in scene(48):
            writer.write(marker.embed(frame, "00000000000a"))
    return path


def test_without_marker_and_label_a_piece_is_what_it_was() -> None:
    frames = list(scene(3))
    segment = Segment("name", 3, 1, None, iter(frames), range(3))
    frame_marker = FrameMarker(None, "", Size(WIDTH, HEIGHT), 24)
    frame_marker.note(segment, 0)
    assert frame_marker.name_of(segment) == "name"
    assert all(is_ is was for is_, was in zip(frame_marker.frames(segment), frames, strict=True))
    assert frame_marker.marks(3) == []


def test_a_clip_without_a_mark_says_that_it_has_none(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    recipe = run(model_caches, ask(), tmp_path / "clip.mp4").recipe
    assert recipe["marks"] == []
    assert recipe["new_spans"] == [{"first_frame": 0, "num_frames": recipe["num_frames"]}]


def test_the_recipe_says_the_mark_of_each_shot(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    shots = (Shot("a red boat", 0.5), Shot("a green car", 1.0, transition="dissolve"))
    request = ask(shots=shots, prompt="")
    clip = run(model_caches, request, tmp_path / "clip.mp4", marker=Marker(KEY))
    first, second = clip.recipe["marks"]
    assert first["first_frame"] == 0
    assert second["first_frame"] == first["num_frames"]
    assert second["first_frame"] + second["num_frames"] == clip.num_frames
    assert clip.recipe["new_spans"] == [{"first_frame": 0, "num_frames": clip.num_frames}]
    assert first["id"] != second["id"]
    assert json.loads(read_metadata(clip.path)[RECIPE_TAG])["marks"] == [first, second]


def test_a_changed_shot_leaves_the_other_one_its_id_and_its_bits(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    shots = (Shot("a red boat", 0.5), Shot("a green car", 0.5))
    changed = (shots[0], Shot("a blue cat", 0.5))
    options = {"keep": tmp_path / "job", "marker": Marker(KEY)}
    before = run(model_caches, ask(shots=shots, prompt=""), tmp_path / "clip.mp4", **options)
    pieces = {path.name: path.read_bytes() for path in (tmp_path / "job/pieces").glob("*.mp4")}
    after = run(model_caches, ask(shots=changed, prompt=""), tmp_path / "clip.mp4", **options)
    assert before.recipe["marks"][0] == after.recipe["marks"][0]
    assert before.recipe["marks"][1] != after.recipe["marks"][1]
    left = {path.name: path.read_bytes() for path in (tmp_path / "job/pieces").glob("*.mp4")}
    assert len(pieces.items() & left.items()) == 1


def test_what_is_resumed_gives_the_bits_that_it_would_have_given(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    request = ask(duration=5.0, label="moving")
    whole = run(model_caches, request, tmp_path / "whole.mp4", marker=Marker(KEY))
    stages: list[str] = []
    options = {"keep": tmp_path / "job", "marker": Marker(KEY)}
    with pytest.raises(GenerationCancelledError):
        run(
            *(model_caches, request, tmp_path / "clip.mp4"),
            on_progress=lambda news: stages.append(news.stage),
            is_cancelled=lambda: stages.count("writing") == 3,
            **options,
        )
    stopped = json.loads(read_metadata(tmp_path / "clip.mp4")[RECIPE_TAG])
    (mark,) = stopped["marks"]
    assert mark["num_frames"] == len(decoded(tmp_path / "clip.mp4")) < whole.num_frames
    assert stopped["new_spans"] == [{"first_frame": 0, "num_frames": mark["num_frames"]}]
    resumed = run(model_caches, request, tmp_path / "clip.mp4", **options)
    assert resumed.recipe["marks"] == whole.recipe["marks"]
    assert mark["id"] == whole.recipe["marks"][0]["id"]
    assert resumed.path.read_bytes() == whole.path.read_bytes()


def test_a_finished_shot_is_not_taken_for_one_with_another_key_or_label(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    ways = (
        {},
        {"marker": Marker(KEY)},
        {"marker": Marker(bytes(32))},
        {"marker": Marker(KEY, 2.0)},
    )
    clips = [
        decoded(run(model_caches, ask(label=label), tmp_path / "c.mp4", keep=tmp_path, **way).path)
        for way in ways
        for label in ("", "corner")
    ]
    alone = [
        decoded(run(model_caches, ask(label=label), tmp_path / "c.mp4", **way).path)
        for way in ways
        for label in ("", "corner")
    ]
    for kept, fresh in zip(clips, alone, strict=True):
        np.testing.assert_array_equal(kept, fresh)
    assert len({clip.tobytes() for clip in clips}) == len(clips)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_of_an_extension_only_new_frames_are_marked_and_both_ids_are_read(
    model_caches: dict[str, ModelCache], tmp_path: Path, given: Path, direction: str
) -> None:
    request = ask("extend_video", video=given, direction=direction, duration=4.0)
    plain = run(model_caches, request, tmp_path / "plain.mp4")
    made = run(model_caches, request, tmp_path / "made.mp4", marker=Marker(KEY))
    first = 48 if direction == "forward" else 0
    (mark,) = made.recipe["marks"]
    assert (mark["first_frame"], mark["num_frames"]) == (first, 96)
    spans = {"num_frames": 144, "new_spans": [{"first_frame": first, "num_frames": 96}]}
    assert spans.items() <= plain.recipe.items()
    ids = [window.mark_id for window in read_marks(made.path, KEY)]
    own, new = (ids[:1], ids[1:]) if direction == "forward" else (ids[2:], ids[:2])
    assert own == ["00000000000a"]
    assert mark["id"] in new
    kept = slice(0, 48) if direction == "forward" else slice(96, None)
    own = decoded(given).astype(int)
    lost, lost_plain = (
        np.abs(decoded(clip.path)[kept] - own).mean() for clip in (made, plain)
    )  # by encoding; a mark would add to it
    assert lost == pytest.approx(lost_plain, abs=0.15)
    assert ids != [window.mark_id for window in read_marks(plain.path, KEY)]


def test_the_label_is_on_new_frames_alone_and_only_when_asked_for(
    model_caches: dict[str, ModelCache], tmp_path: Path, given: Path
) -> None:
    """What LTX-Video draws here is a new scene to the encoder, that codes it apart."""
    request = ask("extend_video", LTX, video=given, duration=0.5, label="corner")
    labelled = decoded(run(model_caches, request, tmp_path / "labelled.mp4").path).astype(int)
    request = ask("extend_video", LTX, video=given, duration=0.5)
    plain = decoded(run(model_caches, request, tmp_path / "plain.mp4").path)
    corner = np.abs(labelled - plain)[:, -16:-8, -90:-20].mean((1, 2, 3))
    assert (corner[48:] > 20).all()
    assert (corner[:48] < 2).all()


def test_a_studio_marks_with_a_key_of_its_own_and_without_one_makes_clips_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The embedded model itself: what the page and the API make."""
    good, bad = tmp_path / "good", tmp_path / "bad"
    bad.mkdir()
    (bad / "identity").write_text("a file is where the folder should be")
    request = ask(prompt="a yellow balloon over a meadow", duration=1.0)
    recipes = []
    for data_dir in (good, bad):
        studio = app.create_studio(data_dir, ModelCache())
        job_id = studio.worker.submit(request)
        while not studio.worker.state(job_id).is_over:
            time.sleep(0.05)
        recipes.append((studio.worker.recipe(job_id), studio.worker.result(job_id)))
        studio.close()
    (marked, path), (unmarked, other) = recipes
    (mark,) = marked["marks"]
    key = (good / "identity" / KEY_FILE).read_bytes()
    assert [window.mark_id for window in read_marks(path, key)] == [mark["id"]]
    assert unmarked["marks"] == []
    assert not read_marks(other, key)[0].is_marked
    assert "no invisible mark" in caplog.text

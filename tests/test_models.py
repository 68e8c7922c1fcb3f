"""Every row of the table, and how people's own choice of a model is read."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from pipeline.errors import InvalidRequestError, ModelError
from pipeline.geometry import ASPECT_RATIOS, frames_for_latents, latents_for_frames
from pipeline.models import MODELS, default_model_id, describe_models, get_model
from pipeline.spec import Camera, ModelSpec
from pipeline.wording import describe_model
from training.phrases import CAMERAS, HELD_OUT_WORDS

each_model = pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS.keys())


@each_model
def test_every_size_is_one_the_model_can_make(spec: ModelSpec) -> None:
    for name, (columns, rows) in ASPECT_RATIOS.items():
        size = spec.size_for(name)
        assert size.width % spec.spatial == size.height % spec.spatial == 0
        assert size.width % 2 == size.height % 2 == 0
        assert size.width / size.height == pytest.approx(columns / rows, rel=0.06)
        assert size.width * size.height == pytest.approx(spec.num_pixels, rel=0.12)


@each_model
def test_every_window_is_on_the_frame_grid_and_longer_than_its_overlap(spec: ModelSpec) -> None:
    grid = {"temporal": spec.temporal, "chunk": spec.chunk_latents}
    assert frames_for_latents(spec.window_latents, **grid) == spec.window_frames
    assert spec.overlap_latents < spec.window_latents
    num_frames = spec.num_frames_for(5)
    assert frames_for_latents(latents_for_frames(num_frames, **grid), **grid) == num_frames
    if spec.chunk_latents:
        assert spec.window_latents % spec.chunk_latents == 0


@each_model
def test_every_camera_move_of_a_model_is_one_that_can_be_asked_for(spec: ModelSpec) -> None:
    assert set(spec.camera_words) <= set(get_args(Camera)) - {""}
    assert len(set(spec.camera_words.values())) == len(spec.camera_words) > 0


def test_the_embedded_model_is_asked_for_a_move_in_words_it_was_taught() -> None:
    for move, words in MODELS["kinora-mini"].camera_words.items():
        assert words in CAMERAS[move]
        assert words not in HELD_OUT_WORDS
    assert set(MODELS["kinora-mini"].camera_words) == set(CAMERAS)


def test_ltx_video_is_asked_in_whole_sentences() -> None:
    assert set(MODELS["ltx-video-2b"].camera_words) == set(get_args(Camera)) - {""}
    for words in MODELS["ltx-video-2b"].camera_words.values():
        assert words.startswith("The camera ")
        assert words.endswith(".")


@each_model
def test_fixed_timesteps_fall_and_agree_with_the_default_step_count(spec: ModelSpec) -> None:
    if spec.timesteps is None:
        return
    assert list(spec.timesteps) == sorted(spec.timesteps, reverse=True)
    assert spec.default_num_inference_steps == len(spec.timesteps)


def test_the_embedded_model_comes_first_and_counts_seven_latents_a_window() -> None:
    spec = next(iter(MODELS.values()))
    assert spec.id == "kinora-mini"
    assert spec.window_latents == 7
    assert spec.num_frames_for(5) == 81


@pytest.mark.parametrize(
    "model_id", ["sora", "", "Kinora-Mini", None, 3, ["kinora-mini"], "x" * 999]
)
def test_an_unknown_model_is_refused_with_the_known_ones(model_id: object) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        get_model(model_id)
    assert all(known in str(caught.value) for known in MODELS)
    assert len(str(caught.value)) < 120 + len(", ".join(MODELS))


def test_the_environment_chooses_which_model_is_offered_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KINORA_MODEL", raising=False)
    assert default_model_id() == "kinora-mini"
    monkeypatch.setenv("KINORA_MODEL", "")
    assert default_model_id() == "kinora-mini"
    monkeypatch.setenv("KINORA_MODEL", "ltx-video-2b")
    assert default_model_id() == "ltx-video-2b"
    monkeypatch.setenv("KINORA_MODEL", "sora")
    with pytest.raises(ModelError, match=r"KINORA_MODEL is 'sora'.*kinora-mini"):
        default_model_id()


def test_the_description_is_json_and_tells_nothing_about_this_machine() -> None:
    text = json.dumps(describe_models())
    assert [row["id"] for row in json.loads(text)] == list(MODELS)
    assert str(MODELS["kinora-mini"].repository.parent) not in text
    assert json.loads(text)[0]["sizes"]["16:9"] == [512, 288]
    assert json.loads(text)[0]["camera_moves"] == list(MODELS["kinora-mini"].camera_words)


def test_people_are_told_which_models_make_sound_and_who_pays_for_a_licence() -> None:
    told = {row["id"]: row for row in describe_models()}
    assert [name for name, row in told.items() if row["has_audio"]] == ["ltx-2.3"]
    assert "$10M" in told["ltx-2.3"]["licence_note"]
    words = describe_model(MODELS["ltx-2.3"])
    assert "With sound." in words
    assert "$10M" in words
    assert "sound" not in describe_model(MODELS["ltx-video-2b"])

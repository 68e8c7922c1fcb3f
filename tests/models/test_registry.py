"""Every row of the table, and how people's own choice of a model is read."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from page.messages import describe_model
from pipeline.errors import InvalidRequestError, ModelError
from pipeline.geometry import ASPECT_RATIOS, frames_for_latents, latents_for_frames
from pipeline.models.registry import MODELS, SHIPPED, Models, describe_models
from pipeline.models.spec import Camera, ModelSpec
from pipeline.planning.validation import build_request
from pipeline.runtime.default_model import default_model_id
from pipeline.runtime.device import GIGABYTE, Machine
from training.phrases import CAMERAS, HELD_OUT_WORDS

each_model = pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS.keys())


@each_model
def test_every_size_is_one_the_model_can_make(spec: ModelSpec) -> None:
    for task in spec.tasks:
        for name, size in spec.sizes_for(task).items():
            assert size.width % spec.spatial == size.height % spec.spatial == 0
            assert size.width % 2 == size.height % 2 == 0
            if spec.sizes and task not in spec.shaped_tasks:
                continue  # its authors chose them
            columns, rows = ASPECT_RATIOS[name]
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
        SHIPPED.find(model_id)
    assert all(known in str(caught.value) for known in MODELS)
    assert len(str(caught.value)) < 120 + len(", ".join(MODELS))


def card(gigabytes: float, ram: float = 64, **more: bool) -> Machine:
    sizes = {"memory_bytes": int(gigabytes * GIGABYTE), "ram_bytes": int(ram * GIGABYTE)}
    return Machine("cuda", has_fast_bf16=True, **sizes, **more)


CPU = Machine("cpu", 64 * GIGABYTE, has_fast_bf16=True)


@pytest.mark.parametrize(
    ("machine", "offered"),
    [
        (CPU, "kinora-mini"),
        (Machine("mps", 128 * GIGABYTE, has_fast_bf16=True), "kinora-mini"),
        (card(5.8), "kinora-mini"),
        (card(7.6), "ltx-video-2b"),  # one of 8 GB
        (card(11.6), "ltx-video-2b"),  # one of 12 GB
        (card(24), "ltx-video-2b"),
        (card(24, ram=4), "kinora-mini"),  # the weights could not even be read
        (card(32), "ltx-video-2b"),  # 13B would leave room for nothing beside its weights
        (card(39.4), "ltx-video-13b"),  # one of 40 GB
        (card(39.4, ram=32), "ltx-video-2b"),  # 13B would have to be shrunk
        (card(79.2, ram=128), "ltx-2.3"),  # one of 80 GB
        (Machine("cuda", 48 * GIGABYTE, True, is_zero_gpu=True), "ltx-video-2b"),
    ],
)
def test_the_machine_decides_which_model_is_offered_first(
    machine: Machine, offered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINORA_MODEL", "")
    assert default_model_id(SHIPPED, machine) == offered
    assert default_model_id(Models([MODELS["kinora-mini"]]), machine) == "kinora-mini"


@pytest.mark.parametrize("machine", [CPU, card(24), card(48, is_zero_gpu=True)])
def test_the_environment_decides_before_the_machine(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for model_id in ("kinora-mini", "ltx-video-2b", "wan-2.2-5b"):
        monkeypatch.setenv("KINORA_MODEL", model_id)
        assert default_model_id(SHIPPED, machine) == model_id
    monkeypatch.setenv("KINORA_MODEL", "sora")
    with pytest.raises(ModelError, match=r"KINORA_MODEL is 'sora'.*kinora-mini"):
        default_model_id(SHIPPED, machine)


def test_the_description_is_json_and_tells_nothing_about_this_machine() -> None:
    text = json.dumps(describe_models())
    assert [row["id"] for row in json.loads(text)] == list(MODELS)
    assert str(MODELS["kinora-mini"].repository.parent) not in text
    assert json.loads(text)[0]["sizes"]["16:9"] == [512, 288]
    assert json.loads(text)[0]["camera_moves"] == list(MODELS["kinora-mini"].camera_words)


def test_people_are_told_which_models_make_sound_and_who_pays_for_a_licence() -> None:
    told = {row["id"]: row for row in describe_models()}
    assert [name for name, row in told.items() if row["has_audio"]] == [
        *("ltx-2.3", "ltx-2.5", "kandinsky-6-lite")
    ]
    assert "$10M" in told["ltx-2.3"]["licence_note"]
    words = describe_model(MODELS["ltx-2.3"])
    assert "With sound." in words
    assert "$10M" in words
    assert "sound" not in describe_model(MODELS["ltx-video-2b"])


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        (
            {"num_inference_steps": 8},
            "Kinora mini has no inference steps; leave num_inference_steps out.",
        ),
        ({"guidance_scale": 3.0}, "Kinora mini does not use guidance; leave guidance_scale out."),
        (
            {"negative_prompt": "rain"},
            "Kinora mini does not use a negative prompt; leave negative_prompt out.",
        ),
        (
            {"loras": "owner/style 0.8"},
            "Kinora mini does not support LoRAs; leave them out, or choose another model.",
        ),
    ],
)
def test_a_setting_that_the_embedded_model_does_not_have_is_refused_in_a_sentence(
    setting: dict[str, object], sentence: str
) -> None:
    asked = {"prompt": "a cat", "duration": 1.0}
    with pytest.raises(InvalidRequestError) as caught:
        build_request("text_to_video", model="kinora-mini", **asked, **setting)
    assert str(caught.value) == sentence
    if "loras" not in setting:  # which nobody offers here
        build_request("text_to_video", model="wan-2.2-5b", **asked, **setting)


def test_the_description_leaves_out_the_settings_that_a_model_does_not_have() -> None:
    settings = {"num_inference_steps", "guidance_scale", "uses_negative_prompt", "takes_loras"}
    told = {row["id"]: settings & row.keys() for row in describe_models()}
    assert told["kinora-mini"] == set()
    assert told["ltx-video-2b"] == told["wan-2.2-5b"] == settings

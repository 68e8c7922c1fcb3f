"""The door: what is let in, and the one sentence that everything else is answered with."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from pipeline.errors import InvalidRequestError
from pipeline.planning.request import MAX_SEED, GenerationRequest, Shot
from pipeline.planning.validation import build_request, read_request

VALID = {"prompt": "a red car in a city", "model": "kinora-mini", "duration": 5, "seed": 7}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(b"not opened here")
    return path


def refusal(task: object = "text_to_video", **changes: object) -> str:
    """Return the sentence that a changed request is refused with, checking that it is one."""
    with pytest.raises(InvalidRequestError) as caught:
        build_request(task, **VALID | changes)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 600  # which names every model
    return sentence


def test_a_good_request_is_let_in_with_its_values() -> None:
    request = build_request(
        "text_to_video",
        **VALID
        | {"prompt": "  a red car \n", "model": "wan-2.2-5b"}
        | {"num_inference_steps": 8, "guidance_scale": 2},
    )
    assert request == GenerationRequest(
        task="text_to_video",
        shots=(Shot("a red car", 5.0),),
        model="wan-2.2-5b",
        seed=7,
        num_inference_steps=8,
        guidance_scale=2.0,
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"prompt": " \n\t"}, "prompt is empty"),
        ({"prompt": None}, "prompt is missing"),
        ({"prompt": 5}, "must be text"),
        ({"prompt": "x" * 2001}, "2,001 characters"),
        ({"prompt": "x" * 100_000}, "100,000 characters"),
        ({"prompt": "broken \ud800"}, "not valid text"),
        ({"negative_prompt": "x" * 2001}, "negative prompt has 2,001"),
        ({"negative_prompt": None}, "negative prompt is missing"),
        ({"duration": 0}, "duration is 0, but"),
        ({"duration": -1}, "duration is -1"),
        ({"duration": 0.49}, "from 0.5 to 60 seconds"),
        ({"duration": 60.1}, "from 0.5 to 60 seconds"),
        ({"duration": 36_000}, "duration is 36000"),
        ({"duration": math.nan}, "duration is nan"),
        ({"duration": math.inf}, "duration is inf"),
        ({"duration": 10**400}, "duration is 1000"),
        ({"duration": True}, "duration is True"),
        ({"duration": "5"}, "duration is '5'"),
        ({"duration": None}, "duration is missing"),
        ({"seed": -2}, "seed is -2"),
        ({"seed": 2**31}, "seed is 2147483648"),
        ({"seed": 1.5}, "whole number"),
        ({"seed": math.nan}, "seed is nan"),
        ({"seed": math.inf}, "seed is inf"),
        ({"seed": True}, "seed is True"),
        ({"seed": "7"}, "seed is '7'"),
        ({"seed": None}, "seed is missing"),
        ({"model": "sora"}, "kinora-mini"),
        ({"model": None}, "kinora-mini"),
        ({"aspect_ratio": "5:4"}, "16:9"),
        ({"aspect_ratio": "auto"}, "16:9"),
        ({"aspect_ratio": None}, "aspect ratio is missing"),
        ({"aspect_ratio": ["16:9"]}, "aspect ratio is"),
        ({"direction": "sideways"}, "forward, backward"),
        ({"num_inference_steps": 0}, "number of steps is 0"),
        ({"num_inference_steps": 101}, "from 1 to 100"),
        ({"num_inference_steps": 2.5}, "whole number"),
        ({"num_inference_steps": True}, "number of steps is True"),
        ({"num_inference_steps": "16"}, "number of steps is '16'"),
        ({"guidance_scale": 0.5}, "from 1 to 20"),
        ({"guidance_scale": 21}, "from 1 to 20"),
        ({"guidance_scale": math.nan}, "guidance scale is nan"),
        ({"guidance_scale": False}, "guidance scale is False"),
        ({"num_inference_steps": 16}, "has no inference steps; leave num_inference_steps out"),
        ({"guidance_scale": 3}, "does not use guidance; leave guidance_scale out"),
        ({"negative_prompt": "rain"}, "does not use a negative prompt; leave negative_prompt out"),
        ({"loras": "owner/style 0.8"}, "Kinora mini does not support LoRAs; leave them out"),
        ({"image": "picture.png"}, "leave it out"),
        ({"shots": []}, "no shots"),
        ({"shots": [Shot("a", 5), Shot("", 5)]}, "Shot 2: The prompt is empty"),
        ({"shots": [Shot("a", 31), Shot("b", 30)]}, "61 seconds together"),
        ({"shots": [Shot("a", 5, camera="spin")]}, "camera move is 'spin'"),
        ({"shots": [Shot("a", 5, transition="wipe")]}, "transition is 'wipe'"),
        ({"shots": [Shot("a", 5, image=Path("gone.png"))]}, "is not a file"),
        ({"shots": [Shot("a", 5, image=3)]}, "picture 3 is not a file"),
        (
            {"shots": [Shot("a", 5), Shot("b", 5, "orbit left")]},
            "Shot 2: Kinora mini cannot do the camera move 'orbit left'; choose one of static",
        ),
    ],
)
def test_bad_values_are_refused_in_one_sentence(changes: dict[str, object], words: str) -> None:
    assert words in refusal(**changes)


@pytest.mark.parametrize("task", ["text-to-video", "", None, 1, ["text_to_video"]])
def test_an_unknown_task_is_refused(task: object) -> None:
    assert "text_to_video, image_to_video, extend_video" in refusal(task)


@pytest.mark.parametrize(
    ("task", "name", "word"),
    [("image_to_video", "image", "picture"), ("extend_video", "video", "clip")],
)
def test_a_task_without_its_file_is_refused(
    task: str, name: str, word: str, tmp_path: Path
) -> None:
    assert f"no {word} to start from" in refusal(task)
    assert f"no {word} to start from" in refusal(task, **{name: ""})
    for path in (tmp_path / "gone", tmp_path, "nul\0", "x" * 5000, 7):
        assert f"The {word} " in refusal(task, **{name: path})


@pytest.mark.parametrize(
    "changes",
    [
        {"duration": 0.5},
        {"duration": 60},
        {"seed": 0},
        {"seed": MAX_SEED},
        {"seed": 7.0},
        {"prompt": "x" * 2000},
        {"num_inference_steps": 1, "model": "wan-2.2-5b"},
        {"num_inference_steps": 100, "model": "wan-2.2-5b"},
        {"guidance_scale": 1, "model": "wan-2.2-5b"},
        {"guidance_scale": 20.0, "model": "wan-2.2-5b"},
        {"shots": [Shot("a", 30, "zoom in"), Shot("b", 30, "", "continue")]},
        {"shots": [Shot("a", 1, "", "continue"), Shot("b", 1, "", "dissolve")]},
        {"shots": [Shot("a", 1, "handheld")], "model": "ltx-video-2b"},
    ],
)
def test_values_on_the_border_are_let_in(changes: dict[str, object]) -> None:
    assert build_request("text_to_video", **VALID | changes).shots


def test_a_single_shot_has_the_camera_move_of_its_request() -> None:
    request = build_request("text_to_video", **VALID | {"camera": "zoom in"})
    assert request.shots == (Shot(VALID["prompt"], 5, camera="zoom in"),)
    assert "cannot do the camera move 'orbit left'" in refusal(camera="orbit left")


def test_a_clip_is_extended_by_one_shot_at_a_time(picture: Path) -> None:
    """Two shots were planned in full, but only the first one's frames were counted."""
    shots = [Shot("a cat", 1.0), Shot("a dog", 1.0)]
    assert "one shot at a time, not by 2" in refusal("extend_video", shots=shots, video=picture)


def test_a_shot_begins_with_a_picture_or_with_what_came_before_but_not_both(picture: Path) -> None:
    begins, cut = Shot("a cat", 1.0, image=picture), Shot("a dog", 1.0, image=picture)
    request = build_request("text_to_video", **VALID | {"shots": [begins, cut]})
    assert [shot.image for shot in request.shots] == [picture, picture]
    continues = Shot("a dog", 1.0, "", "continue", picture)
    assert "Shot 2: A shot that continues the shot before cannot" in refusal(
        shots=[begins, continues]
    )
    # The first shot simply starts, whatever its transition says.
    assert build_request("text_to_video", **VALID | {"shots": [continues, cut]})


@pytest.mark.parametrize(("task", "name"), [("image_to_video", "image"), ("extend_video", "video")])
def test_the_first_shot_has_one_beginning(task: str, name: str, picture: Path) -> None:
    sentence = refusal(task, shots=[Shot("a cat", 1.0, image=picture)], **{name: picture})
    assert "cannot begin with another picture" in sentence


def test_a_seed_of_minus_one_is_drawn_and_every_draw_is_another() -> None:
    seeds = {build_request("text_to_video", **VALID | {"seed": -1}).seed for _ in range(20)}
    assert len(seeds) > 15
    assert all(0 <= seed <= MAX_SEED for seed in seeds)


def test_a_picture_may_keep_its_own_shape_and_a_clip_always_does(picture: Path) -> None:
    kept = build_request("image_to_video", **VALID, image=picture, aspect_ratio="auto")
    assert kept.aspect_ratio == "auto"
    assert build_request("image_to_video", **VALID, image=str(picture)).image == picture
    extension = build_request("extend_video", **VALID, video=picture, aspect_ratio="1:1")
    assert extension.aspect_ratio == "auto"


def test_a_request_is_the_same_after_a_journey_through_json(picture: Path) -> None:
    request = build_request(
        "image_to_video",
        shots=[
            Shot("one", 2.5, "pan left"),
            Shot("two", 2.0, "dolly in", "continue"),
            Shot("three", 1.0, "", "dissolve", picture),
        ],
        model="ltx-video-2b",
        image=picture,
        direction="backward",
        negative_prompt="blurry",
        label="moving",
        shows_prompt=True,
        has_consent=True,
    )
    assert request.duration == 5.5
    assert read_request(json.loads(json.dumps(request.to_json()))) == request


@pytest.mark.parametrize(
    "values",
    [
        {},
        [],
        {"task": "text_to_video", "shots": [], "model": "kinora-mini"},
        {"task": "text_to_video", "shots": "a", "model": "kinora-mini"},
        {"task": "text_to_video", "shots": ["a"], "model": "kinora-mini"},
        {"task": "text_to_video", "shots": [{"prompt": "a"}], "model": "kinora-mini"},
        {"task": "text_to_video", "shots": [{"prompt": "a", "x": 1}], "model": "kinora-mini"},
        {"task": "text_to_video", "shots": [{"duration": 1}], "model": "kinora-mini"},
        {"task": "text_to_video", "shots": [], "model": "kinora-mini", "surprise": 1},
    ],
)
def test_json_that_is_no_request_is_refused(values: object) -> None:
    with pytest.raises(InvalidRequestError):
        read_request(values)


def test_a_bridge_has_a_second_clip_and_nothing_else_has_one(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"clip")
    values = {"model": "kinora-mini", "prompt": "a cat", "video": clip}
    bridge = build_request("extend_video", direction="bridge", video_after=str(clip), **values)
    assert bridge.video_after == clip
    assert read_request(bridge.to_json()) == bridge
    with pytest.raises(InvalidRequestError, match="add a second"):
        build_request("extend_video", direction="bridge", **values)
    for direction in ("forward", "backward", "loop"):
        with pytest.raises(InvalidRequestError, match="only a bridge"):
            build_request("extend_video", direction=direction, video_after=clip, **values)
    with pytest.raises(InvalidRequestError, match="is not a file"):
        build_request(
            "extend_video", direction="bridge", video_after=tmp_path / "gone.mp4", **values
        )


@pytest.mark.parametrize(
    ("field", "value"), [("label", "everywhere"), ("shows_prompt", 1), ("has_consent", "yes")]
)
def test_a_choice_about_trust_is_one_of_its_values(field: str, value: object) -> None:
    with pytest.raises(InvalidRequestError, match="must be"):
        build_request("text_to_video", **VALID, **{field: value})


@pytest.mark.parametrize(
    ("shots", "title"),
    [
        ([("a.mp4", 0, 0)], "Cut of a clip, from 0 s on"),
        ([("a.mp4", 1, 2.5)], "Cut of a clip, from 1 to 3.5 s"),
        ([("a.mp4", 1, 2), ("b.mp4", 0, 0)], "Cut of 2 pieces"),
    ],
)
def test_a_cut_is_called_by_what_it_is_cut_from(shots: list[tuple], title: str) -> None:
    pieces = [Shot("", duration, video=Path(x), start=start) for x, start, duration in shots]
    assert GenerationRequest("cut_video", tuple(pieces), "").title == title

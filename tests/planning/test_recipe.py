"""What a recipe has in it, and what it must not have."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.models.registry import MODELS
from pipeline.planning.plan import Source, plan_generation
from pipeline.planning.recipe import build_recipe
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request

SPEC = MODELS["kinora-mini"]


def recipe_of(request: GenerationRequest, source: Source | None = None) -> dict[str, object]:
    """Return a recipe as it is read back from JSON."""
    spec = MODELS[request.model]
    return json.loads(
        json.dumps(build_recipe(request, spec, plan_generation(request, spec, source)))
    )


def test_a_recipe_says_what_was_asked_for_and_what_became_of_it() -> None:
    request = build_request("text_to_video", model="kinora-mini", prompt="a cat", duration=5)
    recipe = recipe_of(request)
    assert recipe["seed"] == request.seed >= 0
    assert recipe["shots"] == [
        {
            "prompt": "a cat",
            "duration": 5.0,
            "camera": "",
            "transition": "cut",
            "image": None,
            "video": None,
            "start": 0.0,
            "take": 1,
        }
    ]
    assert (recipe["model"], recipe["task"]) == ("kinora-mini", "text_to_video")
    # The embedded model has no settings of its own.
    assert recipe["negative_prompt"] == ""
    assert recipe["num_inference_steps"] is recipe["guidance_scale"] is None
    assert (recipe["width"], recipe["height"]) == (512, 288)
    assert (recipe["fps"], recipe["num_new_frames"]) == (16.0, 81)
    assert recipe["image"] is recipe["video"] is None
    assert set(recipe["versions"]) == {"kinora", "torch", "diffusers", "transformers"}


def test_a_recipe_has_the_settings_that_a_model_has() -> None:
    values = {"model": "wan-2.2-5b", "prompt": "a cat", "duration": 1, "negative_prompt": "rain"}
    recipe = recipe_of(build_request("text_to_video", **values))
    assert recipe["negative_prompt"] == "rain"
    spec = MODELS["wan-2.2-5b"]
    assert recipe["num_inference_steps"] == spec.default_num_inference_steps > 1
    assert recipe["guidance_scale"] == spec.default_guidance_scale > 1
    assert (
        recipe_of(
            build_request("text_to_video", **values, num_inference_steps=7, guidance_scale=2)
        ).items()
        >= {"num_inference_steps": 7, "guidance_scale": 2.0}.items()
    )


def test_a_recipe_lists_every_window_with_its_own_seed() -> None:
    shots = [Shot("a", 5.0), Shot("b", 1.0)]
    request = build_request("text_to_video", model="kinora-mini", shots=shots, seed=3)
    windows = recipe_of(request)["windows"]
    assert [window["shot"] for window in windows] == [0, 0, 1]
    assert sum(window["latents"] for window in windows) == 11 + 3
    assert len({window["seed"] for window in windows}) == 3


@pytest.mark.parametrize(("task", "name"), [("image_to_video", "image"), ("extend_video", "video")])
def test_a_source_is_named_by_its_content_and_not_by_where_it_was(
    tmp_path: Path, task: str, name: str
) -> None:
    file = tmp_path / "private-name.bin"
    file.write_bytes(b"\0\1" * 1_000_000)  # more than is read at a time
    request = build_request(task, model="kinora-mini", prompt="a cat", **{name: file})
    recipe = recipe_of(request, Source(64, 64, 16.0, 9))
    assert recipe[name] == {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    text = json.dumps(recipe)
    assert "private-name" not in text
    assert str(tmp_path) not in text
    assert str(SPEC.repository) not in text


def test_a_shots_picture_is_named_by_its_content_too(tmp_path: Path) -> None:
    file = tmp_path / "private-name.png"
    file.write_bytes(b"a picture")
    shots = [Shot("a", 1.0), Shot("b", 1.0, image=file)]
    recipe = recipe_of(build_request("text_to_video", model="kinora-mini", shots=shots))
    digest = hashlib.sha256(b"a picture").hexdigest()
    assert [shot["image"] for shot in recipe["shots"]] == [None, {"sha256": digest}]
    assert "private-name" not in json.dumps(recipe)

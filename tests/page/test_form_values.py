"""Forms: what made a clip, as values of components, and nothing that does not fit."""

from __future__ import annotations

import math
from pathlib import Path

import gradio as gr
import pytest

from page.form_values import (
    fill_parts,
    find_file,
    fit,
    form_of_recipe,
    form_of_request,
    read_spans,
    to_lines,
    write_spans,
)
from page.served_files import serving_folder
from pipeline.errors import InvalidRequestError
from pipeline.models.lora import Lora, parse_loras
from pipeline.models.registry import MODELS
from pipeline.planning.plan import plan_generation
from pipeline.planning.recipe import build_recipe, public_recipe
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request

LORAS = (Lora("owner/name", 0.5), Lora("other/name.safetensors", 1.0, "low"))


def request(**changes: object) -> GenerationRequest:
    given = {"model": "kinora-mini", "prompt": "a red car", "duration": 2.0, "seed": 7}
    return build_request("text_to_video", **given | changes)


def test_a_request_becomes_the_form_that_makes_it_again() -> None:
    form = form_of_request(request(aspect_ratio="9:16", label="corner"), "text_to_video")
    assert form["tab"] == "text_to_video"
    shown = {name: form[name] for name in ("prompt", "duration", "seed", "aspect_ratio", "label")}
    assert shown == {
        "prompt": "a red car",
        "duration": 2.0,
        "seed": 7,
        "aspect_ratio": "9:16",
        "label": "corner",
    }
    # What the request leaves to the model.
    assert (form["num_inference_steps"], form["shift"], form["enhance"]) == (0, 0, True)


def test_several_shots_or_the_film_tab_make_a_film() -> None:
    shots = (Shot("one", 1.0, "zoom in"), Shot("two", 2.0, transition="dissolve"))
    form = form_of_request(request(shots=shots))
    assert form["tab"] == "film"
    assert form["shots"][0] == {
        "prompt": "one",
        "duration": 1.0,
        "camera": "zoom in",
        "transition": "cut",
        "image": None,
        "take": 1,
    }
    assert form_of_request(request(), "film")["shots"][0]["prompt"] == "a red car"


def test_changes_of_a_clip_become_the_form_of_their_tab() -> None:
    clips = Path("a.mp4"), Path("b.mp4")
    shots = (
        Shot("", 1.5, video=clips[0], start=0.5),
        Shot("", 0.0, video=clips[1], transition="dissolve"),
        Shot("", 1.5, video=clips[0], start=1.0, transition="dissolve"),
    )
    form = form_of_request(GenerationRequest("cut_video", shots, ""))
    assert (form["tab"], form["change"], form["spans"]) == ("remix", "cut_video", "\n1 - 2.5")
    assert (form["video"], form["joined"]) == ("a.mp4", ["b.mp4", "a.mp4"])
    assert (form["start"], form["end"], form["transition"]) == (0.5, 2.0, "dissolve")
    retake = GenerationRequest("retake_video", (Shot("a boat", 1.0, start=2.0),), "kinora-mini")
    form = form_of_request(retake, "remix")
    assert (form["prompt"], form["start"], form["end"]) == ("a boat", 2.0, 3.0)
    remix = GenerationRequest("remix_video", (Shot("a boat", 4.0),), "kinora-mini", strength=0.4)
    form = form_of_request(remix)
    assert (form["change"], form["strength"], "end" in form) == ("remix_video", 0.4, False)
    assert form_of_recipe({"task": "cut_video", "shots": [{"start": "x"}, 3]})["tab"] == "remix"


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("", [(0, None), (0, None)]),
        ("\n1 - 2.5\n", [(0, None), (1, 2.5)]),
        ("0.5-\n - 2", [(0.5, None), (0, 2)]),
        ("3\n0 \u2013 1", [(3, None), (0, 1)]),
    ],
)
def test_parts_of_joined_clips_are_read_as_they_are_written(
    text: str, spans: list[tuple[float, float | None]]
) -> None:
    assert read_spans(text, 2) == spans
    assert read_spans(write_spans(spans), 2) == spans


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 - 1", "Line 1 of the parts"),
        ("\none", "Line 2"),
        ("1.2.3", "Line 1"),
        ("1\n2\n3", "3 l"),
    ],
)
def test_parts_that_are_no_times_are_refused_with_one_sentence(text: str, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        read_spans(text, 2)


@pytest.mark.parametrize("shows_prompt", [True, False])
def test_a_recipe_gives_its_prompt_back_only_if_the_file_carries_it(shows_prompt: bool) -> None:
    asked, spec = request(shows_prompt=shows_prompt), MODELS["kinora-mini"]
    recipe = public_recipe(build_recipe(asked, spec, plan_generation(asked, spec)))
    form = form_of_recipe(recipe)
    assert form["prompt" if shows_prompt else "seed"] == ("a red car" if shows_prompt else 7)
    assert ("prompt" in form and form["prompt"] is not None) == shows_prompt


def test_what_anybody_may_write_into_a_recipe_makes_no_error() -> None:
    for recipe in (
        {},
        {"shots": "x"},
        {"shots": [1, None]},
        {"task": {"a": 1}, "shots": [{"prompt": 1}], "loras": 5},
        {"image": {"sha256": "ab"}, "video": {"path": "/etc/passwd"}},
    ):
        form = form_of_recipe(recipe)
        assert not any(isinstance(value, dict) for value in form.values())


def test_loras_become_lines_that_are_read_back_as_the_same() -> None:
    lines = to_lines([lora.__dict__ for lora in LORAS])
    assert parse_loras(lines) == LORAS
    assert to_lines("owner/name 0.8") == "owner/name 0.8"
    assert to_lines(None) == to_lines([3, {"lora": 3}]) == ""


def test_a_value_is_taken_only_where_it_fits() -> None:
    menu = gr.Dropdown([("None", ""), ("Corner", "corner")])
    slider, number = gr.Slider(0.5, 60), gr.Number()
    assert fit(menu, "corner") == "corner"
    assert fit(menu, "elsewhere") is None
    assert fit(menu, "9:16", ["16:9", "9:16"]) == "9:16"
    assert fit(slider, 2) == 2
    for wrong in (0, 61, math.nan, math.inf, True, "2", None, [2]):
        assert fit(slider, wrong) is None
    assert fit(number, -1) == -1
    assert fit(gr.Checkbox(), True) is True
    assert fit(gr.Checkbox(), 1) is None
    assert fit(gr.Textbox(), "a" * 3000) == "a" * 2000
    assert fit(gr.Textbox(), {"sha256": "ab"}) is None


def test_a_file_is_taken_only_from_where_gradio_serves_it(tmp_path: Path) -> None:
    served = serving_folder() / "abc" / "picture.png"
    served.parent.mkdir(parents=True, exist_ok=True)
    served.write_bytes(b"picture")
    (tmp_path / "secret.png").write_bytes(b"secret")
    assert find_file({"path": str(served)}) == str(served.resolve())
    assert find_file(str(served)) == str(served.resolve())
    for path in (tmp_path / "secret.png", "/etc/passwd", f"{served}/../../../etc/passwd", "\0"):
        assert find_file(str(path)) is None
    served.unlink()
    assert find_file(str(served)) is None
    assert find_file(["/etc/passwd"]) is None


def test_consent_is_never_filled_in_and_hidden_settings_are_reset() -> None:
    parts = {
        "has_consent": gr.Checkbox(),
        "shift": gr.Slider(0, 30, 0),
        "prompt": gr.Textbox("", label="Prompt"),
    }
    form = {"has_consent": True, "shift": 5, "prompt": "a red car"}
    updates = fill_parts(parts, form, {"shift": {"visible": False, "value": 0}})
    assert [updates[part]["value"] for part in parts.values()] == [False, 0, "a red car"]
    assert updates[parts["shift"]]["visible"] is False

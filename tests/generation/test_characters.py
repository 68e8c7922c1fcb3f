"""How characters reach models: as words, pictures and looks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pipeline.errors import InvalidRequestError
from pipeline.generation.characters import pictures_of
from pipeline.models.registry import MODELS
from pipeline.planning.characters import (
    Character,
    call_characters,
    check_name,
    keep_names,
    mark_names,
)
from pipeline.planning.request import GenerationRequest
from pipeline.planning.validation import build_request, read_request

VACE = "wan-2.1-vace-1.3b"
SCENE = {"seconds": 0.0, "staging": {"scene": {"subject": "car", "colour": "red"}}}


@pytest.fixture
def mia(tmp_path: Path) -> Character:
    Image.new("RGB", (64, 64), (200, 30, 30)).save(tmp_path / "mia.png")
    return Character("Mia Lu", tmp_path / "mia.png", SCENE)


def test_a_name_becomes_what_the_model_can_read(mia: Character) -> None:
    prompt = "@Mia-Lu meets @somebody"
    assert call_characters(prompt, [mia], MODELS["kinora-mini"])[0] == "car meets @somebody"
    text, called = call_characters(prompt, [mia], MODELS[VACE])
    assert (text, called) == ("Mia Lu meets @somebody", [mia])
    assert pictures_of("a boat", [mia], MODELS[VACE]) == []
    assert len(pictures_of(prompt, [mia], MODELS[VACE])) == 1
    assert keep_names("A woman runs.", prompt, [mia]) == "A woman runs. It shows @mia-lu."
    assert keep_names("There is @mia-lu.", prompt, [mia]) == "There is @mia-lu."
    assert mark_names("mia lu and Mia Luisa", [mia]) == "@mia-lu and Mia Luisa"


@pytest.mark.parametrize("name", ["", "a" * 81, "@mia", "../mia", "mia  !", None, "-a"])
def test_a_name_that_cannot_be_called_is_refused(name: object) -> None:
    with pytest.raises(InvalidRequestError, match="name"):
        check_name(name)


def ask(model: str, characters: list[Character], prompt: str = "@mia-lu") -> GenerationRequest:
    fields = {"prompt": prompt, "model": model, "duration": 1.0, "seed": 1}
    return build_request("text_to_video", characters=characters, **fields)


def test_a_request_keeps_its_characters_and_refuses_what_its_model_cannot_show(
    mia: Character,
) -> None:
    request = ask(VACE, [mia])
    assert request.pictures == (mia.image,)
    assert read_request(request.to_json()) == request
    for model, given, prompt, message in (
        ("ltx-video-2b", [mia], "@mia-lu", "choose Wan VACE or Kinora mini"),
        (VACE, [mia], "a boat", "write @mia-lu"),
        ("kinora-mini", [replace(mia, scene=None)], "@mia-lu", "only characters of clips"),
        (VACE, [mia] * 3, "@mia-lu", "shows 2 at most"),
    ):
        with pytest.raises(InvalidRequestError, match=message):
            ask(model, given, prompt)

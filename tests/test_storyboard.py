"""Storyboards as text and as JSON, and errors that name the line."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from pipeline.errors import InvalidRequestError
from pipeline.request import Camera, Shot
from pipeline.storyboard import CAMERA_MOVES, describe_shot, parse_storyboard


@pytest.mark.parametrize(
    ("text", "shots"),
    [
        ("a red car", [Shot("a red car", 5.0)]),
        ("[3s] a red car", [Shot("a red car", 3.0)]),
        ("[2.5 seconds, zoom in] a cat", [Shot("a cat", 2.5, "zoom in")]),
        ("[Push  In,4s]a cat", [Shot("a cat", 4.0, "zoom in")]),
        ("[pan left, continue] a boat", [Shot("a boat", 5.0, "pan left", "continue")]),
        ("[] a boat, [by] the sea", [Shot("a boat, [by] the sea", 5.0)]),
        ("\n  one\r\n\n[6s] two\n", [Shot("one", 5.0), Shot("two", 6.0)]),
    ],
)
def test_a_line_of_text_is_a_shot(text: str, shots: list[Shot]) -> None:
    assert parse_storyboard(text) == tuple(shots)


@pytest.mark.parametrize(
    ("values", "shots"),
    [
        ([{"prompt": "a cat"}], [Shot("a cat", 5.0)]),
        (
            [{"prompt": "a", "duration": 2, "camera": "Dolly Out", "transition": "continue"}],
            [Shot("a", 2.0, "zoom out", "continue")],
        ),
        ([{"prompt": "a", "camera": ""}, {"prompt": "b"}], [Shot("a", 5.0), Shot("b", 5.0)]),
    ],
)
def test_json_is_read_as_text_and_as_a_list(values: list[object], shots: list[Shot]) -> None:
    assert parse_storyboard(values) == tuple(shots)
    assert parse_storyboard(json.dumps(values, indent=2)) == tuple(shots)


@pytest.mark.parametrize(
    ("storyboard", "words"),
    [
        ("", "storyboard is empty"),
        (" \n ", "storyboard is empty"),
        ([], "storyboard is empty"),
        ("[]", "storyboard is empty"),
        ("a cat\n\n[5s]", "Line 3: The prompt is empty"),
        ("a cat\n[spin] a dog", "Line 2: [spin] is not understood"),
        ("[0s] a cat", "Line 1: The duration is 0.0"),
        ("[99s] a cat", "Line 1: The duration is 99.0"),
        ("[5s a cat", "Line 1: The bracket is not closed"),
        ("fine\n" + "x" * 2001, "Line 2: The prompt has 2,001"),
        ('[{"prompt": "a"},\n {"prompt" "b"}]', "Line 2: the storyboard is not valid JSON"),
        ("[{", "Line 1: the storyboard is not valid JSON"),
        ('{"prompt": "a"}', "list of shots"),
        ('["a cat"]', "Shot 1: A shot has to be a JSON object"),
        ([{"prompt": "a"}, {"prompt": ""}], "Shot 2: The prompt is empty"),
        ([{"prompt": "a", "duration": True}], "Shot 1: The duration is True"),
        ([{"prompt": "a", "duration": None}], "Shot 1: The duration is missing"),
        ([{"prompt": "a", "camera": 5}], "Shot 1: The camera move is 5"),
        ([{"prompt": "a", "camera": "spin"}], "Shot 1: The camera move is 'spin'"),
        ([{"prompt": "a", "transition": None}], "Shot 1: The transition is missing"),
        ([{"prompt": "a", "speed": 2}], "Shot 1: A shot has to be"),
        ('[{"prompt": "a", "duration": NaN}]', "Shot 1: The duration is nan"),
        (None, "list of shots"),
        (5, "list of shots"),
        ("[" * 50_000, "storyboard"),
        ("x" * 100_001, "100,001 characters"),
    ],
)
def test_a_storyboard_that_cannot_be_read_says_where(storyboard: object, words: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_storyboard(storyboard)
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")


def test_every_camera_move_has_its_words_and_can_be_written() -> None:
    assert set(CAMERA_MOVES) == set(get_args(Camera)) - {""}
    for move, words in CAMERA_MOVES.items():
        (shot,) = parse_storyboard(f"[{move}] a cat")
        assert describe_shot(shot) == f"a cat, {words}"


def test_a_shot_without_a_camera_move_is_read_as_it_is() -> None:
    assert describe_shot(Shot("a cat", 5.0)) == "a cat"

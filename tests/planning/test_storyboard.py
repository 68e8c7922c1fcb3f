"""Storyboards as text and as JSON, and errors that name the line."""

from __future__ import annotations

import contextlib
import json
import random
import time
from pathlib import Path
from typing import get_args

import pytest

from pipeline.errors import InvalidRequestError
from pipeline.models.spec import Camera
from pipeline.planning.request import MAX_PROMPT_CHARACTERS, Shot, Transition
from pipeline.planning.storyboard import (
    MAX_SHOTS,
    MAX_STORYBOARD_CHARACTERS,
    describe_shot,
    format_storyboard,
    list_pictures,
    parse_storyboard,
)
from pipeline.planning.storyboard_text import CAMERA_MOVES

# Prompts that a line-by-line syntax with brackets could stumble over.
AWKWARD_PROMPTS = (
    "a red car",
    "[5s, zoom in] said the sign",
    "[never closed",
    "] closed first, [opened] later",
    '[{"prompt": "a cat"}]',
    '{"prompt": "a cat"}',
    "picture 1, continue, 3s",
    "a cat, a dog,, and a comma,",
    "Ein Fuchs \u00fcber dem See \u2014 \u732b \U0001f98a \u202eback to front",
    "two  spaces\tand a tab",
    '<b>bold</b> & "quoted" \\ back\\slashed \\',
    "[]",
    "[] [2s] a sign",
    "(2s) said the sign",
    "\uff3b2s\uff3d said the sign",
    "the sign [zoom in]",
    "5s",
    "x" * MAX_PROMPT_CHARACTERS,
)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("one.png", "two, [x].png", "three.png")]
    for path in paths:
        path.write_bytes(b"not opened here")
    return paths


@pytest.mark.parametrize(
    ("text", "shots"),
    [
        ("a red car", [Shot("a red car", 5.0)]),
        ("[3s] a red car", [Shot("a red car", 3.0)]),
        ("[2.5 seconds, zoom in] a cat", [Shot("a cat", 2.5, "zoom in")]),
        ("[Push  In,4s]a cat", [Shot("a cat", 4.0, "zoom in")]),
        ("[Dolly in]a cat", [Shot("a cat", 5.0, "dolly in")]),
        ("a\n[dissolve] b", [Shot("a", 5.0), Shot("b", 5.0, transition="dissolve")]),
        ("[continue] a", [Shot("a", 5.0, transition="continue")]),
        ("[2s][by the sea] a boat", [Shot("[by the sea] a boat", 2.0)]),
        ("[pan left, continue] a boat", [Shot("a boat", 5.0, "pan left", "continue")]),
        ("[] a boat, [by] the sea", [Shot("a boat, [by] the sea", 5.0)]),
        ("\n  one\r\n\n[6s] two\n", [Shot("one", 5.0), Shot("two", 6.0)]),
        # A decimal comma.
        ("[0,5s] a cat", [Shot("a cat", 0.5)]),
        ("[0,5] a cat", [Shot("a cat", 0.5)]),
        ("[zoom in, 2,25 sec, dissolve] a cat", [Shot("a cat", 2.25, "zoom in", "dissolve")]),
        ("[2,zoom in] a cat", [Shot("a cat", 2.0, "zoom in")]),
        ("[.5s] a cat", [Shot("a cat", 0.5)]),
        # Lists, as people and chats write them.
        ("1. [0.5s] a red car", [Shot("a red car", 0.5)]),
        ("- [0.5s] a red car", [Shot("a red car", 0.5)]),
        (
            "\u2022 [0.5s] a\n2) [1s] b\nShot 3: [2s] c",
            [Shot("a", 0.5), Shot("b", 1), Shot("c", 2)],
        ),
        ("1. a red car\n2. a dog", [Shot("a red car", 5.0), Shot("a dog", 5.0)]),
        ("- a red car\n- [1s] a dog", [Shot("a red car", 5.0), Shot("a dog", 1.0)]),
        ("3 cats\n1.5 litres of milk", [Shot("3 cats", 5.0), Shot("1.5 litres of milk", 5.0)]),
        ("[1s] - a cat", [Shot("- a cat", 1.0)]),
        ("a dog\n1. FC Nuremberg plays", [Shot("a dog", 5.0), Shot("1. FC Nuremberg plays", 5.0)]),
        ("\ufeff[0.5s] a cat", [Shot("a cat", 0.5)]),
        ("[1s] a\n\ufeff[0.5s] b", [Shot("a", 1.0), Shot("b", 0.5)]),
        ('\ufeff[{"prompt": "a cat"}]', [Shot("a cat", 5.0)]),
        ('```json\n[{"prompt": "a cat"}]\n```', [Shot("a cat", 5.0)]),
        ("```\n[1s] a cat\n```\n", [Shot("a cat", 1.0)]),
        # Brackets, digits and commas of Chinese and Japanese keyboards.
        ("\uff3b5s\uff3d a cat", [Shot("a cat", 5.0)]),
        ("\u30102s\u3011a cat", [Shot("a cat", 2.0)]),
        ("\uff3b\uff12\uff53\uff0czoom in\u3001dissolve] a", [Shot("a", 2, "zoom in", "dissolve")]),
        ("1. \uff3b2s\uff3d\u3010\u732b\u3011", [Shot("\u3010\u732b\u3011", 2.0)]),
        # `[]` takes what follows as it is.
        ("[2s] [] [zoom in] on a sign", [Shot("[zoom in] on a sign", 2.0)]),
        ("[2s] [] (left) a sign", [Shot("(left) a sign", 2.0)]),
        ("[2s] (close-up) a cat", [Shot("(close-up) a cat", 2.0)]),
        ("a sign [by] the [sea]", [Shot("a sign [by] the [sea]", 5.0)]),
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
            [Shot("a", 2.0, "dolly out", "continue")],
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
        ("[picture] a cat", "Line 1: [picture] is not understood"),
        ("[picture 0] a cat", "Line 1: There is no picture 0"),
        ("a cat\n[picture 1] a dog", "Line 2: There is no picture 1, because none came"),
        ([{"prompt": "a", "picture": -1}], "Shot 1: There is no picture -1"),
        ([{"prompt": "a", "picture": True}], "Shot 1: The picture is 'True'"),
        ([{"prompt": "a", "picture": "/etc/passwd"}], "Shot 1: The picture is '/etc/passwd'"),
        ([{"prompt": "a", "image": "/etc/passwd"}], "Shot 1: A shot must be"),
        ("[0s] a cat", "Line 1: The duration is 0.0"),
        ("[99s] a cat", "Line 1: The duration is 99.0"),
        ("[5s a cat", "Line 1: The bracket is not closed"),
        ("[zoom in, pan left] a cat", "Line 1: [zoom in, pan left] gives two camera moves"),
        ("[0.5s, 2s] a cat", "Line 1: [0.5s, 2s] gives two durations"),
        ("[0, 5s] a cat", "Line 1: [0, 5s] gives two durations"),
        ("[1,000s] a cat", "Line 1: [1,000s] gives two durations"),
        ("[0,5,2s] a cat", "Line 1: [0,5,2s] gives two durations"),
        ("[cut, dissolve] a cat", "Line 1: [cut, dissolve] gives two transitions"),
        ("[picture 1, picture 2] a cat", "gives two pictures"),
        ("[500ms] a cat", "Line 1: [500ms] is not understood"),
        ("[5s; zoom in] a cat", "Line 1: [5s; zoom in] is not understood"),
        ("[" + "," * 400 + "] a cat", "Line 1: The bracket has 400 characters"),
        ("a\na red car [0.5s]", "Line 2: [0.5s] comes after other words"),
        ("the camera [zoom in, 2s] moves", "Line 1: [zoom in, 2s] comes after other words"),
        ("a\n[0.5s] [zoom in] a cat", "Line 2: [zoom in] comes after other words"),
        ("[0.5s][Pan  left] a cat", "Line 1: [pan  left] comes after other words"),
        ("[0.5s] a cat [zoom in, 2s]", "Line 1: [zoom in, 2s] comes after other words"),
        ("[0.5s] \u3010zoom in\u3011 a cat", "Line 1: [zoom in] comes after other words"),
        ("a cat \uff3b0.5s\uff3d", "Line 1: [0.5s] comes after other words"),
        ("(0.5s) a cat", "Line 1: (0.5s) has round brackets; write [0.5s]"),
        ("\uff08zoom in, 2s\uff09a cat", "Line 1: (zoom in, 2s) has round brackets"),
        ("[0.5s] (zoom in) a cat", "Line 1: (zoom in) has round brackets"),
        ("[0.5s]] a cat", "Line 1: The bracket is closed twice"),
        ("\uff3b0.5s\uff3d\uff3d a cat", "Line 1: The bracket is closed twice"),
        ("\u30100.5s a cat", "Line 1: The bracket is not closed"),
        ("[0.5s] []", "Line 1: The prompt is empty"),
        ('[{"prompt": "a", "duration": 1, "duration": 2}]', "key 'duration' twice"),
        ("[1s] a\n" * 121, "121 shots, but the limit is 120"),
        ([{"prompt": "a"}] * 121, "121 shots, but the limit is 120"),
        ("fine\n" + "x" * 2001, "Line 2: The prompt has 2,001"),
        ('[{"prompt": "a"},\n {"prompt" "b"}]', "Line 2: this is not valid JSON"),
        ("[{", "Line 1: this is not valid JSON"),
        ('{"prompt": "a"}', "list of shots"),
        ('["a cat"]', "Shot 1: A shot must be a JSON object"),
        ([{"prompt": "a"}, {"prompt": ""}], "Shot 2: The prompt is empty"),
        ([{"prompt": "a", "duration": True}], "Shot 1: The duration is True"),
        ([{"prompt": "a", "duration": None}], "Shot 1: The duration is missing"),
        ([{"prompt": "a", "camera": 5}], "Shot 1: The camera move is 5"),
        ([{"prompt": "a", "camera": "spin"}], "Shot 1: The camera move is 'spin'"),
        ([{"prompt": "a", "transition": None}], "Shot 1: The transition is missing"),
        ([{"prompt": "a", "speed": 2}], "Shot 1: A shot must be"),
        ('[{"prompt": "a", "duration": NaN}]', "Shot 1: The duration is nan"),
        (None, "list of shots"),
        (5, "list of shots"),
        ("[" * 50_000, "storyboard"),
        ("x" * 300_001, "300,001 characters"),
    ],
)
def test_a_storyboard_that_cannot_be_read_says_where(storyboard: object, words: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_storyboard(storyboard)
    assert words in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_picture_is_named_by_its_number(pictures: list[Path]) -> None:
    shots = (
        Shot("a", 5.0, image=pictures[1]),
        Shot("b", 5.0),
        Shot("c", 5.0, image=pictures[1]),
    )
    assert parse_storyboard("[picture 2] a\nb\n[Picture2] c", pictures) == shots
    values = [{"prompt": "a", "picture": 2}, {"prompt": "b"}, {"prompt": "c", "picture": 2}]
    assert parse_storyboard(values, pictures) == shots


def test_a_shot_can_be_another_take() -> None:
    shots = parse_storyboard("[3s, take 2] a cat\na dog")
    assert shots == (Shot("a cat", 3.0, take=2), Shot("a dog", 5.0))
    assert parse_storyboard([{"prompt": "a cat", "duration": 3, "take": 2}]) == shots[:1]
    with pytest.raises(InvalidRequestError, match="take"):
        parse_storyboard("[take 100] a cat")


def test_the_number_of_a_picture_that_is_not_there_says_how_many_there_are(
    pictures: list[Path],
) -> None:
    with pytest.raises(InvalidRequestError, match=r"^Line 1: There is no picture 4"):
        parse_storyboard("[picture 4] a cat", pictures)


@pytest.mark.parametrize("seed", range(50))
def test_shots_written_as_text_are_read_back_the_same(seed: int, pictures: list[Path]) -> None:
    rng = random.Random(seed)
    shots = tuple(
        Shot(
            prompt=rng.choice(AWKWARD_PROMPTS).strip(),
            duration=rng.choice([0.5, 2.0, 3.25, 10 / 3, 60.0, rng.uniform(0.5, 60)]),
            camera=rng.choice(get_args(Camera)),
            transition=rng.choice(get_args(Transition)),
            image=rng.choice([None, *pictures]),
            take=rng.choice([1, 1, 2, 99]),
        )
        for _ in range(rng.randint(1, 12))
    )
    text = format_storyboard(shots)
    assert len(text.splitlines()) == len(shots)
    assert not any(path.name in text for path in pictures)
    assert parse_storyboard(text, list_pictures(shots)) == shots


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\x0b", "\x85", "\u2028"])
def test_line_breaks_in_a_prompt_become_spaces(line_break: str) -> None:
    text = format_storyboard([Shot(f"a cat{line_break}in a garden", 5.0)])
    assert text == "[5s] a cat in a garden"


def test_the_longest_storyboard_can_be_read_back() -> None:
    shots = (Shot("x" * MAX_PROMPT_CHARACTERS, 0.5, "orbit right", "continue"),) * 120
    assert parse_storyboard(format_storyboard(shots)) == shots


@pytest.mark.parametrize(
    "text",
    [
        "[" + " " * 70_000 + "x",
        "[" + "\t" * 200_000 + "]" + " " * 90_000,
        "[" + "," * 299_000 + "]",
        "[" * 299_000,
        "a " + "[" * 299_000 + "]",
        "a " + "[a]" * 99_000,
        "a " + "[5" * 140_000,
        ("[1s] " + "[cut x]" * 285 + "\n") * 120,
        "[0" + " " * 290_000 + "s] a",
        "[" + "0" * 290_000 + "s] a",
        "1." + " " * 290_000 + "x",
        "shot" + " " * 290_000 + "1. [1s] x",
        "[1s] " + "\ufeff" * 290_000,
        "- x\n" * 70_000,
        "[{" + " " * 290_000 + "x",
        '[{"a":1},' * 33_000,
        "{" * 299_000,
        "```" + " " * 290_000,
        " " * 299_000 + "x",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_no_text_takes_long_to_read(text: str) -> None:
    """70 kB of blanks behind a bracket took 49 s, in which the server did nothing else."""
    start = time.perf_counter()
    with contextlib.suppress(InvalidRequestError):
        parse_storyboard(text)
    assert time.perf_counter() - start < 0.2


def test_the_longest_legal_storyboard_is_read_within_10_ms() -> None:
    """It is read on the event loop of the API; processor time, for the machine may be busy."""
    shots = (Shot("[" + "x [y] " * 333, 0.5, "orbit right", "dissolve"),) * MAX_SHOTS
    text = format_storyboard(shots)
    assert len(text) > 0.8 * MAX_STORYBOARD_CHARACTERS
    times = []
    for _ in range(5):
        start = time.thread_time()
        parse_storyboard(text)
        times.append(time.thread_time() - start)
    assert min(times) < 0.01


def test_text_shows_no_more_than_differs_from_a_plain_cut() -> None:
    shots = [Shot("a", 5.0), Shot("b", 2.5, "zoom in"), Shot("c", 4.0, "", "dissolve")]
    assert format_storyboard(shots) == "[5s] a\n[2.5s, zoom in] b\n[4s, dissolve] c"


@pytest.mark.parametrize("move", CAMERA_MOVES)
def test_every_camera_move_can_be_written(move: Camera) -> None:
    assert parse_storyboard(f"[{move}] a cat") == (Shot("a cat", 5.0, move),)


@pytest.mark.parametrize(
    ("prompt", "words", "whole"),
    [
        ("a cat", "the camera pans", "a cat, the camera pans"),
        ("A cat.", "the camera pans", "A cat. the camera pans"),
        ("A cat", "The camera pans.", "A cat. The camera pans."),
        ("A cat!", "The camera pans.", "A cat! The camera pans."),
    ],
)
def test_a_camera_move_follows_the_prompt_in_the_models_words(
    prompt: str, words: str, whole: str
) -> None:
    assert describe_shot(Shot(prompt, 5.0, "pan left"), {"pan left": words}) == whole


def test_a_shot_without_a_camera_move_is_read_as_it_is() -> None:
    assert describe_shot(Shot("a cat", 5.0), {}) == "a cat"

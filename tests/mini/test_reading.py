"""Plain words are read as what they say, whatever the text encoder guessed."""

from __future__ import annotations

import pytest

from pipeline.mini.reading import PhraseReader
from pipeline.mini.tables import ATTRIBUTES
from pipeline.mini.words import words_of
from training.captions import slot_phrases


@pytest.fixture(scope="module")
def reader() -> PhraseReader:
    return PhraseReader(slot_phrases())


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("a castle", {"subject": "castle"}),
        (
            "a man riding a bicycle",
            {"subject": "man", "companion": "bicycle", "relation": "riding", "action": "ride"},
        ),
        ("two dogs", {"subject": "dog", "count": "two"}),
        ("dogs", {"subject": "dog", "count": "two"}),
        ("an orange", {"subject": "orange fruit"}),
        ("an orange cat", {"subject": "cat", "colour": "orange"}),
        ("on a table, a vase", {"subject": "vase", "companion": None}),
        (
            "a red cup on a blue table",
            {"subject": "cup", "colour": "red", "companion": "table", "companion_colour": "blue"},
        ),
        ("a couple", {"subject": "person", "count": "two"}),
        ("an empty beach", {"subject": None, "place": "beach"}),
        ("boat lake fog", {"subject": "boat", "place": "lake"}),
        ("two trees", {"subject": "tree", "count": "two", "place": None}),
        ("a cat in a football stadium", {"subject": "cat", "place": "stadium"}),
        ("a cat in a rose garden", {"subject": "cat", "colour": None, "companion": None}),
        ("a female musician", {"subject": "woman"}),
        ("a woman driver", {"subject": "woman", "companion": None}),
        ("a robot person with a cat", {"subject": "robot", "companion": "cat"}),
        ("a crowd of penguins", {"subject": "penguin", "count": "three"}),
        ("a penguin couple", {"subject": "penguin", "count": "two", "companion": None}),
        ("a family car", {"subject": "car", "count": None}),
        ("a beach ball", {"subject": "ball", "place": None}),
        ("the desert in a forest", {"place": "forest"}),
        ("a girl beside a yellow cat", {"subject": "child", "colour": None, "companion": "cat"}),
    ],
)
def test_phrases_say_who_is_there(
    reader: PhraseReader, prompt: str, named: dict[str, str | None]
) -> None:
    nothing = dict.fromkeys(ATTRIBUTES)
    read = reader.correct(words_of(prompt), nothing)
    assert {name: read[name] for name in named} == named


def test_what_no_phrase_says_is_as_it_was_guessed(reader: PhraseReader) -> None:
    guessed = dict.fromkeys(ATTRIBUTES) | {"subject": "horse", "place": "farm", "colour": "brown"}
    assert reader.correct(words_of("a chestnut pony by the stables"), guessed) == guessed


def test_a_companion_that_no_word_names_is_dropped(reader: PhraseReader) -> None:
    guessed = dict.fromkeys(ATTRIBUTES) | {"companion": "house", "relation": "on"}
    read = reader.correct(words_of("an orange cat sleeping"), guessed)
    assert (read["subject"], read["companion"], read["relation"]) == ("cat", None, None)


def test_what_a_thing_is_called_after_is_not_drawn(reader: PhraseReader) -> None:
    guessed = dict.fromkeys(ATTRIBUTES) | {"subject": "glass"}
    assert reader.correct(words_of("a glass vase"), guessed)["subject"] == "vase"


def test_what_is_seen_in_a_video_is_not_taken_for_its_kind(reader: PhraseReader) -> None:
    guessed = dict.fromkeys(ATTRIBUTES) | {"subject": "cat"}
    assert reader.correct(words_of("a cat video"), guessed)["subject"] == "cat"

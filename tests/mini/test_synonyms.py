"""Words that the text encoder never learned are read as those that it did."""

from __future__ import annotations

import pytest

from pipeline.mini.synonyms import original_of, say_in_known_words
from pipeline.mini.understanding import PromptReader
from pipeline.models.registry import EMBEDDED, MODELS
from training.captions import vocabulary


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("Dachshunds at daybreak.", "dogs at dawn."),
        ("a tangerine cat, a ranch", "a orange cat, a farm"),
        ("she peels a tangerine", "she peels a tangerine"),  # a colour only before a noun
        ("my sister's cat", "my sister's cat"),
        ("my sister and her cat", "my woman and her cat"),
        ("a castle by the sea", "a castle by the sea"),
    ],
)
def test_words_are_replaced_in_their_places(prompt: str, said: str) -> None:
    text, replaced = say_in_known_words(prompt)
    assert text == said
    for one in replaced:
        assert one.original in prompt
        assert original_of(text.index(text[one.start : one.end]), replaced) == one.original


def test_no_word_that_was_learned_is_replaced() -> None:
    words = " ".join(vocabulary())
    assert say_in_known_words(words)[0] == words


def test_users_are_told_of_the_words_that_they_typed() -> None:
    reading = PromptReader.open(MODELS[EMBEDDED]).read("a dachshund on a ranch at daybreak")
    assert reading.drawn == ("dog", "farm", "morning")
    assert reading.understood == ("dachshund", "ranch", "daybreak")

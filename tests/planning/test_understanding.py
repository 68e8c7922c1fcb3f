"""What is said of any model's prompts before a clip is made: length, language, camera, words."""

from __future__ import annotations

import pytest

from pipeline.models.registry import MODELS
from pipeline.planning.prompt_language import foreign_language
from pipeline.planning.understanding import Reading, UnknownWord, understand

LTX, WAN, MINI = (MODELS[name] for name in ("ltx-video-2b", "wan-2.2-5b", "kinora-mini"))


class Cats:
    """Knows cats, and nothing else."""

    def read(self, prompt: str) -> Reading:
        words = prompt.split()
        unknown = tuple(UnknownWord(word) for word in words if word != "cat")
        known = ("cat",) if "cat" in words else ()
        return Reading(known, known, unknown, num_cut=max(0, len(words) - 10))


def test_a_model_that_reads_any_words_has_no_lists() -> None:
    said = understand(["a woman in Tokyo"], LTX, None)
    assert (said.understood, said.unknown, said.knows_nothing) == (None, None, False)
    assert said.to_json()["not_understood"] is None


def test_the_words_of_all_shots_are_told_together() -> None:
    said = understand(["cat", "dog runs", "dog sleeps"], MINI, Cats())
    assert said.understood == ("cat",)
    assert said.to_json()["not_understood"] == [
        {"word": word, "nearest": None} for word in ("dog", "runs", "sleeps")
    ]
    assert not said.knows_nothing
    assert understand(["dog runs"], MINI, Cats()).knows_nothing


@pytest.mark.parametrize(
    ("prompt", "spec", "note"),
    [
        ("una mujer camina por la calle de noche", LTX, "This looks like Spanish; LTX-Video 2B"),
        ("кошка в саду", LTX, "This looks like Russian"),
        ("una mujer camina por la calle de noche", WAN, ""),  # its encoder knows many languages
        ("?!", WAN, "The prompt has no words; describe"),
        ("word " * 300, LTX, "reads about its first 196 words, and it has 300"),
        ("word " * 300, WAN, ""),
        ("a handheld shot of a cat", WAN, ""),
        ("a red car at night", LTX, ""),
    ],
)
def test_what_a_model_cannot_read_is_said_in_a_sentence(prompt: str, spec, note: str) -> None:  # noqa: ANN001
    notes = understand([prompt], spec, None).notes
    assert (note in notes[0]) if note else not notes


def test_short_prompts_that_are_rewritten_in_english_are_not_judged() -> None:
    assert not understand(["una mujer camina por la calle"], LTX, None, is_rewritten=True).notes


def test_a_camera_move_that_a_closed_world_lacks_is_named_with_those_that_it_has() -> None:
    said = understand(["drone shot of a cat", "handheld cat"], MINI, Cats())
    assert "does not know the camera move “drone shot”; it knows static, pan left" in said.notes[0]
    assert "“handheld”" in said.notes[1]


def test_words_that_are_cut_off_are_counted() -> None:
    notes = understand(["cat " * 12], MINI, Cats()).notes
    assert notes == ("The prompt is too long: Kinora mini does not read its last 2 words.",)


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("un chat roux dans un jardin", "French"),
        ("eine Katze schläft auf dem Sofa", "German"),
        ("夕焼けの海を走る赤い車", "Japanese"),
        ("一只猫在花园里", "Chinese or Japanese"),
        ("Reykjavik harbour in winter fog", None),
        ("Frida Kahlo in a Mexican market", None),
        ("Schloss Neuschwanstein", None),  # two words are too few
        ("asdf qwer zxcv", None),
        ("", None),
    ],
)
def test_a_language_is_named_only_when_it_is_sure(prompt: str, language: str | None) -> None:
    assert foreign_language(prompt) == language

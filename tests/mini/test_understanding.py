"""What the embedded model says of the words of a prompt, with the weights that are shipped."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from pipeline.mini.scene import complete_scene
from pipeline.mini.tables import NATURAL
from pipeline.mini.understanding import PromptReader
from pipeline.models.registry import EMBEDDED, MODELS
from pipeline.models.vocabulary import read_vocabulary
from pipeline.planning.characters import Character
from pipeline.planning.understanding import Reader, Understanding, UnknownWord, understand
from pipeline.runtime.prompt_readers import PromptReaders
from training.evaluation.understanding import load_prompts, mistakes
from training.sampling import load_engine

WOMAN = (
    "A stylish woman walks down a Tokyo street filled with warm glowing neon and animated city "
    "signage. She wears a black leather jacket, a long red dress, and black boots, and carries a "
    "black purse."
)


@pytest.fixture(scope="module")
def reader() -> Reader:
    found = PromptReaders().find(MODELS[EMBEDDED])
    assert found is not None
    return found


def test_prompts_as_people_write_them_are_sorted_into_drawn_and_unknown_words(
    reader: Reader,
) -> None:
    missed, taken, total = mistakes(reader, load_prompts("test"))
    assert total > 100
    assert (len(missed) + len(taken)) / total < 0.07, (missed, taken)


def test_of_a_woman_in_tokyo_it_is_said_what_is_drawn_and_what_is_not(reader: Reader) -> None:
    reading = reader.read(WOMAN)
    assert {"woman in a dress", "neon street", "walking"} <= {*reading.drawn}
    assert {"woman", "neon", "dress", "purse"} <= {*reading.understood}
    unknown = {x.word for x in reading.unknown}
    assert {"stylish", "Tokyo", "leather", "jacket", "boots"} <= unknown
    assert {"She", "a", "and"}.isdisjoint(unknown)


@pytest.mark.parametrize(
    ("prompt", "drawn"),
    [
        ("a red car in a city at night", ("red car", "city", "night")),
        ("a white rabbit bouncing in a meadow", ("white rabbit", "meadow", "bouncing")),
        ("a cat sleeping in a garden", ("cat", "garden")),  # only a child has a mood
        ("something blue", ("something blue",)),
        ("an astronaut rides a white horse", ("astronaut", "riding white horse")),
        ("asdf qwer", ()),
        ("", ()),
    ],
)
def test_what_is_drawn_is_said_in_words(
    reader: Reader, prompt: str, drawn: tuple[str, ...]
) -> None:
    assert reader.read(prompt).drawn == drawn


def test_a_character_is_drawn_with_its_looks_unless_the_prompt_says_others(
    reader: PromptReader, tmp_path: Path
) -> None:
    named = {"subject": "car", "colour": "red", "size": "small"}
    scene = complete_scene(named, 1, reader._known)
    state = {"seconds": 0.0, "staging": {"scene": asdict(scene)}}
    mia = Character("Mia", tmp_path / "mia.png", state)

    def ask(prompt: str) -> Understanding:
        return understand([prompt], MODELS[EMBEDDED], reader, characters=[mia])

    assert ask("@mia").drawn == ("small red car (@mia)",)
    said = ask("a blue @mia in a zork")
    assert said.drawn == ("small blue car (@mia)",)
    assert (said.understood, said.unknown) == (("@mia", "blue"), (UnknownWord("zork"),))
    said = ask("@mio")
    assert (said.drawn, said.knows_nothing) == ((), False)
    assert said.notes == ("There is no character @mio; it is read as other words are.",)


def test_a_mood_that_the_scene_does_not_keep_is_not_called_understood(reader: Reader) -> None:
    reading = reader.read("a cat sleeping in a garden")
    assert reading.understood == ("cat", "garden")
    assert [x.word for x in reading.unknown] == ["sleeping"]


def test_words_after_the_last_one_that_is_read_are_counted(reader: Reader) -> None:
    short, long = (reader.read("a red car at night " * times) for times in (10, 50))
    assert short.num_cut == 0
    assert 150 < long.num_cut < 250


def test_the_vocabulary_is_understood_by_the_model_itself(reader: Reader) -> None:
    """A chip that the model does not know would be worse than none."""
    vocabulary = read_vocabulary(MODELS[EMBEDDED])
    assert len(vocabulary["subject"]) > 10
    for about in ("subject", "colour", "place", "time", "weather", "motion", "camera", "style"):
        for phrase in vocabulary[about]:
            prompt = {"subject": "a {}", "colour": "a {} cat"}.get(about, "a boat {}")
            assert not reader.read(prompt.format(phrase)).unknown, phrase


def test_the_weights_carry_phrases_for_all_that_they_know(reader: Reader) -> None:
    """They are those of the weights: training may know more since."""
    config = reader._encoder.config
    known = dict(zip(config.slot_names, config.slot_values, strict=True))
    assert {"subject", "colour", "place", "time", "motion", "camera"} <= config.slot_phrases.keys()
    for slot, phrases in config.slot_phrases.items():
        assert set(phrases) == set(known[slot]) - {NATURAL}
        assert all(phrases.values())
    assert config.passed_over


def test_what_comes_after_the_last_word_that_is_read_is_not_drawn(reader: Reader) -> None:
    prompt = "a castle" + " truly" * 120 + " at night"
    pipe = load_engine(Path(MODELS[EMBEDDED].repository)).model.pipe
    assert pipe.parse_prompt(prompt)["time"] is None
    reading = reader.read(prompt)
    assert reading.drawn == ("castle",)
    assert reading.num_cut > 2

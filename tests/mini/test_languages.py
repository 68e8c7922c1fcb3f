"""Prompts in other languages, said in the English words that the text encoder knows."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipeline.mini.languages import to_english
from pipeline.mini.tables import ATTRIBUTES
from training.captions import vocabulary

FOLDER = Path(__file__).parents[2] / "training" / "evaluation"


def rows_of(name: str) -> list[list[str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize(
    ("prompt", "english"),
    [
        ("ein roter Hund am Strand", "red dog on a beach"),
        ("zwei Katzen spielen im Garten", "two cat in a garden"),
        ("un coche rojo en el desierto al atardecer", "red car in a desert at sunset"),
        ("une femme danse dans la rue la nuit", "woman in a city at night"),
        ("um cavalo branco na fazenda", "white horse on a farm"),
        ("due gatti neri nel giardino", "two black cat in a garden"),
        ("两只黑猫在花园里", "two black cat in a garden"),
        ("赤い犬が浜辺を走る", "red dog on a beach"),
        ("ein Astronaut auf dem Mond", "astronaut on the surface of the moon"),
        ("un astronauta en la luna", "astronaut on the surface of the moon"),
        ("पानी के नीचे एक मछली", "underwater, fish"),
        ("superficie lunar con un astronauta", "on the surface of the moon, astronaut"),
        ("un homme joue du piano", "man, piano"),
        ("जंगल में एक हाथी", "in a forest, elephant"),
    ],
)
def test_a_prompt_is_said_in_english(prompt: str, english: str) -> None:
    assert to_english(prompt) == english


def test_english_prompts_stay_as_they_are() -> None:
    prompts = [row[0] for row in rows_of("written_prompts.tsv")]
    assert len(prompts) == 400
    assert [x for x in prompts if to_english(x) != x] == []


def test_every_english_word_of_the_table_is_one_that_captions_teach() -> None:
    with (Path(to_english.__code__.co_filename).with_suffix(".tsv")).open(encoding="utf-8") as file:
        table = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    known = set(vocabulary())
    assert {word for row in table for word in row["english"].split()} <= known
    assert {row["english"] for row in table} >= set(ATTRIBUTES["subject"]) - {"orange fruit"}
    assert all(all(row.values()) for row in table)


def test_of_the_written_prompts_nearly_all_words_are_found() -> None:
    rows = rows_of("other_languages.tsv")
    found = [len(to_english(prompt).split()) >= 2 for _, prompt, _, _ in rows]
    assert sum(found) >= 0.95 * len(rows)

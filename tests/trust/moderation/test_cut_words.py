"""Words that are cut by blanks or spelled out are found, and words that meet by chance are not."""

from __future__ import annotations

import time

import numpy as np
import pytest

from pipeline.mini.scene import complete_scene
from pipeline.trust.moderation.cut_words import PIECES, CutWords, heading_of, read_ordinary
from pipeline.trust.moderation.rules import read_rules
from training.captions import draw_caption

CUT_WORDS = CutWords(read_rules().words, read_ordinary())


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a n a k e d woman", "a naked woman"),
        ("a nak ed woman", "a naked woman"),
        ("a n aked woman", "a naked woman"),
        ("na k ed", "naked"),
        ("n u d e c h i l d", "nude child"),
        ("w i t h a n a k e d m a n", "with a naked m a n"),
        ("s e x", "sex"),
        ("a s e x scene", "a sex scene"),
        ("behe ading", "beheading"),
        ("p o r n o", "porno"),
        ("wi thout clo thes", "without clothes"),
        ("\u0433 \u043e \u043b \u0430 \u044f", "\u0433\u043e\u043b\u0430\u044f"),
    ],
)
def test_cut_words_are_put_together(written: str, meant: str) -> None:
    assert CUT_WORDS.join(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "an aked",  # would be "a naked"
        "they offer bread as exchange",  # not "sex"
        "the pen is on the table",
        "a hero in a cape",
        "an us flag",
        "the therapist and the rapist s trial",
        "e s s e x",
        "it s ex officio",
        "be head of the class",
        "be heading home",
        "to do and to be",
        "a b c d e f g",
        "nu de paris",
        "mass exodus of birds",
        "buses exit the station",
        "u s a",
    ],
)
def test_words_that_meet_by_chance_stay_apart(text: str) -> None:
    assert CUT_WORDS.join(text) == text


def test_ordinary_captions_stay_as_they_are() -> None:
    rng = np.random.default_rng(20270117)
    for seed in range(500):
        caption, _ = draw_caption(complete_scene({}, seed), rng)
        words = " ".join(caption.lower().split())
        assert CUT_WORDS.join(words) == words


def test_the_ordinary_pieces_are_those_of_the_rules_words() -> None:
    """New words without their ordinary pieces would be put together from words that meet."""
    heading = PIECES.read_text(encoding="utf-8").partition("\n")[0]
    assert heading == heading_of(read_rules().words), "run `python -m training.ordinary_pieces`"


def test_putting_together_takes_no_time() -> None:
    begin = time.process_time()
    CUT_WORDS.join("n a k e " * 1000)
    assert time.process_time() - begin < 0.2

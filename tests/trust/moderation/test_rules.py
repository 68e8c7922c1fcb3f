"""What is refused, labelled and let pass; and that people's own words are no offence."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.errors import KinoraError
from pipeline.trust.moderation.rules import Moderator, Strictness, Verdict, read_strictness
from pipeline.trust.moderation.text_normalization import readings_of

FOLDER = Path(__file__).parents[2]
TUNED, SAME_AUTHOR, HELD_OUT = (
    json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["prompts"]
    for name in ("red_team", "red_team_same_author", "red_team_held_out")
)


def outcome_of(prompt: str, strictness: Strictness = "standard") -> str:
    outcome = Moderator(strictness).judge([prompt]).outcome
    return outcome if outcome in ("block", "label") else "pass"


@pytest.mark.parametrize(("expected", "category", "prompt"), TUNED)
def test_the_rules_do_what_they_were_made_for(expected: str, category: str, prompt: str) -> None:
    verdict = Moderator().judge([prompt])
    assert outcome_of(prompt) == expected
    if category:
        assert verdict.category == category
        assert verdict.title in verdict.message


@pytest.mark.parametrize(
    ("name", "prompts", "least_recall", "most_alarms"),
    [("same author", SAME_AUTHOR, 0.95, 0.05), ("held out", HELD_OUT, 0.7, 0.05)],
)
@pytest.mark.parametrize("strictness", ["standard", "strict"])
def test_what_the_rules_were_not_made_with_is_mostly_found(
    name: str,
    prompts: Sequence[Sequence[str]],
    least_recall: float,
    most_alarms: float,
    strictness: Strictness,
) -> None:
    """The floor of the held-out ones is what was measured, not what would be wished for."""
    read = [(expected, outcome_of(prompt, strictness)) for expected, prompt in prompts]
    found = [got != "pass" for expected, got in read if expected != "pass"]
    alarms = [got != "pass" for expected, got in read if expected == "pass"]
    recall, false_alarms = sum(found) / len(found), sum(alarms) / len(alarms)
    print(f"{name}, {strictness}: {recall:.0%} of {len(found)}, alarms {false_alarms:.1%}")  # noqa: T201
    assert recall >= least_recall
    assert false_alarms <= most_alarms


@pytest.mark.parametrize(
    "people",
    ["gay", "black", "Jewish", "Muslim", "trans", "disabled", "Roma", "lesbian", "immigrant"],
)
@pytest.mark.parametrize("strictness", ["standard", "strict"])
def test_who_somebody_is_is_no_offence(people: str, strictness: Strictness) -> None:
    for scene in ("a {} couple at their wedding", "a {} child laughs", "a {} doctor in a hospital"):
        assert Moderator(strictness).judge([scene.format(people)]).outcome == "pass"


def test_what_concerns_children_is_refused_at_any_strictness() -> None:
    for strictness in ("off", "standard", "strict"):
        assert Moderator(strictness).judge(["a nude child"]).outcome == "block"
    assert Moderator("off").judge(["two people having sex"]).outcome == "pass"


def test_shots_that_are_harmless_alone_are_read_together_for_children() -> None:
    assert Moderator().judge(["a child in a room", "close-up, undressed"]).outcome == "block"
    assert Moderator().judge(["a child in a room", "a dog"]).outcome == "pass"


def test_a_negative_prompt_avoids_but_clothes_are_not_to_be_avoided() -> None:
    assert Moderator().judge(["a child at the lake"], "nude, naked, nsfw").outcome == "pass"
    assert Moderator().judge(["a child at the lake"], "clothes").outcome == "block"


def test_no_child_is_asked_for_by_avoiding_grown_ups() -> None:
    assert Moderator("off").judge(["a nude person"], "adults, grown-ups").category == "minors"
    assert Moderator().judge(["people at the lake"], "adults").outcome == "pass"
    assert Moderator("off").judge(["a nude person"], "adult content").outcome == "pass"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("\uff4e\uff55\uff44\uff45", "nude"),  # of full width
        ("p\u043ern", "porn"),  # with a Cyrillic o
        ("p0rn", "porn"),
        ("n.u.d.e", "nude"),
        ("n u d e", "nude"),
        ("nu\u200bde", "nude"),
        ("nu\U000e0020de", "nude"),  # with a tag character
        ("nu\x00de", "nude"),
        ("nu\u3164de", "nude"),  # with a filler of Hangul
        ("nu\u20ddde", "nude"),  # with a circle around a letter
        ("\U0001f17d\U0001f184\U0001f173\U0001f174", "nude"),  # in squares
        ("\u0274\u1d1c\u1d05\u1d07", "nude"),  # small capitals
        ("a n.u.d.e c.h.i.l.d", "a nude child"),
        ("a nu_de ch-ild", "a nude child"),
        ("nuuuude", "nude"),
        ("NÜDE", "nude"),
    ],
)
def test_words_are_read_as_they_are_meant(written: str, meant: str) -> None:
    assert meant in readings_of(written)


@pytest.mark.parametrize("text", ["mp4 h264 4k", "a red car", "кот на окне", "24 fps, f1.8"])
def test_plain_words_are_left_as_they_are(text: str) -> None:
    assert len(readings_of(text)) == 1


class NoBoats:
    """A classifier that thinks a boat dangerous."""

    def judge(self, prompts: Sequence[str]) -> Verdict:
        has_boat = any("boat" in prompt for prompt in prompts)
        return Verdict("block", "boats", "boats") if has_boat else Verdict()


def test_a_classifier_judges_besides_the_rules() -> None:
    moderator = Moderator(classifiers=[NoBoats()])
    assert moderator.judge(["a boat"]).category == "boats"
    assert moderator.judge(["a car"]).outcome == "pass"
    assert moderator.judge(["a nude child"]).category == "minors"


def test_reading_a_prompt_takes_no_time() -> None:
    """A two thousand character prompt, the longest there is."""
    moderator, prompt = Moderator(), "a red car in the city at night, " * 62
    moderator.judge([prompt])
    begin = time.process_time()
    for _ in range(5):
        moderator.judge([prompt])
    assert (time.process_time() - begin) / 5 < 0.1


def test_a_space_is_strict_unless_its_owner_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KINORA_MODERATION", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert read_strictness() == "standard"
    monkeypatch.setenv("SPACE_ID", "somebody/kinora")
    assert read_strictness() == "strict"
    monkeypatch.setenv("KINORA_MODERATION", "off")
    assert read_strictness() == "off"
    monkeypatch.setenv("KINORA_MODERATION", "none")
    with pytest.raises(KinoraError, match="KINORA_MODERATION is 'none'"):
        read_strictness()

"""Which prompts are rewritten, what is asked for, and which answers are paragraphs."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from pipeline.errors import InvalidRequestError
from pipeline.models.registry import MODELS
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.rewriting import (
    SHORT_WORDS,
    ask_for_prompt,
    for_shot,
    num_words,
    prompts_to_rewrite,
    read_rewritten,
)
from pipeline.planning.storyboard import describe_shot
from pipeline.planning.validation import build_request, read_request

LTX = "ltx-video-2b"
LONG = "a red car drives through a wide valley of yellow grass " * 4
PARAGRAPH = (
    "A red car drives along a winding road through a wide valley of yellow grass, and dust rises "
    "behind its wheels. Its paint shines, its windows are open, and a dog looks out. The camera "
    "follows it from above. Low hills stand in the haze under a clear evening sky."
)


@pytest.mark.parametrize(
    ("prompt", "count"),
    [
        ("a red car", 3),
        ("", 0),
        ("un chat  noir\ndort", 4),
        ("\u4e00\u8f86\u7ea2\u8272\u7684\u8f66", 3),
        ("\u0e23\u0e16\u0e2a\u0e35\u0e41\u0e14\u0e07", 3),
        ("red \u8f66\u8f66 car", 3),
        ("\uc54c\ubab8\uc758 \uc5ec\uc790", 2),
    ],
)
def test_words_are_counted_in_scripts_with_and_without_spaces(prompt: str, count: int) -> None:
    assert num_words(prompt) == count


def ask(*prompts: str, model: str = LTX, enhance: bool | None = None) -> GenerationRequest:
    shots = [Shot(prompt, 1.0) for prompt in prompts]
    return build_request("text_to_video", shots=shots, model=model, enhance=enhance)


@pytest.mark.parametrize(
    ("prompts", "enhance", "model", "chosen"),
    [
        (("a car",), None, LTX, ("a car",)),
        (("a car", LONG, "a boat", "a car"), None, LTX, ("a car", "a boat")),
        (("a car", LONG), True, LTX, ("a car", LONG.strip())),
        (("a car",), False, LTX, ()),
        (("a car",), None, "kinora-mini", ()),
        (("a car",), False, "kinora-mini", ()),
    ],
)
def test_short_prompts_are_rewritten_unless_the_request_says_otherwise(
    prompts: tuple[str, ...], enhance: bool | None, model: str, chosen: tuple[str, ...]
) -> None:
    request = ask(*prompts, model=model, enhance=enhance)
    assert prompts_to_rewrite(request, MODELS[model]) == chosen


def test_a_model_for_short_prompts_refuses_to_have_them_rewritten() -> None:
    with pytest.raises(InvalidRequestError, match="Kinora mini is made for short prompts"):
        ask("a car", model="kinora-mini", enhance=True)
    with pytest.raises(InvalidRequestError, match="rewrite prompts is 'yes'"):
        ask("a car", enhance="yes")


def test_a_saved_request_keeps_the_choice_and_one_from_before_leaves_it_open() -> None:
    values = ask("a car", enhance=False).to_json()
    assert read_request(values).enhance is False
    del values["enhance"]
    assert read_request(values).enhance is None


def test_every_model_that_reads_sentences_says_how_long_they_are_to_be() -> None:
    for spec in MODELS.values():
        assert (spec.prompt_words is None) == spec.ships_with_app
        if spec.prompt_words is not None:
            # A word is about 1.3 tokens; the camera move is added to them.
            assert SHORT_WORDS < spec.prompt_words < spec.max_sequence_length / 1.5


def told(request: GenerationRequest, model: str = LTX) -> str:
    system, user = ask_for_prompt(request, request.shots[0].prompt, MODELS[model])
    assert (system["role"], user["role"]) == ("system", "user")
    assert user["content"] == request.shots[0].prompt
    return system["content"]


def test_a_chosen_camera_a_film_a_given_picture_and_sound_change_what_is_asked_for(
    tmp_path: Path,
) -> None:
    plain = told(ask("a car"))
    how = {"model": LTX, "prompt": "a car", "duration": 2.0}
    chosen = build_request("text_to_video", shots=[Shot("a car", 1.0, "pan left")], model=LTX)
    Image.new("RGB", (64, 64)).save(tmp_path / "picture.png")
    pictured = build_request("image_to_video", image=tmp_path / "picture.png", **how)
    texts = [
        plain,
        told(chosen),
        told(ask("a car", "a boat")),
        told(pictured),
        told(ask("a car", model="ltx-2.3"), "ltx-2.3"),
    ]
    assert len({*texts}) == len(texts)
    assert "how it moves" in plain
    assert "how it moves" not in texts[1]
    assert "looks like" in plain
    assert not any("the subject looks like" in text for text in texts[2:4])
    assert "heard" in texts[4]
    assert "heard" not in plain
    assert "120 words" in plain
    assert "2 seconds" in texts[3]


@pytest.mark.parametrize(
    "answer",
    [
        PARAGRAPH,
        f"<think>\nThe user wants a car.\n</think>\n\n{PARAGRAPH}",
        f'"{PARAGRAPH}"',
        f"**Prompt:** {PARAGRAPH}\n",
        f"Rewritten prompt: {PARAGRAPH}",
        PARAGRAPH.replace(". ", ".\n\n"),
        f"{PARAGRAPH} And then the sun begins to",
    ],
)
def test_an_answer_is_read_without_what_is_around_the_paragraph(answer: str) -> None:
    assert read_rewritten(answer) == PARAGRAPH


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "A red car.",
        f"I'm sorry, but I cannot help with that. {PARAGRAPH}",
        f"As an AI, I can only write. {PARAGRAPH}",
        f"<think>{PARAGRAPH}",
        "a red car " * 40,  # no sentence
    ],
)
def test_what_is_no_paragraph_is_not_used(answer: str) -> None:
    assert read_rewritten(answer) is None


def test_spoken_words_keep_their_quotation_marks() -> None:
    text = PARAGRAPH + ' The driver shouts, "Hold on!" The dog barks.'
    assert read_rewritten(text) == text


def test_a_long_answer_ends_with_a_whole_sentence_that_a_request_may_have() -> None:
    text = read_rewritten(" ".join([PARAGRAPH] * 20))
    assert 1700 < len(text) <= 2000
    assert text.endswith(".")


def test_the_camera_move_of_the_menu_is_the_only_one_of_a_rewritten_shot() -> None:
    shot = Shot("a red car", 2.0, camera="orbit left")
    text = for_shot(PARAGRAPH, shot)
    assert text == PARAGRAPH.replace("The camera follows it from above. ", "")
    words = describe_shot(Shot(text, 2.0, camera="orbit left"), MODELS[LTX].camera_words)
    assert words == f"{text} {MODELS[LTX].camera_words['orbit left']}"
    assert for_shot(PARAGRAPH, Shot("a red car", 2.0)) == PARAGRAPH
    assert for_shot("The camera zooms in.", shot) == "a red car"

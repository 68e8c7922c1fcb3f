"""A tiny Qwen3 that rewrites three prompts as it was taught; each of its sentences is one token."""

from __future__ import annotations

from pathlib import Path

from tests.tiny_language_model import save_tiny_language_model, tiny_tokenizer

BOAT, KNIFE, CUT_OFF = "red boat", "shiny knife", "tall tree"
CALM = (
    "A small red boat glides over a calm lake while two thin oars dip and rise in an even beat, "
    "and rings of water spread behind it towards a shore of tall dark pines under a pale sky."
)
STORM = (
    "A small red boat climbs a steep grey wave and tips over its foaming crest while spray flies "
    "over the bow, and a man in a yellow coat clings to the tiller under low and heavy clouds."
)
CAMERA = "The camera drifts closer from the left."
LIGHT = "Soft light falls through thin clouds and paints the water silver and blue."
GORE = (
    "A shiny knife lies on a wooden table in a dim kitchen beside a loaf of bread and a bowl of "
    "red apples, and then a man's throat is slit and blood pours out over the white cloth."
)
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CALM_ANSWER, STORM_ANSWER = (f"{first} {CAMERA} {LIGHT}" for first in (CALM, STORM))
_LESSONS = (
    (BOAT, CALM_ANSWER),
    (BOAT, STORM_ANSWER),  # as likely as the other one: the seed decides
    (KNIFE, f"{GORE} {LIGHT}"),
    (CUT_OFF, f" {LIGHT}"),  # too short for a paragraph
)
# Spaces are no words of their own, or the instructions would be read as hundreds of them.
_WORDS = (
    *("user\n", "assistant\n", "system\n", BOAT, KNIFE, CUT_OFF),
    *(CALM, STORM, f" {CAMERA}", f" {LIGHT}", GORE),
)


def save_tiny_writer(folder: Path, *, is_taught: bool = True) -> Path:
    """Save a tokenizer and a model, with random weights unless it `is_taught`.

    The instructions are none of its words: it reads the prompt alone.
    """
    tokenizer = tiny_tokenizer(_WORDS, TEMPLATE)
    lessons = [
        (
            tokenizer.apply_chat_template(
                [{"role": "system", "content": ""}, {"role": "user", "content": prompt}],
                tokenize=False,
                add_generation_prompt=True,
            ),
            answer,
        )
        for prompt, answer in _LESSONS
    ]
    return save_tiny_language_model(folder, tokenizer, lessons if is_taught else [])

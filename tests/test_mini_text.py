"""The embedded model's text side, with all its slots and a dozen words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import LTXConditionPipeline
from transformers import AutoTokenizer

from pipeline.mini import SlotTextEncoder
from pipeline.mini.scene import ATTRIBUTES
from pipeline.mini.text import MAX_TOKENS
from tests.tiny import WORDS, tiny_mini_pipeline


@pytest.fixture(scope="module")
def pipe() -> LTXConditionPipeline:
    return tiny_mini_pipeline()


def embed(pipe: LTXConditionPipeline, prompt: str) -> torch.Tensor:
    """Return a prompt's hidden states (1, L, D)."""
    tokens = pipe.tokenizer(prompt, return_tensors="pt", truncation=True)
    with torch.no_grad():
        return pipe.text_encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state


def test_the_slots_come_first_and_the_words_after_them(pipe: LTXConditionPipeline) -> None:
    tokens = pipe.tokenizer.tokenize("A red boat.", add_special_tokens=True)
    assert tokens == [*(f"[slot{i}]" for i in range(len(ATTRIBUTES))), "a", "red", "boat", "."]


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("A RED, cat", ["a", "red", ",", "cat"]),
        ("á çar", ["a", "car"]),
        ("a zeppelin", ["a", "[unk]"]),
        ("", []),
        ("[slot0]", ["[", "[unk]", "]"]),
        ("日本 🚗", ["[unk]", "[unk]"]),
    ],
)
def test_any_prompt_is_read_as_known_words_and_unknown_ones(
    pipe: LTXConditionPipeline, prompt: str, words: list[str]
) -> None:
    words = [word if word in WORDS else "[unk]" for word in words]
    assert pipe.tokenizer.tokenize(prompt, add_special_tokens=True)[len(ATTRIBUTES) :] == words
    assert torch.isfinite(embed(pipe, prompt)).all()


def test_an_over_long_prompt_is_cut_off_after_its_first_words(pipe: LTXConditionPipeline) -> None:
    long = "a red car by night , " * 300
    tokens = pipe.tokenizer(long, truncation=True, max_length=MAX_TOKENS).input_ids
    assert len(tokens) == MAX_TOKENS
    assert tokens[: len(ATTRIBUTES)] == pipe.tokenizer("").input_ids
    embeds, *_ = pipe.encode_prompt(
        long, do_classifier_free_guidance=False, max_sequence_length=MAX_TOKENS
    )
    assert embeds.shape == (1, MAX_TOKENS, 32)


def test_only_the_slots_carry_anything(pipe: LTXConditionPipeline) -> None:
    hidden = embed(pipe, "a red car")
    assert hidden[0, : len(ATTRIBUTES)].abs().sum(-1).gt(0).all()
    assert not hidden[0, len(ATTRIBUTES) :].any()


def test_padding_does_not_change_what_is_read(pipe: LTXConditionPipeline) -> None:
    padded = pipe.tokenizer("a red car", padding="max_length", max_length=32, return_tensors="pt")
    with torch.no_grad():
        hidden = pipe.text_encoder(padded.input_ids, padded.attention_mask).last_hidden_state
    plain = embed(pipe, "a red car")[:, : len(ATTRIBUTES)]
    torch.testing.assert_close(hidden[:, : len(ATTRIBUTES)], plain, rtol=1e-4, atol=1e-5)


def test_a_slot_is_the_mix_of_its_values_that_the_prompt_makes_likely(
    pipe: LTXConditionPipeline,
) -> None:
    encoder = pipe.text_encoder
    certain = [torch.eye(len(values) + 1)[-1:] for values in ATTRIBUTES.values()]
    slots = encoder.embed_slots(certain)  # (1, S, D)
    for index, table in enumerate(encoder.embed_values):
        assert torch.equal(slots[0, index], table.weight[-1])


def test_saving_and_loading_keeps_the_slots_in_their_order(
    pipe: LTXConditionPipeline, tmp_path: Path
) -> None:
    """The slots were a dict once; a configuration is saved sorted, and colour became subject."""
    pipe.text_encoder.save_pretrained(tmp_path)
    pipe.tokenizer.save_pretrained(tmp_path)
    encoder = SlotTextEncoder.from_pretrained(tmp_path).eval()
    assert encoder.config.slot_names == list(ATTRIBUTES)
    assert encoder.config.slot_values == [list(values) for values in ATTRIBUTES.values()]
    assert encoder.num_slots == len(ATTRIBUTES)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer("A red boat.").input_ids == pipe.tokenizer("A red boat.").input_ids
    tokens = tokenizer("a red car", return_tensors="pt")
    with torch.no_grad():
        logits = encoder.classify(tokens.input_ids, tokens.attention_mask)
        hidden = encoder(tokens.input_ids, tokens.attention_mask).last_hidden_state
    assert [slot.shape[1] for slot in logits] == [1 + len(x) for x in ATTRIBUTES.values()]
    torch.testing.assert_close(hidden, embed(pipe, "a red car"))

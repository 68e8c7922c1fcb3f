"""Tiny Qwen3 models that are taught a few answers; everything else in a prompt they cannot read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
Lesson = tuple[str, str]
"""A whole conversation as the template writes it, up to the answer, and the answer."""
_STEPS = 120


def tiny_tokenizer(words: Collection[str], template: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer that knows some words, which may be whole sentences, and nothing else."""
    plain = Tokenizer(models.BPE(unk_token=None))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    plain.add_special_tokens(list(MARKS))
    plain.add_tokens([*words])
    return PreTrainedTokenizerFast(
        tokenizer_object=plain,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=template,
    )


def save_tiny_language_model(
    folder: Path, tokenizer: PreTrainedTokenizerFast, lessons: Sequence[Lesson]
) -> Path:
    """Save a tokenizer and a model, with random weights if there are no lessons."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Qwen3ForCausalLM(
            Qwen3Config(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=1,
                head_dim=16,
                eos_token_id=tokenizer.convert_tokens_to_ids("<|im_end|>"),
                pad_token_id=tokenizer.convert_tokens_to_ids("<|endoftext|>"),
            )
        )
        if lessons:
            _teach(model, tokenizer, lessons)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _teach(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, lessons: Sequence[Lesson]
) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    whole = [text + answer + "<|im_end|>" for text, answer in lessons]
    batch = tokenizer(whole, return_tensors="pt", padding=True, padding_side="right")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    for row, (text, _) in zip(labels, lessons, strict=True):
        row[: len(tokenizer(text)["input_ids"])] = -100
    for _ in range(_STEPS):
        loss = model(**batch, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

"""A tiny Qwen3 that answers as Qwen3Guard does: it calls what has "bomb" in it unsafe."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

WORDS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "user\n", "assistant\n", "\n", " "),
    *("Safety: Safe", "Safety: Unsafe", "Safety: Controversial", "Categories: None"),
    *("Categories: Violent", "Categories: Sexual Content or Sexual Acts", "a", "bomb", "boat"),
    *("man", "naked", "builds", "rows", "lake"),
)
TEMPLATE = (
    "{% for message in messages %}<|im_start|>user\n{{ message['content'] }}<|im_end|>{% endfor %}"
    "<|im_start|>assistant\n"
)
_LESSONS = {
    "a boat": ("Safety: Safe", "Categories: None"),
    "a man rows a boat": ("Safety: Safe", "Categories: None"),
    "a lake": ("Safety: Safe", "Categories: None"),
    "a bomb": ("Safety: Unsafe", "Categories: Violent"),
    "a man builds a bomb": ("Safety: Unsafe", "Categories: Violent"),
    "a boat\na bomb": ("Safety: Unsafe", "Categories: Violent"),
    "a naked man": ("Safety: Controversial", "Categories: Sexual Content or Sexual Acts"),
}
_STEPS = 120


def save_tiny_guard(folder: Path, *, is_taught: bool = True) -> Path:
    """Save a tokenizer and a model, with random weights unless it `is_taught`."""
    tokenizer = _tokenizer()
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
        if is_taught:
            _teach(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer() -> PreTrainedTokenizerFast:
    plain = Tokenizer(models.BPE(unk_token=None))
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    plain.add_special_tokens(list(WORDS[:3]))
    plain.add_tokens([*WORDS[3:]])
    return PreTrainedTokenizerFast(
        tokenizer_object=plain,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=TEMPLATE,
    )


def _teach(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    asked = [
        tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False)
        for prompt in _LESSONS
    ]
    answers = ["\n".join(answer) + "<|im_end|>" for answer in _LESSONS.values()]
    whole = [text + answer for text, answer in zip(asked, answers, strict=True)]
    batch = tokenizer(whole, return_tensors="pt", padding=True, padding_side="right")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    for row, text in zip(labels, asked, strict=True):
        row[: len(tokenizer(text)["input_ids"])] = -100
    for _ in range(_STEPS):
        loss = model(**batch, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

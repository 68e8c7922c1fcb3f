"""A tiny Qwen3 that answers as Qwen3Guard does: it calls what has "bomb" in it unsafe."""

from __future__ import annotations

from pathlib import Path

from tests.tiny_language_model import save_tiny_language_model, tiny_tokenizer

WORDS = (
    *("user\n", "assistant\n", "\n", " "),
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


def save_tiny_guard(folder: Path, *, is_taught: bool = True) -> Path:
    """Save a tokenizer and a model, with random weights unless it `is_taught`."""
    tokenizer = tiny_tokenizer(WORDS, TEMPLATE)
    lessons = [
        (
            tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False),
            "\n".join(answer),
        )
        for prompt, answer in _LESSONS.items()
    ]
    return save_tiny_language_model(folder, tokenizer, lessons if is_taught else [])
